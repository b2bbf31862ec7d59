/*
 * How a directory's content gets into the store.
 *
 * Durability.  A file is committed when its version's record is durable, and a record is written
 * after everything that it rests on.  Files here are not synced one by one, which would cost a
 * journal commit each; they get their final names at once and reach the disk together, by the one
 * syncfs that the caller (store_sync) makes before the record.  A power cut in between leaves
 * objects that nobody names, some of them shorter than they should be; object.c does not trust a
 * taken name whose size is wrong.  A killed process leaves complete objects, which the next commit
 * finds.  Only a tree is different: nobody looks into it again once it has its name, so it gets it
 * after that sync, by store_take_tree().
 *
 * Adoption.  To take a file without copying it, its inode must be ours alone for ever:
 *
 * - Nobody may have it open for writing, or mapped: a read lease (F_SETLEASE) is granted only
 *   then, and while it lasts a new writer waits.  (Its SIGIO would kill us; SIGURG is ignored.)
 * - Nobody may reach it by another name: all its links lie inside the directory, which are counted.
 * - It must be what we hash: it is hashed through the descriptor that is linked, and looked at
 *   before and after.
 *
 * Where any of it fails the file is copied, what was copied is hashed, and a link to the copy takes
 * the file's place.  The same happens when an equal object is there already, so that a tree never
 * holds content twice.  These replacements come after the manifest is known: if its tree exists
 * they are needless.  At each instant each file of the directory is whole and in its place, so a
 * commit that was killed can be started again.
 *
 * The owner becomes us (root: 0:0), the mode 0444 or 0555; setuid and setgid bits are dropped with
 * a warning, and with a change of owner, which executables always get, the kernel drops file
 * capabilities.  Times and other extended attributes stay on the inode; they are no part of the
 * content.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/parallel.h"
#include "base/xalloc.h"
#include "store/adding.h"
#include "store/walk.h"

#define NS_PER_MS 1000000

static int fail_file(struct add *add, size_t i, struct error *err)
{
	char quoted[QUOTE_SIZE];

	(void)error_wrap(err, "file '%s'", quote(add->file[i].e.path, quoted));
	return first_error_keep(&add->failed, i, err);
}

/* --- first pass: small files with one link, in parallel ------------------------------------- */

static int add_small(void *arg, void *state, size_t i)
{
	struct add *add = arg;
	struct add_file *f = &add->file[i];
	struct error err = { 0 };
	struct stat st;
	int rc;

	if (add->stop && atomic_load(add->stop))
		return SLUICE_CANCELED;
	if (f->e.kind != 'f')
		return 0;
	if (adding_is_as_noted(add, f)) {
		progress_add(add->progress, f->e.size);
		return 0;
	}
	AUTO_FD int fd = adding_open(add, f, &st, &err);
	if (fd < 0)
		return fail_file(add, i, &err);
	f->setid = st.st_mode & (S_ISUID | S_ISGID);
	seen_fill(&f->now, &st);
	f->later = (add->adopt && st.st_nlink > 1) || st.st_size > CHUNK_SIZE;
	if (add->ours)
		progress_expect(add->progress, (uint64_t)st.st_size);
	rc = f->later ? 0 : adding_take(add, state, f, fd, add->adopt, &err);
	return rc < 0 ? fail_file(add, i, &err) : 0;
}

/* --- second pass: what is large or has several links, one inode after the other --------------- */

static int compare_inodes(const struct add_file *x, const struct add_file *y)
{
	if (x->now.dev != y->now.dev) /* btrfs has several on one mount */
		return x->now.dev < y->now.dev ? -1 : 1;
	if (x->now.ino != y->now.ino)
		return x->now.ino < y->now.ino ? -1 : 1;
	return 0;
}

static int by_inode(const void *a, const void *b, void *arg)
{
	const struct add *add = arg;
	size_t i = *(const size_t *)a;
	size_t k = *(const size_t *)b;
	int order = compare_inodes(&add->file[i], &add->file[k]);

	return order != 0 ? order : i < k ? -1 : i > k;
}

static void collect_later(struct add *add)
{
	add->later = xcalloc(add->n + 1, sizeof *add->later);
	add->group = xcalloc(add->n + 1, sizeof *add->group);
	for (size_t i = 0; i < add->n; i++)
		if (add->file[i].later)
			add->later[add->n_later++] = i;
	if (add->n_later > 0)
		qsort_r(add->later, add->n_later, sizeof *add->later, by_inode, add);
	for (size_t i = 0; i < add->n_later; i++)
		if (i == 0 ||
		    compare_inodes(&add->file[add->later[i]], &add->file[add->later[i - 1]]) != 0)
			add->group[add->n_groups++] = i;
	add->group[add->n_groups] = add->n_later;
}

