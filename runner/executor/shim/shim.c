/*
 * sluice-shim: stands over one attempt.  It makes the container's root, starts the OCI runtime
 * (or bwrap, see shim/bwrap.h), copies the container's output to the log, passes on the wish to
 * stop, and writes down how it ended.  It outlives the runner; it is one process on libc alone,
 * because each job pays for it.
 *
 *	STARTING -> RUNNING -> (STOPPING ->) (KILLING ->) DRAINING -> done
 *
 * All that the container needs is made at once; then the shim waits until the runner lets it go on.
 * If that does not come because the runner is dead or has no use for it any more, the shim removes
 * what it has made, and says nothing.
 *
 * The container's init becomes our child when the runtime exits (we are a subreaper).  Done means
 * reaped and both streams at their end.  SIGTERM asks for a stop, with the grace period; a second
 * one, or SIGINT, for an immediate one.  Signals are read from a descriptor, so that nothing is
 * ever done inside a handler.
 *
 * It is the first process of a pid namespace of its own: when it ends, for whatever reason, all
 * that it has started is gone.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "executor/bundle.h"
#include "executor/cgroup.h"
#include "executor/exit_record.h"
#include "executor/orders.h"
#include "executor/rootfs.h"
#include "executor/runtime_log.h"
#include "executor/seal.h"
#include "executor/shim/bwrap.h"
#include "executor/shim/fork.h"
#include "executor/shim/life.h"
#include "executor/shim/measure.h"
#include "executor/shim/oci.h"
#include "executor/shim/ops.h"
#include "executor/shim/output.h"
#include "executor/shim/prepare.h"
#include "executor/stop.h"

#define LOG_NAME    "log"
#define PID_FILE    BUNDLE_DIR "/pid"
#define RUNTIME_LOG BUNDLE_DIR "/runtime.log"

enum {
	DRAIN_MS = 2000, /* a process outside the container may hold a pipe for ever */
	FROZEN_MS = 50,  /* how often a frozen init is looked at */
	NO_PID = -1,
};

enum shim_state {
	SHIM_STARTING, /* the runtime is at work */
	SHIM_RUNNING,
	SHIM_STOPPING, /* asked politely; killed when the deadline comes */
	SHIM_KILLING,
	SHIM_DRAINING, /* reaped; waiting for the streams' ends, not beyond the deadline */
};

struct shim {
	struct orders orders;
	enum shim_state state;
	int stops;           /* how often a stop was asked for; 2 means at once */
	bool is_withdrawn;   /* the runner did not let it go */
	bool is_frozen;      /* STOPPING, and init waits for the others' end */
	int64_t deadline_ms; /* monotonic; STOPPING and DRAINING */
	int dirfd, signal_fd;
	int seal_fd;         /* -1: there is nothing to be sealed */
	int room_fd;         /* for exit.json, or -1 */
	int init_socket;     /* to a container of bwrap's, which waits; else -1 */
	pid_t runtime, init; /* our children, NO_PID when reaped */
	struct output output;
	struct shim_record self;
	struct exit_record record;
	struct rusage used; /* by init and those that it waited for */
	struct error error; /* class 0: none */
};

/* --- start ------------------------------------------------------------------------------------ */

