#include "executor/shim/fork.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "executor/shim/ops.h"

/* One attempt's descriptors, in the order of spawn.c: where it starts, then its own ones. */
struct given {
	int fd[SHIM_GIVEN_MAX];
	size_t n;
};

/* False at the end, and for a message that is none of the runner's. */
/* NOLINTNEXTLINE(readability-non-const-parameter): it is written through msg */
static bool receive(char *title, struct given *ret)
{
	union {
		char buf[CMSG_SPACE(sizeof ret->fd)];
		struct cmsghdr align;
	} control;
	struct iovec text = { .iov_base = title, .iov_len = SHIM_TITLE_MAX };
	struct msghdr msg = {
		.msg_iov = &text,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof control.buf,
	};
	const struct cmsghdr *c;
	ssize_t n;

	do
		n = recvmsg(SHIM_SOCKET_FD, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	c = n > 0 ? CMSG_FIRSTHDR(&msg) : NULL;
	if (!c || c->cmsg_len < CMSG_LEN(0) || c->cmsg_len > CMSG_LEN(sizeof ret->fd))
		return false;
	ret->n = (c->cmsg_len - CMSG_LEN(0)) / sizeof ret->fd[0];
	memcpy(ret->fd, CMSG_DATA(c), ret->n * sizeof ret->fd[0]);
	return ret->n > 0;
}

/* Received descriptors are above all that a shim has. */
static void take_places(const struct given *g)
{
	static const int place[SHIM_GIVEN_MAX] = { -1,         SHIM_TOLD_FD,  SHIM_ORDERS_FD,
		                                   SHIM_GO_FD, SHIM_NETNS_FD, SHIM_HELPER_FD };

	(void)setsid();
	if (fchdir(g->fd[0]) != 0)
		_exit(1);
	for (size_t i = 1; i < g->n; i++)
		(void)dup2(g->fd[i], place[i]);
	/* Without a network the last two are none of it. */
	(void)close_range(g->n == SHIM_GIVEN_MAX ? SHIM_SOCKET_FD : SHIM_NETNS_FD, SHIM_SOCKET_FD,
	                  0);
	(void)close_range(SHIM_RUNTIME_FD + 1, ~0U, 0);
}

/* CLONE_PARENT: a shim is the runner's own child, which can wait for it. */
static int fork_beside(void)
{
	long pid =
		syscall(SYS_clone, CLONE_PARENT | CLONE_NEWPID | SIGCHLD, NULL, NULL, NULL, NULL);

	return pid < 0 ? -errno : (int)pid;
}

void shim_fork(char *title)
{
	struct given g;

	(void)fcntl(SHIM_RUNTIME_FD, F_SETFD, FD_CLOEXEC);
	while (receive(title, &g)) {
		int answer = fork_beside();

		if (answer == 0) {
			take_places(&g);
			return;
		}
		memset(title, ' ', SHIM_TITLE_MAX - 1);
		for (size_t i = 0; i < g.n; i++)
			(void)close(g.fd[i]);
		(void)send(SHIM_SOCKET_FD, &answer, sizeof answer, MSG_NOSIGNAL);
	}
	_exit(0);
}
