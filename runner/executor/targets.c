#include "executor/targets.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum { FILE_MAX = 1 << 20, MODE_BITS = 07777 };

static const char *const files[] = { "hosts", "resolv.conf" };

enum { N_FILES = sizeof files / sizeof *files };

static bool has_file(const struct image *image, const char *name)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX);
	AUTO_FREE char *path = xasprintf("/etc/%s", name);
	struct error err;

	return image_read_file(image, path, &text, &err) != SLUICE_NOT_FOUND;
}

/* What the overlay shows of a directory beside its entries is the topmost layer's; ours must look
 * the same, and has no extended attributes. */
static bool find_etc(const struct image *image, struct stat *ret_etc)
{
	for (size_t i = 0; i < image->n_layers; i++) {
		AUTO_FREE char *path = xasprintf("%s/etc", image->layers[i]);
		char names[256];
		ssize_t n;

		if (lstat(path, ret_etc) != 0)
			continue;
		n = llistxattr(path, names, sizeof names);
		return S_ISDIR(ret_etc->st_mode) && (n == 0 || (n < 0 && errno == ENOTSUP));
	}
	return false;
}

/* Another runner may do the same at the same time, and one that was killed have done a part. */
static bool fill(int dir, const struct stat *like, const bool *wanted)
{
	AUTO_FD int etc = -1;
	struct stat st;

	if (mkdirat(dir, "etc", 0700) != 0 && errno != EEXIST)
		return false;
	etc = openat(dir, "etc", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (etc < 0)
		return false;
	for (size_t i = 0; i < N_FILES; i++) {
		AUTO_FD int fd = -1;

		if (!wanted[i])
			continue;
		fd = openat(etc, files[i], O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
		if (fd < 0)
			return false;
	}
	if (fstat(etc, &st) != 0)
		return false;
	if ((st.st_uid != like->st_uid || st.st_gid != like->st_gid) &&
	    fchown(etc, like->st_uid, like->st_gid) != 0)
		return false;
	return st.st_mode == like->st_mode || fchmod(etc, like->st_mode & MODE_BITS) == 0;
}

char *targets_make(const char *home, const struct image *image)
{
	AUTO_STRBUF struct strbuf path = STRBUF_INIT(STRBUF_BIG);
	AUTO_FD int dir = -1;
	bool wanted[N_FILES];
	bool any = false;
	struct stat etc;

	for (size_t i = 0; i < N_FILES; i++)
		any |= wanted[i] = !has_file(image, files[i]);
	if (!any || !find_etc(image, &etc))
		return NULL;
	strbuf_addf(&path, "%s/" IMAGE_TARGETS "/%o-%u-%u", home, (unsigned)etc.st_mode & MODE_BITS,
	            etc.st_uid, etc.st_gid);
	for (size_t i = 0; i < N_FILES; i++)
		if (wanted[i])
			strbuf_addf(&path, "-%s", files[i]);
	if (io_mkdirs(strbuf_str(&path), 0755) < 0)
		return NULL;
	dir = open(strbuf_str(&path), O_PATH | O_DIRECTORY | O_CLOEXEC);
	return dir >= 0 && fill(dir, &etc, wanted) ? xstrdup(strbuf_str(&path)) : NULL;
}