static int start_runtime(struct shim *s, struct error *err)
{
	AUTO_FD int out = output_open(&s->output, CRILOG_STDOUT);
	AUTO_FD int errfd = output_open(&s->output, CRILOG_STDERR);
	int rc = out < 0 ? out : errfd;

	if (rc >= 0 && s->orders.init)
		rc = bwrap_start(&s->orders, PID_FILE, out, errfd, &s->runtime, &s->init_socket);
	else if (rc >= 0)
		rc = oci_start(&s->orders, PID_FILE, RUNTIME_LOG, out, errfd, &s->runtime);
	if (rc < 0) {
		s->runtime = NO_PID;
		return error_sys(err, rc, "cannot start the runtime '%s'", s->orders.runtime);
	}
	return 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static void set_end(struct shim *s, const char *end)
{
	memcpy(s->record.end, end, strlen(end) + 1);
}

static void record_status(struct shim *s, int status)
{
	if (WIFSIGNALED(status)) {
		set_end(s, "signaled");
		s->record.signal = WTERMSIG(status);
	} else {
		set_end(s, "exited");
		s->record.exit_code = WEXITSTATUS(status);
	}
}

static void drain(struct shim *s)
{
	s->state = SHIM_DRAINING;
	s->deadline_ms = clock_mono_ms() + DRAIN_MS;
}

static void add_masked(void *arg, const char *data, size_t len)
{
	strbuf_add(arg, data, len);
}

/*
 * What the runtime says of its failure: in its log, or before it had one on its error output.
 * Both streams are the runtime's own when no container ran, and end here.
 */
static void read_complaint(struct shim *s, struct strbuf *ret_message)
{
	AUTO_STRBUF struct strbuf log = STRBUF_INIT(RECORD_TEXT_MAX);
	AUTO_STRBUF struct strbuf raw = STRBUF_INIT(RECORD_TEXT_MAX);
	struct mask_stream masked = MASK_STREAM_INIT(s->output.mask, add_masked, ret_message);
	ssize_t n = read(s->output.stream[CRILOG_STDERR].fd, s->output.buf, RECORD_ERROR_MAX);

	(void)!io_read_file(AT_FDCWD, RUNTIME_LOG, &log); /* then it is empty */
	runtime_log_message(strbuf_str(&log), &raw);
	if (raw.len == 0 && n > 0) {
		s->output.buf[n] = '\0';
		strbuf_add(&raw, s->output.buf, strcspn(s->output.buf, "\n"));
	}
	mask_feed(&masked, strbuf_str(&raw), raw.len);
	mask_end(&masked);
	output_end(&s->output, CRILOG_STDOUT);
	output_end(&s->output, CRILOG_STDERR);
}

/* The runtime refused.  That the job's command is not there is the job's own failure. */
static void runtime_failed(struct shim *s, int status)
{
	AUTO_STRBUF struct strbuf message = STRBUF_INIT(RECORD_TEXT_MAX);
	const char *name = strrchr(s->orders.runtime, '/') + 1; /* it is an absolute path */
	int code;

	read_complaint(s, &message);
	drain(s);
	code = runtime_log_exit_code(strbuf_str(&message));
	runtime_log_shorten(&message);
	if (code == 0) {
		(void)error_set(&s->error, SLUICE_SYSTEM, "%s cannot start the container: %s", name,
		                message.len > 0       ? message.buf
		                : WIFSIGNALED(status) ? "it was killed"
		                                      : "it does not say why");
		return;
	}
	set_end(s, "exited");
	s->record.exit_code = code;
	strbuf_addch(&message, '\n');
	crilog_add(&s->output.log, CRILOG_STDERR, message.buf, message.len);
}

static pid_t read_pid_file(void)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(32);
	uint64_t pid;

	if (io_read_file(AT_FDCWD, PID_FILE, &text) < 0)
		return NO_PID;
	text.len = strcspn(strbuf_str(&text), "\n");
	if (text.buf)
		text.buf[text.len] = '\0';
	return parse_u64(strbuf_str(&text), INT32_MAX, &pid) ? (pid_t)pid : NO_PID;
}

static void signal_init(struct shim *s, int sig)
{
	if (s->init > 0)
		(void)kill(s->init, sig); /* our child, not reaped: the pid is its own */
}

static void apply_stops(struct shim *s)
{
	if (s->stops >= 2 && (s->state == SHIM_RUNNING || s->state == SHIM_STOPPING)) {
		s->state = SHIM_KILLING;
		signal_init(s, SIGKILL); /* ends its whole pid namespace */
	} else if (s->stops == 1 && s->state == SHIM_RUNNING && s->init > 0) {
		s->state = SHIM_STOPPING;
		s->deadline_ms = clock_mono_ms() + (int64_t)s->orders.grace_ms;
		s->is_frozen = stop_ask(s->init, (int)s->orders.stop_signal);
	}
}

/* The bundle, with every secret in it, goes as soon as the container runs. */
static void runtime_exited(struct shim *s, int status)
{
	s->runtime = NO_PID;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		runtime_failed(s, status);
		return;
	}
	s->init = read_pid_file();
	if (s->init == NO_PID) {
		(void)error_set(&s->error, SLUICE_SYSTEM, "the runtime gave no process id");
		drain(s);
		return;
	}
	s->state = SHIM_RUNNING;
	rootfs_forget();
	if (s->init_socket >= 0)
		bwrap_go(s->init_socket);
	apply_stops(s);
}

