#include "dataset/mount.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error_path.h"
#include "base/io.h"
#include "base/mount_tree.h"
#include "base/xalloc.h"
#include "dataset/claim.h"
#include "dataset/internal.h"

void dataset_mount_release(struct dataset_mount *m)
{
	free(m->directory);
	m->directory = NULL;
}

/* --- mounting --------------------------------------------------------------------------------- */

static int put_map(const char *file, unsigned long id)
{
	AUTO_FREE char *line = xasprintf("%lu %lu 1\n", id, id);

	return io_set(file, line);
}

/* The user stays who he is; groups can only be mapped by who cannot change them. */
static int enter_user_namespace(void)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int rc;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
		return -errno;
	rc = io_set("/proc/self/setgroups", "deny");
	if (rc == 0)
		rc = put_map("/proc/self/uid_map", uid);
	return rc == 0 ? put_map("/proc/self/gid_map", gid) : rc;
}

int datasets_mount_apart(struct error *err)
{
	int rc = unshare(CLONE_NEWNS) == 0 ? 0 : errno == EPERM ? enter_user_namespace() : -errno;

	/* What others mount is still seen here. */
	if (rc == 0 && mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) != 0)
		rc = -errno;
	if (rc == -EPERM || rc == -EACCES || rc == -ENOSPC || rc == -EINVAL)
		return error_set(err, SLUICE_MISSING,
		                 "this machine gives you no mount namespace of your own (user "
		                 "namespaces are switched off, or none are left); copy the version "
		                 "with --copy");
	return rc < 0 ? error_sys(err, rc, "cannot make a mount namespace") : 0;
}

static int find_one(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return 1;
}

static int check_empty(int fd, const char *path, struct error *err)
{
	int rc = copy_each_name(fd, ".", find_one, NULL);

	if (rc < 0)
		return error_sys(err, rc, "cannot read directory '%s'", path);
	if (rc == 0)
		return 0;
	return error_set(err, SLUICE_INVALID,
	                 "directory '%s' is not empty, and a mount would hide what is in it; give "
	                 "an empty one",
	                 path);
}

static int resolve(const char *directory, char **ret_path, struct error *err)
{
	char *path = realpath(directory, NULL);

	if (!path && errno == ENOENT)
		return error_set(err, SLUICE_NOT_FOUND,
		                 "there is no directory '%s'; 'mkdir -p' makes it", directory);
	if (!path && errno != ENOTDIR) {
		(void)error_sys(err, errno, "cannot look at '%s'", directory);
		return error_path(err);
	}
	*ret_path = path ? path : xstrdup(directory);
	return 0;
}

/* What a directory must be; a descriptor of it. */
static int open_target(const struct datasets *d, const char *path, struct error *err)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statx st;
	int rc = fd < 0 ? -errno : claim_mount_of(fd, "", &st);

	if (rc == -ENOTDIR)
		return error_set(err, SLUICE_INVALID, "'%s' is not a directory", path);
	if (rc < 0) {
		(void)error_sys(err, rc, "cannot open directory '%s'", path);
		return error_path(err);
	}
	if (io_is_below(path, d->home))
		return error_set(err, SLUICE_INVALID,
		                 "'%s' lies in the home '%s', which is sluice's own; give a "
		                 "directory elsewhere",
		                 path, d->home);
	if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		return error_set(err, SLUICE_EXISTS,
		                 "something is mounted at '%s' already; 'sluice datasets unmount' "
		                 "takes a version away, umount(8) anything else",
		                 path);
	rc = check_empty(fd, path, err);
	return rc < 0 ? rc : take_fd(&fd);
}

static int no_right(const struct dataset_version *v, int sys, struct error *err)
{
	if (sys != -EPERM && sys != -ENOSYS)
		return error_sys(err, sys, "cannot mount '%s:%s'", v->dataset_name, v->id);
	return error_set(err, SLUICE_MISSING,
	                 "this user may not mount here; '-- COMMAND' at the end mounts for that "
	                 "command alone ('-- bash' for a shell), --copy makes a copy");
}

/* A mount of the tree that is nowhere yet; -errno. */
static int clone_tree(const char *tree)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV,
		.propagation = MS_PRIVATE,
	};

	return mount_tree_copy(AT_FDCWD, tree, AT_SYMLINK_NOFOLLOW, &attr);
}

