#include "executor/seal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "executor/bundle.h"

#define SOCKET_NAME "mounts"

enum { GIVEN_MAX = 253 }; /* unix(7): descriptors in one message */

/* What the hook hands over: the namespace, then the mounts. */
struct given {
	int fd[GIVEN_MAX];
	size_t n;
};

union control {
	char buf[CMSG_SPACE(GIVEN_MAX * sizeof(int))];
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

static void send_given(struct sockaddr_un name, const struct given *g)
{
	union control control = { 0 };
	struct msghdr msg = {
		.msg_name = &name,
		.msg_namelen = sizeof name,
		.msg_control = control.buf,
		.msg_controllen = sizeof control.buf,
	};
	struct cmsghdr *c = &control.align; /* the first one */
	AUTO_FD int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(g->n * sizeof g->fd[0]);
	memcpy(CMSG_DATA(c), g->fd, g->n * sizeof g->fd[0]);
	msg.msg_controllen = CMSG_SPACE(g->n * sizeof g->fd[0]);
	(void)sendmsg(fd, &msg, 0);
}

/* Opens; the end of the process closes them. */
static void send_mounts(struct sockaddr_un name, int ns, int root, const char *const *targets,
                        size_t n)
{
	struct given g = { .fd = { ns }, .n = 1 };

	if (n >= GIVEN_MAX)
		return;
	for (size_t i = 0; i < n; i++)
		g.fd[g.n++] = io_open_in_root(root, targets[i], O_PATH);
	send_given(name, &g); /* not if one could not be opened */
}

void seal_send(const char *bundle, char *const *targets, size_t n)
{
	const struct sockaddr_un name = { AF_UNIX, SOCKET_NAME };
	char told[4096];

	/* A runtime could die of a hook that does not listen to what it is told. */
	while (read(STDIN_FILENO, told, sizeof told) > 0)
		;
	if (chdir(bundle) == 0) /* a socket's path has 107 bytes at most */
		send_mounts(name, open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC),
		            open(BUNDLE_ROOTFS, O_PATH | O_DIRECTORY | O_CLOEXEC),
		            (const char *const *)targets, n);
}

void seal_send_of(pid_t init, const char *const *targets, size_t n)
{
	const struct sockaddr_un name = { AF_UNIX, BUNDLE_DIR "/" SOCKET_NAME };
	char ns[32], root[32];

	(void)snprintf(ns, sizeof ns, "/proc/%d/ns/mnt", (int)init);
	(void)snprintf(root, sizeof root, "/proc/%d/root", (int)init);
	send_mounts(name, open(ns, O_RDONLY | O_CLOEXEC),
	            open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), targets, n);
}

/* What was sent long ago; or nothing. */
/* NOLINTNEXTLINE(readability-non-const-parameter): it is written through msg */
static void receive(int fd, struct given *ret)
{
	union control control;
	struct msghdr msg = { .msg_control = control.buf, .msg_controllen = sizeof control.buf };
	const struct cmsghdr *c;

	ret->n = 0;
	if (recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
		return;
	c = CMSG_FIRSTHDR(&msg);
	if (!c || c->cmsg_len > CMSG_LEN(sizeof ret->fd))
		return;
	ret->n = (c->cmsg_len - CMSG_LEN(0)) / sizeof ret->fd[0];
	memcpy(ret->fd, CMSG_DATA(c), ret->n * sizeof ret->fd[0]);
}

/* An image's link may have led the mount elsewhere: what was found must be the source itself. */
static bool is_source(int fd, const char *path)
{
	struct stat source, st;

	return lstat(path, &source) == 0 && fstat(fd, &st) == 0 && st.st_dev == source.st_dev &&
	       st.st_ino == source.st_ino;
}

/* In a process that does not come back.  What is no mount of the namespace any more (the job has
 * put another one in its place) is refused by the kernel. */
static bool seal_in(const struct given *g)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	bool all = setns(g->fd[0], CLONE_NEWNS) == 0;

	for (size_t i = 1; all && i < g->n; i++)
		all = syscall(SYS_mount_setattr, g->fd[i], "", AT_EMPTY_PATH, &attr, sizeof attr) ==
		      0;
	return all;
}

static bool seal_given(const struct given *g)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(seal_in(g) ? 0 : 1);
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

bool seal(int fd, const char *const *sources, size_t n)
{
	struct given g = { .n = 0 };
	bool all;

	receive(fd, &g);
	all = g.n == 1 + n;
	for (size_t i = 0; all && i < n; i++)
		all = is_source(g.fd[1 + i], sources[i]);
	all = all && seal_given(&g);
	for (size_t i = 0; i < g.n; i++)
		(void)close(g.fd[i]);
	return all;
}
