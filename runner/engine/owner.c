#include "engine/owner.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/xalloc.h"

static int read_pid(int fd, int *ret_pid)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(32);
	uint64_t pid;
	int rc = io_read_all(fd, &text);

	if (rc < 0)
		return rc;
	if (text.len > 0) /* behind it may stand what is left of a longer number */
		text.buf[strcspn(text.buf, "\n")] = '\0';
	if (!parse_u64(strbuf_str(&text), INT_MAX, &pid) || pid < 2)
		return -EINVAL;
	*ret_pid = (int)pid;
	return 0;
}

int run_lock_sign(int lock)
{
	char text[24];
	int len = snprintf(text, sizeof text, "%d\n", (int)getpid());

	if (pwrite(lock, text, (size_t)len, 0) != len || ftruncate(lock, len) != 0)
		return -errno;
	return 0;
}

int run_owner(const char *home, const char *uuid, enum owner *ret_owner, int *ret_pid,
              struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/runs/%s/" RUN_LOCK, home, uuid);
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc;

	if (fd < 0 && errno != ENOENT && errno != ENOTDIR)
		return error_sys(err, errno, "cannot open '%s'", path);
	if (fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0) {
		*ret_owner = OWNER_NONE;
		return 0;
	}
	if (errno != EWOULDBLOCK)
		return error_sys(err, errno, "cannot look at the lock '%s'", path);
	rc = read_pid(fd, ret_pid);
	if (rc < 0)
		return error_sys(err, rc, "'%s' is held, but does not say by which process", path);
	*ret_owner = OWNER_ALIVE;
	return 0;
}

bool run_phase_is_unfinished(const char *phase)
{
	return strcmp(phase, "PENDING") == 0 || strcmp(phase, "RUNNING") == 0;
}

static int see_unfinished(void *arg, const struct catalog_run *run)
{
	*(bool *)arg = run_phase_is_unfinished(run->phase);
	return 0;
}

/* A runner writes the end into the row before it lets go of the lock, so a row that is read after
 * the lock was seen free tells the two apart. */
bool run_is_lost(struct catalog *catalog, const char *home, const struct catalog_run *run)
{
	bool unfinished = false;
	enum owner owner;
	struct error ignored;
	int pid;

	return run_phase_is_unfinished(run->phase) &&
	       run_owner(home, run->uuid, &owner, &pid, &ignored) == 0 && owner == OWNER_NONE &&
	       catalog_each_run(catalog, run->uuid, NULL, 1, see_unfinished, &unfinished,
	                        &ignored) == 0 &&
	       unfinished;
}
