#include "executor/attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "executor/bundle.h"
#include "executor/cgroup.h"
#include "executor/exit_record.h"
#include "executor/network.h"
#include "executor/rootfs.h"
#include "executor/shim/life.h"
#include "executor/shim/ops.h"
#include "executor/spawn.h"

enum { SHIM_DEATH_MS = 5000 };

/*
 * Two things tell of the end.  The shim closes its standard output once exit.json is there: then
 * the result is passed on, and the next job may start while the shim still cleans up.  Its own exit
 * is the end of the attempt, and the word of a shim that was killed.  Of a shim that another runner
 * has started there is only the second.
 */
struct attempt {
	uv_pipe_t told;     /* reads nothing but the end of our own shim's standard output */
	uv_poll_t gone;     /* the shim's end, by its pidfd */
	uv_timer_t at_once; /* adopted, and its shim has ended */
	int pidfd;          /* -1: its shim has ended before it was adopted */
	int go;             /* the shim waits for a byte from here; -1: for nothing any more */
	int network;        /* the socket of its network's helper until it goes, or -1 */
	bool is_adopted;
	unsigned open_handles; /* it is freed when this is 0 */
	bool ended;            /* on_end was called */
	struct attempt_hooks hooks;
	struct attempt_result result;
	char *dir, *id;
	bool exited;        /* its pid may be someone else's now */
	bool was_withdrawn; /* stopped before it could go */
};

/* --- sweeping --------------------------------------------------------------------------------- */

static int kill_shim(int pidfd)
{
	struct pollfd gone = { .fd = pidfd, .events = POLLIN };

	if (pidfd_send_signal(pidfd, SIGKILL, NULL, 0) != 0)
		return errno == ESRCH ? 0 : -errno;
	return poll(&gone, 1, SHIM_DEATH_MS) == 1 ? 0 : -EBUSY;
}

/* Ends the processes that a shim's record tells of. */
static int end_processes(int dirfd, struct error *err)
{
	struct shim_record r;
	AUTO_FD int pidfd = -1;
	enum shim_life life;
	int rc = shim_find(dirfd, &life, &r, &pidfd, err);

	if (rc < 0 || life == SHIM_NONE)
		return rc;
	rc = life == SHIM_ALIVE ? kill_shim(pidfd) : 0;
	if (rc < 0)
		return error_sys(err, rc, "cannot end the shim (process %d)", (int)r.pid);
	rc = cgroup_remove(r.cgroup);
	return rc < 0 ? error_sys(err, rc, "cannot end what runs in the cgroup '%s'", r.cgroup) : 0;
}

int attempt_sweep(const char *dir, struct error *err)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
		               ? 0
		               : error_sys(err, errno, "cannot open '%s'", dir);
	rc = end_processes(fd, err);
	if (rc == 0)
		rc = rootfs_remove(fd, err);
	return rc < 0 ? error_wrap(err, "cannot clean up after the attempt in '%s'", dir) : 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

static int to_result(const struct exit_record *record, struct attempt_result *ret)
{
	static const struct {
		const char *name;
		enum attempt_end end;
	} ends[] = {
		{ "exited", ATTEMPT_EXITED },
		{ "signaled", ATTEMPT_SIGNALED },
		{ "error", ATTEMPT_ERROR },
	};

	*ret = (struct attempt_result){
		.exit_code = (int)record->exit_code,
		.signal = (int)record->signal,
		.oom = record->oom,
		.sealed = record->sealed,
		.cpu_ns = record->cpu_ns,
		.peak_bytes = record->peak_bytes,
		.read_bytes = record->read_bytes,
		.written_bytes = record->written_bytes,
		.started_ms = record->started_ms,
		.finished_ms = record->finished_ms,
	};
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		if (strcmp(ends[i].name, record->end) != 0)
			continue;
		ret->end = ends[i].end;
		if (ret->end == ATTEMPT_ERROR)
			(void)error_set(&ret->error, SLUICE_SYSTEM, "%s", record->error);
		return 0;
	}
	return -EINVAL;
}

int attempt_read_result(const char *dir, struct attempt_result *ret_result, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(RECORD_TEXT_MAX);
	AUTO_FD int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct exit_record record;
	int rc = fd < 0 ? -errno : io_read_file(fd, EXIT_RECORD_NAME, &text);

	if (rc < 0)
		return error_sys(err, rc, "cannot read '%s/" EXIT_RECORD_NAME "'", dir);
	rc = exit_record_parse(strbuf_str(&text), &record, err);
	if (rc == 0 && to_result(&record, ret_result) < 0)
		rc = error_set(err, SLUICE_CORRUPT, "unknown end '%s'", record.end);
	return rc;
}

