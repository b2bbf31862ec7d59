#include "executor/shim/prepare.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "executor/bundle.h"
#include "executor/rootfs.h"
#include "executor/shim/bwrap.h"
#include "executor/shim/network.h"

static int write_bundle(const struct orders *o, struct error *err)
{
	AUTO_FD int dir = open(BUNDLE_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; i < o->files.len; i++) {
		bool is_script = strcmp(o->files.item[i], BUNDLE_SCRIPT) == 0;
		AUTO_FD int fd = openat(dir, o->files.item[i],
		                        O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		int rc = fd < 0 ? -errno
		                : io_write_all(fd, o->texts.item[i], strlen(o->texts.item[i]));

		if (rc == 0 && fchmod(fd, is_script ? 0444 : 0644) != 0)
			rc = -errno;
		if (rc == 0 && !is_script && fchown(fd, (uid_t)o->uid, (gid_t)o->gid) != 0)
			rc = -errno;
		if (rc < 0)
			return error_sys(err, rc, "cannot write '%s' of the bundle",
			                 o->files.item[i]);
	}
	return 0;
}

/* PATH and what stands directly in it: "outputs" holds one directory for each output. */
static int give_dir(const struct orders *o, const char *path)
{
	AUTO_DIR DIR *dir = opendir(path);
	const struct dirent *e;

	if (!dir || fchown(dirfd(dir), (uid_t)o->uid, (gid_t)o->gid) != 0)
		return -errno;
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0 &&
		    fchownat(dirfd(dir), e->d_name, (uid_t)o->uid, (gid_t)o->gid,
		             AT_SYMLINK_NOFOLLOW) != 0)
			return -errno;
	return 0;
}

static int give_to_user(const struct orders *o, struct error *err)
{
	for (size_t i = 0; o->uid != 0 && i < o->owned.len; i++) {
		int rc = give_dir(o, o->owned.item[i]);

		if (rc < 0)
			return error_sys(err, rc, "cannot give '%s' to the container's user",
			                 o->owned.item[i]);
	}
	return 0;
}

int shim_prepare(const struct orders *o, struct error *err)
{
	AUTO_FD int work = -1;
	struct rootfs root = {
		.way = o->merge,
		.layers = o->layers.item,
		.n_layers = o->layers.len,
		.upper_in_memory = o->upper_in_memory,
		.is_users = o->is_users,
		.views = o->views.item,
		.n_views = o->views.len,
		.uid = (uid_t)o->uid,
		.gid = (gid_t)o->gid,
	};
	int rc = rootfs_enter(&work, err);

	root.work = work;
	if (rc == 0)
		rc = write_bundle(o, err);
	if (rc == 0)
		rc = give_to_user(o, err);
	if (rc == 0)
		rc = rootfs_mount(&root, err);
	if (rc == 0 && o->network_is_private)
		rc = shim_network_join(err);
	if (rc == 0 && o->init)
		rc = bwrap_prepare(o, err);
	return rc;
}