/* All names of one inode get what the first of them got. */
static int add_group(void *arg, void *state, size_t g)
{
	struct add *add = arg;
	const size_t *member = add->later + add->group[g];
	size_t n = add->group[g + 1] - add->group[g];
	struct add_file *first = &add->file[member[0]];
	struct error err = { 0 };
	struct stat st;
	AUTO_FD int fd = adding_open(add, first, &st, &err);
	int rc;

	if (fd < 0)
		return fail_file(add, member[0], &err);
	rc = adding_take(add, state, first, fd, add->adopt && st.st_nlink == n, &err);
	if (rc < 0)
		return fail_file(add, member[0], &err);
	for (size_t i = 1; i < n; i++) {
		struct add_file *f = &add->file[member[i]];
		const char *path = f->e.path;

		f->e = first->e;
		f->e.path = path;
		f->replace = first->replace;
		f->now = first->now;
		f->noted = first->noted;
		progress_add(add->progress, first->e.size);
	}
	return 0;
}

/* Who looks wants to know how much there is before most of it is done. */
static int expect_file(void *arg, void *state, size_t i)
{
	const struct add *add = arg;
	const struct add_file *f = &add->file[i];
	struct stat st;

	(void)state;
	if (f->e.kind == 'f' &&
	    fstatat(add->root, adding_path(add, f), &st, AT_SYMLINK_NOFOLLOW) == 0)
		progress_expect(add->progress, (uint64_t)st.st_size);
	return 0;
}

static int add_files(struct add *add, struct error *err)
{
	static const struct parallel_ops expect = { .item = expect_file };
	static const struct parallel_ops small = { hasher_new, hasher_free, add_small };
	static const struct parallel_ops group = { hasher_new, hasher_free, add_group };
	int rc = add->progress && !add->ours ? parallel_run(add->n, 0, &expect, add) : 0;

	if (rc == 0)
		rc = parallel_run(add->n, 0, &small, add);
	if (rc == 0) {
		collect_later(add);
		rc = parallel_run(add->n_groups, 0, &group, add);
	}
	if (rc != 0)
		*err = add->failed.err;
	return rc;
}

/* --- the manifest -------------------------------------------------------------------------- */

