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
#include "dataset/internal.h"
#include "public_shipped.h"

/* Below HOME/public/NAMESPACE.NAME, the files that are whole. */
#define FILES_DIR "files"

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

/* Said before hours have gone by.  What came before counts as if it had still to come. */
int public_check_room(const struct public_fetching *f, uint64_t need)
{
	enum { MEGA = 1000000 };
	struct statvfs fs;

	if (fstatvfs(f->dir, &fs) != 0 || need / fs.f_frsize <= fs.f_bavail)
		return 0;
	return error_set(
		f->err, SLUICE_LIMIT,
		"'%s' takes %" PRIu64 " MB, and where the home '%s' lies %" PRIu64 " MB are free",
		f->name, need / MEGA, f->d->home, (uint64_t)fs.f_bavail * fs.f_frsize / MEGA);
}

/* What an archive holds counts as if it was no larger. */
static uint64_t room_for_files(const struct public_dataset *d)
{
	uint64_t need = public_dataset_size(d);

	for (size_t i = 0; need > 0 && i < d->n; i++)
		if (d->file[i].unpack && __builtin_add_overflow(need, d->file[i].size, &need))
			need = UINT64_MAX;
	return need;
}

static int fetch_files(const struct public_fetching *f)
{
	int rc;

	if (f->public->directory)
		return 0;
	if (f->public->s3)
		return public_fetch_s3(f);
	rc = public_check_room(f, room_for_files(f->public));
	for (size_t i = 0; rc == 0 && i < f->public->n; i++)
		rc = public_fetch_file(f, &f->public->file[i]);
	return rc;
}

/* The dataset may be there, without a version: of one that was killed, or a person. */
static int find_or_create(const struct public_fetching *f, struct dataset *ret_dataset)
{
	const char *text = f->public->description ? f->public->description : "";
	AUTO_FREE char *description = xasprintf("%s: %.900s", f->name, text);
	int rc = datasets_create(f->d, f->public->name, description, NULL, ret_dataset, f->err);

	return rc == SLUICE_EXISTS ? datasets_find(f->d, f->public->name, ret_dataset, f->err) : rc;
}

/* Where files of an open version are collected there is nothing yet, and the whole directory can
 * take that place. */
static int move_files(const struct public_fetching *f, const struct dataset_version *v)
{
	AUTO_FREE char *data = NULL;
	int rc = datasets_open_path(f->d, v, &data, f->err);

	if (rc < 0)
		return rc;
	return renameat(f->dir, FILES_DIR, AT_FDCWD, data) == 0
	               ? 0
	               : error_sys(f->err, errno, "cannot move what was fetched to '%s'", data);
}

static int fill(const struct public_fetching *f, const struct dataset_version *v)
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
static int drop_left(const struct public_fetching *f, const struct dataset *dataset,
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

static int commit(const struct public_fetching *f)
{
	AUTO_FREE char *from = f->public->directory ? xstrdup(f->public->directory)
	                       : f->public->s3      ? xstrdup(f->public->s3)
	                                            : public_shown_url(&f->public->file[0]);
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
static int open_place(struct public_fetching *f, const char *path)
{
	AUTO_FREE char *files = xasprintf("%s/" FILES_DIR, path);
	int rc = has_archives(f->public) ? io_remove_tree(AT_FDCWD, files) : 0;

	if (rc == 0)
		rc = io_mkdirs(files, PUBLIC_DIR_MODE);
	f->dir = rc < 0 ? rc : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	f->files = f->dir < 0 ? -1 : open(files, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (f->files < 0)
		return error_sys(f->err, rc < 0 ? rc : errno, "cannot make '%s'", files);
	return 0;
}

/* The lock lies beside what goes when all is done. */
static int lock_place(const struct public_fetching *f, const char *all, const char *path)
{
	AUTO_FREE char *lock = xasprintf("%s.lock", path);
	int rc = io_mkdirs(all, PUBLIC_DIR_MODE);
	int fd = rc < 0 ? rc : lock_take(AT_FDCWD, lock, LOCK_EXCLUSIVE, false);

	if (fd == -EWOULDBLOCK) {
		public_note(f, "waiting for another sluice that fetches it");
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

static int fetch_dataset(struct public_fetching *f)
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
	struct public_fetching f = { .d = d, .name = name, .dir = -1, .files = -1, .err = err };
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