/* The shim has left no word: end what it stood over, and say so. */
static void shim_lost(struct attempt *a, const char *how)
{
	struct attempt_result *r = &a->result;
	AUTO_FREE char *cgroup = xasprintf(CGROUP_PARENT "/%s", a->id);
	struct error sweep;

	r->finished_ms = clock_wall_ms();
	r->end = ATTEMPT_ERROR;
	(void)error_set(&r->error, SLUICE_SYSTEM, "the shim of '%s' %s", a->id, how);
	if (attempt_sweep(a->dir, &sweep) < 0)
		(void)error_set(&r->error, SLUICE_SYSTEM, "the shim of '%s' %s; then: %.400s",
		                a->id, how, sweep.msg);
	(void)cgroup_remove(cgroup); /* of one that had not claimed the attempt yet */
}

static char *shim_end(const siginfo_t *info)
{
	if (info->si_code == CLD_EXITED && info->si_status == SHIM_DISK_FULL)
		return xstrdup("could not write down how it ended: the disk is full");
	return xasprintf("%s %d",
	                 info->si_code != CLD_EXITED ? "was killed by signal" : "ended with status",
	                 info->si_status);
}

static void child_lost(struct attempt *a, const siginfo_t *info)
{
	AUTO_FREE char *how = shim_end(info);

	shim_lost(a, how);
	if (a->was_withdrawn) {
		a->result.end = ATTEMPT_SIGNALED;
		a->result.signal = SIGTERM;
	}
}

static void release(struct attempt *a)
{
	cleanup_fd(&a->pidfd);
	cleanup_fd(&a->go);
	cleanup_fd(&a->network);
	free(a->dir);
	free(a->id);
	free(a);
}

static void on_close(uv_handle_t *handle)
{
	struct attempt *a = handle->data;

	if (--a->open_handles == 0)
		release(a);
}

static void end(struct attempt *a)
{
	if (a->ended)
		return;
	a->ended = true;
	a->hooks.on_end(a->hooks.arg, &a->result);
}

/* Keeps what is known from the start where there is no record. */
static bool has_result(struct attempt *a)
{
	struct attempt_result result;
	struct error err;

	if (attempt_read_result(a->dir, &result, &err) < 0)
		return false;
	a->result = result;
	return true;
}

static void on_alloc(uv_handle_t *handle, size_t hint, uv_buf_t *buf)
{
	static char nothing[1];

	(void)handle;
	(void)hint;
	*buf = uv_buf_init(nothing, sizeof nothing);
}

static void on_told(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct attempt *a = stream->data;

	(void)buf;
	if (n >= 0)
		return;
	uv_close((uv_handle_t *)&a->told, on_close);
	if (has_result(a))
		end(a);
}

static void child_ended(struct attempt *a)
{
	siginfo_t info = { .si_code = 0 };

	(void)waitid(P_PIDFD, (id_t)a->pidfd, &info, WEXITED | WNOHANG); /* it has: see on_gone */
	if (!a->ended && !has_result(a))
		child_lost(a, &info);
	if (!uv_is_closing((uv_handle_t *)&a->told))
		uv_close((uv_handle_t *)&a->told, on_close);
}

/* It may have been killed after its last word: whatever it did not remove goes now. */
static void adopted_ended(struct attempt *a)
{
	struct error ignored; /* nothing runs since the result is there; what stays is swept */

	if (has_result(a))
		(void)!attempt_sweep(a->dir, &ignored);
	else
		shim_lost(a, "was killed: it ended without a word");
}

static void shim_ended(struct attempt *a)
{
	a->exited = true;
	if (a->is_adopted)
		adopted_ended(a);
	else
		child_ended(a);
	end(a);
}

static void on_gone(uv_poll_t *gone, int status, int events)
{
	struct attempt *a = gone->data;

	(void)status;
	(void)events;
	uv_close((uv_handle_t *)gone, on_close);
	shim_ended(a);
}

static void on_at_once(uv_timer_t *timer)
{
	struct attempt *a = timer->data;

	uv_close((uv_handle_t *)timer, on_close);
	shim_ended(a);
}

/* --- the start -------------------------------------------------------------------------------- */

/* Spawns, and opens what tells of the end; frees nothing. */
static int start(struct attempt *a, uv_loop_t *loop, struct spawn *how)
{
	AUTO_FD int told = -1;
	AUTO_FD int wait = -1;
	uv_file ends[2];
	pid_t pid;
	int rc = uv_pipe(ends, UV_NONBLOCK_PIPE, 0);

	if (rc < 0)
		return rc;
	how->told = told = ends[1];
	(void)uv_pipe_init(loop, &a->told, 0);
	a->open_handles++;
	(void)uv_pipe_open(&a->told, ends[0]);
	rc = uv_pipe(ends, 0, 0);
	if (rc < 0)
		return rc;
	how->go = wait = ends[0];
	a->go = ends[1];
	pid = spawn_shim(how);
	if (pid < 0)
		return pid;
	a->pidfd = pidfd_open(pid, 0); /* close-on-exec always */
	rc = a->pidfd < 0 ? -errno : uv_poll_init(loop, &a->gone, a->pidfd);
	if (rc < 0) {
		(void)kill(pid, SIGKILL); /* without orders read, or with a record to be swept by */
		(void)waitpid(pid, NULL, 0);
		return rc;
	}
	a->open_handles++;
	(void)uv_poll_start(&a->gone, UV_READABLE, on_gone);
	return uv_read_start((uv_stream_t *)&a->told, on_alloc, on_told);
}

