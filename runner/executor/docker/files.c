#include "executor/docker/files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "executor/bundle.h"
#include "executor/idmap.h"

/* Names in a view's own directory. */
#define LOWER  "lower" /* its source as the user's, where that is needed */
#define UPPER  "upper"
#define WORK   "work"
#define MERGED "merged"

static int put_text(const char *path, const char *text, mode_t mode, const struct user *user)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	int rc = fd < 0 ? -errno : io_write_all(fd, text, strlen(text));

	if (rc == 0 && (fchmod(fd, mode) != 0 || fchown(fd, user->uid, user->gid) != 0))
		rc = -errno;
	return rc;
}

/* --- views ------------------------------------------------------------------------------------ */

/* Paths are passed as descriptors: no limit, nothing to be escaped. */
static int mount_overlay(int lower, const char *base, const char *more)
{
	AUTO_FREE char *upper_path = xasprintf("%s/" UPPER, base);
	AUTO_FREE char *work_path = xasprintf("%s/" WORK, base);
	AUTO_FREE char *target = xasprintf("%s/" MERGED, base);
	AUTO_FD int upper = open(upper_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int work = open(work_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FREE char *options = xasprintf("lowerdir=/proc/self/fd/%d,upperdir=/proc/self/fd/%d,"
	                                    "workdir=/proc/self/fd/%d%s",
	                                    lower, upper, work, more);

	if (upper < 0 || work < 0)
		return -errno;
	return mount("overlay", target, "overlay", MS_NODEV | MS_NOSUID, options) == 0 ? 0 : -errno;
}

static int make_dirs(const char *base, const struct user *user)
{
	static const char *const names[] = { UPPER, WORK, MERGED };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		AUTO_FREE char *path = xasprintf("%s/%s", base, names[i]);

		if (mkdir(path, 0755) != 0)
			return -errno;
		if (i == 0 && chown(path, user->uid, user->gid) != 0)
			return -errno;
	}
	return 0;
}

static int mount_above(int lower, const char *base, const struct user *user)
{
	int rc = make_dirs(base, user);

	if (rc == 0)
		rc = mount_overlay(lower, base, ",volatile");
	return rc == -EINVAL ? mount_overlay(lower, base, "") : rc; /* before Linux 5.10 */
}

/* The writable layer lies on the attempt's disk, or in memory where that cannot hold one: a home
 * that lies on an overlay itself. */
static int mount_view(const char *source, const char *base, const struct user *user)
{
	AUTO_FREE char *mapped = xasprintf("%s/" LOWER, base);
	AUTO_FD int lower = -1;
	struct stat st;
	int rc;

	if (lstat(source, &st) != 0)
		return -errno;
	rc = io_mkdirs(base, 0755);
	if (rc < 0)
		return rc;
	/* Where there is no id-mapping the user can at least read. */
	if (user->uid != 0 && st.st_uid != user->uid &&
	    idmap_mount(source, mapped, &st, user->uid, user->gid) == 0)
		source = mapped;
	/* A job may have put a link to the host's files in the place of its volume. */
	lower = open(source, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (lower < 0)
		return -errno;
	rc = mount_above(lower, base, user);
	if (rc != -EINVAL && rc != -EREMOTE)
		return rc;
	if (mount("sluice", base, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755") != 0)
		return -errno;
	return mount_above(lower, base, user);
}

/* --- all of them ------------------------------------------------------------------------------ */

/* PATH and what stands directly in it: "outputs" holds one directory for each output. */
static int give(const char *path, const struct user *user)
{
	AUTO_DIR DIR *dir = opendir(path);
	const struct dirent *e;

	if (!dir || fchown(dirfd(dir), user->uid, user->gid) != 0)
		return -errno;
	while ((e = readdir(dir)))
		if (io_is_component(e->d_name) &&
		    fchownat(dirfd(dir), e->d_name, user->uid, user->gid, AT_SYMLINK_NOFOLLOW) != 0)
			return -errno;
	return 0;
}

static int make_one(const struct request *r, size_t i, const struct user *user, char **ret_source)
{
	const struct request_mount *m = &r->mounts[i];
	AUTO_FREE char *base = NULL;

	switch (m->kind) {
	case MOUNT_VIEW:
		base = xasprintf("%s/" VIEWS_DIR "/%zu", r->dir, i);
		*ret_source = xasprintf("%s/" MERGED, base);
		return mount_view(m->source, base, user);
	case MOUNT_TEXT:
		*ret_source = xasprintf("%s/" BUNDLE_DIR "/" BUNDLE_TEXT_FMT, r->dir, i);
		return put_text(*ret_source, m->source, 0644, user);
	case MOUNT_READONLY:
	case MOUNT_WRITE:
		break;
	}
	*ret_source = xstrdup(m->source);
	if (access(m->source, F_OK) != 0) /* Podman would make it */
		return -errno;
	return user->uid != 0 && request_owns(r, m) ? give(m->source, user) : 0;
}

int docker_files_make(const struct request *r, const struct user *user,
                      struct docker_files *ret_files, struct error *err)
{
	static const struct user root = { .uid = 0 };
	AUTO_FREE char *bundle = xasprintf("%s/" BUNDLE_DIR, r->dir);
	int rc = io_mkdirs(bundle, 0700);

	*ret_files = (struct docker_files){ .n = r->n_mounts };
	ret_files->sources = xcalloc(r->n_mounts + 1, sizeof *ret_files->sources);
	if (rc < 0)
		return error_sys(err, rc, "cannot make '%s'", bundle);
	if (r->script) {
		ret_files->script = xasprintf("%s/" BUNDLE_SCRIPT, bundle);
		rc = put_text(ret_files->script, r->script, 0444, &root);
		if (rc < 0)
			return error_sys(err, rc, "cannot write '%s'", ret_files->script);
	}
	for (size_t i = 0; i < r->n_mounts; i++) {
		rc = make_one(r, i, user, &ret_files->sources[i]);
		if (rc < 0)
			return error_sys(err, rc, "cannot make '%.300s' ready for '%s'",
			                 r->mounts[i].kind == MOUNT_TEXT ? "the text"
			                                                 : r->mounts[i].source,
			                 r->mounts[i].target);
	}
	return 0;
}

void docker_files_release(struct docker_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		free(files->sources[i]);
	free(files->sources);
	free(files->script);
	*files = (struct docker_files){ .n = 0 };
}

/* What is mounted in a view's directory, the uppermost first; what is not mounted is EINVAL. */
static void unmount_view(const char *base)
{
	static const char *const names[] = { "/" MERGED, "/" LOWER, "", "/" LOWER };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		AUTO_FREE char *path = xasprintf("%s%s", base, names[i]);

		(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	}
}

int docker_files_remove(const char *dir, struct error *err)
{
	static const char *const names[] = { BUNDLE_DIR, VIEWS_DIR };
	AUTO_FREE char *views = xasprintf("%s/" VIEWS_DIR, dir);
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	AUTO_DIR DIR *list = opendir(views);
	const struct dirent *e;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR
		               ? 0
		               : error_sys(err, errno, "cannot open '%s'", dir);
	while (list && (e = readdir(list))) {
		AUTO_FREE char *base = xasprintf("%s/%s", views, e->d_name);

		if (io_is_component(e->d_name))
			unmount_view(base);
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		int rc = io_remove_tree(fd, names[i]);

		if (rc < 0)
			return error_sys(err, rc, "cannot remove '%s/%s'", dir, names[i]);
	}
	return 0;
}
