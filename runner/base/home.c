#include "base/home.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/env.h"
#include "base/error_path.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/userns.h"
#include "base/xalloc.h"

enum { FORMAT_MAX = 128, FORMAT_FIRST = 1, FORMAT_LAST = 2 };

static const char *const formats_root[] = { "sluice-home 1 root\n", "sluice-home 2 root\n" };
static const char *const formats_rootless[] = { "sluice-home 1 rootless\n",
	                                        "sluice-home 2 rootless\n" };

/* Of whoever runs this. */
static const char *format_text(int format)
{
	return (userns_is_root() ? formats_root : formats_rootless)[format - FORMAT_FIRST];
}

static int make_absolute(const char *path, char **ret_path, struct error *err)
{
	AUTO_FREE char *cwd = NULL;

	if (path[0] == '/') {
		*ret_path = xstrdup(path);
		return 0;
	}
	cwd = getcwd(NULL, 0);
	if (!cwd)
		return error_sys(err, errno, "cannot tell the current directory");
	*ret_path = xasprintf("%s/%s", cwd, path);
	return 0;
}

int home_path(char **ret_path, struct error *err)
{
	const char *chosen = env_get("SLUICE_HOME");
	const char *data = env_get("XDG_DATA_HOME");
	const char *user = env_get("HOME");

	if (chosen)
		return make_absolute(chosen, ret_path, err);
	if (userns_is_root())
		*ret_path = xstrdup("/var/lib/sluice");
	else if (data && data[0] == '/') /* the XDG rules say to ignore a relative one */
		*ret_path = xasprintf("%s/sluice", data);
	else if (user && user[0] == '/')
		*ret_path = xasprintf("%s/.local/share/sluice", user);
	else
		return error_set(err, SLUICE_INVALID,
		                 "there is no place for the home: set SLUICE_HOME, or HOME");
	return 0;
}

static int unknown_format(const char *text, const char *path, struct error *err)
{
	unsigned version;

	/* NOLINTNEXTLINE(cert-err34-c): nine digits fit */
	if (sscanf(text, "sluice-home %9u", &version) == 1 && version > FORMAT_LAST)
		return error_set(err, SLUICE_INVALID,
		                 "the home '%s' was made by a newer sluice: it has format %u, and "
		                 "this one knows up to %d; use the newer sluice, or set "
		                 "SLUICE_HOME to another directory",
		                 path, version, (int)FORMAT_LAST);
	return error_set(
		err, SLUICE_INVALID,
		"'%s/format' names a format that this sluice does not know: use the sluice "
		"that made this home, or set SLUICE_HOME to another directory",
		path);
}

/* Its layers have other owners and marks than the user who runs this can make or read. */
static int wrong_flavour(const char *path, struct error *err)
{
	return error_set(err, SLUICE_INVALID,
	                 "the home '%s' was made %s: set SLUICE_HOME to another directory", path,
	                 userns_is_root() ? "by an ordinary user, and now root runs this"
	                                  : "by root, and now an ordinary user runs this");
}

/* 0 if there is none yet. */
static int read_format(int dir, const char *path, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(FORMAT_MAX);
	int rc = io_read_file(dir, "format", &text);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0 && rc != -EFBIG)
		return error_sys(err, rc, "cannot read '%s/format'", path);
	for (int i = 0; rc == 0 && i <= FORMAT_LAST - FORMAT_FIRST; i++) {
		if (strcmp(strbuf_str(&text), format_text(FORMAT_FIRST + i)) == 0)
			return FORMAT_FIRST + i;
		if (strcmp(strbuf_str(&text), formats_root[i]) == 0 ||
		    strcmp(strbuf_str(&text), formats_rootless[i]) == 0)
			return wrong_flavour(path, err);
	}
	return unknown_format(strbuf_str(&text), path, err);
}

/* What a file system or another first user of the same home may have put there. */
static bool is_harmless(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
	       strcmp(name, "lost+found") == 0 || strncmp(name, ".tmp-", 5) == 0;
}

/* 1 if it holds something, 0 if it does not. */
static int holds_something(int dirfd, const char *path, struct error *err)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;

	if (!dir)
		return error_sys(err, errno, "cannot read directory '%s'", path);
	while ((e = readdir(dir)))
		if (!is_harmless(e->d_name))
			return 1;
	return 0;
}

