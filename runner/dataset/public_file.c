/* One file of a public dataset: fetched, verified, and unpacked where it is an archive. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/archive.h"
#include "dataset/internal.h"
#include "loop/fetch.h"

enum { PART_SIZE = sizeof "part-" + DIGEST_HEX_LEN };

void public_note(const struct public_fetching *f, const char *text)
{
	if (f->d->public.note)
		f->d->public.note(f->d->public.arg, text);
}

static bool is_local(const struct public_file *file)
{
	return strncmp(file->url, "file://", strlen("file://")) == 0;
}

char *public_shown_url(const struct public_file *file)
{
	return is_local(file) ? xstrdup(file->url) : http_url_for_message(file->url);
}

/* What it is called while it comes. */
static char *shown_name(const struct public_file *file)
{
	const char *end = strrchr(file->url, '/') + 1;

	return file->unpack ? xstrndup(end, strcspn(end, "?#")) : xstrdup(file->path);
}

static int check_size(const struct public_fetching *f, const struct public_file *file, int fd)
{
	AUTO_FREE char *url = public_shown_url(file);
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_sys(f->err, errno, "cannot read what came of '%s'", url);
	if (file->size == 0 || (uint64_t)st.st_size == file->size)
		return 0;
	return error_set(f->err, SLUICE_CORRUPT, "'%s' has %lld bytes; the catalog says %" PRIu64,
	                 url, (long long)st.st_size, file->size);
}

static int check(const struct public_fetching *f, const struct public_file *file, int fd)
{
	AUTO_FREE char *url = public_shown_url(file);
	char is[DIGEST_HEX_LEN + 1], must_be[DIGEST_HEX_LEN + 1];
	struct digest digest;
	int rc = check_size(f, file, fd);

	if (rc < 0 || !file->has_digest)
		return rc;
	rc = digest_of_fd(fd, &digest);
	if (rc < 0)
		return error_sys(f->err, rc, "cannot read what came of '%s'", url);
	if (digest_equal(&digest, &file->digest))
		return 0;
	return error_set(f->err, SLUICE_CORRUPT, "'%s' has the SHA-256 %s; the catalog says %s",
	                 url, digest_hex(&digest, is), digest_hex(&file->digest, must_be));
}

static int copy_local(const struct public_fetching *f, const struct public_file *file, int to)
{
	const char *path = file->url + strlen("file://");
	AUTO_FD int from = open(path, O_RDONLY | O_CLOEXEC);
	int rc = from < 0 ? -errno : ftruncate(to, 0) == 0 ? io_copy(from, to) : -errno;

	return rc < 0 ? error_sys(f->err, rc, "cannot copy '%s'", path) : check(f, file, to);
}

/* An earlier try got it all, and nothing has happened to it. */
static bool is_whole(const struct public_fetching *f, const struct public_file *file, int fd)
{
	struct public_fetching quiet = *f;
	struct error ignored;

	quiet.err = &ignored;
	return check(&quiet, file, fd) == 0;
}

struct coming {
	const struct datasets_public *how;
	const char *name;
	uint64_t size; /* as the catalog says */
};

static void on_progress(void *arg, uint64_t have, int64_t total)
{
	const struct coming *c = arg;

	if (c->how->progress)
		c->how->progress(c->how->arg, c->name, have, total > 0 ? (uint64_t)total : c->size);
}

/* What comes is hashed on its way. */
static int download(const struct public_fetching *f, const struct public_file *file, int to)
{
	AUTO_FREE char *name = shown_name(file);
	struct coming coming = { .how = &f->d->public, .name = name, .size = file->size };
	struct fetch how = {
		.on_progress = on_progress,
		.arg = &coming,
		.request = { .url = file->url, .max_body = file->size },
		.digest = file->has_digest ? &file->digest : NULL,
	};
	int rc;

	if (file->has_digest && is_whole(f, file, to))
		return 0;
	rc = fetch_file(&how, to, f->err);
	if (coming.how->progress)
		coming.how->progress(coming.how->arg, NULL, 0, 0);
	return rc < 0 ? rc : check_size(f, file, to);
}

/* What was begun goes on where its digest will tell whether it was the same. */
static void part_name(const struct public_file *file, char name[PART_SIZE])
{
	char hex[DIGEST_HEX_LEN + 1] = "";

	if (file->has_digest)
		digest_hex(&file->digest, hex);
	(void)snprintf(name, PART_SIZE, "part-%s", hex);
}

int public_keep_file(const struct public_fetching *f, const char *part, const char *path,
                     struct error *err)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *above = slash ? xstrndup(path, (size_t)(slash - path)) : NULL;
	int rc = above ? io_mkdirs_beneath(f->files, above, PUBLIC_DIR_MODE) : 0;

	if (rc == 0 && renameat(f->dir, part, f->files, path) != 0)
		rc = -errno;
	return rc < 0 ? error_sys(err, rc, "cannot keep '%s'", path) : 0;
}

static int unpack(const struct public_fetching *f, const struct public_file *file, int fd)
{
	AUTO_FREE char *name = shown_name(file);
	AUTO_FREE char *text = xasprintf("unpacking %s", name);
	AUTO_FD int to = -1;
	int rc = file->path[0] ? io_mkdirs_beneath(f->files, file->path, PUBLIC_DIR_MODE) : 0;

	to = rc < 0 ? rc
	            : io_open_beneath(f->files, file->path[0] ? file->path : ".",
	                              O_RDONLY | O_DIRECTORY, 0);
	if (to < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(f->err, to < 0 ? to : -errno, "cannot unpack '%s'", name);
	public_note(f, text);
	return archive_unpack(fd, to, name, NULL, f->err);
}

static bool is_there(const struct public_fetching *f, const struct public_file *file)
{
	AUTO_FD int fd = io_open_beneath(f->files, file->path, O_RDONLY, 0);

	return fd >= 0 && is_whole(f, file, fd);
}

int public_fetch_file(const struct public_fetching *f, const struct public_file *file)
{
	AUTO_FREE char *name = shown_name(file);
	AUTO_FREE char *text =
		xasprintf("fetching %s: %s%s", f->name, name,
	                  file->has_digest ? "" : " (there is no digest to verify it by)");
	char part[PART_SIZE];
	AUTO_FD int fd = -1;
	int rc;

	if (!file->unpack && is_there(f, file))
		return 0;
	public_note(f, text);
	part_name(file, part);
	fd = openat(f->dir, part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_sys(f->err, errno, "cannot write below '%s/public'", f->d->home);
	rc = is_local(file) ? copy_local(f, file, fd) : download(f, file, fd);
	if (rc < 0)
		return rc;
	return file->unpack ? unpack(f, file, fd) : public_keep_file(f, part, file->path, f->err);
}
