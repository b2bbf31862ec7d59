#include "store/gc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "store/internal.h"
#include "store/marks.h"
#include "store/seen.h"

enum {
	STEP_MS = 50,      /* how long the lock is held for one step, about */
	BATCH = 4096,      /* names that are found before some of them are removed */
	WAITING_MS = 1000, /* then it is said */
};

#define HIDDEN_PREFIX "gc-"

/* Beside the kinds of objects: a manifest that is a root, and so may have a tree. */
enum { MARK_ROOT = 'R' };

struct garbage {
	char kind;
	struct digest digest;
	char name[TREE_PATH_SIZE + DATASET_ID_LEN]; /* of what has no digest: in trees/ or tmp/ */
};

/* ... and of garbage. */
enum { GARBAGE_TREE = 'T', GARBAGE_BESIDE_TREE = 'B', GARBAGE_TEMP = 't' };

struct gc {
	struct store *store;
	const struct gc_how *how;
	struct marks marks;
	struct manifest_order *order;
	struct garbage *found; /* BATCH of them */
	size_t n_found;
	size_t n_hidden;
	size_t n_fans,
		n_swept; /* directories whose garbage is in `found`; so much of them is gone */
	bool said_waiting;
	struct gc_result result;
};

/* --- mark ------------------------------------------------------------------------------------- */

static void mark_entry(struct gc *gc, const struct store_entry *e)
{
	if (!is_file(e))
		return;
	(void)marks_add(&gc->marks, e->kind, &e->digest);
	if (is_large(e))
		(void)marks_add(&gc->marks, 'f', &e->digest); /* the chunk list */
}

static int mark_segment(struct gc *gc, const struct digest *digest, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(MANIFEST_TEXT_MAX);
	AUTO_SEGMENT struct manifest_segment segment = { 0 };
	int rc;

	if (marks_has(&gc->marks, OBJECT_MANIFEST, digest))
		return 0;
	*gc->order = (struct manifest_order){ 0 };
	rc = object_read(gc->store, OBJECT_MANIFEST, digest, &text, err);
	if (rc == 0)
		rc = manifest_parse_segment(strbuf_str(&text), text.len, gc->order, &segment, err);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < segment.n; i++)
		mark_entry(gc, &segment.entry[i]);
	(void)marks_add(&gc->marks, OBJECT_MANIFEST, digest);
	return 0;
}

int gc_add_root(struct gc *gc, const struct digest *manifest, struct error *err)
{
	AUTO_ROOT struct manifest_root root = { 0 };
	int rc;

	if (marks_has(&gc->marks, MARK_ROOT, manifest))
		return 0;
	rc = reader_load_root(gc->store, manifest, &root, err);
	for (size_t i = 0; rc == 0 && i < root.n; i++)
		rc = mark_segment(gc, &root.part[i].digest, err);
	if (rc == SLUICE_NOT_FOUND) /* for the caller that is a record which is gone */
		rc = err->class = SLUICE_CORRUPT;
	if (rc < 0)
		return rc;
	(void)marks_add(&gc->marks, OBJECT_MANIFEST, manifest);
	(void)marks_add(&gc->marks, MARK_ROOT, manifest);
	return 0;
}

int gc_add_cached_root(struct gc *gc, const struct digest *manifest, struct error *err)
{
	AUTO_ROOT struct manifest_root root = { 0 };
	bool whole = true;
	int rc;

	if (marks_has(&gc->marks, MARK_ROOT, manifest))
		return true;
	rc = reader_load_root(gc->store, manifest, &root, err);
	if (rc < 0)
		return rc == SLUICE_NOT_FOUND ? false : rc;
	for (size_t i = 0; rc == 0 && i < root.n; i++) {
		rc = mark_segment(gc, &root.part[i].digest, err);
		if (rc == SLUICE_NOT_FOUND)
			rc = whole = false;
	}
	(void)marks_add(&gc->marks, OBJECT_MANIFEST, manifest);
	if (rc == 0 && whole)
		(void)marks_add(&gc->marks, MARK_ROOT, manifest);
	return rc < 0 ? rc : whole;
}

