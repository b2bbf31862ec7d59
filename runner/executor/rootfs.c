#include "executor/rootfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/mount_tree.h"
#include "executor/bundle.h"
#include "executor/idmap.h"
#include "executor/merge.h"

/*
 * crun refuses a machine that has cgroup2 mounted beside v1 ("hybrid"), and has no use for it.
 * Covered rather than unmounted: crun makes directories in what it then finds there.
 */
#define HYBRID_CGROUP2 "/sys/fs/cgroup/unified"
#define CGROUP2_COVER  "cgroup2"

#define TARGET_ROOTFS BUNDLE_DIR "/" BUNDLE_ROOTFS

enum {
	LAYERS_MAX = 128, /* Docker's limit is 127, and one of ours */
	NAME_SIZE = 64,
};

int rootfs_enter(int *ret_work, struct error *err)
{
	AUTO_FD int work = -1;

	if (unshare(CLONE_NEWNS) != 0)
		return error_sys(err, errno, "cannot make a mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		return error_sys(err, errno, "cannot make the mounts private");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
		return error_sys(err, errno, "cannot mount '/proc'");
	if (mkdir(BUNDLE_DIR, 0700) != 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", BUNDLE_DIR);
	work = open(BUNDLE_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (work < 0)
		return error_sys(err, errno, "cannot open '%s'", BUNDLE_DIR);
	if (mount("sluice", BUNDLE_DIR, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") != 0)
		return error_sys(err, errno, "cannot mount a tmpfs at '%s'", BUNDLE_DIR);
	/* Where there is no such directory this fails, which is as good. */
	if (mkdir(BUNDLE_DIR "/" CGROUP2_COVER, 0755) == 0)
		(void)mount(BUNDLE_DIR "/" CGROUP2_COVER, HYBRID_CGROUP2, NULL, MS_BIND, NULL);
	*ret_work = take_fd(&work);
	return 0;
}

/* The writable layer lies at BASE/upper, which is the container's user's, beside BASE/work. */
static int merge_at(const struct merge *m, const char *base, struct error *err)
{
	char upper[NAME_SIZE], work_dir[NAME_SIZE];
	AUTO_FD int work = -1;
	int rc = io_mkdirs(base, 0755);

	if (rc == 0 && (snprintf(upper, NAME_SIZE, "%s/upper", base) < 0 ||
	                snprintf(work_dir, NAME_SIZE, "%s/work", base) < 0))
		rc = -EINVAL;
	if (rc == 0 && (mkdir(upper, 0755) != 0 || mkdir(work_dir, 0755) != 0) && errno != EEXIST)
		rc = -errno;
	if (rc == 0 && chown(upper, m->uid, m->gid) != 0)
		rc = -errno;
	if (rc == 0) {
		work = open(work_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
		rc = work < 0 ? -errno : 0;
	}
	return rc < 0 ? error_sys(err, rc, "cannot make '%s'", base)
	              : merge_mount(m, upper, work, err);
}

static int merge_in_bundle(const struct merge *m, const char *name, struct error *err)
{
	char base[NAME_SIZE];

	if (snprintf(base, sizeof base, BUNDLE_DIR "/upper/%s", name) < 0)
		return error_sys(err, EINVAL, "cannot make '%s'", name);
	return merge_at(m, base, err);
}

/* A home that lies on an overlay itself (inside another container), or in what is the lower layer,
 * may hold no writable layer: then it goes into the bundle's memory. */
static bool is_no_place(const struct merge *m, const struct error *err)
{
	return m->way == MERGE_OVERLAY &&
	       (err->sys == EINVAL || err->sys == EREMOTE || err->sys == ELOOP);
}

static void close_all(const int *fd, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)close(fd[i]);
}

/* Every job pays for each inode here: no directory holds the two, and the one below the bundle is
 * not in anybody's way.  A program could not find it by its path. */
static int merge_on_disk(const struct merge *m, int work, struct error *err)
{
	if (m->way != MERGE_OVERLAY)
		return merge_at(m, VIEWS_DIR "/root", err);
	if (mkdir(ROOTFS_DIR, 0755) != 0 && errno != EEXIST)
		return error_sys(err, errno, "cannot make '%s'", ROOTFS_DIR);
	return merge_mount(m, ROOTFS_DIR, work, err);
}

/* This machine's own files are never copied. */
static bool is_machine(const struct rootfs *r)
{
	return r->n_layers == 1 && strcmp(r->layers[0], "/") == 0;
}

static int merge_root(const struct rootfs *r, const struct merge *m, struct error *err)
{
	int rc = -1;

	if (mkdir(m->target, 0755) != 0)
		return error_sys(err, errno, "cannot make the container's root");
	if (!r->upper_in_memory)
		rc = merge_on_disk(m, r->work, err);
	if (r->upper_in_memory || (rc < 0 && is_no_place(m, err)))
		rc = merge_in_bundle(m, ROOTFS_DIR, err);
	return rc < 0 ? error_wrap(err, "cannot mount the container's root") : 0;
}

static int mount_root(const struct rootfs *r, struct error *err)
{
	int lower[LAYERS_MAX];
	struct merge m = {
		.way = is_machine(r) ? MERGE_OVERLAY : r->way,
		.lower = lower,
		.target = TARGET_ROOTFS,
		.is_users = r->is_users,
	};
	int rc = 0;

	if (r->n_layers > LAYERS_MAX)
		return error_set(err, SLUICE_LIMIT, "the image has %zu layers; %d are possible",
		                 r->n_layers, LAYERS_MAX);
	while (rc == 0 && m.n_lower < r->n_layers) {
		lower[m.n_lower] = open(r->layers[m.n_lower], O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (lower[m.n_lower] < 0)
			rc = error_sys(err, errno, "cannot open the layer '%s'",
			               r->layers[m.n_lower]);
		else
			m.n_lower++;
	}
	if (rc == 0)
		rc = merge_root(r, &m, err);
	close_all(lower, m.n_lower);
	return rc;
}

/* What a container has of its own, or must not see of the machine (sockets lie below /run). */
static bool is_hidden(const char *name)
{
	static const char *const names[] = { "proc", "sys", "dev", "run", "lost+found" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return name[0] == '.';
}

/* NAME of "/", with all that is mounted in it, read-only. */
static int show_entry(int root, int target, const char *name)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };
	AUTO_FD int fd = -1;
	char link[PATH_MAX] = "";
	struct stat st;

	if (fstatat(root, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return readlinkat(root, name, link, sizeof link - 1) < 0 ||
		                       symlinkat(link, target, name) != 0
		               ? -errno
		               : 0;
	if (!S_ISDIR(st.st_mode))
		return 0;
	fd = mount_tree_copy(root, name, AT_RECURSIVE | AT_SYMLINK_NOFOLLOW, &attr);
	if (fd < 0)
		return fd;
	if (mkdirat(target, name, 0755) != 0)
		return -errno;
	return mount_tree_put(fd, target, name);
}

/* An ordinary user can make no overlay of "/", for that would uncover what is hidden by other
 * mounts: each of its directories is shown in a root that lies in memory. */
static int show_machine(struct error *err)
{
	AUTO_DIR DIR *root = opendir("/");
	AUTO_FD int target = -1;
	const struct dirent *e;

	if (!root || mkdir(TARGET_ROOTFS, 0755) != 0)
		return error_sys(err, errno, "cannot make the container's root");
	target = open(TARGET_ROOTFS, O_PATH | O_DIRECTORY | O_CLOEXEC);
	while ((e = readdir(root))) {
		int rc = is_hidden(e->d_name) ? 0 : show_entry(dirfd(root), target, e->d_name);

		if (rc < 0)
			return error_sys(err, rc, "cannot show '/%s' in the container's root",
			                 e->d_name);
	}
	return 0;
}

static int mount_view(const struct rootfs *r, size_t i, struct error *err)
{
	char target[NAME_SIZE], name[NAME_SIZE], mapped[NAME_SIZE];
	const char *source = r->views[i];
	struct merge m = { .way = r->way,
		           .n_lower = 1,
		           .target = target,
		           .is_users = r->is_users,
		           .uid = r->uid,
		           .gid = r->gid };
	AUTO_FD int lower = -1;
	struct stat st;
	int rc;

	if (snprintf(target, sizeof target, BUNDLE_DIR "/" BUNDLE_VIEW_FMT, i) < 0 ||
	    snprintf(mapped, sizeof mapped, "%s.lower", target) < 0 ||
	    snprintf(name, sizeof name, VIEWS_DIR "/%zu", i) < 0)
		return error_set(err, SLUICE_LIMIT, "too many views");
	/* A job may have put a link to the host's files in the place of its volume: that is seen
	 * when the job ends, and here for certain.  All above is out of its reach. */
	if (lstat(source, &st) != 0)
		return error_sys(err, errno, "cannot look at '%s'", source);
	/* Where the kernel or the file system knows no id-mapping the user can at least read. */
	if (r->uid != 0 && st.st_uid != r->uid &&
	    idmap_mount(source, mapped, &st, r->uid, r->gid) == 0)
		source = mapped;
	lower = open(source, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (lower < 0)
		return error_sys(err, errno, "cannot open '%s'", r->views[i]);
	m.lower = &lower;
	if (mkdir(target, 0755) != 0)
		return error_sys(err, errno, "cannot make '%s'", target);
	rc = merge_at(&m, name, err);
	if (rc < 0 && is_no_place(&m, err))
		rc = merge_in_bundle(&m, name, err);
	return rc < 0 ? error_wrap(err, "cannot mount a view of '%s'", r->views[i]) : 0;
}

int rootfs_mount(const struct rootfs *r, struct error *err)
{
	int rc = r->is_users && r->upper_in_memory ? show_machine(err) : mount_root(r, err);

	for (size_t i = 0; rc == 0 && i < r->n_views; i++)
		rc = mount_view(r, i, err);
	return rc;
}

void rootfs_forget(void)
{
	static const char *const names[] = { BUNDLE_CONFIG, BUNDLE_STATE };
	AUTO_FD int dir = open(BUNDLE_DIR, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; dir >= 0 && i < sizeof names / sizeof names[0]; i++)
		(void)!io_remove_tree(dir,
		                      names[i]); /* in memory, and gone with the shim at last */
}

int rootfs_remove(int dirfd, struct error *err)
{
	static const char *const names[] = { BUNDLE_DIR, ROOTFS_DIR, VIEWS_DIR };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		int rc = io_remove_tree(dirfd, names[i]);

		if (rc < 0)
			return error_sys(err, rc, "cannot remove '%s'", names[i]);
	}
	return 0;
}

int rootfs_leave(int dirfd, struct error *err)
{
	if (umount2(BUNDLE_DIR, MNT_DETACH) != 0 && errno != EINVAL && errno != ENOENT)
		return error_sys(err, errno, "cannot unmount '" BUNDLE_DIR "'");
	return rootfs_remove(dirfd, err);
}
