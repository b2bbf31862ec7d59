#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "store/adding.h"
#include "store/walk.h"

enum { WRITE_EARLY = 64 << 10 };

/* A change shows in the times of a file for certain if they were older than this. */
#define SETTLED_NS ((int64_t)2000000000)

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
	struct seen_fixed was = { .kind = b->st_mode & S_IXUSR ? 'x' : 'f' };

	seen_fill(&was, a);
	return seen_is_same(&was, b);
}

const char *adding_path(const struct add *add, const struct add_file *f)
{
	return f->e.path + add->skip;
}

/* Does nobody write to it, now and while we hold the descriptor? */
static bool lease(int fd)
{
	return fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
}

/* A mapping that is there already changes a file without its times: who notes them asks before it
 * reads whether nobody may write.  A mapping that comes later shows in the ctime. */
static bool is_quiet(int fd)
{
	return lease(fd) && fcntl(fd, F_SETLEASE, F_UNLCK) == 0;
}

static void note_added(struct add_file *f, enum object_added how, bool copied)
{
	f->fresh = how == OBJECT_ADDED;
	f->replace = copied || how == OBJECT_PRESENT;
}

static void share_adopted(const struct add *add, const struct add_file *f, int fd)
{
	AUTO_BASE struct base base = { .fd = -1 };
	AUTO_CHUNKS struct chunk_list list = { 0 };
	struct error ignored;

	base_find(add, f, &base);
	if (base.fd >= 0 && base_read_list(add->store, &f->e.digest, &list, &ignored) == 0)
		base_share(&base, fd, &list);
}

/* A file that was made of the base's bytes with some others is better a clone of it with these: to
 * share blocks afterwards does not free the rest of an extent on btrfs. */
static bool is_better_cloned(const struct add *add, struct hasher *hasher, const struct add_file *f,
                             int fd, uint64_t size)
{
	AUTO_BASE struct base base = { .fd = -1 };
	struct temp temp;
	bool can = false;

	if (size <= CHUNK_SIZE)
		return false;
	base_find(add, f, &base);
	if (base.fd < 0 || temp_open(add->store, &temp) < 0)
		return false;
	can = io_clone(base.fd, temp.fd);
	temp_close(add->store, &temp);
	return can && base_is_like(&base, hasher, fd, size);
}

/* Returns 1 if the file cannot be adopted and has to be copied. */
static int adopt(struct add *add, struct hasher *hasher, struct add_file *f, int fd,
                 struct error *err)
{
	struct stat before;
	struct stat after;
	int rc;

	if (!lease(fd) || fstat(fd, &before) != 0 ||
	    is_better_cloned(add, hasher, f, fd, (uint64_t)before.st_size))
		return 1;
	rc = name_content(add, hasher, fd, (uint64_t)before.st_size, before.st_mode & S_IXUSR,
	                  &f->e, err);
	if (rc < 0)
		return rc;
	if (fstat(fd, &after) != 0 || !is_unchanged(&before, &after) ||
	    normalise(fd, &before, f->e.kind) < 0)
		return 1;
	rc = object_add_fd(add->store, &f->e, fd);
	if (rc == OBJECT_ADDED && f->e.size > CHUNK_SIZE)
		share_adopted(add, f, fd);
	if (rc == -EXDEV || rc == -EPERM || rc == -EMLINK)
		return 1;
	if (rc < 0)
		return error_sys(err, rc, "cannot link it into '%s'", add->store->path);
	note_added(f, (enum object_added)rc, false);
	return 0;
}

/* The two sides of a copy. */
struct ends {
	int in, out;
	bool is_quiet;    /* nobody had it open for writing, before that */
	struct stat from; /* of `in`, before */
};

static int has_changed(struct error *err)
{
	return error_set(err, SLUICE_INVALID,
	                 "it changed while it was copied; try again when nobody writes to it");
}

/* A file of somebody else must not change meanwhile; what it was may be noted if it had not for so
 * long that a change to come shows. */
static int check_source(const struct add *add, struct add_file *f, const struct ends *ends,
                        struct error *err)
{
	struct stat after;

	if (fstat(ends->in, &after) != 0)
		return error_sys(err, errno, "cannot look at it");
	if (add->ours)
		return 0;
	if (!is_unchanged(&ends->from, &after))
		return has_changed(err);
	seen_fill(&f->now, &after);
	f->noted = ends->is_quiet && f->now.ctime_ns < add->began_ns - SETTLED_NS;
	return 0;
}

static bool has_holes(const struct stat *st)
{
	return st->st_blocks < st->st_size / 512;
}

static int copy_small(struct add *add, struct hasher *hasher, struct add_file *f,
                      const struct ends *ends, struct error *err)
{
	int rc = hash_copy(hasher, ends->in, ends->out, CHUNK_SIZE, &f->e.size, &f->e.digest);

	f->e.kind = ends->from.st_mode & S_IXUSR ? 'x' : 'f';
	progress_add(add->progress, f->e.size);
	if (rc == -EFBIG)
		return has_changed(err);
	return rc < 0 ? error_sys(err, rc, "cannot copy it") : 0;
}