static int mark_roots(struct gc *gc, struct error *err)
{
	int rc = gc->how->roots(gc->how->arg, gc, err);

	return rc < 0 ? error_wrap(err, "nothing more is removed, because what is needed cannot be "
	                                "told")
	              : 0;
}

/* --- sweep ------------------------------------------------------------------------------------ */

static bool is_needed(const struct gc *gc, const struct garbage *g)
{
	switch (g->kind) {
	case GARBAGE_TREE:
		return marks_has(&gc->marks, MARK_ROOT, &g->digest);
	case GARBAGE_BESIDE_TREE:
	case GARBAGE_TEMP:
		return false;
	default:
		return marks_has(&gc->marks, g->kind, &g->digest);
	}
}

/* What we remove may be gone: a process that failed tidies up after itself. */
static int or_absent(int rc)
{
	return rc == -ENOENT ? 0 : rc;
}

static int remove_object(struct gc *gc, const struct garbage *g)
{
	char path[OBJECT_PATH_SIZE];
	struct stat st;

	object_path(g->kind, &g->digest, path);
	if (fstatat(gc->store->fd, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return or_absent(-errno);
	if (!gc->how->dry_run && unlinkat(gc->store->fd, path, 0) != 0)
		return or_absent(-errno);
	gc->result.objects++;
	gc->result.bytes += (uint64_t)st.st_blocks * 512;
	return 0;
}

/* A directory may hold a million files, and others wait for the lock: it is only renamed under it,
 * to HOME/tmp/gc-*, of which we alone know. */
static int hide(struct gc *gc, int dirfd, const char *name)
{
	char hidden[sizeof HIDDEN_PREFIX + DATASET_ID_LEN];
	char random[DATASET_ID_LEN + 1];

	id_new_dataset(random);
	(void)snprintf(hidden, sizeof hidden, HIDDEN_PREFIX "%s", random);
	gc->n_hidden++;
	return renameat(dirfd, name, gc->store->tmp, hidden) == 0 ? 0 : -errno;
}

static int remove_hidden(struct gc *gc)
{
	AUTO_DIR DIR *dir = io_open_dir(gc->store->tmp, ".");
	const struct dirent *e;
	int rc = 0;

	gc->n_hidden = 0;
	while (rc == 0 && dir && (e = readdir(dir)))
		if (strncmp(e->d_name, HIDDEN_PREFIX, strlen(HIDDEN_PREFIX)) == 0)
			rc = io_remove_tree(gc->store->tmp, e->d_name);
	return rc;
}

static int remove_tree(struct gc *gc, const struct garbage *g)
{
	char path[TREE_PATH_SIZE];
	int rc;

	gc->result.trees++;
	if (gc->how->dry_run)
		return 0;
	tree_path(&g->digest, path);
	rc = hide(gc, gc->store->fd, path);
	if (rc == -EXDEV) /* tmp lies on another mount */
		rc = tree_discard(gc->store, gc->store->fd, path);
	return or_absent(rc);
}

static int remove_beside_tree(struct gc *gc, const struct garbage *g)
{
	gc->result.leftovers++;
	return gc->how->dry_run ? 0 : io_remove_tree(gc->store->fd, g->name);
}

static int remove_temporary(struct gc *gc, const struct garbage *g)
{
	gc->result.leftovers++;
	return gc->how->dry_run ? 0 : or_absent(hide(gc, gc->store->tmp, g->name));
}

static int remove_garbage(struct gc *gc, const struct garbage *g)
{
	switch (g->kind) {
	case GARBAGE_TREE:
		return remove_tree(gc, g);
	case GARBAGE_BESIDE_TREE:
		return remove_beside_tree(gc, g);
	case GARBAGE_TEMP:
		return remove_temporary(gc, g);
	default:
		return remove_object(gc, g);
	}
}

static void on_waiting(void *arg)
{
	struct gc *gc = arg;

	if (gc->how->waiting && !gc->said_waiting)
		gc->how->waiting(gc->how->arg);
	gc->said_waiting = true;
}

/* One step; *i is how far it came. */
static int sweep_step(struct gc *gc, size_t *i, struct error *err)
{
	AUTO_FD int lock = store_lock_sweep(gc->store, WAITING_MS, on_waiting, gc, err);
	int64_t end;
	int rc = lock < 0 ? lock : mark_roots(gc, err);

	if (rc < 0)
		return rc;
	for (end = clock_mono_ms() + STEP_MS; *i < gc->n_found && clock_mono_ms() < end; ++*i) {
		const struct garbage *g = &gc->found[*i];

		rc = is_needed(gc, g) ? 0 : remove_garbage(gc, g);
		if (rc < 0)
			return error_sys(err, rc, "cannot remove garbage below '%s'",
			                 gc->store->path);
	}
	return 0;
}

static int remove_hidden_or_say(struct gc *gc, struct error *err)
{
	int rc = remove_hidden(gc);

	return rc < 0 ? error_sys(err, rc, "cannot remove what lies beside '%s'", gc->store->path)
	              : 0;
}

/* The garbage of the fans that were seen since the last sweep is gone up to the i-th. */
static void count_swept(struct gc *gc, size_t i)
{
	size_t swept = i < gc->n_found ? gc->n_fans * i / gc->n_found : gc->n_fans;

	progress_add(gc->how->progress, swept - gc->n_swept);
	gc->n_swept = swept;
}

static int sweep_found(struct gc *gc, struct error *err)
{
	size_t i = 0;
	int rc = 0;

	while (rc == 0 && i < gc->n_found) {
		rc = sweep_step(gc, &i, err);
		count_swept(gc, i);
		if (rc == 0 && gc->n_hidden > 0)
			rc = remove_hidden_or_say(gc, err);
	}
	gc->n_found = 0;
	count_swept(gc, 0);
	gc->n_fans = gc->n_swept = 0;
	return rc;
}

static int find_garbage(struct gc *gc, const struct garbage *g, struct error *err)
{
	if (is_needed(gc, g))
		return 0;
	gc->found[gc->n_found++] = *g;
	return gc->n_found == BATCH ? sweep_found(gc, err) : 0;
}

/* --- what there is ---------------------------------------------------------------------------- */

/* A directory's kinds of files: without and with the ".x" of executables. */
struct folder {
	const char *name;
	char plain, exec;
};

static int see_object(struct gc *gc, const struct folder *folder, const char *fan, const char *name,
                      struct error *err)
{
	char hex[DIGEST_HEX_LEN + 1];
	struct garbage g = { .kind = folder->plain };
	size_t len = strlen(name);

	if (len == DIGEST_HEX_LEN && strcmp(name + len - 2, ".x") == 0) {
		g.kind = folder->exec;
		len -= 2;
	}
	if (len != DIGEST_HEX_LEN - 2 || !g.kind ||
	    snprintf(hex, sizeof hex, "%.2s%.62s", fan, name) != DIGEST_HEX_LEN ||
	    !digest_parse(hex, &g.digest))
		return 0; /* no object of ours */
	return find_garbage(gc, &g, err);
}

enum { FANS = 256 };

static int see_fan(struct gc *gc, const struct folder *folder, const char *fan, struct error *err)
{
	char path[OBJECT_PATH_SIZE];
	const struct dirent *e;
	int rc = 0;

	(void)snprintf(path, sizeof path, "%s/%s", folder->name, fan);
	AUTO_DIR DIR *dir = io_open_dir(gc->store->fd, path);
	while (rc == 0 && dir && (e = readdir(dir)))
		rc = see_object(gc, folder, fan, e->d_name, err);
	return rc;
}

static int see_folder(struct gc *gc, const struct folder *folder, struct error *err)
{
	static const char digits[] = "0123456789abcdef";
	int rc = 0;

	for (int i = 0; rc == 0 && i < FANS; i++) {
		const char fan[] = { digits[i >> 4], digits[i & 15], '\0' };

		rc = see_fan(gc, folder, fan, err);
		progress_add(gc->how->progress, 1);
		gc->n_fans++;
	}
	return rc;
}

static int see_trees(struct gc *gc, struct error *err)
{
	AUTO_DIR DIR *dir = io_open_dir(gc->store->fd, "trees");
	const struct dirent *e;
	int rc = 0;

	while (rc == 0 && dir && (e = readdir(dir))) {
		struct garbage g = { .kind = GARBAGE_TREE };
		const char *rest = e->d_name + strnlen(e->d_name, DIGEST_HEX_LEN);

		if (!digest_parse(e->d_name, &g.digest))
			continue;
		if (rest[0] == '.' && id_is_dataset(rest + 1)) /* one that was being discarded */
			g.kind = GARBAGE_BESIDE_TREE;
		else if (rest[0] != '\0')
			continue;
		(void)snprintf(g.name, sizeof g.name, "trees/%.*s",
		               (int)(sizeof g.name - sizeof "trees/"), e->d_name);
		rc = find_garbage(gc, &g, err);
	}
	return rc;
}

/* Whoever makes these holds the lock, and so is dead when we hold it. */
static bool is_temporary(const char *name)
{
	return id_is_dataset(name) || strncmp(name, ".tmp-", 5) == 0;
}

static int see_temporary(struct gc *gc, struct error *err)
{
	AUTO_DIR DIR *dir = io_open_dir(gc->store->tmp, ".");
	const struct dirent *e;
	int rc = 0;

	while (rc == 0 && dir && (e = readdir(dir))) {
		struct garbage g = { .kind = GARBAGE_TEMP };

		if (!is_temporary(e->d_name) || strlen(e->d_name) >= sizeof g.name)
			continue;
		(void)snprintf(g.name, sizeof g.name, "%.*s", (int)sizeof g.name - 1, e->d_name);
		rc = find_garbage(gc, &g, err);
	}
	return rc;
}

static int sweep_notes(struct gc *gc, struct error *err)
{
	enum { MONTH_S = 30 * 24 * 3600 };
	int rc = seen_sweep(gc->store, MONTH_S, gc->how->dry_run, &gc->result.leftovers);

	return rc < 0 ? error_sys(err, rc, "cannot tidy up '%s/seen'", gc->store->path) : 0;
}

/* Trees first: they are links to objects, whose space comes back with the last link. */
static int collect(struct gc *gc, struct error *err)
{
	static const struct folder folders[] = {
		{ "manifests", OBJECT_MANIFEST, 0 },
		{ "objects", 'f', 'x' },
		{ "large", 'c', 'C' },
	};
	int rc = mark_roots(gc, err);

	/* That a record is gone must be durable before what it named is. */
	if (rc == 0 && !gc->how->dry_run)
		rc = store_sync(gc->store, err);
	if (rc == 0 && !gc->how->dry_run) /* of one that was killed */
		rc = remove_hidden_or_say(gc, err);
	/* Each fan is seen, and what was found in it is swept. */
	progress_expect(gc->how->progress, (uint64_t)2 * FANS * (sizeof folders / sizeof *folders));
	if (rc == 0)
		rc = see_trees(gc, err);
	if (rc == 0)
		rc = sweep_found(gc, err);
	for (size_t i = 0; rc == 0 && i < sizeof folders / sizeof *folders; i++)
		rc = see_folder(gc, &folders[i], err);
	if (rc == 0)
		rc = sweep_found(gc, err);
	if (rc == 0)
		rc = see_temporary(gc, err);
	if (rc == 0)
		rc = sweep_found(gc, err);
	return rc < 0 ? rc : sweep_notes(gc, err);
}

int store_gc(struct store *store, const struct gc_how *how, struct gc_result *ret_result,
             struct error *err)
{
	struct gc gc = { .store = store, .how = how };
	AUTO_FD int one = lock_take(store->fd, "gc.lock", LOCK_EXCLUSIVE, true);
	int rc;

	if (one < 0)
		return error_sys(err, one, "cannot lock '%s/gc.lock'", store->path);
	gc.order = xcalloc(1, sizeof *gc.order);
	gc.found = xcalloc(BATCH, sizeof *gc.found);
	rc = collect(&gc, err);
	*ret_result = gc.result;
	marks_release(&gc.marks);
	free(gc.order);
	free(gc.found);
	return rc;
}
