#include "executor/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "executor/bundle.h"

#define SOCKET_NAME "mounts"

union control {
	char buf[CMSG_SPACE(sizeof(int))];
	struct cmsghdr align;
};

int seal_listen(void)
{
	const struct sockaddr_un name = { AF_UNIX, BUNDLE_DIR "/" SOCKET_NAME };
	AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&name, sizeof name) != 0)
		return -errno;
	return take_fd(&fd);
}

void seal_send(const char *bundle)
{
	struct sockaddr_un name = { AF_UNIX, SOCKET_NAME };
	union control control = { 0 };
	struct msghdr msg = {
		.msg_name = &name,
		.msg_namelen = sizeof name,
		.msg_control = control.buf,
		.msg_controllen = sizeof control.buf,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	char told[4096];
	AUTO_FD int ns = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
	AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* A runtime could die of a hook that does not listen to what it is told. */
	while (read(STDIN_FILENO, told, sizeof told) > 0)
		;
	if (ns < 0 || fd < 0 || chdir(bundle) != 0) /* a socket's path has 107 bytes at most */
		return;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof ns);
	memcpy(CMSG_DATA(c), &ns, sizeof ns);
	(void)sendmsg(fd, &msg, 0);
}

/* The namespace, which the hook has sent long ago; or -1. */
static int receive(int fd)
{
	union control control;
	struct msghdr msg = { .msg_control = control.buf, .msg_controllen = sizeof control.buf };
	const struct cmsghdr *c;
	int ns;

	if (recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return -1;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_len != CMSG_LEN(sizeof ns))
		return -1;
	memcpy(&ns, CMSG_DATA(c), sizeof ns);
	return ns;
}

/* An image's link may have led the mount elsewhere, and the job may have put another one in its
 * place: what is found must be the source itself.  In a process that does not come back. */
static bool seal_in(int ns, const char *path, const char *target)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	AUTO_FD int fd = -1;
	struct stat source, st;

	if (lstat(path, &source) != 0 || setns(ns, CLONE_NEWNS) != 0)
		return false;
	fd = open(target, O_PATH | O_CLOEXEC);
	return fd >= 0 && fstat(fd, &st) == 0 && st.st_dev == source.st_dev &&
	       st.st_ino == source.st_ino &&
	       syscall(SYS_mount_setattr, fd, "", AT_EMPTY_PATH, &attr, sizeof attr) == 0;
}

static bool seal_one(int ns, const char *source, const char *target)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(seal_in(ns, source, target) ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

bool seal(int fd, const char *const *sources, const char *const *targets, size_t n)
{
	AUTO_FD int ns = receive(fd);
	bool all = ns >= 0;

	for (size_t i = 0; all && i < n; i++)
		all = seal_one(ns, sources[i], targets[i]);
	return all;
}
