/*
 * A run's rows lie in RUN/run.json, too, as catalog_print_run() writes them: so a catalog that was
 * lost takes nothing along.  Written when the run starts, is being canceled and has ended; between,
 * the directories of its attempts say more.  Not durable: after a power cut there is what plan.json
 * says.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/lock.h"
#include "base/xalloc.h"
#include "engine/internal.h"
#include "engine/left.h"
#include "engine/owner.h"

#define ROWS_NAME "run.json"

/* What is there must not say less than the catalog: better none. */
void rows_keep(struct catalog *c, const char *uuid, const char *dir)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	struct error ignored; /* nobody needs it while there is a catalog */

	if (fd >= 0 && (catalog_print_run(c, uuid, &text, &ignored) < 0 ||
	                io_put_file_fast(fd, ROWS_NAME, strbuf_str(&text), text.len, 0600) < 0))
		(void)unlinkat(fd, ROWS_NAME, 0);
}

/* --- a run that has no rows ------------------------------------------------------------------- */

static const char unknown[] = "the catalog was lost, and nothing else says how it ended";

static int last_attempt(int jobs, const char *job)
{
	for (int attempt = 1;; attempt++) {
		AUTO_FREE char *path = xasprintf("%s/%d", job, attempt);

		if (faccessat(jobs, path, F_OK, AT_SYMLINK_NOFOLLOW) != 0)
			return attempt - 1;
	}
}

static cJSON *jobs_json(int run)
{
	AUTO_DIR DIR *dir = io_open_dir(run, "jobs");
	cJSON *jobs = json_new_arr();
	const struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		cJSON *job;

		if (!io_is_component(e->d_name))
			continue;
		job = json_new_obj();
		json_add_str(job, "name", e->d_name);
		json_add_str(job, "state", job_state_name(JOB_ERROR));
		json_add_str(job, "message", unknown);
		json_add_int(job, "attempt", last_attempt(dirfd(dir), e->d_name));
		json_push(jobs, job);
	}
	return jobs;
}

/* Its logs can be found by it.  Nobody goes on with such a run: what is not known to have ended
 * might be done twice. */
static char *text_of_directory(int dirfd)
{
	AUTO_JSON cJSON *plan = NULL;
	AUTO_JSON cJSON *doc = json_new_obj();
	struct error ignored;
	struct stat st = { .st_mtime = 0 };
	const char *workflow;
	int64_t created_ms;

	if (plan_read(dirfd, &plan, &ignored) < 0)
		plan = NULL;
	workflow = json_str(plan, "workflow");
	(void)!fstatat(dirfd, RUN_LOCK, &st, AT_SYMLINK_NOFOLLOW);
	created_ms = json_int(plan, "created_ms", (int64_t)st.st_mtime * 1000);
	json_add_int(doc, "format", 1);
	json_add_str(doc, "workflow", workflow ? workflow : "recovered");
	json_add_int(doc, "number", json_int(plan, "number", 1));
	json_add_str(doc, "phase", "ERROR");
	json_add_str(doc, "message", unknown);
	json_add_int(doc, "created_ms", created_ms);
	json_add_int(doc, "started_ms", created_ms);
	json_add_int(doc, "finished_ms", created_ms);
	json_add(doc, "jobs", jobs_json(dirfd));
	return json_print(doc);
}

/* --- what the catalog lacks ------------------------------------------------------------------- */

enum row { ROW_NONE, ROW_WITHOUT_END, ROW_WITH_END };

static int see_run(void *arg, const struct catalog_run *run)
{
	*(enum row *)arg = run_phase_is_unfinished(run->phase) ? ROW_WITHOUT_END : ROW_WITH_END;
	return 0;
}

static int find_row(struct catalog *c, const char *uuid, enum row *ret_row, struct error *err)
{
	*ret_row = ROW_NONE;
	return catalog_each_run(c, uuid, NULL, 1, see_run, ret_row, err);
}

/* A file that is not there, or cannot be read, is no text. */
static char *read_text(int dirfd, const char *name)
{
	struct strbuf text = STRBUF_INIT(STRBUF_BIG);

	if (io_read_file(dirfd, name, &text) == 0)
		return strbuf_detach(&text);
	strbuf_release(&text);
	return NULL;
}

