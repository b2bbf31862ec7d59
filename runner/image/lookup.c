/*
 * A file of an image without mounting it: the rules of overlayfs by hand.
 *
 * A path is walked from the root, one component at a time, through all layers at once.  The
 * topmost layer that has the component decides what it is.  Layers below are seen through a
 * directory only as far down as they have a directory there too, and no further than one that is
 * opaque.  A symbolic link replaces the part of the path walked so far, and the walk starts again;
 * as nothing before it was a link, ".." can be taken off as text.
 */
#include "image/image.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"

enum { MAX_LINKS = 40 };

enum found { FOUND_NONE, FOUND_FILE, FOUND_DIR, FOUND_LINK };

struct walk {
	const struct image *image;
	size_t below;   /* layers from here on are hidden by what the walk has passed */
	int fd;         /* O_PATH of the component that decided */
	size_t decided; /* its layer */
};

static bool is_opaque(const char *layer, const char *path)
{
	static const char *const names[] = { "trusted.overlay.opaque", "user.overlay.opaque" };
	AUTO_FREE char *full = xasprintf("%s/%s", layer, path);
	char value;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (lgetxattr(full, names[i], &value, 1) == 1 && value == 'y')
			return true;
	return false;
}

static int layer_open(const char *layer, const char *path)
{
	AUTO_FD int root = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return root < 0 ? -errno : io_open_beneath(root, path, O_PATH | O_NOFOLLOW, 0);
}

static enum found kind_of(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return FOUND_DIR;
	if (S_ISLNK(st->st_mode))
		return FOUND_LINK;
	return S_ISREG(st->st_mode) ? FOUND_FILE : FOUND_NONE;
}

/* Looks at PREFIX, whose parents are directories, and narrows w->below for what is beneath it. */
static int walk_step(struct walk *w, const char *prefix, enum found *ret_found)
{
	enum found found = FOUND_NONE;

	for (size_t i = 0; i < w->below; i++) {
		AUTO_FD int fd = layer_open(w->image->layers[i], prefix);
		struct stat st;

		if (fd == -ENOENT)
			continue;
		if (fd < 0 && fd != -ENOTDIR && fd != -ELOOP)
			return fd;
		if (fd < 0 || fstat(fd, &st) != 0 || (found == FOUND_DIR && !S_ISDIR(st.st_mode))) {
			w->below = i; /* hides what is under it, and is itself hidden */
			break;
		}
		if (found == FOUND_NONE) {
			found = kind_of(&st);
			cleanup_fd(&w->fd);
			w->fd = take_fd(&fd);
			w->decided = i;
		}
		if (found != FOUND_DIR || is_opaque(w->image->layers[i], prefix)) {
			w->below = i + 1;
			break;
		}
	}
	*ret_found = found;
	return 0;
}

/* "usr/./lib/../share" is "usr/share". */
static void squash(char *path)
{
	size_t len = 0;

	for (char *p = path; *p;) {
		size_t n = strcspn(p, "/");
		bool up = n == 2 && p[0] == '.' && p[1] == '.';

		if (up) {
			while (len > 0 && path[--len] != '/')
				;
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			if (len > 0)
				path[len++] = '/';
			memmove(path + len, p, n);
			len += n;
		}
		p += n;
		p += *p == '/';
	}
	path[len] = '\0';
}

/* The link at PATH up to `end` is replaced by what it says. */
static int follow(const struct walk *w, const char *path, const char *end, char **ret_path)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(w->fd, "", target, sizeof target - 1);
	const char *above = end;

	if (n < 0)
		return -errno;
	target[n] = '\0';
	while (above > path && above[-1] != '/')
		above--;
	if (target[0] == '/')
		*ret_path = xasprintf("%s%s", target, end);
	else
		*ret_path = xasprintf("%.*s%s%s", (int)(above - path), path, target, end);
	return strlen(*ret_path) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* Walks until a link, or to the end.  *ret_next is the path to walk next, if there was a link. */
static int walk_path(struct walk *w, char *path, enum found *ret_found, char **ret_next)
{
	char *end = path;

	w->below = w->image->n_layers;
	*ret_found = FOUND_DIR;
	while (*end && *ret_found == FOUND_DIR) {
		char after;
		int rc;

		end += *end == '/';
		end += strcspn(end, "/");
		after = *end;
		*end = '\0';
		rc = walk_step(w, path, ret_found);
		*end = after;
		if (rc < 0)
			return rc;
		if (*ret_found == FOUND_LINK)
			return follow(w, path, end, ret_next);
	}
	if (*end && *ret_found == FOUND_FILE)
		*ret_found = FOUND_NONE; /* a file has nothing beneath it */
	return 0;
}

static int find_file(struct walk *w, char **path)
{
	for (int links = 0; links <= MAX_LINKS; links++) {
		char *next = NULL;
		enum found found;
		int rc;

		squash(*path);
		rc = walk_path(w, *path, &found, &next);
		if (next) {
			free(*path);
			*path = next;
		}
		if (rc < 0)
			return rc;
		if (!next)
			return found == FOUND_FILE ? 0 : -ENOENT;
	}
	return -ELOOP;
}

int image_read_file(const struct image *image, const char *path, struct strbuf *ret_text,
                    struct error *err)
{
	struct walk w = { .image = image, .fd = -1 };
	char *at = xstrdup(path);
	int rc = find_file(&w, &at);

	if (rc == 0) {
		AUTO_FD int root = open(image->layers[w.decided], O_PATH | O_DIRECTORY | O_CLOEXEC);
		AUTO_FD int fd = root < 0 ? -errno : io_open_beneath(root, at, O_RDONLY, 0);

		rc = fd < 0 ? fd : io_read_all(fd, ret_text);
	}
	cleanup_fd(&w.fd);
	free(at);
	if (rc == -ENOENT)
		return error_set(err, SLUICE_NOT_FOUND, "the image has no file '%s'", path);
	if (rc == -EFBIG)
		return error_set(err, SLUICE_LIMIT, "'%s' of the image is larger than %zu bytes",
		                 path, ret_text->max);
	return rc < 0 ? error_sys(err, rc, "cannot read '%s' of the image", path) : 0;
}
