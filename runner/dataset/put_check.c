/*
 * Two sources of one command may not have a file at the same path of the version: the later one
 * would silently take the place of the other.
 */
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

struct landing {
	const char *source;
	char *to; /* of a file its path in the version, of a directory that of what is in it */
	bool directory;
};

static bool is_directory(const char *source)
{
	struct stat st;

	return strcmp(source, "-") != 0 && stat(source, &st) == 0 && S_ISDIR(st.st_mode);
}

static int land(struct landing *l, const char *target, struct error *err)
{
	AUTO_FREE char *below = NULL;
	AUTO_FREE char *name = NULL;
	int rc;

	if (l->directory)
		return files_directory_target(l->source, target, &l->to, err);
	rc = files_clean(target, &below, err);
	if (rc < 0)
		return rc;
	if (strcmp(l->source, "-") == 0) {
		l->to = take_ptr(&below);
		return 0;
	}
	name = datasets_is_url(l->source) ? source_url_name(l->source) : files_base(l->source);
	l->to = path_join(below, name);
	return 0;
}

/* Paths in the version, whose root is "". */
static bool is_at_or_below(const char *path, const char *top)
{
	return !top[0] || io_is_below(path, top);
}

static bool makes_file(const struct landing *l, const char *path)
{
	AUTO_FREE char *file = NULL;
	struct stat st;

	if (!l->directory)
		return strcmp(path, l->to) == 0;
	if (!is_at_or_below(path, l->to))
		return false;
	file = xasprintf("%s/%s", l->source, path + strlen(l->to));
	return lstat(file, &st) == 0 && !S_ISDIR(st.st_mode);
}

/* Holds a file of a source against the sources before that. */
static int check_file(const struct landing *first, const struct landing *l, const char *source,
                      const char *path, struct error *err)
{
	for (; first < l; first++)
		if (makes_file(first, path))
			return error_set(err, SLUICE_INVALID,
			                 "will not overwrite just-put '%s' with '%s': rename one "
			                 "of them, or put the directories that they are in",
			                 path, source);
	return 0;
}

/* What cannot be read is told when it is put. */
static int check_directory(const struct landing *first, const struct landing *l, struct error *err)
{
	char *const paths[] = { (char *)(uintptr_t)l->source, NULL };
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL);
	const FTSENT *e;
	int rc = 0;

	while (rc == 0 && fts && (e = fts_read(fts))) {
		const char *below = e->fts_path + strlen(l->source);
		AUTO_FREE char *path = path_join(l->to, below + strspn(below, "/"));

		if (e->fts_level == 0 || e->fts_info == FTS_D || e->fts_info == FTS_DP)
			continue;
		rc = check_file(first, l, e->fts_path, path, err);
	}
	if (fts)
		(void)fts_close(fts);
	return rc;
}

static int check(const struct landing *first, const struct landing *l, struct error *err)
{
	bool may = false;

	if (!l->directory)
		return check_file(first, l, l->source, l->to, err);
	for (const struct landing *other = first; other < l; other++)
		may = may || is_at_or_below(other->to, l->to) || is_at_or_below(l->to, other->to);
	return may ? check_directory(first, l, err) : 0;
}

int datasets_put_check(const char *const *source, size_t n, const struct datasets_put_how *how,
                       struct error *err)
{
	struct landing *l = xcalloc(n + 1, sizeof *l);
	int rc = 0;

	for (size_t i = 0; rc == 0 && !how->unpack && i < n; i++) {
		l[i].source = source[i];
		l[i].directory = is_directory(source[i]);
		rc = land(&l[i], how->target, err);
		if (rc == 0)
			rc = check(l, &l[i], err);
	}
	for (size_t i = 0; i < n; i++)
		free(l[i].to);
	free(l);
	return rc;
}