static int write_entries(struct add *add, struct writer *w, struct store_tree_info *info,
                         struct error *err)
{
	for (size_t i = 0; i < add->n; i++) {
		const struct store_entry *e = &add->file[i].e;
		int rc;

		if (__builtin_add_overflow(info->bytes, e->size, &info->bytes))
			return error_set(err, SLUICE_LIMIT, "the files are too large together");
		info->files += e->kind != 'd';
		info->new_bytes += add->file[i].fresh ? e->size : 0;
		rc = writer_add(w, e, i + 1 == add->n, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int write_manifest(struct add *add, struct store_tree_info *info, struct error *err)
{
	struct writer *w = writer_begin(add->store);
	uint64_t new_bytes = 0;
	int rc = write_entries(add, w, info, err);

	if (rc == 0)
		rc = writer_end(w, &info->manifest, &new_bytes, err);
	writer_free(w);
	info->new_bytes += new_bytes + atomic_load(&add->new_bytes);
	return rc;
}

/* --- the directory becomes what the tree is -------------------------------------------------- */

static int replace_file(struct add *add, const struct store_entry *e)
{
	char temp[DATASET_ID_LEN + 1];
	const char *name;
	AUTO_FD int dir = walk_open_parent(add->root, e->path, &name);
	int rc;

	if (dir < 0)
		return dir;
	id_new_dataset(temp);
	rc = object_link(add->store, e, add->store->tmp, temp);
	if (rc < 0)
		return rc;
	rc = renameat(add->store->tmp, temp, dir, name) == 0 ? 0 : -errno;
	/* A rename onto another link of the same file does nothing and leaves both. */
	(void)unlinkat(add->store->tmp, temp, 0);
	return rc;
}

static int replace_item(void *arg, void *state, size_t i)
{
	struct add *add = arg;
	struct error err = { 0 };
	int rc = add->file[i].replace ? replace_file(add, &add->file[i].e) : 0;

	(void)state;
	if (rc == 0)
		return 0;
	(void)error_sys(&err, rc, "cannot replace it by a link to its object");
	return fail_file(add, i, &err);
}

static int lay_out(struct add *add, struct error *err)
{
	static const struct parallel_ops ops = { .item = replace_item };
	int rc = parallel_run(add->n, 0, &ops, add);

	if (rc != 0)
		*err = add->failed.err;
	return rc;
}

/* --- the whole ----------------------------------------------------------------------------- */

static void take_entries(struct add *add, const struct walk *walk)
{
	add->n = walk->n;
	add->file = xcalloc(walk->n + 1, sizeof *add->file);
	for (size_t i = 0; i < walk->n; i++)
		add->file[i].e = (struct store_entry){
			.kind = walk->entry[i].kind,
			.path = walk->entry[i].path,
			.target = walk->entry[i].target,
		};
}

static void warn_of_setid(const struct add *add, const struct walk_how *how)
{
	char quoted[QUOTE_SIZE];
	char text[QUOTE_SIZE + 64];

	for (size_t i = 0; how->warn && i < add->n; i++) {
		if (!add->file[i].setid)
			continue;
		(void)snprintf(text, sizeof text, "'%s': its setuid and setgid bits are dropped",
		               quote(add->file[i].e.path, quoted));
		how->warn(how->warn_arg, text);
	}
}

/* Do a link and a rename from there to here work? */
static bool is_same_mount(int a, int b)
{
	const unsigned mask = STATX_MNT_ID;
	struct statx x;
	struct statx y;

	return statx(a, "", AT_EMPTY_PATH, mask, &x) == 0 &&
	       statx(b, "", AT_EMPTY_PATH, mask, &y) == 0 && x.stx_mnt_id == y.stx_mnt_id &&
	       x.stx_dev_major == y.stx_dev_major && x.stx_dev_minor == y.stx_dev_minor;
}

static int add_content(struct add *add, struct walk *walk, const struct walk_how *how,
                       struct store_tree_info *info, struct error *err)
{
	int rc = walk_tree(add->root, how, walk, err);

	if (rc < 0)
		return rc;
	take_entries(add, walk);
	adding_find_notes(add);
	rc = add_files(add, err);
	if (rc < 0)
		return rc;
	warn_of_setid(add, how);
	return write_manifest(add, info, err);
}

static int add_tree(struct add *add, const struct walk_how *how, struct store_tree_info *ret_info,
                    struct error *err)
{
	AUTO_WALK struct walk walk = { 0 };
	struct store_tree_info info = { 0 };
	int rc = add_content(add, &walk, how, &info, err);

	info.laid_out = rc == 0 && add->adopt && !tree_exists(add->store, &info.manifest);
	if (info.laid_out)
		rc = lay_out(add, err);
	if (rc == 0 && add->real)
		adding_note(add);
	if (rc == 0)
		*ret_info = info;
	return rc;
}

int store_add_tree(struct store *store, const char *path, const struct store_add_how *how,
                   struct store_tree_info *ret_info, struct error *err)
{
	static const struct store_watch nobody;
	static const struct store_add_how plain;
	const struct store_add_how *wanted = how ? how : &plain;
	AUTO_FD int root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool ours = wanted->flags & STORE_ADOPT;
	AUTO_FREE char *real = ours ? NULL : realpath(path, NULL);
	const struct store_watch *by = wanted->watch ? wanted->watch : &nobody;
	size_t below_len = wanted->below ? strlen(wanted->below) : 0;
	struct walk_how walk = {
		.take = ours,
		.refuse = wanted->flags & STORE_REFUSE_SPECIAL,
		.below = wanted->below,
		.stop = by->stop,
		.warn = by->warn,
		.warn_arg = by->arg,
	};
	struct add add = {
		.store = store,
		.root = root,
		.ours = ours,
		.adopt = ours && !(wanted->flags & STORE_COPY) && root >= 0 &&
		         is_same_mount(root, store->fd),
		.skip = below_len > 0 ? below_len + 1 : 0,
		.real = real,
		.base = wanted->base,
		.began_ns = clock_wall_ms() * NS_PER_MS,
		.progress = by->progress,
		.stop = by->stop,
		.failed = FIRST_ERROR_INIT,
	};
	char quoted[QUOTE_SIZE];
	int rc;

	if (root < 0 && errno == ENOENT)
		return error_set(err, SLUICE_NOT_FOUND, "there is no directory '%s'",
		                 quote(path, quoted));
	if (root < 0)
		return error_sys(err, errno, "cannot open directory '%s'", quote(path, quoted));
	if (real)
		seen_open(store, real, &add.seen);
	rc = add_tree(&add, &walk, ret_info, err);
	seen_close(&add.seen);
	free(add.file);
	free(add.later);
	free(add.group);
	if (rc < 0 && by->stop && atomic_load(by->stop))
		return error_set(err, SLUICE_CANCELED, "storing '%s' was stopped",
		                 quote(path, quoted));
	return rc < 0 ? error_wrap(err, "cannot store '%s'", quote(path, quoted)) : 0;
}