static void reap(struct shim *s)
{
	int status;
	struct rusage used;
	pid_t pid;

	/* The runtime first: until it is done nobody knows which child is the container. */
	if (s->runtime != NO_PID) {
		if (waitpid(s->runtime, &status, WNOHANG) != s->runtime)
			return;
		runtime_exited(s, status);
	}
	while ((pid = wait4(-1, &status, WNOHANG, &used)) > 0) {
		if (pid != s->init)
			continue;
		s->init = NO_PID;
		s->used = used;
		record_status(s, status);
		drain(s);
	}
}

static void count_stops(struct shim *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGINT)
			s->stops = 2;
		else if (info.ssi_signo == SIGTERM)
			s->stops++;
	}
}

static void read_signals(struct shim *s)
{
	count_stops(s);
	reap(s);
	apply_stops(s);
}

/* --- the loop --------------------------------------------------------------------------------- */

static bool is_done(const struct shim *s)
{
	return s->state == SHIM_DRAINING && s->output.stream[0].fd < 0 &&
	       s->output.stream[1].fd < 0;
}

static int time_left(const struct shim *s)
{
	int64_t left = s->deadline_ms - clock_mono_ms();

	return left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int)left;
}

static void time_passed(struct shim *s)
{
	if (s->state == SHIM_STOPPING && s->is_frozen && s->init > 0)
		stop_finish(s->init);
	if (time_left(s) > 0)
		return;
	if (s->state == SHIM_STOPPING) {
		s->stops = 2;
		apply_stops(s);
		return;
	}
	output_end(&s->output, CRILOG_STDOUT);
	output_end(&s->output, CRILOG_STDERR);
}

static int poll_timeout(const struct shim *s)
{
	int left;

	if (s->state != SHIM_STOPPING && s->state != SHIM_DRAINING)
		return -1;
	left = time_left(s);
	return s->state == SHIM_STOPPING && s->is_frozen && left > FROZEN_MS ? FROZEN_MS : left;
}

/*
 * While the runtime is at work its streams are not read: if it fails, what they hold is its own.
 * Lines are written when there is nothing more to read.
 */
static void turn(struct shim *s)
{
	bool reading = s->state != SHIM_STARTING;
	struct pollfd fds[3] = {
		{ .fd = s->signal_fd, .events = POLLIN },
		{ .fd = reading ? s->output.stream[0].fd : -1, .events = POLLIN },
		{ .fd = reading ? s->output.stream[1].fd : -1, .events = POLLIN },
	};
	int n = s->output.log.len > 0 ? poll(fds, 3, 0) : 0;

	if (n == 0) {
		(void)crilog_flush(&s->output.log); /* the log keeps its error until the end */
		n = poll(fds, 3, poll_timeout(s));
	}
	if (n == 0)
		time_passed(s);
	if (n <= 0)
		return;
	for (int i = 0; i < 2; i++)
		if (fds[1 + i].revents != 0)
			output_read(&s->output, (enum crilog_stream)i);
	if (fds[0].revents != 0)
		read_signals(s);
}

static bool may_go(void)
{
	char go;
	ssize_t n;

	do
		n = read(SHIM_GO_FD, &go, 1);
	while (n < 0 && errno == EINTR);
	(void)close(SHIM_GO_FD);
	return n == 1;
}

static int run(struct shim *s, struct error *err)
{
	int rc = shim_prepare(&s->orders, err);

	if (rc == 0 && s->orders.owned.len > 0)
		s->seal_fd = seal_listen(); /* if it fails nothing is sealed */
	/* bwrap's container waits by itself. */
	if (rc == 0 && s->orders.init)
		rc = start_runtime(s, err);
	if (rc < 0)
		return rc;
	s->is_withdrawn = !may_go();
	if (s->is_withdrawn)
		return 0;
	s->record.started_ms = clock_wall_ms();
	rc = shim_claim(s->dirfd, &s->self, err);
	if (rc < 0)
		return rc;
	s->room_fd = shim_make_room(s->dirfd);
	count_stops(s);
	if (s->stops > 0) {
		set_end(s, "signaled");
		s->record.signal = s->stops > 1 ? SIGKILL : SIGTERM;
		return 0;
	}
	if (!s->orders.init)
		rc = start_runtime(s, err);
	if (rc < 0)
		return rc;
	reap(s); /* it may have ended while we waited */
	while (!is_done(s))
		turn(s);
	return 0;
}

