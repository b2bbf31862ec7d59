/*
 * Sources of files that are no directories: URLs, standard input and archives.
 *
 * What comes is collected below VER.part, beside the files of the open version and under no lock,
 * since it may take hours; it goes with the version.  Only what is complete, and has the digest
 * that it must have, changes place to the version's files.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/archive.h"
#include "dataset/internal.h"
#include "loop/fetch.h"

/* Tells the next try whether a server still has the same bytes. */
#define VALIDATOR "user.sluice.validator"

enum { FILES_MODE = 0755 };

struct source {
	struct datasets *d;
	const struct dataset_version *v;
	const struct datasets_put_how *how;
	const char *what;              /* as the user named it; a URL without its secrets */
	char *target;                  /* clean */
	int part;                      /* VER.part */
	int fd;                        /* the bytes ... */
	char name[DIGEST_HEX_LEN + 1]; /* ... in this file of `part`, or "": in the user's */
	uint64_t had;                  /* of a URL: so much was counted, or was there before ... */
	bool counts;                   /* ... this was known */
	struct error *err;
};

bool datasets_is_url(const char *source)
{
	return strncmp(source, "http://", strlen("http://")) == 0 ||
	       strncmp(source, "https://", strlen("https://")) == 0;
}

static bool is_stdin(const char *source)
{
	return strcmp(source, "-") == 0;
}

static int fail(const struct source *s, int sys)
{
	return error_sys(s->err, sys, "cannot keep what comes of '%s'", s->what);
}

/* --- the bytes come --------------------------------------------------------------------------- */

static int open_part(struct source *s)
{
	AUTO_FREE char *path = open_part_path(s->d, s->v->dataset, s->v->id);
	struct open_record is;
	int rc = record_get_open(s->d->store, s->v, &is, s->err);

	if (rc < 0)
		return rc;
	rc = io_mkdirs(path, 0700);
	if (rc == 0) {
		s->part = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		rc = s->part < 0 ? -errno : 0;
	}
	return rc < 0 ? fail(s, rc) : 0;
}

