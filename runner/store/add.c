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
#include "base/io.h"
#include "base/parallel.h"
#include "base/xalloc.h"
#include "store/internal.h"
#include "store/walk.h"

struct add_file {
	struct store_entry e; /* 'f' until the content is known; its path is the walk's */
	dev_t dev;
	ino_t inode;
	bool later;   /* has several links, or is large: not for the first pass */
	bool setid;   /* had a setuid or setgid bit */
	bool fresh;   /* its object was not there before */
	bool replace; /* the directory's file is not the object */
};

struct add {
	struct store *store;
	int root;
	bool ours;  /* the directory is ours to take */
	bool adopt; /* ... and its files can be linked from where they are */
	struct add_file *file;
	size_t n;
	size_t *later; /* indexes of files for the second pass, sorted by inode */
	size_t n_later;
	size_t *group; /* where in `later` each inode begins; one more at the end */
	size_t n_groups;
	atomic_uint_fast64_t new_bytes; /* of chunk lists */
	struct progress *progress;
	const atomic_bool *stop;
	struct first_error failed;
};

/* --- one file ------------------------------------------------------------------------------ */

static int put_chunk_list(struct add *add, const struct chunk_list *list, struct store_entry *e,
                          struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(chunks_text_max(list->n));
	uint64_t new_bytes = 0;
	int rc;

	chunks_format(list, &text);
	rc = object_put(add->store, 'f', strbuf_str(&text), text.len, &e->digest, &new_bytes, err);
	atomic_fetch_add(&add->new_bytes, new_bytes);
	return rc;
}

/* Finds the name of the content behind `fd`: kind, size and digest. */
static int name_content(struct add *add, struct hasher *hasher, int fd, uint64_t size, bool exec,
                        struct store_entry *e, struct error *err)
{
	AUTO_CHUNKS struct chunk_list list = { 0 };
	int rc;

	e->size = size;
	if (size <= CHUNK_SIZE) {
		e->kind = exec ? 'x' : 'f';
		rc = hash_range(hasher, fd, 0, size, &e->digest);
		progress_add(add->progress, size);
		return rc < 0 ? error_sys(err, rc, "cannot read it") : 0;
	}
	e->kind = exec ? 'C' : 'c';
	rc = hash_chunks(fd, size, add->progress, add->stop, &list);
	return rc < 0 ? error_sys(err, rc, "cannot read it") : put_chunk_list(add, &list, e, err);
}

