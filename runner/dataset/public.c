#include "dataset/public.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/archive.h"
#include "dataset/internal.h"
#include "loop/fetch.h"
#include "public_shipped.h"

void datasets_use_public(struct datasets *d, const struct datasets_public *how)
{
	d->public = *how;
}

int datasets_load_public(struct datasets *d, struct public_catalog *ret_catalog, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(PUBLIC_CATALOG_MAX);
	const char *path = NULL;
	int rc = d->public.catalog ? d->public.catalog(d->public.arg, &path, err) : 0;

	*ret_catalog = (struct public_catalog){ .namespace = NULL };
	if (rc < 0)
		return rc;
	if (!path)
		return public_catalog_parse((const char *)public_shipped, sizeof public_shipped,
		                            "public.yaml", ret_catalog, err);
	rc = io_read_file(AT_FDCWD, path, &text);
	if (rc < 0) {
		(void)error_sys(err, rc, "cannot read the catalog of public datasets '%s'", path);
		return err->class = SLUICE_INVALID;
	}
	return public_catalog_parse(strbuf_str(&text), text.len, path, ret_catalog, err);
}

/* --- one file --------------------------------------------------------------------------------- */

enum { FILES_MODE = 0755, PART_SIZE = sizeof "part-" + DIGEST_HEX_LEN };

/* The names below HOME/public/NAMESPACE.NAME. */
#define FILES_DIR "files"

struct fetching {
	struct datasets *d;
	const struct public_dataset *public;
	const char *name; /* gradient/mnist */
	int dir;          /* HOME/public/NAMESPACE.NAME */
	int files;        /* ... and below it, those that are whole */
	struct error *err;
};

static void note(const struct fetching *f, const char *text)
{
	if (f->d->public.note)
		f->d->public.note(f->d->public.arg, text);
}

static bool is_local(const struct public_file *file)
{
	return strncmp(file->url, "file://", strlen("file://")) == 0;
}

/* Without what may be a secret. */
static char *shown_url(const struct public_file *file)
{
	return is_local(file) ? xstrdup(file->url) : http_url_for_message(file->url);
}

/* What it is called while it comes. */
static char *shown_name(const struct public_file *file)
{
	const char *end = strrchr(file->url, '/') + 1;

	return file->unpack ? xstrndup(end, strcspn(end, "?#")) : xstrdup(file->path);
}

static int check_size(const struct fetching *f, const struct public_file *file, int fd)
{
	AUTO_FREE char *url = shown_url(file);
	struct stat st;

	if (fstat(fd, &st) != 0)
		return error_sys(f->err, errno, "cannot read what came of '%s'", url);
	if (file->size == 0 || (uint64_t)st.st_size == file->size)
		return 0;
	return error_set(f->err, SLUICE_CORRUPT, "'%s' has %lld bytes; the catalog says %" PRIu64,
	                 url, (long long)st.st_size, file->size);
}

