/*
 * The commit in the bucket: see remote.h.  It comes when all bytes are there and before any record
 * here.  A version that is there already is ours, from a try that was killed or whose answer was
 * lost: its number and time are taken over, so that both records are the same.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "dataset/internal.h"
#include "dataset/remote.h"

#define SEQ_MAX INT64_C(9999999999)
enum { SEQ_DIGITS = 10, SEQ_TRIES = 100, FOUND = 1 };

/* --- the number ------------------------------------------------------------------------------ */

static int take_first(void *arg, const char *path, int64_t put_ms, struct error *err)
{
	const char *digits = strrchr(path, '/') + 1;
	int64_t *seq = arg;
	uint64_t n;

	(void)put_ms;
	(void)err;
	if (strlen(digits) != SEQ_DIGITS || !parse_u64(digits, (uint64_t)SEQ_MAX, &n))
		return 0;
	*seq = SEQ_MAX - (int64_t)n;
	return FOUND;
}

static int take_highest(void *arg, const struct catalog_version *row)
{
	int64_t *seq = arg;

	if (row->committed && row->seq > *seq)
		*seq = row->seq;
	return 0;
}

/* It is higher than those known here, too: the provider may have been given another bucket. */
static int take_number(struct datasets *d, struct remote *r, struct dataset_version *v,
                       struct error *err)
{
	char path[RECORD_PATH_SIZE];
	int64_t seq = 0, here = 0;
	int rc = catalog_each_version(d->catalog, v->dataset, NULL, take_highest, &here, err);

	(void)snprintf(path, sizeof path, "%s.seq/", v->dataset);
	if (rc == 0)
		rc = remote_each_record(r, path, take_first, &seq, err);
	if (rc < 0)
		return rc;
	if (seq < here)
		seq = here;
	rc = SLUICE_EXISTS;
	for (int i = 0; rc == SLUICE_EXISTS && i < SEQ_TRIES; i++) {
		(void)snprintf(path, sizeof path, "%s.seq/%010" PRId64, v->dataset,
		               SEQ_MAX - ++seq);
		rc = remote_put_record(r, path, v->id, false, err);
	}
	v->seq = seq;
	return rc;
}

/* --- the record ------------------------------------------------------------------------------ */

static int put_dataset(struct datasets *d, struct remote *r, const char *ds, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	char path[RECORD_PATH_SIZE];
	int rc = store_get_record(d->store, record_dataset_path(ds, path), &text, err);

	if (rc == 0)
		rc = remote_put_record(r, path, strbuf_str(&text), false, err);
	return rc == SLUICE_EXISTS ? 0 : rc;
}

static int put_version(struct datasets *d, struct remote *r, struct dataset_version *v,
                       const char *const *inputs, struct error *err)
{
	AUTO_FREE char *text = NULL;
	char path[RECORD_PATH_SIZE];
	int rc = take_number(d, r, v, err);

	if (rc < 0)
		return rc;
	v->committed_ms = clock_wall_ms();
	/* The provider may have been given another bucket since the dataset was made. */
	rc = put_dataset(d, r, v->dataset, err);
	/* A try before may have been taken back. */
	if (rc == 0)
		rc = remote_unmark_deleted(r, v, err);
	if (rc < 0)
		return rc;
	text = record_version_text(v, inputs);
	return remote_put_record(r, record_version_path(v->dataset, v->id, path), text, false, err);
}

static int commit_there(struct datasets *d, struct remote *r, struct dataset_version *v,
                        const char *const *inputs, struct error *err)
{
	struct dataset_version there;
	int rc = remote_get_version(r, v->dataset, v->id, &there, err);

	if (rc == SLUICE_NOT_FOUND) {
		rc = put_version(d, r, v, inputs, err);
		if (rc != SLUICE_EXISTS)
			return rc;
		rc = remote_get_version(r, v->dataset, v->id, &there, err);
	}
	if (rc < 0)
		return rc;
	if (!digest_equal(&there.manifest, &v->manifest))
		return error_set(err, SLUICE_EXISTS,
		                 "version '%s:%s' is committed already, with other files",
		                 v->dataset, v->id);
	v->seq = there.seq;
	v->committed_ms = there.committed_ms;
	return 0;
}

static int commit_one(struct datasets *d, struct dataset_commit *c,
                      const struct dataset_maker *maker, struct error *err)
{
	struct open_record open;
	struct remote r;
	int rc = remote_open(d, c->version->dataset, &r, err);

	if (rc != 0)
		return rc == REMOTE_NONE ? 0 : rc;
	rc = record_get_open(d->store, c->version, &open, err);
	if (rc == 0)
		rc = open_check_fence(&open, maker, err);
	if (rc == 0) {
		open.v.manifest = c->info.manifest;
		open.v.files = c->info.files;
		open.v.bytes = c->info.bytes;
		rc = commit_there(d, &r, &open.v, maker ? maker->inputs : NULL, err);
	}
	if (rc == 0) {
		c->seq = open.v.seq;
		c->committed_ms = open.v.committed_ms;
	}
	remote_release(&r);
	return rc;
}

/* They go together, as far as they can: what was put before a failure is taken back, also from
 * homes that saw it. */
static void take_back(struct datasets *d, struct dataset_commit *commits, size_t n)
{
	struct error ignored;

	for (size_t i = 0; i < n; i++) {
		struct dataset_version v = *commits[i].version;
		struct remote r;

		if (!commits[i].seq || remote_open(d, v.dataset, &r, &ignored) != 0)
			continue;
		v.manifest = commits[i].info.manifest;
		(void)!remote_mark_deleted(&r, &v, &ignored);
		remote_release(&r);
		commits[i].seq = 0;
	}
}

int datasets_commit_remote(struct datasets *d, struct dataset_commit *commits, size_t n,
                           const struct dataset_maker *maker, struct error *err)
{
	for (size_t i = 0; i < n; i++) {
		int rc = commit_one(d, &commits[i], maker, err);

		if (rc < 0) {
			take_back(d, commits, i);
			return rc;
		}
	}
	return 0;
}