static int name_copy(struct add *add, struct hasher *hasher, struct add_file *f,
                     const struct ends *ends, struct error *err)
{
	struct stat to;

	if (fstat(ends->out, &to) != 0)
		return error_sys(err, errno, "cannot copy it");
	return name_content(add, hasher, ends->out, (uint64_t)to.st_size,
	                    ends->from.st_mode & S_IXUSR, &f->e, err);
}

static int copy_chunked(struct add *add, struct add_file *f, const struct ends *ends,
                        const struct base *base, struct error *err)
{
	AUTO_CHUNKS struct chunk_list list = { 0 };
	const struct chunk_copy c = {
		.in = ends->in,
		.out = ends->out,
		.size = (uint64_t)ends->from.st_size,
		.base = base ? &base->list : NULL,
		.progress = add->progress,
		.stop = add->stop,
	};
	int rc = copy_chunks(&c, &list);

	if (rc == -ENODATA)
		return has_changed(err);
	if (rc < 0)
		return error_sys(err, rc, "cannot copy it");
	f->e.size = c.size;
	f->e.kind = ends->from.st_mode & S_IXUSR ? 'C' : 'c';
	return put_chunk_list(add, &list, &f->e, err);
}

/* The blocks of the base are shared if there is one, because it stays; else those of the source. */
static int copy_large(struct add *add, struct hasher *hasher, struct add_file *f,
                      const struct ends *ends, struct error *err)
{
	AUTO_BASE struct base base = { .fd = -1 };

	base_find(add, f, &base);
	if (base.fd >= 0 && io_clone(base.fd, ends->out)) {
		if (ftruncate(ends->out, ends->from.st_size) != 0)
			return error_sys(err, errno, "cannot copy it");
		return copy_chunked(add, f, ends, &base, err);
	}
	if (io_clone(ends->in, ends->out))
		return name_copy(add, hasher, f, ends, err);
	return copy_chunked(add, f, ends, NULL, err);
}

/* Files without holes are read once, hashed and written.  Of a clone, and of files with holes, what
 * was copied is hashed: the source may change under our hands. */
static int copy_content(struct add *add, struct hasher *hasher, struct add_file *f,
                        const struct ends *ends, struct error *err)
{
	bool small = ends->from.st_size <= CHUNK_SIZE;
	int rc;

	if (has_holes(&ends->from))
		rc = io_copy_watched(ends->in, ends->out,
		                     &(struct io_copying){ .stop = add->stop });
	else if (!small)
		return copy_large(add, hasher, f, ends, err);
	else if (!io_clone(ends->in, ends->out))
		return copy_small(add, hasher, f, ends, err);
	else
		rc = 0;
	return rc < 0 ? error_sys(err, rc, "cannot copy it") : name_copy(add, hasher, f, ends, err);
}

static int copy_to(struct add *add, struct hasher *hasher, struct add_file *f, struct ends *ends,
                   struct error *err)
{
	struct stat to;
	int rc;

	if (fstat(ends->in, &ends->from) != 0 || fstat(ends->out, &to) != 0)
		return error_sys(err, errno, "cannot copy it");
	rc = copy_content(add, hasher, f, ends, err);
	if (rc == 0)
		rc = check_source(add, f, ends, err);
	if (rc < 0)
		return rc;
	rc = normalise(ends->out, &to, f->e.kind);
	if (rc == 0)
		rc = object_add_fd(add->store, &f->e, ends->out);
	if (rc < 0)
		return error_sys(err, rc, "cannot link it into '%s'", add->store->path);
	note_added(f, (enum object_added)rc, add->adopt);
	/* The disk begins while the next one is hashed; tiny ones are better written together. */
	if (rc == OBJECT_ADDED && f->e.size >= WRITE_EARLY)
		(void)sync_file_range(ends->out, 0, 0, SYNC_FILE_RANGE_WRITE);
	return 0;
}

static int copy(struct add *add, struct hasher *hasher, struct add_file *f, int fd,
                struct error *err)
{
	struct temp temp;
	struct ends ends = { .in = fd };
	int rc = temp_open(add->store, &temp);

	if (rc < 0)
		return error_sys(err, rc, "cannot make a file beside '%s'", add->store->path);
	ends.out = temp.fd;
	ends.is_quiet = !add->ours && is_quiet(fd);
	rc = copy_to(add, hasher, f, &ends, err);
	temp_close(add->store, &temp);
	return rc;
}

int adding_take(struct add *add, struct hasher *hasher, struct add_file *f, int fd, bool ours,
                struct error *err)
{
	int rc = ours ? adopt(add, hasher, f, fd, err) : 1;

	return rc == 1 ? copy(add, hasher, f, fd, err) : rc;
}

/* Opens a file and sees what it is. */
int adding_open(struct add *add, struct add_file *f, struct stat *st, struct error *err)
{
	AUTO_FD int fd = walk_open(add->root, adding_path(add, f), add->ours);

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
