#include "dataset/export.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/byte_names.h"
#include "base/cleanup.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

const char *const export_formats[] = { "tar", "tar.gz", "tar.zst", "zip", NULL };

enum { STEP = 128 << 10, LAST_BLOCK = 1 };

/* 1980-01-01 00:00 UTC */
static const time_t epoch = 315532800;

const char *export_format_of(const char *file)
{
	size_t len = strlen(file);

	for (const char *const *format = export_formats; *format; format++) {
		size_t n = strlen(*format);

		if (len > n && file[len - n - 1] == '.' && strcmp(file + len - n, *format) == 0)
			return *format;
	}
	return len > 4 && strcmp(file + len - 4, ".tgz") == 0 ? "tar.gz" : NULL;
}

struct exporting {
	struct datasets *d;
	const struct export_how *how;
	struct archive *archive;
	struct archive_entry *entry;
	uint8_t *buf; /* STEP bytes */
	uint64_t n;
	struct error *err;
};

static int fail(const struct exporting *x, const char *path)
{
	AUTO_STRBUF struct strbuf shown = STRBUF_INIT(STRBUF_BIG);
	int sys = archive_errno(x->archive);
	const char *why = archive_error_string(x->archive);

	strbuf_addprintable(&shown, path, NAME_MAX_LEN);
	if (sys == EPIPE)
		return error_set(x->err, SLUICE_CANCELED, "nobody reads the archive any more");
	if (sys > 0)
		return error_sys(x->err, sys, "cannot write '%s' to the archive",
		                 strbuf_str(&shown));
	return error_set(x->err, SLUICE_LIMIT, "cannot write '%s' to the archive: %s",
	                 strbuf_str(&shown), why ? why : "it is full");
}

/* --- what is always the same ------------------------------------------------------------------ */

static bool set_format(struct archive *a, const char *format)
{
	if (strcmp(format, "zip") == 0)
		return archive_write_set_format_zip(a) == ARCHIVE_OK;
	if (archive_write_set_format_pax_restricted(a) != ARCHIVE_OK)
		return false;
	if (strcmp(format, "tar.gz") == 0)
		return archive_write_add_filter_gzip(a) == ARCHIVE_OK &&
		       archive_write_set_filter_option(a, "gzip", "timestamp", NULL) == ARCHIVE_OK;
	return strcmp(format, "tar.zst") != 0 || archive_write_add_filter_zstd(a) == ARCHIVE_OK;
}

static void fill_entry(const struct exporting *x, const struct store_entry *e)
{
	bool exec = e->kind == 'x' || e->kind == 'C';

	archive_entry_clear(x->entry);
	archive_entry_set_pathname(x->entry, e->path);
	archive_entry_set_mtime(x->entry, epoch, 0);
	archive_entry_set_uid(x->entry, 0);
	archive_entry_set_gid(x->entry, 0);
	if (e->kind == 'l') {
		archive_entry_set_filetype(x->entry, AE_IFLNK);
		archive_entry_set_symlink(x->entry, e->target);
		archive_entry_set_perm(x->entry, 0777);
		return;
	}
	archive_entry_set_filetype(x->entry, e->kind == 'd' ? AE_IFDIR : AE_IFREG);
	archive_entry_set_perm(x->entry, e->kind == 'd' || exec ? 0755 : 0644);
	archive_entry_set_size(x->entry, e->kind == 'd' ? 0 : (int64_t)e->size);
}

/* --- the entries ------------------------------------------------------------------------------ */

static int write_data(const struct exporting *x, const struct store_entry *e)
{
	AUTO_FD int fd = store_open_file(x->d->store, e, x->err);
	ssize_t n;

	if (fd < 0)
		return fd;
	while ((n = read(fd, x->buf, STEP)) > 0 || (n < 0 && errno == EINTR)) {
		if (n > 0 && archive_write_data(x->archive, x->buf, (size_t)n) != n)
			return fail(x, e->path);
		progress_add(x->how->progress, n > 0 ? (uint64_t)n : 0);
	}
	return n < 0 ? error_sys(x->err, errno, "cannot read '%s'", e->path) : 0;
}

/* Who reads a zip takes a backslash for a slash. */
static bool is_for_format(const struct exporting *x, const char *path)
{
	return strcmp(x->how->format, "zip") != 0 || !strchr(path, '\\');
}

static int write_entry(void *arg, const struct store_entry *e)
{
	struct exporting *x = arg;

	if (!is_for_format(x, e->path))
		return error_set(x->err, SLUICE_INVALID,
		                 "a zip cannot have '%.512s', which has a backslash: take a tar",
		                 e->path);
	x->n++;
	fill_entry(x, e);
	/* A warning is of a name that is no UTF-8: its bytes are kept as they are. */
	if (archive_write_header(x->archive, x->entry) < ARCHIVE_WARN)
		return fail(x, e->path);
	return e->kind == 'l' || e->kind == 'd' ? 0 : write_data(x, e);
}

static int write_all(struct exporting *x, const struct dataset_version *v, int fd)
{
	int rc;

	if (!set_format(x->archive, x->how->format) ||
	    archive_write_set_bytes_in_last_block(x->archive, LAST_BLOCK) != ARCHIVE_OK ||
	    archive_write_open_fd(x->archive, fd) != ARCHIVE_OK)
		return fail(x, "");
	rc = datasets_each_file(x->d, v, x->how->prefix, write_entry, x, x->err);
	if (rc == 0 && x->n == 0 && x->how->prefix[0])
		return error_set(x->err, SLUICE_NOT_FOUND,
		                 "version '%s:%s' has no file or folder '%s'", v->dataset_name,
		                 v->id, x->how->prefix);
	if (rc == 0 && archive_write_close(x->archive) != ARCHIVE_OK)
		return fail(x, "");
	return rc;
}

int datasets_export(struct datasets *d, const struct dataset_version *v,
                    const struct export_how *how, int fd, struct error *err)
{
	locale_t before = byte_names_begin();
	AUTO_FREE uint8_t *buf = xmalloc(STEP);
	struct exporting x = {
		.d = d,
		.how = how,
		.archive = archive_write_new(),
		.entry = archive_entry_new(),
		.buf = buf,
		.err = err,
	};
	AUTO_FD int shared = store_lock(d->store, LOCK_SHARED, err);
	int rc = shared;

	if (rc >= 0 && !v->committed)
		rc = error_set(err, SLUICE_INVALID,
		               "version '%s:%s' is open, and may still change: commit it first",
		               v->dataset_name, v->id);
	if (rc >= 0)
		rc = datasets_fetch(d, v, DATASET_FILES, how->progress, err);
	if (rc >= 0)
		rc = write_all(&x, v, fd);
	(void)archive_write_free(x.archive);
	archive_entry_free(x.entry);
	byte_names_end(before);
	return rc < 0 ? error_wrap(err, "cannot export '%s:%s'", v->dataset, v->id) : 0;
}
