#include "image/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

enum { NAME_SIZE = sizeof PARTIAL_PREFIX + DIGEST_HEX_LEN, READ_SIZE = 8 * 1024 };

static const char *name_of(const struct partial *p, char name[NAME_SIZE])
{
	(void)snprintf(name, NAME_SIZE, PARTIAL_PREFIX "%s", p->hex);
	return name;
}

static int failed(const struct partial *p, int sys, const char *what, struct error *err)
{
	return error_sys(err, sys, "cannot %s the part of blob sha256:%.12s in '%s/tmp'", what,
	                 p->hex, p->im->home);
}

/* The lock may have been had of a file that its last holder has put in place meanwhile. */
static bool is_named(const struct partial *p)
{
	char name[NAME_SIZE];
	struct stat at, is;

	return fstatat(p->im->tmp_fd, name_of(p, name), &at, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(p->fd, &is) == 0 && at.st_ino == is.st_ino && at.st_dev == is.st_dev;
}

static int take_up(struct partial *p, struct error *err)
{
	char buf[READ_SIZE];
	ssize_t n;

	while ((n = read(p->fd, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(p, errno, "read", err);
		digest_update(&p->hash, buf, (size_t)n);
		p->have += (uint64_t)n;
	}
	return 0;
}

int partial_open(struct partial *p, struct images *im, const char *digest, struct error *err)
{
	char name[NAME_SIZE];

	*p = (struct partial){ .im = im, .fd = -1 };
	if (!oci_digest_parse(digest, &p->want))
		return error_set(err, SLUICE_INVALID, "'%s' is no digest", digest);
	(void)digest_hex(&p->want, p->hex);
	while (p->fd < 0) {
		if (faccessat(im->blobs_fd, p->hex, F_OK, 0) == 0)
			return PARTIAL_STORED;
		p->fd = lock_take(im->tmp_fd, name_of(p, name), LOCK_EXCLUSIVE, false);
		if (p->fd == -EWOULDBLOCK)
			return PARTIAL_BUSY;
		if (p->fd < 0)
			return failed(p, p->fd, "make", err);
		if (!is_named(p)) {
			(void)close(p->fd);
			p->fd = -1;
		}
	}
	digest_init(&p->hash);
	if (take_up(p, err) == 0)
		return PARTIAL_OPEN;
	partial_close(p);
	return err->class;
}

int partial_write(struct partial *p, const void *data, size_t len, struct error *err)
{
	int rc = io_write_all(p->fd, data, len);

	if (rc < 0)
		return failed(p, rc, "write", err);
	digest_update(&p->hash, data, len);
	p->have += len;
	return 0;
}

int partial_restart(struct partial *p, struct error *err)
{
	(void)digest_final(&p->hash);
	p->have = 0;
	if (ftruncate(p->fd, 0) != 0 || lseek(p->fd, 0, SEEK_SET) < 0)
		return failed(p, errno, "empty", err);
	return 0;
}

int partial_check(struct partial *p, struct error *err)
{
	struct digest is = digest_final(&p->hash);
	char hex[DIGEST_HEX_LEN + 1];
	int rc;

	if (digest_equal(&is, &p->want))
		return 0;
	rc = partial_restart(p, err);
	return rc != 0 ? rc
	               : error_set(err, SLUICE_CORRUPT,
	                           "the bytes that came are not what was asked for: they have "
	                           "sha256:%s",
	                           digest_hex(&is, hex));
}

int partial_keep(struct partial *p, struct error *err)
{
	char name[NAME_SIZE];

	if (linkat(p->im->tmp_fd, name_of(p, name), p->im->blobs_fd, p->hex, 0) != 0 &&
	    errno != EEXIST)
		return error_sys(err, errno, "cannot store blob sha256:%.12s", p->hex);
	(void)unlinkat(p->im->tmp_fd, name, 0);
	return 0;
}

void partial_close(struct partial *p)
{
	if (p->fd < 0)
		return;
	digest_release(&p->hash);
	(void)close(p->fd);
	p->fd = -1;
}

/* 0, or -errno. */
static int remove_one(struct images *im, const char *name, bool dry_run, uint64_t *bytes)
{
	AUTO_FD int lock = lock_take(im->tmp_fd, name, LOCK_EXCLUSIVE, false);
	struct stat st;

	if (lock < 0)
		return lock == -EWOULDBLOCK ? 0 : lock;
	if (fstat(lock, &st) != 0)
		return -errno;
	*bytes += (uint64_t)st.st_blocks * 512;
	return dry_run || unlinkat(im->tmp_fd, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

int partials_remove(struct images *im, bool dry_run, uint64_t *ret_bytes, struct error *err)
{
	AUTO_DIR DIR *dir = io_open_dir(im->tmp_fd, ".");
	const struct dirent *e;
	int rc = dir ? 0 : -errno;

	*ret_bytes = 0;
	while (rc == 0 && dir && (e = readdir(dir)) != NULL)
		if (strncmp(e->d_name, PARTIAL_PREFIX, strlen(PARTIAL_PREFIX)) == 0)
			rc = remove_one(im, e->d_name, dry_run, ret_bytes);
	return rc < 0 ? error_sys(err, rc, "cannot remove from '%s/tmp'", im->home) : 0;
}