static int check(const struct fetching *f, const struct public_file *file, int fd)
{
	AUTO_FREE char *url = shown_url(file);
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

static int copy_local(const struct fetching *f, const struct public_file *file, int to)
{
	const char *path = file->url + strlen("file://");
	AUTO_FD int from = open(path, O_RDONLY | O_CLOEXEC);
	int rc = from < 0 ? -errno : ftruncate(to, 0) == 0 ? io_copy(from, to) : -errno;

	return rc < 0 ? error_sys(f->err, rc, "cannot copy '%s'", path) : check(f, file, to);
}

/* An earlier try got it all, and nothing has happened to it. */
static bool is_whole(const struct fetching *f, const struct public_file *file, int fd)
{
	struct fetching quiet = *f;
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
static int download(const struct fetching *f, const struct public_file *file, int to)
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

static int finish_file(const struct fetching *f, const struct public_file *file, const char *part)
{
	const char *slash = strrchr(file->path, '/');
	AUTO_FREE char *above = slash ? xstrndup(file->path, (size_t)(slash - file->path)) : NULL;
	int rc = above ? io_mkdirs_beneath(f->files, above, FILES_MODE) : 0;

	if (rc == 0 && renameat(f->dir, part, f->files, file->path) != 0)
		rc = -errno;
	return rc < 0 ? error_sys(f->err, rc, "cannot keep '%s'", file->path) : 0;
}

static int unpack(const struct fetching *f, const struct public_file *file, int fd)
{
	AUTO_FREE char *name = shown_name(file);
	AUTO_FREE char *text = xasprintf("unpacking %s", name);
	AUTO_FD int to = -1;
	int rc = file->path[0] ? io_mkdirs_beneath(f->files, file->path, FILES_MODE) : 0;

	to = rc < 0 ? rc
	            : io_open_beneath(f->files, file->path[0] ? file->path : ".",
	                              O_RDONLY | O_DIRECTORY, 0);
	if (to < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return error_sys(f->err, to < 0 ? to : -errno, "cannot unpack '%s'", name);
	note(f, text);
	return archive_unpack(fd, to, name, NULL, f->err);
}

static bool is_there(const struct fetching *f, const struct public_file *file)
{
	AUTO_FD int fd = io_open_beneath(f->files, file->path, O_RDONLY, 0);

	return fd >= 0 && is_whole(f, file, fd);
}

static int fetch_one(const struct fetching *f, const struct public_file *file)
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
	note(f, text);
	part_name(file, part);
	fd = openat(f->dir, part, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0)
		return error_sys(f->err, errno, "cannot write below '%s/public'", f->d->home);
	rc = is_local(file) ? copy_local(f, file, fd) : download(f, file, fd);
	if (rc < 0)
		return rc;
	return file->unpack ? unpack(f, file, fd) : finish_file(f, file, part);
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Said before hours have gone by.  What came before counts as if it had still to come, and what an
 * archive holds as if it was no larger. */
static int check_room(const struct fetching *f)
{
	enum { MEGA = 1000000 };
	uint64_t need = public_dataset_size(f->public);
	struct statvfs fs;

	for (size_t i = 0; need > 0 && i < f->public->n; i++)
		if (f->public->file[i].unpack &&
		    __builtin_add_overflow(need, f->public->file[i].size, &need))
			need = UINT64_MAX;
	if (fstatvfs(f->dir, &fs) != 0 || need / fs.f_frsize <= fs.f_bavail)
		return 0;
	return error_set(
		f->err, SLUICE_LIMIT,
		"'%s' takes %" PRIu64 " MB, and where the home '%s' lies %" PRIu64 " MB are free",
		f->name, need / MEGA, f->d->home, (uint64_t)fs.f_bavail * fs.f_frsize / MEGA);
}

static int fetch_files(const struct fetching *f)
{
	int rc = f->public->directory ? 0 : check_room(f);

	for (size_t i = 0; rc == 0 && i < f->public->n; i++)
		rc = fetch_one(f, &f->public->file[i]);
	return rc;
}

/* The dataset may be there, without a version: of one that was killed, or a person. */
static int find_or_create(const struct fetching *f, struct dataset *ret_dataset)
{
	const char *text = f->public->description ? f->public->description : "";
	AUTO_FREE char *description = xasprintf("%s: %.900s", f->name, text);
	int rc = datasets_create(f->d, f->public->name, description, NULL, ret_dataset, f->err);

	return rc == SLUICE_EXISTS ? datasets_find(f->d, f->public->name, ret_dataset, f->err) : rc;
}

/* Where files of an open version are collected there is nothing yet, and the whole directory can
 * take that place. */
static int move_files(const struct fetching *f, const struct dataset_version *v)
{
	AUTO_FREE char *data = NULL;
	int rc = datasets_open_path(f->d, v, &data, f->err);

	if (rc < 0)
		return rc;
	return renameat(f->dir, FILES_DIR, AT_FDCWD, data) == 0
	               ? 0
	               : error_sys(f->err, errno, "cannot move what was fetched to '%s'", data);
}

static int fill(const struct fetching *f, const struct dataset_version *v)
{
	AUTO_FREE char *source = NULL;

	if (!f->public->directory)
		return move_files(f, v);
	source = xasprintf("%s/", f->public->directory);
	return datasets_put(f->d, v, source, "", f->err);
}

struct left {
	const struct dataset_version *ours;
	struct dataset_version version;
};

static int take_left(void *arg, const struct dataset_version *v)
{
	struct left *l = arg;

	if (strcmp(v->message, l->ours->message) != 0 || strcmp(v->id, l->ours->id) == 0)
		return 0;
	l->version = *v;
	return 1;
}

/* Nobody else is about it: what else is open under our message is of one that was killed. */
static int drop_left(const struct fetching *f, const struct dataset *dataset,
                     const struct dataset_version *ours)
{
	struct left left = { .ours = ours };
	int rc;

	while ((rc = datasets_each_version(f->d, dataset, false, take_left, &left, f->err)) == 1) {
		rc = datasets_drop_version(f->d, &left.version, f->err);
		if (rc < 0)
			break;
	}
	return rc;
}

static int commit(const struct fetching *f)
{
	AUTO_FREE char *from = f->public->directory ? xstrdup(f->public->directory)
	                                            : shown_url(&f->public->file[0]);
	AUTO_FREE char *message = xasprintf("public dataset %s, from %.512s%s", f->name, from,
	                                    f->public->n > 1 ? " and others" : "");
	struct dataset dataset;
	struct dataset_version v;
	struct error ignored;
	int rc = find_or_create(f, &dataset);

	if (rc == 0)
		rc = datasets_open_version(f->d, &dataset, message, NULL, &v, f->err);
	if (rc < 0)
		return rc;
	rc = drop_left(f, &dataset, &v);
	if (rc == 0)
		rc = fill(f, &v);
	if (rc == 0)
		rc = datasets_commit(f->d, &v, NULL, NULL, f->err);
	if (rc < 0)
		(void)!datasets_drop_version(f->d, &v, &ignored); /* it says why on its own */
	return rc;
}

static bool has_archives(const struct public_dataset *d)
{
	for (size_t i = 0; i < d->n; i++)
		if (d->file[i].unpack)
			return true;
	return false;
}

/* HOME/public/NAMESPACE.NAME, and the directory for whole files in it.  Of an archive that was
 * half unpacked nobody can tell which ones are whole. */
static int open_place(struct fetching *f, const char *path)
{
	AUTO_FREE char *files = xasprintf("%s/" FILES_DIR, path);
	int rc = has_archives(f->public) ? io_remove_tree(AT_FDCWD, files) : 0;

	if (rc == 0)
		rc = io_mkdirs(files, FILES_MODE);
	f->dir = rc < 0 ? rc : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->files = f->dir < 0 ? -1 : open(files, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->files < 0)
		return error_sys(f->err, rc < 0 ? rc : errno, "cannot make '%s'", files);
	return 0;
}

/* The lock lies beside what goes when all is done. */
static int lock_place(const struct fetching *f, const char *all, const char *path)
{
	AUTO_FREE char *lock = xasprintf("%s.lock", path);
	int rc = io_mkdirs(all, FILES_MODE);
	int fd = rc < 0 ? rc : lock_take(AT_FDCWD, lock, LOCK_EXCLUSIVE, false);

	if (fd == -EWOULDBLOCK) {
		note(f, "waiting for another sluice that fetches it");
		fd = lock_take(AT_FDCWD, lock, LOCK_EXCLUSIVE, true);
	}
	return fd < 0 ? error_sys(f->err, fd, "cannot lock '%s'", lock) : fd;
}

static int take_any(void *arg, const struct dataset_version *v)
{
	(void)arg;
	(void)v;
	return 1;
}

int public_is_wanted(struct datasets *d, const char *name, struct error *err)
{
	const char *slash = strchr(name, '/');
	struct dataset dataset;
	int rc;

	if (!slash)
		return 0;
	rc = datasets_find(d, slash + 1, &dataset, err);
	if (rc == 0)
		rc = datasets_each_version(d, &dataset, true, take_any, NULL, err);
	else if (rc == SLUICE_NOT_FOUND)
		return 1;
	return rc < 0 ? rc : rc == 0;
}

static int fetch_dataset(struct fetching *f)
{
	AUTO_FREE char *all = xasprintf("%s/public", f->d->home);
	AUTO_FREE char *own = xstrdup(f->name);
	AUTO_FREE char *path = NULL;
	AUTO_FD int lock = -1;
	int rc;

	own[strcspn(own, "/")] = '.';
	path = xasprintf("%s/%s", all, own);
	lock = lock_place(f, all, path);
	rc = lock < 0 ? lock : index_heal(f->d, f->err); /* who had the lock may have been killed */
	if (rc == 0)
		rc = public_is_wanted(f->d, f->name, f->err); /* still */
	if (rc <= 0)
		return rc;
	rc = open_place(f, path);
	if (rc == 0)
		rc = fetch_files(f);
	if (rc == 0)
		rc = commit(f);
	if (rc == 0)
		(void)!io_remove_tree(AT_FDCWD, path); /* what stays of it is in nobody's way */
	return rc;
}

static int unknown(const struct public_catalog *c, const char *name, struct error *err)
{
	AUTO_STRBUF struct strbuf names = STRBUF_INIT(sizeof err->msg / 2);

	for (size_t i = 0; i < c->n; i++)
		strbuf_addf(&names, "%s%s", i == 0 ? "" : ", ", c->dataset[i].name);
	return error_set(err, SLUICE_NOT_FOUND,
	                 "no dataset '%.128s': the catalog of public datasets has %s; a dataset of "
	                 "your own that is called so would do as well",
	                 name, strbuf_str(&names));
}

int public_fetch(struct datasets *d, const char *name, struct error *err)
{
	AUTO_PUBLIC_CATALOG struct public_catalog catalog = { .namespace = NULL };
	struct fetching f = { .d = d, .name = name, .dir = -1, .files = -1, .err = err };
	int rc = datasets_load_public(d, &catalog, err);

	if (rc < 0)
		return rc;
	f.public = public_catalog_find(&catalog, name);
	if (!f.public)
		return strncmp(name, catalog.namespace, strcspn(name, "/")) == 0 &&
		                       catalog.namespace[strcspn(name, "/")] == '\0'
		               ? unknown(&catalog, name, err)
		               : PUBLIC_NONE;
	if (!d->public.fetch)
		return error_set(err, SLUICE_NOT_FOUND,
		                 "public dataset '%s' is not here yet, and would be fetched now",
		                 name);
	rc = fetch_dataset(&f);
	cleanup_fd(&f.dir);
	cleanup_fd(&f.files);
	return rc < 0 ? error_wrap(err, "cannot fetch '%s'", name) : 0;
}

/* --- what is left of fetches ------------------------------------------------------------------ */

struct tidying {
	int all; /* HOME/public */
	bool dry_run;
	uint64_t count;
};

/* The locks stay: somebody may be waiting for one. */
static int remove_left(void *arg, const char *name)
{
	struct tidying *t = arg;
	AUTO_FREE char *lock = xasprintf("%s.lock", name);
	AUTO_FD int fd = -1;
	struct stat st;

	if (fstatat(t->all, name, &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISDIR(st.st_mode))
		return 0;
	fd = lock_take(t->all, lock, LOCK_EXCLUSIVE, false);
	if (fd < 0)
		return fd == -EWOULDBLOCK ? 0 : fd;
	t->count++;
	return t->dry_run ? 0 : io_remove_tree(t->all, name);
}

int public_tidy(struct datasets *d, bool dry_run, uint64_t *count, struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/public", d->home);
	AUTO_FD int all = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct tidying t = { .all = all, .dry_run = dry_run };
	int rc = all < 0 ? -errno : copy_each_name(all, ".", remove_left, &t);

	*count += t.count;
	return rc < 0 && rc != -ENOENT
	               ? error_sys(err, rc, "cannot remove what is left in '%s'", path)
	               : 0;
}
