#include "executor/shim/bwrap.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "executor/argv.h"
#include "executor/bundle.h"
#include "executor/cgroup.h"
#include "executor/seal.h"
#include "executor/seccomp_filter.h"
#include "executor/shim/init.h"
#include "executor/shim/layout.h"
#include "executor/shim/network.h"
#include "executor/shim/ops.h"

/* Descriptors of bwrap beside those of shim/init.h, which it leaves to its command. */
#define PROGRAM_FD "5" /* sluice-init */
#define FILTER_FD  "6"
#define STATUS_FD  "7"
#define COMMAND    "/proc/self/fd/" PROGRAM_FD

enum {
	FIRST_FD = 10, /* ours lie above all that bwrap's are moved to */
	STATUS_MAX = 4096,
	GROUPS_MAX = 256, /* as many as the image's user can have */
};

int bwrap_prepare(const struct orders *o, struct error *err)
{
	const struct cgroup_limits limits = { o->cpu_quota_us, o->memory_bytes };
	int rc = o->is_users ? 0 : cgroup_make(o->cgroup, &limits);

	if (rc < 0)
		return error_sys(err, rc, "cannot make the cgroup '%s'", o->cgroup);
	return o->network_is_none && shim_network_none(err) < 0 ? err->class : layout_mount(o, err);
}

/* --- what bwrap is told ----------------------------------------------------------------------- */

struct args {
	const char **item;
	size_t len, cap;
};

static void add(struct args *args, const char *arg)
{
	args->item = xgrow(args->item, args->len, &args->cap, sizeof *args->item);
	args->item[args->len++] = arg;
}

static const char *const *make_args(const struct orders *o)
{
	static const char *const ours[] = { "--seccomp", FILTER_FD,    "--json-status-fd",
		                            STATUS_FD,   "--as-pid-1", "--new-session" };
	struct args args = { 0 };

	add(&args, o->runtime);
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		add(&args, ours[i]);
	for (size_t i = 0; i < o->options.len; i++)
		add(&args, o->options.item[i]);
	add(&args, "--");
	add(&args, COMMAND);
	add(&args, NULL);
	return args.item;
}

/* --- its descriptors -------------------------------------------------------------------------- */

static int to_high(int fd)
{
	int high = fd < 0 ? -errno : fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FD);

	if (fd >= 0)
		(void)close(fd);
	return high < 0 ? -errno : high;
}

static int open_text(const void *data, size_t len)
{
	AUTO_FD int fd = to_high(memfd_create("sluice", MFD_CLOEXEC));
	int rc = fd < 0 ? fd : io_write_all(fd, data, len);

	if (rc == 0 && lseek(fd, 0, SEEK_SET) != 0)
		rc = -errno;
	return rc < 0 ? rc : take_fd(&fd);
}

static int open_orders(const struct orders *o)
{
	static const char *const passed[] = { SHIM_UID, SHIM_CWD, SHIM_ARG, SHIM_ENV };
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(SHIM_ORDERS_MAX);
	const char *key, *value;
	const char *p = o->text.buf;

	while (shim_ops_next(&p, o->text.buf + o->text.len, &key, &value))
		for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
			if (strcmp(key, passed[i]) == 0)
				shim_ops_add(&text, key, value);
	return open_text(text.buf, text.len);
}

/* --- the process that starts it --------------------------------------------------------------- */

static void fail(const char *what, int sys)
{
	(void)fprintf(stderr, "%s: %s\n", what, strerrordesc_np(abs(sys)));
	_exit(1);
}

static int need(int fd, const char *what)
{
	if (fd < 0)
		fail(what, fd);
	return fd;
}

/* An only user's groups cannot be set. */
static void set_groups(const struct orders *o)
{
	gid_t groups[GROUPS_MAX] = { 0 };
	size_t n = 0;

	for (size_t i = 0; i < o->groups.len && n < GROUPS_MAX; i++) {
		uint64_t gid = 0;

		(void)parse_u64(o->groups.item[i], UINT32_MAX, &gid);
		groups[n++] = (gid_t)gid;
	}
	if (setgroups(n, groups) != 0 && (n > 0 || errno != EPERM))
		fail("cannot set the container's groups", errno);
	if (setresgid((gid_t)o->gid, (gid_t)o->gid, (gid_t)o->gid) != 0)
		fail("cannot set the container's group", errno);
}

