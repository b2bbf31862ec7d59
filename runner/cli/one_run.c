#include "cli/one_run.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parse.h"
#include "base/xalloc.h"

struct finding {
	struct one_run *run;
	size_t n;
};

static int take_run(void *arg, const struct catalog_run *row)
{
	struct finding *f = arg;

	if (f->n++ > 0)
		return 0;
	memcpy(f->run->uuid, row->uuid, sizeof f->run->uuid);
	f->run->workflow = xstrdup(row->workflow);
	f->run->phase = xstrdup(row->phase);
	f->run->message = row->message ? xstrdup(row->message) : NULL;
	f->run->number = row->number;
	f->run->created_ms = row->created_ms;
	f->run->started_ms = row->started_ms;
	f->run->finished_ms = row->finished_ms;
	return 0;
}

int one_run_find(struct catalog *catalog, const char *which, struct one_run *ret_run,
                 struct error *err)
{
	struct one_run run = { .workflow = NULL };
	struct finding f = { .run = &run };
	int rc = catalog_each_run(catalog, which, NULL, 2, take_run, &f, err);

	if (rc == 0 && f.n == 1) {
		*ret_run = run;
		return 0;
	}
	one_run_release(&run);
	if (rc < 0)
		return rc;
	if (f.n > 1)
		return error_set(err, SLUICE_INVALID,
		                 "several runs begin with '%s': give more of the id", which);
	return error_set(err, SLUICE_NOT_FOUND,
	                 "no run '%s': 'sluice runs list' shows them; a run is named by its id, "
	                 "by 4 or more of its first characters, by WORKFLOW/NUMBER or 'latest'",
	                 which);
}

void one_run_release(struct one_run *run)
{
	free(run->workflow);
	free(run->phase);
	free(run->message);
	*run = (struct one_run){ .workflow = NULL };
}

bool one_run_is_unfinished(const struct one_run *run)
{
	return strcmp(run->phase, "PENDING") == 0 || strcmp(run->phase, "RUNNING") == 0;
}

static int read_pid(int fd, int *ret_pid)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(32);
	uint64_t pid;
	int rc = io_read_all(fd, &text);

	if (rc < 0)
		return rc;
	if (text.len > 0 && text.buf[text.len - 1] == '\n')
		text.buf[--text.len] = '\0';
	if (!parse_u64(strbuf_str(&text), INT_MAX, &pid) || pid < 2)
		return -EINVAL;
	*ret_pid = (int)pid;
	return 0;
}

int one_run_owner(const char *home, const char *uuid, enum owner *ret_owner, int *ret_pid,
                  struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/runs/%s/lock", home, uuid);
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