/* Does the name still stand for what we have?  Another put may have moved it while we waited. */
static bool is_named(const struct source *s)
{
	struct stat ours, there;

	return fstat(s->fd, &ours) == 0 &&
	       fstatat(s->part, s->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == there.st_dev && ours.st_ino == there.st_ino;
}

/* Opens the file of `part` called `name`, for us alone. */
static int open_own(struct source *s)
{
	do {
		cleanup_fd(&s->fd);
		s->fd = openat(s->part, s->name, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (s->fd < 0 || flock(s->fd, LOCK_EX) != 0)
			return fail(s, -errno);
	} while (!is_named(s));
	return 0;
}

/* What an earlier try has brought tells nothing of how fast this one is. */
static void on_progress(void *arg, uint64_t have, int64_t total)
{
	struct source *s = arg;

	if (!s->counts && total > 0)
		progress_expect(s->how->progress, (uint64_t)total - have);
	else if (s->counts && have > s->had)
		progress_add(s->how->progress, have - s->had);
	s->counts = true;
	s->had = have;
}

static int fetch(struct source *s, const char *url)
{
	struct fetch how = {
		.on_progress = on_progress,
		.arg = s,
		.request = { .url = url },
		.digest = s->how->digest,
	};
	ssize_t len = fgetxattr(s->fd, VALIDATOR, how.validator, sizeof how.validator - 1);
	int rc;

	how.validator[len > 0 ? len : 0] = '\0';
	rc = fetch_file(&how, s->fd, s->err);
	/* Where it cannot be kept, the next try begins anew. */
	if (rc < 0)
		(void)fsetxattr(s->fd, VALIDATOR, how.validator, strlen(how.validator), 0);
	else
		(void)fremovexattr(s->fd, VALIDATOR);
	return rc;
}

static int come_from_url(struct source *s, const char *url)
{
	struct digest digest = digest_of(url, strlen(url));
	int rc = open_part(s);

	(void)digest_hex(&digest, s->name);
	if (rc == 0)
		rc = open_own(s);
	return rc < 0 ? rc : fetch(s, url);
}

/* A file of `part` that nobody goes on with. */
static int open_new(struct source *s)
{
	char id[DATASET_ID_LEN + 1];
	int rc = open_part(s);

	id_new_dataset(id);
	(void)snprintf(s->name, sizeof s->name, "new-%s", id);
	return rc < 0 ? rc : open_own(s);
}

static int come_from_stdin(struct source *s)
{
	int rc = open_new(s);

	if (rc < 0)
		return rc;
	rc = io_copy_watched(STDIN_FILENO, s->fd,
	                     &(struct io_copying){ .progress = s->how->progress });
	return rc < 0 ? fail(s, rc) : 0;
}

/* What is verified must be ours: a file of the user may change after it. */
static int copy_file_here(struct source *s, uint64_t size)
{
	AUTO_FD int user = take_fd(&s->fd);
	int rc = open_new(s);

	if (rc < 0)
		return rc;
	progress_expect(s->how->progress, size);
	rc = io_copy_watched(user, s->fd, &(struct io_copying){ .progress = s->how->progress });
	return rc < 0 ? fail(s, rc) : 0;
}

static int come_from_file(struct source *s)
{
	struct stat st;

	s->fd = open(s->what, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (s->fd < 0 && errno == ENOENT)
		return error_set(s->err, SLUICE_NOT_FOUND, "there is no file '%s'", s->what);
	if (s->fd < 0 || fstat(s->fd, &st) != 0)
		return error_sys(s->err, errno, "cannot read '%s'", s->what);
	if (!S_ISREG(st.st_mode))
		return error_set(s->err, SLUICE_INVALID,
		                 "'%s' is no file, and cannot be unpacked or have a digest",
		                 s->what);
	return s->how->digest ? copy_file_here(s, (uint64_t)st.st_size) : 0;
}

static int check_digest(const struct source *s)
{
	char is[DIGEST_HEX_LEN + 1], must_be[DIGEST_HEX_LEN + 1];
	struct digest digest;
	int rc = digest_of_fd(s->fd, &digest);

	if (rc < 0)
		return error_sys(s->err, rc, "cannot read '%s'", s->what);
	if (digest_equal(&digest, s->how->digest))
		return 0;
	return error_set(s->err, SLUICE_CORRUPT, "'%s' has the SHA-256 %s and must have %s",
	                 s->what, digest_hex(&digest, is), digest_hex(s->how->digest, must_be));
}

/* --- they go to the version ------------------------------------------------------------------- */

static int put_unpacked(const struct source *s, int from)
{
	AUTO_FILLING struct filling f = FILLING_INIT;
	struct copy c = { .from = from, .what = s->what, .move = true };
	int rc = filling_begin(s->d, s->v, &f, s->err);

	c.to = f.to;
	return rc < 0 ? rc : copy_tree(&c, ".", s->target[0] ? s->target : ".", s->err);
}

static int put_archive(const struct source *s)
{
	char name[DATASET_ID_LEN + 1];
	AUTO_FD int to = -1;
	int rc;

	id_new_dataset(name);
	if (mkdirat(s->part, name, FILES_MODE) != 0)
		return fail(s, -errno);
	to = openat(s->part, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	rc = to < 0 || lseek(s->fd, 0, SEEK_SET) < 0
	             ? fail(s, -errno)
	             : archive_unpack(s->fd, to, s->what, s->how->progress, s->err);
	if (rc == 0)
		rc = put_unpacked(s, to);
	(void)!io_remove_tree(s->part, name); /* else it goes with the version */
	return rc;
}

static int put_file(const struct source *s, const char *path)
{
	AUTO_FILLING struct filling f = FILLING_INIT;
	struct copy c = { .from = s->part, .what = s->what };
	int rc = filling_begin(s->d, s->v, &f, s->err);

	if (rc < 0)
		return rc;
	c.to = f.to;
	c.tmp = f.tmp;
	return s->name[0] ? copy_move(&c, s->name, path, s->err)
	                  : copy_file(&c, s->fd, path, s->err);
}

char *source_url_name(const char *url)
{
	const char *path = strstr(url, "://") + 3;
	AUTO_FREE char *plain = xstrndup(path, strcspn(path, "?#"));
	const char *slash = strrchr(plain, '/');

	return xstrdup(slash ? slash + 1 : "");
}

static int put_named(const struct source *s, const char *source)
{
	const char *slash = strrchr(source, '/');
	AUTO_FREE char *name = datasets_is_url(source) ? source_url_name(source)
	                                               : xstrdup(slash ? slash + 1 : source);
	AUTO_FREE char *to = NULL;

	if (is_stdin(source))
		return put_file(s, s->target);
	if (!io_is_component(name))
		return error_set(s->err, SLUICE_INVALID, "'%s' names no file", s->what);
	to = path_join(s->target, name);
	return put_file(s, to);
}

static int put(struct source *s, const char *source)
{
	int rc = datasets_is_url(source) ? come_from_url(s, source)
	         : is_stdin(source)      ? come_from_stdin(s)
	                                 : come_from_file(s);

	/* What is fetched is checked on its way. */
	if (rc == 0 && s->how->digest && !datasets_is_url(source))
		rc = check_digest(s);
	if (rc == 0 && s->how->unpack && s->part < 0)
		rc = open_part(s);
	if (rc == 0)
		rc = s->how->unpack ? put_archive(s) : put_named(s, source);
	/* A part of what a URL has is gone on with. */
	if (s->name[0] && (rc == 0 || !datasets_is_url(source)))
		(void)unlinkat(s->part, s->name, 0);
	return rc;
}

static int check_target(const struct source *s, const char *source)
{
	if (!is_stdin(source) || s->how->unpack || s->target[0])
		return 0;
	return error_set(s->err, SLUICE_INVALID,
	                 "standard input has no name: give the path of its file in the version "
	                 "by --target-path");
}

int datasets_put_as(struct datasets *d, const struct dataset_version *v, const char *source,
                    const struct datasets_put_how *how, struct error *err)
{
	AUTO_FREE char *what = datasets_is_url(source) ? http_url_for_message(source)
	                       : is_stdin(source)      ? xstrdup("<stdin>")
	                                               : xstrdup(source);
	struct source s = {
		.d = d, .v = v, .how = how, .what = what, .part = -1, .fd = -1, .err = err
	};
	int rc;

	if (!datasets_is_url(source) && !is_stdin(source) && !how->unpack && !how->digest)
		return files_put(d, v, source, how, err);
	rc = files_clean(how->target, &s.target, err);
	if (rc == 0)
		rc = check_target(&s, source);
	if (rc == 0)
		rc = put(&s, source);
	cleanup_fd(&s.fd);
	cleanup_fd(&s.part);
	free(s.target);
	return rc < 0 ? error_wrap(err, "cannot put files into '%s:%s'", v->dataset, v->id) : 0;
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool datasets_put_is_direct(const char *const *source, size_t n, const struct datasets_put_how *how)
{
	return n == 1 && !how->unpack && !how->digest && is_directory(source[0]);
}

int datasets_put_commit(struct datasets *d, struct dataset_version *v, const char *directory,
                        const char *target, const struct store_watch *watch, struct error *err)
{
	AUTO_FREE char *below = NULL;
	AUTO_FREE char *real = realpath(directory, NULL); /* what was named may be a link to it */
	struct commit_source from = { .foreign = true, .path = real ? real : directory };
	int rc = files_directory_target(directory, target, &below, err);

	from.below = below;
	return rc < 0 ? rc : commit_source(d, v, &from, watch, err);
}