int attempt_stage(uv_loop_t *loop, struct spawner *spawner, const struct launch *launch,
                  const struct attempt_hooks *hooks, struct attempt **ret_attempt,
                  struct error *err)
{
	AUTO_FD int orders = -1;
	struct spawn how = { .spawner = spawner, .network = launch->network };
	struct attempt *a;
	int rc = launch_orders(launch, &orders, err);

	if (rc < 0)
		return rc;
	a = xcalloc(1, sizeof *a);
	a->pidfd = a->go = a->network = -1;
	if (launch->network)
		a->network = fcntl(launch->network->helper, F_DUPFD_CLOEXEC, 0);
	a->hooks = *hooks;
	a->dir = xstrdup(launch->request->dir);
	a->id = xstrdup(launch->request->id);
	a->gone.data = a->told.data = a;
	a->result.started_ms = clock_wall_ms();
	how.name = a->id;
	how.dir = a->dir;
	how.orders = orders;
	rc = start(a, loop, &how);
	if (rc < 0) {
		if (a->open_handles > 0)
			uv_close((uv_handle_t *)&a->told, on_close);
		else
			release(a);
		return error_sys(err, rc, "cannot start the shim '%s'", spawner->program);
	}
	*ret_attempt = a;
	return 0;
}

/* Fails before there is a handle, or not at all. */
static int follow(struct attempt *a, uv_loop_t *loop)
{
	int rc;

	a->open_handles = 1;
	a->gone.data = a->at_once.data = a;
	if (a->pidfd < 0) {
		a->exited = true;
		(void)uv_timer_init(loop, &a->at_once);
		return uv_timer_start(&a->at_once, on_at_once, 0, 0);
	}
	rc = uv_poll_init(loop, &a->gone, a->pidfd);
	if (rc == 0)
		(void)uv_poll_start(&a->gone, UV_READABLE, on_gone);
	return rc;
}

static int adopt(uv_loop_t *loop, const char *dir, const char *id, int pidfd /* takes */,
                 const struct attempt_hooks *hooks, struct attempt **ret_attempt)
{
	struct attempt *a = xcalloc(1, sizeof *a);
	int rc;

	a->is_adopted = true;
	a->hooks = *hooks;
	a->dir = xstrdup(dir);
	a->id = xstrdup(id);
	a->pidfd = pidfd;
	a->go = a->network = -1;
	rc = follow(a, loop);
	if (rc < 0)
		release(a);
	else
		*ret_attempt = a;
	return rc;
}

int attempt_adopt(uv_loop_t *loop, const char *dir, const struct attempt_hooks *hooks,
                  struct attempt **ret_attempt, struct error *err)
{
	AUTO_FD int dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int pidfd = -1;
	struct shim_record record;
	enum shim_life life = SHIM_NONE;
	int rc = dirfd < 0 ? 0 : shim_find(dirfd, &life, &record, &pidfd, err);

	if (dirfd < 0 && errno != ENOENT)
		return error_sys(err, errno, "cannot open '%s'", dir);
	if (dirfd >= 0 && rc == 0 && life == SHIM_NONE)
		rc = rootfs_remove(dirfd, err);
	if (rc < 0)
		return rc;
	if (life == SHIM_NONE)
		return error_set(err, SLUICE_NOT_FOUND, "nothing was started in '%s'", dir);
	rc = adopt(loop, dir, record.cgroup + strlen(CGROUP_PARENT "/"), take_fd(&pidfd), hooks,
	           ret_attempt);
	return rc < 0 ? error_sys(err, rc, "cannot follow what runs in '%s'", dir) : 0;
}

static void forget_go(struct attempt *a)
{
	cleanup_fd(&a->go);
	cleanup_fd(&a->network); /* which lives as long as anyone holds it */
}

bool attempt_go(struct attempt *a)
{
	if (a->network >= 0 && !network_helper_lives(a->network)) {
		attempt_stop(a, true);
		return false;
	}
	(void)!write(a->go, "", 1); /* a shim that is gone tells so by its end */
	forget_go(a);
	return true;
}

void attempt_stop(struct attempt *a, bool now)
{
	int sig = now ? SIGINT : SIGTERM;

	if (a->exited)
		return;
	if (a->go >= 0) {
		a->was_withdrawn = true;
		forget_go(a);
		return;
	}
	(void)pidfd_send_signal(a->pidfd, sig, NULL, 0);
}