static int make_format(int dir, const char *path, struct error *err)
{
	const char *text = format_text(FORMAT_FIRST);
	int found = holds_something(dir, path, err);
	int rc;

	if (found < 0)
		return found;
	if (found) {
		/* Another process may have made it since we looked. */
		rc = read_format(dir, path, err);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		return error_set(err, SLUICE_INVALID,
		                 "'%s' holds files that are not sluice's: set SLUICE_HOME to an "
		                 "empty or a new directory",
		                 path);
	}
	rc = io_put_file(dir, "format", text, strlen(text), 0644, false);
	if (rc < 0 && rc != -EEXIST)
		return error_sys(err, rc, "cannot write '%s/format'", path);
	return 0;
}

static int check_owner(int dir, const char *path, struct error *err)
{
	struct stat st;

	if (fstat(dir, &st) != 0)
		return error_sys(err, errno, "cannot look at '%s'", path);
	if (st.st_uid != geteuid())
		return error_set(err, SLUICE_INVALID,
		                 "the home '%s' belongs to user %u, not to user %u who runs this: "
		                 "set SLUICE_HOME to a directory of your own",
		                 path, (unsigned)st.st_uid, (unsigned)userns_uid());
	return 0;
}

/* Also who only reads writes: locks, and the catalog's own files. */
static int check_writable(int dir, const char *path, struct error *err)
{
	if (faccessat(dir, ".", W_OK, AT_EACCESS) == 0)
		return 0;
	if (errno != EROFS && errno != EACCES)
		return error_sys(err, errno, "cannot look at '%s'", path);
	return error_set(err, SLUICE_MISSING,
	                 "the home '%s' cannot be written (%s), which sluice needs also to read "
	                 "from it: make it writable, or set SLUICE_HOME to another directory",
	                 path, errno == EROFS ? "its file system is read-only" : strerror(errno));
}

/* Opens the directory, and checks that it is ours; with `make` it is one afterwards. */
static int open_home(const char *path, bool make, char **ret_path, struct error *err)
{
	AUTO_FD int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *real = NULL;
	int rc;

	if (dir < 0 && errno == ENOENT && !make)
		return error_set(err, SLUICE_NOT_FOUND, "there is no home '%s' yet", path);
	if (dir < 0) {
		(void)error_sys(err, errno, "cannot open the home '%s'", path);
		return error_path(err);
	}
	rc = check_owner(dir, path, err);
	if (rc == 0 && make)
		rc = check_writable(dir, path, err);
	if (rc == 0)
		rc = read_format(dir, path, err);
	if (rc == 0)
		rc = make ? make_format(dir, path, err)
		          : error_set(err, SLUICE_NOT_FOUND, "'%s' is no home yet", path);
	if (rc < 0)
		return rc;
	real = realpath(path, NULL);
	if (!real)
		return error_sys(err, errno, "cannot resolve the home '%s'", path);
	*ret_path = take_ptr(&real);
	return 0;
}

int home_look(char **ret_path, struct error *err)
{
	AUTO_FREE char *path = NULL;
	int rc = home_path(&path, err);

	return rc < 0 ? rc : open_home(path, false, ret_path, err);
}

int home_open(char **ret_path, struct error *err)
{
	AUTO_FREE char *path = NULL;
	int rc = home_path(&path, err);

	if (rc < 0)
		return rc;
	/* Datasets may be private: nobody else looks into it. */
	rc = io_mkdirs(path, 0700);
	if (rc < 0) {
		(void)error_sys(err, rc, "cannot make the home '%s' (SLUICE_HOME chooses another)",
		                path);
		return error_path(err);
	}
	return open_home(path, true, ret_path, err);
}

int home_needs_providers(const char *home, struct error *err)
{
	const char *text = format_text(FORMAT_LAST);
	AUTO_FD int dir = open(home, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = dir < 0 ? error_sys(err, errno, "cannot open the home '%s'", home)
	                 : read_format(dir, home, err);

	if (rc < 0 || rc == FORMAT_LAST)
		return rc < 0 ? rc : 0;
	rc = io_put_file(dir, "format", text, strlen(text), 0644, true);
	return rc < 0 ? error_sys(err, rc, "cannot write '%s/format'", home) : 0;
}