static int write_exit_record(struct shim *s)
{
	struct cgroup_stats stats;
	int rc = crilog_flush(&s->output.log);

	shim_measure(&s->orders, &s->used, &stats);
	if (rc < 0 && s->error.class == 0)
		(void)error_sys(&s->error, rc, "cannot write the log");
	s->record.oom = stats.oom_kills > 0;
	s->record.cpu_ns = stats.cpu_ns;
	s->record.peak_bytes = stats.peak_bytes;
	s->record.read_bytes = stats.read_bytes;
	s->record.written_bytes = stats.written_bytes;
	s->record.finished_ms = clock_wall_ms();
	if (s->error.class != 0) {
		set_end(s, "error");
		memcpy(s->record.error, s->error.msg, sizeof s->record.error);
	}
	return shim_put_end(s->dirfd, s->room_fd, &s->record);
}

/* Returns the status to exit with: without exit.json it is all that the runner learns. */
static int tell_end(struct shim *s)
{
	const struct orders *o = &s->orders;
	int rc;

	s->record.sealed = s->seal_fd >= 0 && seal(s->seal_fd, o->owned.item, o->owned.len);
	rc = write_exit_record(s);
	(void)close(SHIM_TOLD_FD); /* the runner goes on while we clean up */
	return rc == -ENOSPC || rc == -EDQUOT ? SHIM_DISK_FULL : 0;
}

/* In this order: nothing runs, what it wrote stays so, it is measured and told, its traces go. */
static int finish(struct shim *s)
{
	struct error ignored; /* what cannot be removed now, executor_sweep() finds */
	int status = 0;

	(void)kill(-1, SIGKILL); /* all that is in our namespace, but us */
	while (waitpid(-1, NULL, 0) > 0)
		;
	if (!s->is_withdrawn)
		status = tell_end(s);
	if (s->orders.cgroup)
		(void)cgroup_remove(s->orders.cgroup);
	(void)!rootfs_leave(s->dirfd, &ignored);
	return status;
}

static int open_all(struct shim *s, struct error *err)
{
	int fd;

	s->dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(s->dirfd, LOG_NAME, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	output_init(&s->output, fd);
	if (fd < 0)
		return error_sys(err, errno, "cannot open the attempt's '%s'", LOG_NAME);
	return orders_read(&s->orders, err);
}

static int know_thyself(struct shim *s, struct error *err)
{
	shim_know_thyself(&s->self);
	if (strlen(s->orders.cgroup) >= sizeof s->self.cgroup)
		return error_set(err, SLUICE_LIMIT, "the name '%s' is too long", s->orders.cgroup);
	memcpy(s->self.cgroup, s->orders.cgroup, strlen(s->orders.cgroup) + 1);
	return 0;
}

static void init(struct shim *s, int signal_fd)
{
	*s = (struct shim){ .signal_fd = signal_fd,
		            .seal_fd = -1,
		            .room_fd = -1,
		            .init_socket = -1,
		            .runtime = NO_PID,
		            .init = NO_PID };
	s->record.started_ms = clock_wall_ms();
}

/* Everything that matters about signals is set before anything is made that they could leave. */
static int take_signals(void)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGHUP);
	(void)sigaddset(&set, SIGPIPE);
	(void)sigprocmask(SIG_BLOCK, &set, NULL);
	(void)sigdelset(&set, SIGHUP); /* these two stay blocked, and are never read */
	(void)sigdelset(&set, SIGPIPE);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char **argv)
{
	static struct shim shim;
	struct error err;
	int rc;

	if (argc > 3 && strcmp(argv[1], SEAL_HOOK) == 0) {
		seal_send(argv[2], argv + 3, (size_t)argc - 3);
		_exit(0); /* where it runs, a leak checker cannot look at it */
	}
	if (argc != 2 || strlen(argv[1]) != SHIM_TITLE_MAX - 1)
		return 2; /* the runner's alone */
	shim_fork(argv[1]);
	init(&shim, take_signals());
	(void)umask(022);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* secrets are in our memory */
	rc = open_all(&shim, &err);
	if (rc == 0)
		rc = know_thyself(&shim, &err);
	if (rc == 0) {
		output_mask(&shim.output, shim.orders.secrets.item);
		rc = run(&shim, &err);
	}
	if (rc < 0)
		shim.error = err;
	_exit(finish(&shim)); /* the kernel frees it all */
}
