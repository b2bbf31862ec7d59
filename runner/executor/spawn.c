#include "executor/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "executor/argv.h"
#include "executor/shim_ops.h"

enum {
	STACK_SIZE = 64 * 1024,
	FD_ABOVE = 64, /* where descriptors are kept while those below it are set */
};

struct child {
	const struct spawn *spawn;
	int fd[SHIM_HELPER_FD + 1];
	int n_fds;
	int error; /* what it could not do */
};

static int set_descriptors(const struct child *c)
{
	int above[SHIM_HELPER_FD + 1];

	for (int i = 0; i < c->n_fds; i++) {
		above[i] = fcntl(c->fd[i], F_DUPFD_CLOEXEC, FD_ABOVE);
		if (above[i] < 0)
			return -1;
	}
	for (int i = 0; i < c->n_fds; i++)
		if (dup2(above[i], i) != i)
			return -1;
	closefrom(c->n_fds); /* libraries open some that would be inherited */
	return 0;
}

static void set_signals(void)
{
	sigset_t blocked;

	for (int sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_DFL);
	(void)sigemptyset(&blocked);
	(void)sigaddset(&blocked, SIGTERM);
	(void)sigaddset(&blocked, SIGINT);
	(void)sigprocmask(SIG_SETMASK, &blocked, NULL);
}

/* In the runner's memory while that waits: only system calls, and words only into `c`. */
static int child_main(void *arg)
{
	static char *const env[] = { NULL };
	struct child *c = arg;
	const char *const argv[] = { c->spawn->program, c->spawn->name, NULL };

	set_signals();
	(void)setsid();
	if (set_descriptors(c) == 0 && chdir(c->spawn->dir) == 0)
		(void)execve(argv[0], argv_exec(argv), env);
	c->error = errno;
	_exit(127);
}

/* posix_spawn() does the same but for the namespace.  (To fork a runner that holds a large workflow
 * takes longer than all else here.) */
static pid_t clone_child(struct child *c)
{
	char *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE,
	                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	sigset_t all, before;
	pid_t pid;

	if (stack == MAP_FAILED)
		return -errno;
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_BLOCK, &all, &before); /* no handler runs in the child */
	pid = clone(child_main, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | CLONE_NEWPID | SIGCHLD,
	            c);
	if (pid < 0)
		c->error = errno;
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)munmap(stack, STACK_SIZE);
	return pid;
}

pid_t spawn_shim(const struct spawn *spawn)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct child c = { spawn, { null, null, null }, .n_fds = SHIM_GO_FD + 1 };
	pid_t pid;

	if (null < 0)
		return -errno;
	if (spawn->told >= 0)
		c.fd[SHIM_TOLD_FD] = spawn->told;
	c.fd[SHIM_ORDERS_FD] = spawn->orders;
	c.fd[SHIM_GO_FD] = spawn->go;
	if (spawn->network) {
		c.fd[SHIM_NETNS_FD] = spawn->network->ns;
		c.fd[SHIM_HELPER_FD] = spawn->network->helper;
		c.n_fds = SHIM_HELPER_FD + 1;
	}
	pid = clone_child(&c);
	(void)close(null);
	if (pid > 0 && c.error != 0)
		(void)waitpid(pid, NULL, 0);
	return c.error != 0 ? -c.error : pid;
}