static bool holds(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/*
 * A runner makes the directory and takes its lock inside the transaction that adds the row, and
 * what else lies in it after that.  So inside one of ours a directory without a row is of a run
 * that never began, or of one whose row was lost; the runner of that one writes to a catalog that
 * is no more, and may still live.
 */
static int look_without_row(struct catalog *c, int runs, const char *uuid, int dirfd,
                            const char *spec, bool *ret_changed, struct error *err)
{
	AUTO_FD int lock = lock_take(dirfd, RUN_LOCK, LOCK_EXCLUSIVE, false);
	AUTO_FREE char *text = NULL;
	int rc;

	if (lock == -EWOULDBLOCK)
		return 0;
	if (lock < 0)
		return error_sys(err, lock, "cannot lock run '%s'", uuid);
	if (holds(dirfd, "jobs") || holds(dirfd, ROWS_NAME)) {
		text = text_of_directory(dirfd);
		return catalog_restore_run(c, uuid, text, spec, ret_changed, err);
	}
	rc = io_remove_tree(runs, uuid);
	return rc < 0 ? error_sys(err, rc, "cannot remove what run '%s' left", uuid) : 0;
}

static int look(struct catalog *c, int runs, const char *uuid, bool all, bool *ret_changed,
                struct error *err)
{
	AUTO_FD int dirfd = io_open_beneath(runs, uuid, O_RDONLY | O_DIRECTORY, 0);
	AUTO_FREE char *text = dirfd < 0 ? NULL : read_text(dirfd, ROWS_NAME);
	AUTO_FREE char *spec = dirfd < 0 ? NULL : read_text(dirfd, "workflow.yaml");
	enum row row;
	int rc = find_row(c, uuid, &row, err);

	if (rc < 0 || dirfd < 0 || (row == ROW_WITH_END && !all))
		return rc;
	rc = text ? catalog_restore_run(c, uuid, text, spec, ret_changed, err) : SLUICE_CORRUPT;
	if (rc == 0 && *ret_changed && row == ROW_WITHOUT_END)
		return catalog_mark_stale(c, err); /* it committed to a catalog that is no more */
	if (rc != SLUICE_CORRUPT)
		return rc;
	return row == ROW_NONE ? look_without_row(c, runs, uuid, dirfd, spec, ret_changed, err) : 0;
}

static int look_at(struct catalog *c, int runs, const char *uuid, bool all, bool *ret_changed,
                   struct error *err)
{
	int rc = catalog_begin(c, err);

	*ret_changed = false;
	if (rc < 0)
		return rc;
	rc = look(c, runs, uuid, all, ret_changed, err);
	if (rc == 0)
		return catalog_commit(c, err);
	catalog_rollback(c);
	return error_wrap(err, "run '%s'", uuid);
}

int rows_restore(struct catalog *c, const char *home, const char *uuid, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/runs", home);
	AUTO_FD int runs = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool changed;

	return look_at(c, runs, uuid, false, &changed, err);
}

struct uuids {
	char (*uuid)[UUID_LEN + 1];
	size_t n, cap;
};

/* Collected first: they change while they are looked at. */
static int find_runs(struct catalog *c, const char *path, bool all, struct uuids *found,
                     struct error *err)
{
	AUTO_DIR DIR *dir = opendir(path);
	const struct dirent *e;
	enum row row = ROW_NONE;
	int rc = 0;

	while (rc == 0 && dir && (e = readdir(dir)) != NULL) {
		if (!id_is_uuid(e->d_name))
			continue;
		rc = find_row(c, e->d_name, &row, err);
		if (row == ROW_WITH_END && !all)
			continue;
		found->uuid = xgrow(found->uuid, found->n, &found->cap, sizeof *found->uuid);
		memcpy(found->uuid[found->n++], e->d_name, UUID_LEN + 1);
	}
	return rc;
}

int left_sweep(struct catalog *catalog, const char *home, bool all, uint64_t *ret_restored,
               struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/runs", home);
	AUTO_FD int runs = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct uuids found = { 0 };
	int rc = find_runs(catalog, path, all, &found, err);

	*ret_restored = 0;
	for (size_t i = 0; rc == 0 && i < found.n; i++) {
		bool changed;

		rc = look_at(catalog, runs, found.uuid[i], all, &changed, err);
		*ret_restored += rc == 0 && changed;
	}
	free(found.uuid);
	return rc < 0 || *ret_restored == 0 ? rc : catalog_order_runs(catalog, err);
}