/* The owner and the mode of an object; a change of owner also drops file capabilities. */
static int normalise(int fd, const struct stat *st, char kind)
{
	bool foreign = st->st_uid != geteuid() || st->st_gid != getegid();
	mode_t mode = object_mode(kind);

	if ((foreign || (mode & 0111)) && fchown(fd, geteuid(), getegid()) != 0)
		return -errno;
	return (st->st_mode & 07777) != mode && fchmod(fd, mode) != 0 ? -errno : 0;
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec && a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

/* Does nobody write to it, now and while we hold the descriptor? */
static bool lease(int fd)
{
	return fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
}

static void note_added(struct add_file *f, enum object_added how, bool copied)
{
	f->fresh = how == OBJECT_ADDED;
	f->replace = copied || how == OBJECT_PRESENT;
}

/* Returns 1 if the file cannot be adopted and has to be copied. */
static int adopt(struct add *add, struct hasher *hasher, struct add_file *f, int fd,
                 struct error *err)
{
	struct stat before;
	struct stat after;
	int rc;

	if (!lease(fd) || fstat(fd, &before) != 0)
		return 1;
	rc = name_content(add, hasher, fd, (uint64_t)before.st_size, before.st_mode & S_IXUSR,
	                  &f->e, err);
	if (rc < 0)
		return rc;
	if (fstat(fd, &after) != 0 || !is_unchanged(&before, &after) ||
	    normalise(fd, &before, f->e.kind) < 0)
		return 1;
	rc = object_add_fd(add->store, &f->e, fd);
	if (rc == -EXDEV || rc == -EPERM || rc == -EMLINK)
		return 1;
	if (rc < 0)
		return error_sys(err, rc, "cannot link it into '%s'", add->store->path);
	note_added(f, (enum object_added)rc, false);
	return 0;
}

static int copy_to(struct add *add, struct hasher *hasher, struct add_file *f, int in, int out,
                   struct error *err)
{
	struct stat from;
	struct stat to;
	int rc = io_copy_until(in, out, add->stop);

	if (rc < 0)
		return error_sys(err, rc, "cannot copy it");
	if (fstat(in, &from) != 0 || fstat(out, &to) != 0)
		return error_sys(err, errno, "cannot copy it");
	/* What was copied is hashed: the source may change under our hands. */
	rc = name_content(add, hasher, out, (uint64_t)to.st_size, from.st_mode & S_IXUSR, &f->e,
	                  err);
	if (rc < 0)
		return rc;
	rc = normalise(out, &to, f->e.kind);
	if (rc == 0)
		rc = object_add_fd(add->store, &f->e, out);
	if (rc < 0)
		return error_sys(err, rc, "cannot link it into '%s'", add->store->path);
	note_added(f, (enum object_added)rc, add->adopt);
	return 0;
}

static int copy(struct add *add, struct hasher *hasher, struct add_file *f, int fd,
                struct error *err)
{
	struct temp temp;
	int rc = temp_open(add->store, &temp);

	if (rc < 0)
		return error_sys(err, rc, "cannot make a file beside '%s'", add->store->path);
	rc = copy_to(add, hasher, f, fd, temp.fd, err);
	temp_close(add->store, &temp);
	return rc;
}

static int take(struct add *add, struct hasher *hasher, struct add_file *f, int fd, bool ours,
                struct error *err)
{
	int rc = ours ? adopt(add, hasher, f, fd, err) : 1;

	return rc == 1 ? copy(add, hasher, f, fd, err) : rc;
}

/* Opens a file and sees what it is. */
static int open_file(struct add *add, struct add_file *f, struct stat *st, struct error *err)
{
	AUTO_FD int fd = walk_open(add->root, f->e.path, add->ours);

	if (fd == -EXDEV)
		return error_set(err, SLUICE_INVALID, "it is a mount point; unmount it first");
	if (fd < 0)
		return error_sys(err, fd, "cannot open it");
	if (fstat(fd, st) != 0)
		return error_sys(err, errno, "cannot look at it");
	if (!S_ISREG(st->st_mode))
		return error_set(err, SLUICE_INVALID, "it changed while it was read");
	return take_fd(&fd);
}

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
	AUTO_FD int fd = open_file(add, f, &st, &err);
	if (fd < 0)
		return fail_file(add, i, &err);
	f->setid = st.st_mode & (S_ISUID | S_ISGID);
	f->dev = st.st_dev;
	f->inode = st.st_ino;
	f->later = (add->adopt && st.st_nlink > 1) || st.st_size > CHUNK_SIZE;
	progress_expect(add->progress, (uint64_t)st.st_size);
	rc = f->later ? 0 : take(add, state, f, fd, add->adopt, &err);
	return rc < 0 ? fail_file(add, i, &err) : 0;
}

/* --- second pass: what is large or has several links, one inode after the other --------------- */

static int compare_inodes(const struct add_file *x, const struct add_file *y)
{
	if (x->dev != y->dev) /* btrfs has several on one mount */
		return x->dev < y->dev ? -1 : 1;
	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
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
	AUTO_FD int fd = open_file(add, first, &st, &err);
	int rc;

	if (fd < 0)
		return fail_file(add, member[0], &err);
	rc = take(add, state, first, fd, add->adopt && st.st_nlink == n, &err);
	if (rc < 0)
		return fail_file(add, member[0], &err);
	for (size_t i = 1; i < n; i++) {
		struct add_file *f = &add->file[member[i]];
		const char *path = f->e.path;

		f->e = first->e;
		f->e.path = path;
		f->replace = first->replace;
		progress_add(add->progress, first->e.size);
	}
	return 0;
}

