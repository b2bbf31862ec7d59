#include "base/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum {
	FILE_MAX = 1 << 20,
	LINE_MAX_SIZE = 256,
	RANGES_MAX = 16,
	MAP_ARGS_MAX = 2 + 3 * (RANGES_MAX + 1) + 1
};

/* Who this process is: set by userns_enter() alone. */
static struct {
	enum userns_kind kind; /* USERNS_ROOT: it has not been called */
	uid_t uid;
	gid_t gid;
	int error; /* of USERNS_NONE */
} self;

struct range {
	uint64_t start, count;
};

/* newuidmap or newgidmap, and the ids that it may map for this user. */
struct map {
	const char *file, *program;
	unsigned self;
	struct range range[RANGES_MAX];
	size_t n;
};

/* --- ids -------------------------------------------------------------------------------------- */

/* A line "WHO:START:COUNT" of subuid(5). */
static bool parse_line(const char *line, const char *name, const char *number, struct range *ret)
{
	char copy[LINE_MAX_SIZE] = "";
	size_t len = strcspn(line, "\n");
	char *start;
	char *count;

	if (len >= sizeof copy)
		return false;
	memcpy(copy, line, len);
	start = strchr(copy, ':');
	count = start ? strchr(start + 1, ':') : NULL;
	if (!count)
		return false;
	*start++ = '\0';
	*count++ = '\0';
	return (strcmp(copy, name) == 0 || strcmp(copy, number) == 0) &&
	       parse_u64(start, UINT32_MAX, &ret->start) &&
	       parse_u64(count, UINT32_MAX, &ret->count) && ret->count > 0;
}

static void read_ranges(struct map *m, const char *name, const char *number)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX);

	if (io_read_file(AT_FDCWD, m->file, &text) < 0)
		return;
	for (const char *line = strbuf_str(&text); *line && m->n < RANGES_MAX;) {
		const char *end = line + strcspn(line, "\n");

		if (parse_line(line, name, number, &m->range[m->n]))
			m->n++;
		line = *end ? end + 1 : end;
	}
}

/* Starts `newuidmap PID 0 SELF 1 1 START COUNT ...`. */
static pid_t start_map(const struct map *m, const char *target)
{
	char text[2 + 3 * (RANGES_MAX + 1)][24];
	char *argv[MAP_ARGS_MAX] = { NULL };
	char *const env[] = { NULL };
	uint64_t inside = 1;
	size_t n = 0;
	pid_t pid;

	(void)snprintf(text[n++], sizeof text[0], "%s", m->program);
	(void)snprintf(text[n++], sizeof text[0], "%s", target);
	(void)snprintf(text[n++], sizeof text[0], "0");
	(void)snprintf(text[n++], sizeof text[0], "%u", m->self);
	(void)snprintf(text[n++], sizeof text[0], "1");
	for (size_t i = 0; i < m->n; i++) {
		(void)snprintf(text[n++], sizeof text[0], "%" PRIu64, inside);
		(void)snprintf(text[n++], sizeof text[0], "%" PRIu64, m->range[i].start);
		(void)snprintf(text[n++], sizeof text[0], "%" PRIu64, m->range[i].count);
		inside += m->range[i].count;
	}
	for (size_t i = 0; i < n; i++)
		argv[i] = text[i];
	return posix_spawnp(&pid, m->program, NULL, NULL, argv, env) == 0 ? pid : -1;
}

static bool ended_well(pid_t pid)
{
	int status = -1;

	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && status == 0;
}

/*
 * A child that stays outside and maps the ids of its parent once that is inside: only what has
 * rights in the outer namespace (by its setuid bit) may map ids that are not the user's own.
 */
static pid_t fork_mapper(const struct map *uids, const struct map *gids, int wait)
{
	char target[24];
	pid_t pid;
	char go;

	(void)snprintf(target, sizeof target, "%d", (int)getpid());
	pid = fork();
	if (pid != 0)
		return pid;
	if (read(wait, &go, 1) != 1)
		_exit(1);
	pid = start_map(uids, target);
	_exit(ended_well(start_map(gids, target)) && ended_well(pid) ? 0 : 1);
}

static int map_one(const char *file, unsigned id)
{
	AUTO_FREE char *line = xasprintf("0 %u 1\n", id);

	return io_set(file, line);
}

