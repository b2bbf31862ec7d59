#include "executor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "executor/argv.h"
#include "executor/network.h"
#include "executor/runtime.h"
#include "executor/shim/ops.h"

static int spawn(const char *program, int socket, int runtime, pid_t *ret_pid)
{
	/* The second one is where the shims write their ids. */
	static const char room[] = SHIM_TITLE_ROOM;
	const char *const argv[] = { program, room, NULL };
	const char *const env[] = { NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t blocked, all;
	int rc;

	/* The shims begin with that, too: a stop waits until it is read. */
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigfillset(&all);
	(void)posix_spawn_file_actions_init(&files);
	/* First: it may stand where the next ones go. */
	(void)posix_spawn_file_actions_adddup2(&files, socket, SHIM_SOCKET_FD);
	for (int fd = 0; fd < SHIM_SOCKET_FD; fd++)
		(void)posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
	if (runtime >= 0)
		(void)posix_spawn_file_actions_adddup2(&files, runtime, SHIM_RUNTIME_FD);
	else
		(void)posix_spawn_file_actions_addopen(&files, SHIM_RUNTIME_FD, "/dev/null",
		                                       O_RDONLY, 0);
	/* Libraries open descriptors that would be inherited. */
	(void)posix_spawn_file_actions_addclosefrom_np(&files, SHIM_RUNTIME_FD + 1);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &blocked);
	(void)posix_spawnattr_setsigdefault(&attr, &all);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK |
	                                              POSIX_SPAWN_SETSIGDEF);
	rc = posix_spawn(ret_pid, program, &files, &attr, argv_exec(argv), argv_exec(env));
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&files);
	return -rc;
}

static int ensure(struct spawner *s)
{
	AUTO_FD int runtime = -1;
	int ends[2];
	pid_t pid;
	int rc;

	if (s->fd >= 0 && s->owner == getpid())
		return 0;
	cleanup_fd(&s->fd); /* another's, which was forked into this one */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	runtime = runtime_copy(s->runtime, SHIM_RUNTIME_FD + 1);
	rc = spawn(s->program, ends[1], runtime, &pid);
	(void)close(ends[1]);
	if (rc < 0)
		(void)close(ends[0]);
	else
		*s = (struct spawner){ s->program, s->runtime, ends[0], pid, getpid() };
	return rc;
}

/* What a shim gets: where it starts, and its descriptors. */
static size_t list_given(const struct spawn *spawn, int dir, int null, int given[SHIM_GIVEN_MAX])
{
	size_t n = 0;

	given[n++] = dir;
	given[n++] = spawn->told >= 0 ? spawn->told : null;
	given[n++] = spawn->orders;
	given[n++] = spawn->go;
	if (spawn->network) {
		given[n++] = spawn->network->ns;
		given[n++] = spawn->network->helper;
	}
	return n;
}

static ssize_t send_order(int fd, const char *name, const int *given, size_t n)
{
	union {
		char buf[CMSG_SPACE(SHIM_GIVEN_MAX * sizeof *given)];
		struct cmsghdr align;
	} control = { .buf = { 0 } };
	char title[SHIM_TITLE_MAX] = { 0 };
	struct iovec text = { .iov_base = title, .iov_len = sizeof title };
	struct msghdr msg = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = CMSG_SPACE(n * sizeof *given),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	memcpy(title, name, strnlen(name, sizeof title - 1));
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(n * sizeof *given);
	memcpy(CMSG_DATA(c), given, n * sizeof *given);
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

/* The pid, or -errno; -EPIPE if nobody is there any more. */
static int ask(int fd, const char *name, const int *given, size_t n_given)
{
	ssize_t n;
	int answer;

	if (send_order(fd, name, given, n_given) < 0)
		return -errno;
	do
		n = recv(fd, &answer, sizeof answer, 0);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof answer ? answer : -EPIPE;
}

pid_t spawn_shim(const struct spawn *spawn)
{
	AUTO_FD int dir = open(spawn->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int given[SHIM_GIVEN_MAX];
	size_t n = list_given(spawn, dir, null, given);
	int rc = dir < 0 || null < 0 ? -errno : -EPIPE;

	/* The one that waits may have been killed: then another does. */
	for (int tries = 0; tries < 2 && rc == -EPIPE; tries++) {
		rc = ensure(spawn->spawner);
		if (rc == 0)
			rc = ask(spawn->spawner->fd, spawn->name, given, n);
		if (rc == -EPIPE)
			spawner_release(spawn->spawner);
	}
	return rc;
}

void spawner_release(struct spawner *s)
{
	if (s->fd < 0)
		return;
	(void)close(s->fd); /* it ends by that */
	s->fd = -1;
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		;
}