static int add_files(struct add *add, struct error *err)
{
	static const struct parallel_ops small = { hasher_new, hasher_free, add_small };
	static const struct parallel_ops group = { hasher_new, hasher_free, add_group };
	int rc = parallel_run(add->n, 0, &small, add);

	if (rc == 0) {
		collect_later(add);
		rc = parallel_run(add->n_groups, 0, &group, add);
	}
	if (rc != 0)
		*err = add->failed.err;
	return rc;
}

/* --- the manifest -------------------------------------------------------------------------- */

struct writer {
	struct strbuf root;
	struct strbuf segment;
	struct manifest_part part; /* of the segment that is being written */
	uint64_t new_bytes;
};

static int too_long(struct error *err)
{
	return error_set(err, SLUICE_LIMIT, "the list of files is too long");
}

static int end_segment(struct add *add, struct writer *w, struct error *err)
{
	int rc;

	if (w->segment.failed)
		return too_long(err);
	rc = object_put(add->store, OBJECT_MANIFEST, strbuf_str(&w->segment), w->segment.len,
	                &w->part.digest, &w->new_bytes, err);
	if (rc < 0)
		return rc;
	manifest_add_part(&w->root, &w->part);
	strbuf_clear(&w->segment);
	w->part = (struct manifest_part){ 0 };
	return 0;
}

static int write_entries(struct add *add, struct writer *w, struct digest_ctx *ctx,
                         struct store_tree_info *info, struct error *err)
{
	for (size_t i = 0; i < add->n; i++) {
		const struct store_entry *e = &add->file[i].e;
		int rc;

		if (w->segment.len == 0)
			w->part.first = e->path;
		if (__builtin_add_overflow(info->bytes, e->size, &info->bytes))
			return too_long(err);
		manifest_add_entry(&w->segment, e);
		w->part.files += e->kind != 'd';
		w->part.bytes += e->size;
		info->files += e->kind != 'd';
		info->new_bytes += add->file[i].fresh ? e->size : 0;
		if (i + 1 < add->n && !manifest_is_cut(ctx, e->path))
			continue;
		rc = end_segment(add, w, err);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int write_manifest(struct add *add, struct store_tree_info *info, struct error *err)
{
	struct writer w = { .root = STRBUF_INIT(MANIFEST_TEXT_MAX),
		            .segment = STRBUF_INIT(MANIFEST_TEXT_MAX) };
	struct digest_ctx ctx;
	int rc;

	digest_init(&ctx);
	strbuf_addstr(&w.root, MANIFEST_HEADER);
	rc = write_entries(add, &w, &ctx, info, err);
	if (rc == 0 && w.root.failed)
		rc = too_long(err);
	if (rc == 0)
		rc = object_put(add->store, OBJECT_MANIFEST, strbuf_str(&w.root), w.root.len,
		                &info->manifest, &w.new_bytes, err);
	digest_release(&ctx);
	strbuf_release(&w.root);
	strbuf_release(&w.segment);
	info->new_bytes += w.new_bytes + atomic_load(&add->new_bytes);
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
	if (rc == 0)
		*ret_info = info;
	return rc;
}

int store_add_tree(struct store *store, const char *path, unsigned flags,
                   const struct store_watch *watch, struct store_tree_info *ret_info,
                   struct error *err)
{
	static const struct store_watch nobody;
	AUTO_FD int root = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	bool ours = flags & STORE_ADOPT;
	const struct store_watch *by = watch ? watch : &nobody;
	struct walk_how how = {
		.take = ours,
		.stop = by->stop,
		.warn = by->warn,
		.warn_arg = by->arg,
	};
	struct add add = {
		.store = store,
		.root = root,
		.ours = ours,
		.adopt = ours && root >= 0 && is_same_mount(root, store->fd),
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
	rc = add_tree(&add, &how, ret_info, err);
	free(add.file);
	free(add.later);
	free(add.group);
	if (rc < 0 && by->stop && atomic_load(by->stop))
		return error_set(err, SLUICE_CANCELED, "storing '%s' was stopped",
		                 quote(path, quoted));
	return rc < 0 ? error_wrap(err, "cannot store '%s'", quote(path, quoted)) : 0;
}
