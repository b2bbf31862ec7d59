/* A public dataset that is what lies below a prefix of a bucket: listed, then fetched by several
 * threads.  Of an object nothing says what its bytes must be; its size must be as listed. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/parallel.h"
#include "base/xalloc.h"
#include "dataset/internal.h"
#include "loop/s3.h"
#include "store/manifest.h"

enum { AT_ONCE = 8, OBJECTS_MOST = 10000000 };

struct object {
	char *path; /* in the version: the key without the prefix */
	uint64_t size;
};

struct taking {
	const struct public_fetching *f;
	struct s3_bucket bucket;
	const char *prefix;
	struct object *object;
	size_t n, cap;
	uint64_t total; /* bytes */

	pthread_mutex_t lock; /* of what follows, and of who is told about it */
	uint64_t have;
	char *what; /* "12 objects" */
	bool failed;
};

/* Of a directory that somebody made in a web page there is an empty object, which ends in a slash.
 */
static int add_object(void *arg, const struct s3_object *o, struct error *err)
{
	struct taking *t = arg;
	size_t len = strlen(t->prefix);
	const char *path = strncmp(o->key, t->prefix, len) == 0 ? o->key + len : NULL;
	const char *why = path ? manifest_check_path(path) : "is not below the prefix";

	if (path && (!path[0] || path[strlen(path) - 1] == '/') && o->size == 0)
		return 0;
	if (why)
		return error_set(err, SLUICE_INVALID,
		                 "object '%.512s' cannot be a file of a version: it %s", o->key,
		                 why);
	if (t->n == OBJECTS_MOST || __builtin_add_overflow(t->total, o->size, &t->total))
		return error_set(err, SLUICE_LIMIT, "there are more than %d objects", OBJECTS_MOST);
	t->object = xgrow(t->object, t->n, &t->cap, sizeof *t->object);
	t->object[t->n++] = (struct object){ .path = xstrdup(path), .size = o->size };
	return 0;
}

static void came(struct taking *t, uint64_t more, uint64_t less)
{
	const struct datasets_public *how = &t->f->d->public;

	(void)pthread_mutex_lock(&t->lock);
	t->have += more - less;
	if (how->progress)
		how->progress(how->arg, t->what, t->have, t->total);
	(void)pthread_mutex_unlock(&t->lock);
}

/* What has come of one object. */
struct coming {
	struct taking *t;
	uint64_t have;
};

static void on_progress(void *arg, uint64_t have, int64_t total)
{
	struct coming *c = arg;

	(void)total;
	came(c->t, have, c->have);
	c->have = have;
}

static bool is_there(const struct taking *t, const struct object *o)
{
	AUTO_FD int fd = io_open_beneath(t->f->files, o->path, O_RDONLY, 0);
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size == o->size;
}

static int fetch_to(struct taking *t, const struct object *o, int fd, struct error *err)
{
	AUTO_FREE char *key = xasprintf("%s%s", t->prefix, o->path);
	AUTO_FREE char *url = s3_url(&t->bucket, key);
	struct coming coming = { .t = t };
	const struct fetch how = {
		.request = { .url = url, .max_body = o->size },
		.on_progress = on_progress,
		.arg = &coming,
	};
	int rc = s3_fetch(&t->bucket, &how, fd, err);

	if (rc == 0 && coming.have != o->size)
		rc = error_set(err, SLUICE_CORRUPT,
		               "'%s' has %" PRIu64 " bytes; the bucket's list says %" PRIu64, key,
		               coming.have, o->size);
	return rc;
}

static int take(struct taking *t, size_t i, struct error *err)
{
	const struct object *o = &t->object[i];
	AUTO_FREE char *part = xasprintf("part-%zu", i);
	AUTO_FD int fd = -1;
	int rc;

	if (is_there(t, o)) {
		came(t, o->size, 0);
		return 0;
	}
	fd = openat(t->f->dir, part, O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_sys(err, errno, "cannot write below '%s/public'", t->f->d->home);
	rc = fetch_to(t, o, fd, err);
	return rc == 0 ? public_keep_file(t->f, part, o->path, err) : rc;
}

/* The first failure is told. */
static int take_item(void *arg, void *state, size_t i)
{
	struct taking *t = arg;
	struct error err;
	int rc = take(t, i, &err);

	(void)state;
	if (rc == 0)
		return 0;
	(void)pthread_mutex_lock(&t->lock);
	if (!t->failed)
		*t->f->err = err;
	t->failed = true;
	(void)pthread_mutex_unlock(&t->lock);
	return rc;
}

static int take_all(struct taking *t)
{
	static const struct parallel_ops ops = { .item = take_item };
	const struct datasets_public *how = &t->f->d->public;
	AUTO_FREE char *text = NULL;
	int rc = public_check_room(t->f, t->total);

	if (rc < 0)
		return rc;
	t->what = xasprintf("%zu object%s", t->n, t->n == 1 ? "" : "s");
	text = xasprintf("fetching %s: %s from %s (there are no digests to verify them by)",
	                 t->f->name, t->what, t->f->public->s3);
	public_note(t->f, text);
	rc = parallel_run(t->n, AT_ONCE, &ops, t);
	if (how->progress)
		how->progress(how->arg, NULL, 0, 0);
	free(t->what);
	return rc < 0 ? t->f->err->class : 0;
}

int public_fetch_s3(const struct public_fetching *f)
{
	const char *begin = f->public->s3 + strlen("s3://");
	size_t len = strcspn(begin, "/");
	AUTO_FREE char *bucket = xstrndup(begin, len);
	struct taking t = {
		.f = f,
		.bucket = { .name = bucket,
		            .endpoint = f->public->endpoint,
		            .region = f->public->region },
		.prefix = begin + len + 1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	int rc;

	s3_use_environment(&t.bucket);
	rc = s3_each(&t.bucket, t.prefix, add_object, &t, f->err);
	if (rc == 0 && t.n == 0)
		rc = error_set(f->err, SLUICE_NOT_FOUND, "there is nothing below '%s'",
		               f->public->s3);
	if (rc == 0)
		rc = take_all(&t);
	for (size_t i = 0; i < t.n; i++)
		free(t.object[i].path);
	free(t.object);
	return rc;
}