static int mount_tree(struct datasets *d, const struct dataset_version *v, const char *path,
                      int target, struct error *err)
{
	AUTO_FREE char *tree = NULL;
	AUTO_FD int dir = -1;
	AUTO_FD int fd = -1;
	AUTO_CLAIM struct claim c = { .m = { .manifest = v->manifest,
		                             .directory = xstrdup(path) } };
	int rc = store_tree(d->store, &v->manifest, &tree, err);

	if (rc < 0)
		return rc;
	text_copy(c.m.dataset, sizeof c.m.dataset, v->dataset);
	text_copy(c.m.version, sizeof c.m.version, v->id);
	fd = clone_tree(tree);
	if (fd < 0)
		return no_right(v, fd, err);
	rc = claim_make(d, fd, &c, &dir, err);
	if (rc < 0)
		return rc;
	rc = mount_tree_put(fd, target, "");
	if (rc < 0) {
		(void)unlinkat(dir, c.name, 0);
		return no_right(v, rc, err);
	}
	return 0;
}

int datasets_mount(struct datasets *d, const struct dataset_version *v, const char *directory,
                   struct error *err)
{
	AUTO_FREE char *path = NULL;
	AUTO_FREE char *tree = NULL;
	AUTO_FD int target = -1;
	AUTO_FD int lock = -1;
	AUTO_FD int shared = -1;
	int rc = resolve(directory, &path, err);

	if (rc < 0)
		return rc;
	if (!v->committed)
		return error_set(
			err, SLUICE_INVALID,
			"version '%s:%s' is not committed yet and can still change; commit "
			"it first",
			v->dataset_name, v->id);
	target = open_target(d, path, err);
	if (target < 0)
		return target;
	/* Laying it out may take long: not while others wait for the dataset. */
	rc = datasets_tree(d, v, &tree, err);
	if (rc < 0)
		return rc;
	lock = index_lock_dataset(d, v->dataset, err);
	shared = lock < 0 ? lock : store_lock(d->store, LOCK_SHARED, err);
	rc = shared < 0 ? shared : version_check_there(d, v, err);
	return rc < 0 ? rc : mount_tree(d, v, path, target, err);
}

/* --- unmounting ------------------------------------------------------------------------------- */

struct search {
	uint64_t mount, namespace;
	int dir;
	struct claim found;
};

static int compare_mount(void *arg, int dir, struct claim *c)
{
	struct search *s = arg;

	if (c->mount != s->mount || c->namespace != s->namespace || !claim_is_alive(c))
		return 0;
	s->dir = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	s->found = *c;
	c->m.directory = NULL;
	return 1;
}

static int take_away(const char *path, struct error *err)
{
	if (umount2(path, UMOUNT_NOFOLLOW) == 0)
		return 0;
	if (errno == EBUSY)
		return error_set(err, SLUICE_INVALID,
		                 "'%s' is in use: a process works in it or has a file of it open; "
		                 "end that first ('fuser -vm' names it)",
		                 path);
	return error_sys(err, errno, "cannot unmount '%s'", path);
}

int datasets_unmount(struct datasets *d, const char *directory, struct dataset_mount *ret_mount,
                     struct error *err)
{
	struct search s = { .namespace = claim_namespace_of("self", "mnt"), .dir = -1 };
	AUTO_FREE char *path = NULL;
	struct statx st;
	int rc = resolve(directory, &path, err);

	if (rc == SLUICE_NOT_FOUND)
		return error_set(err, SLUICE_NOT_FOUND,
		                 "nothing is mounted at '%s': there is no such directory",
		                 directory);
	if (rc < 0)
		return rc;
	rc = claim_mount_of(AT_FDCWD, path, &st);
	if (rc < 0)
		return error_sys(err, rc, "cannot look at '%s'", path);
	s.mount = st.stx_mnt_id;
	if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		rc = claims_each(d, compare_mount, &s, err);
	if (rc < 0)
		return rc;
	if (rc == 0)
		return error_set(err, SLUICE_INVALID, "no version of this home is mounted at '%s'",
		                 path);
	rc = take_away(path, err);
	if (rc == 0) {
		(void)unlinkat(s.dir, s.found.name, 0);
		*ret_mount = s.found.m;
	} else {
		dataset_mount_release(&s.found.m);
	}
	cleanup_fd(&s.dir);
	return rc;
}