static pid_t spawn_bwrap(const struct orders *o, int peer, int status)
{
	AUTO_FD int program =
		need(to_high(layout_open_read_only(o->init)), "cannot open sluice-init");
	AUTO_FD int orders = need(open_orders(o), "cannot write the command");
	AUTO_FD int filter =
		need(open_text(seccomp_filter, seccomp_filter_len * sizeof *seccomp_filter),
	             "cannot write the filter of system calls");
	const int given[] = { orders, peer, program, filter, status };
	char *const env[] = { NULL };
	posix_spawn_file_actions_t files;
	pid_t pid;
	int rc;

	(void)posix_spawn_file_actions_init(&files);
	for (size_t i = 0; i < sizeof given / sizeof *given; i++)
		(void)posix_spawn_file_actions_adddup2(&files, given[i], INIT_ORDERS_FD + (int)i);
	rc = posix_spawn(&pid, o->runtime, &files, NULL, argv_exec(make_args(o)), env);
	(void)posix_spawn_file_actions_destroy(&files);
	if (rc != 0)
		fail(o->runtime, rc);
	return pid;
}

/* The first document that bwrap writes there holds it. */
static pid_t read_child(int status)
{
	static const char key[] = "\"child-pid\": ";
	char text[STATUS_MAX];
	ssize_t n = read(status, text, sizeof text - 1);
	const char *at;

	text[n > 0 ? n : 0] = '\0';
	at = strstr(text, key);
	return at ? (pid_t)strtol(at + sizeof key - 1, NULL, 10) : -1;
}

static void put_pid(const char *file, pid_t pid)
{
	char text[16];
	AUTO_FD int fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	int n = snprintf(text, sizeof text, "%d\n", (int)pid);
	int rc = fd < 0 ? -errno : io_write_all(fd, text, (size_t)n);

	if (rc < 0)
		fail(file, rc);
}

/* Each is one of the mounts. */
static void send_owned(const struct orders *o, pid_t child)
{
	struct args targets = { 0 };

	for (size_t i = 0; i < o->owned.len; i++)
		for (size_t k = 0; k < o->mounts.len; k++)
			if (strcmp(o->mount_froms.item[k], o->owned.item[i]) == 0)
				add(&targets, o->mounts.item[k]);
	seal_send_of(child, targets.item, targets.len);
}

/* The last thing, for the paths are the container's from then on.  What is to be protected is of
 * the container's own /proc, which it took bwrap to mount; and bwrap takes longer for each path. */
static void protect(const struct orders *o, pid_t child)
{
	AUTO_FD int pidfd = need(pidfd_open(child, 0), "cannot reach the container");
	struct error err;

	if (setns(pidfd, CLONE_NEWNS) != 0)
		fail("cannot go into the container", errno);
	if (layout_protect(o, &err) < 0) {
		(void)fprintf(stderr, "%s\n", err.msg);
		_exit(1);
	}
}

static void enter_cgroup(const struct orders *o, pid_t pid)
{
	if (!o->is_users)
		(void)need(cgroup_enter(o->cgroup, pid), "cannot enter the cgroup");
}

static void start(const struct orders *o, const char *pid_file, int ours, int peer)
{
	int status[2];
	char ready;
	pid_t bwrap, child;

	set_groups(o);
	if (pipe2(status, O_CLOEXEC) != 0)
		fail("cannot make a pipe", errno);
	peer = need(to_high(peer), "cannot keep a socket");
	bwrap = spawn_bwrap(o, peer, need(to_high(status[1]), "cannot keep a pipe"));
	(void)close(peer);
	/* While bwrap works the kernel waits for the first one to enter; the second is in at once.
	 */
	enter_cgroup(o, 0);
	child = recv(ours, &ready, 1, 0) == 1 ? read_child(status[0]) : -1;
	if (child > 0)
		(void)kill(bwrap, SIGKILL);
	while (waitpid(bwrap, NULL, 0) < 0 && errno == EINTR)
		;
	if (child < 0)
		_exit(1); /* bwrap has said why */
	enter_cgroup(o, child);
	put_pid(pid_file, child);
	if (o->owned.len > 0)
		send_owned(o, child);
	protect(o, child);
	_exit(0);
}

static void take_places(int out, int errfd)
{
	sigset_t none;

	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(errfd, STDERR_FILENO) < 0)
		_exit(1);
}

int bwrap_start(const struct orders *o, const char *pid_file, int out, int errfd, pid_t *ret_pid,
                int *ret_socket)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		take_places(out, errfd);
		start(o, pid_file, ends[0], ends[1]);
	}
	(void)close(ends[1]);
	if (pid < 0) {
		(void)close(ends[0]);
		return -errno;
	}
	*ret_pid = pid;
	*ret_socket = ends[0];
	return 0;
}

void bwrap_go(int socket)
{
	char go = 0;

	(void)send(socket, &go, 1, MSG_NOSIGNAL); /* of one that is gone its end tells */
	(void)close(socket);
}