/* Whatever is mapped already stays so: EPERM. */
static int map_self(void)
{
	int rc = map_one("/proc/self/uid_map", self.uid);

	if (rc < 0 && rc != -EPERM)
		return rc;
	rc = io_set("/proc/self/setgroups", "deny");
	if (rc == 0)
		rc = map_one("/proc/self/gid_map", self.gid);
	return rc == -EPERM ? 0 : rc;
}

/* --- entering --------------------------------------------------------------------------------- */

/* Enters, and has the mapper at work if there is one; 1: it mapped all. */
static int enter_with(const struct map *uids, const struct map *gids)
{
	AUTO_FD int wait = -1;
	AUTO_FD int go = -1;
	pid_t mapper = -1;
	int ends[2];
	int rc;

	if (uids->n > 0 && gids->n > 0) {
		if (pipe2(ends, O_CLOEXEC) != 0)
			return -errno;
		wait = ends[0];
		go = ends[1];
		mapper = fork_mapper(uids, gids, wait);
	}
	rc = unshare(CLONE_NEWUSER) == 0 ? 0 : -errno;
	if (rc == 0 && mapper > 0)
		(void)!write(go, "", 1);
	cleanup_fd(&go);
	if (ended_well(mapper) && rc == 0)
		return 1;
	return rc < 0 ? rc : map_self();
}

void userns_enter(void)
{
	struct map uids = { .file = "/etc/subuid", .program = "newuidmap", .self = geteuid() };
	struct map gids = { .file = "/etc/subgid", .program = "newgidmap", .self = getegid() };
	AUTO_FREE char *number = xasprintf("%u", uids.self);
	const struct passwd *user;
	int rc;

	if (geteuid() == 0 || self.kind != USERNS_ROOT)
		return;
	user = getpwuid(geteuid()); /* NOLINT(concurrency-mt-unsafe): one thread, see the header */
	self.uid = geteuid();
	self.gid = getegid();
	read_ranges(&uids, user ? user->pw_name : number, number);
	read_ranges(&gids, user ? user->pw_name : number, number);
	rc = enter_with(&uids, &gids);
	self.kind = rc < 0 ? USERNS_NONE : rc > 0 ? USERNS_MANY : USERNS_ONE;
	self.error = rc;
}

/* --- who we are ------------------------------------------------------------------------------- */

enum userns_kind userns_kind(void)
{
	return self.kind == USERNS_ROOT && geteuid() != 0 ? USERNS_NONE : self.kind;
}

bool userns_is_root(void)
{
	return userns_kind() == USERNS_ROOT;
}

static bool has_entered(void)
{
	return self.kind == USERNS_MANY || self.kind == USERNS_ONE;
}

uid_t userns_uid(void)
{
	return has_entered() ? self.uid : geteuid();
}

/* Is ID in the first column of a map, "INSIDE OUTSIDE COUNT" a line?  Finds the highest one, too.
 */
static bool look_up(const char *file, uint32_t id, uint32_t *ret_last)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX);
	uint64_t inside, outside, count;
	bool found = false;

	*ret_last = 0;
	if (io_read_file(AT_FDCWD, file, &text) < 0)
		return false;
	for (const char *line = strbuf_str(&text);
	     /* NOLINTNEXTLINE(cert-err34-c): the kernel writes it */
	     sscanf(line, "%" SCNu64 " %" SCNu64 " %" SCNu64, &inside, &outside, &count) == 3;
	     line += strcspn(line, "\n") + 1) {
		found = found || (id >= inside && id - inside < count);
		if (inside + count - 1 > *ret_last)
			*ret_last = (uint32_t)(inside + count - 1);
	}
	return found;
}

bool userns_has_id(uint32_t id)
{
	uint32_t ignored;

	return look_up("/proc/self/uid_map", id, &ignored) &&
	       look_up("/proc/self/gid_map", id, &ignored);
}

uint32_t userns_last_gid(void)
{
	uint32_t last;

	(void)look_up("/proc/self/gid_map", 0, &last);
	return last;
}

int userns_need(struct error *err)
{
	if (userns_kind() != USERNS_NONE)
		return 0;
	return error_set(err, SLUICE_MISSING,
	                 "this machine gives an ordinary user no user namespace (%s), without "
	                 "which only root can run containers: as root, 'sysctl "
	                 "user.max_user_namespaces=15000', on Debian and Ubuntu also "
	                 "'sysctl kernel.unprivileged_userns_clone=1 "
	                 "kernel.apparmor_restrict_unprivileged_userns=0'",
	                 strerrordesc_np(self.error < 0 ? -self.error : EPERM));
}
