#include "executor/shim/layout.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/mount_tree.h"
#include "executor/cgroup.h"

enum { OPTION_MAX = 64 };

/* One of the orders' SHIM_MOUNT. */
struct line {
	const char *target, *type, *from;
	const char *how;
};

/* --- targets ---------------------------------------------------------------------------------- */

/* The part of PATH that ends at its LEN-th byte, in the root; made if it is missing. */
static int enter_dir(int root, const char *path, size_t len)
{
	char part[PATH_MAX];
	const char *name;
	AUTO_FD int parent = -1;
	int fd;

	if (len >= sizeof part)
		return -ENAMETOOLONG;
	memcpy(part, path, len);
	part[len] = '\0';
	fd = io_open_in_root(root, part, O_PATH | O_DIRECTORY);
	if (fd != -ENOENT)
		return fd;
	name = strrchr(part, '/') + 1;
	part[name - part - 1] = '\0';
	parent = io_open_in_root(root, part[0] ? part : "/", O_PATH | O_DIRECTORY);
	if (parent < 0)
		return parent;
	if (mkdirat(parent, name, 0755) != 0)
		return -errno; /* a link that leads nowhere is EEXIST */
	return openat(parent, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Every directory on the way to PATH, and it itself. */
static int make_dirs(int root, const char *path)
{
	int fd = -ENOENT;

	for (const char *p = path; *p;) {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		if (fd >= 0)
			(void)close(fd);
		fd = enter_dir(root, path, (size_t)(p - path));
		if (fd < 0)
			return fd;
		p += strspn(p, "/");
	}
	return fd;
}

static int make_file(int root, const char *path)
{
	char above[PATH_MAX] = "/";
	const char *name = strrchr(path, '/') + 1;
	AUTO_FD int dir = -1;
	AUTO_FD int made = -1;

	if ((size_t)(name - path) >= sizeof above || name[0] == '\0')
		return -EINVAL;
	memcpy(above, path, (size_t)(name - path));
	above[name - path] = '\0';
	dir = make_dirs(root, above);
	if (dir < 0)
		return dir;
	made = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	return made < 0 ? -errno : openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static int open_target(int root, const char *path, bool is_dir)
{
	int fd = io_open_in_root(root, path, O_PATH);

	if (fd != -ENOENT)
		return fd;
	return is_dir ? make_dirs(root, path) : make_file(root, path);
}

/* --- what is mounted there -------------------------------------------------------------------- */

/* The next option of a list that ends each with a comma; false at the end. */
static bool next_option(const char **list, char option[OPTION_MAX])
{
	size_t len = strcspn(*list, ",");

	if (len == 0 || len >= OPTION_MAX)
		return false;
	memcpy(option, *list, len);
	option[len] = '\0';
	*list += len + 1;
	return true;
}

static uint64_t flag_of(const char *option)
{
	static const struct {
		const char *name;
		uint64_t flag;
	} flags[] = {
		{ "ro", MOUNT_ATTR_RDONLY },
		{ "nosuid", MOUNT_ATTR_NOSUID },
		{ "nodev", MOUNT_ATTR_NODEV },
		{ "noexec", MOUNT_ATTR_NOEXEC },
	};

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (strcmp(flags[i].name, option) == 0)
			return flags[i].flag;
	return 0;
}

static bool has_option(const char *list, const char *name)
{
	char option[OPTION_MAX];

	while (next_option(&list, option))
		if (strcmp(option, name) == 0)
			return true;
	return false;
}

static uint64_t flags_of(const char *list)
{
	char option[OPTION_MAX];
	uint64_t flags = 0;

	while (next_option(&list, option))
		flags |= flag_of(option);
	return flags;
}

static int open_bind(const char *from, uint64_t flags, bool recursive)
{
	struct mount_attr attr = { .attr_set = flags };

	return mount_tree_copy(AT_FDCWD, from, recursive ? AT_RECURSIVE : 0, &attr);
}

int layout_open_read_only(const char *path)
{
	return open_bind(path, MOUNT_ATTR_RDONLY, false);
}

static int configure(int fs, const char *list)
{
	char option[OPTION_MAX];

	while (next_option(&list, option)) {
		char *value = strchr(option, '=');

		if (!value)
			continue;
		*value++ = '\0';
		if (syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, option, value, 0) != 0)
			return -errno;
	}
	return syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0 ? 0 : -errno;
}

static int open_new(const char *type, const char *how)
{
	AUTO_FD int fs = (int)syscall(SYS_fsopen, type, FSOPEN_CLOEXEC);
	int rc = fs < 0 ? -errno : configure(fs, how);
	int fd;

	if (rc < 0)
		return rc;
	fd = (int)syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, (unsigned)flags_of(how));
	return fd < 0 ? -errno : fd;
}

/* --- devices ---------------------------------------------------------------------------------- */

static int show_device(int dev, const char *name)
{
	char from[OPTION_MAX];
	AUTO_FD int target = openat(dev, name, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	AUTO_FD int tree = -1;

	if (target < 0 || snprintf(from, sizeof from, "/dev/%s", name) < 0)
		return -errno;
	tree = open_bind(from, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, false);
	return tree < 0 ? tree : mount_tree_put(tree, target, "");
}

/* The machine's own nodes: no others are devices in here. */
static int fill_dev(int root, const char *path)
{
	static const char *const devices[] = { "null", "zero", "full", "random", "urandom", "tty" };
	static const char *const links[][2] = {
		{ "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" },
		{ "stdout", "/proc/self/fd/1" }, { "stderr", "/proc/self/fd/2" },
		{ "core", "/proc/kcore" },       { "ptmx", "pts/ptmx" },
	};
	AUTO_FD int dev = io_open_in_root(root, path, O_PATH | O_DIRECTORY);
	int rc = dev < 0 ? dev : 0;

	for (size_t i = 0; rc == 0 && i < sizeof devices / sizeof *devices; i++)
		rc = show_device(dev, devices[i]);
	for (size_t i = 0; rc == 0 && i < sizeof links / sizeof *links; i++)
		rc = symlinkat(links[i][1], dev, links[i][0]) == 0 ? 0 : -errno;
	return rc;
}

/* --- the cgroup ------------------------------------------------------------------------------- */

static int show_hierarchy(int dir, const char *name, const char *path)
{
	char from[PATH_MAX];
	AUTO_FD int tree = -1;
	AUTO_FD int target = -1;

	if (snprintf(from, sizeof from, CGROUP_ROOT "/%s%s", name, path) < 0)
		return -EINVAL;
	tree = open_bind(
		from, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC,
		false);
	if (tree == -ENOENT) /* the machine has no such hierarchy */
		return 0;
	if (tree < 0)
		return tree;
	if (name[0] == '\0')
		return mount_tree_put(tree, dir, "");
	if (mkdirat(dir, name, 0755) != 0)
		return -errno;
	target = openat(dir, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return target < 0 ? -errno : mount_tree_put(tree, target, "");
}

/* As a process in it expects to see its own at /sys/fs/cgroup: of v1 each hierarchy by its name. */
static int show_cgroup(int root, const struct line *m, const char *path)
{
	const char *const *names = cgroup_hierarchies();
	AUTO_FD int tree = -1;
	AUTO_FD int dir = io_open_in_root(root, m->target, O_PATH | O_DIRECTORY);
	int rc = dir < 0 ? dir : 0;

	if (rc == 0 && names[0][0] != '\0') {
		tree = open_new("tmpfs", "mode=755,nosuid,nodev,noexec,");
		rc = tree < 0 ? tree : mount_tree_put(tree, dir, "");
		cleanup_fd(&dir);
		dir = io_open_in_root(root, m->target, O_PATH | O_DIRECTORY);
	}
	for (; rc == 0 && *names; names++)
		rc = show_hierarchy(dir, *names, path);
	return rc;
}

static int mount_line(int root, const struct line *m, const char *cgroup)
{
	bool recursive = has_option(m->how, "rbind");
	bool is_bind = recursive || has_option(m->how, "bind");
	AUTO_FD int tree = -1;
	AUTO_FD int target = -1;
	struct stat st;
	int rc;

	if (strcmp(m->type, "cgroup") == 0)
		return show_cgroup(root, m, cgroup);
	tree = is_bind ? open_bind(m->from, flags_of(m->how), recursive)
	               : open_new(m->type, m->how);
	if (tree < 0)
		return tree;
	if (fstat(tree, &st) != 0)
		return -errno;
	target = open_target(root, m->target, S_ISDIR(st.st_mode));
	if (target < 0)
		return target;
	rc = mount_tree_put(tree, target, "");
	return rc == 0 && !is_bind && strcmp(m->target, "/dev") == 0 ? fill_dev(root, m->target)
	                                                             : rc;
}

/* bwrap would follow a link in their place. */
static int make_own(int root, const char *name)
{
	AUTO_FD int fd = -1;

	if (mkdirat(root, name, 0755) != 0 && errno != EEXIST)
		return -errno;
	fd = openat(root, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : 0;
}

int layout_mount(const struct orders *o, struct error *err)
{
	AUTO_FD int root = open(o->root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	static const char *const own[] = { "proc", "dev" };

	if (root < 0)
		return error_sys(err, errno, "cannot open the container's root");
	for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
		int rc = make_own(root, own[i]);

		if (rc < 0)
			return error_sys(err, rc, "the image's '/%s' is no directory", own[i]);
	}
	for (size_t i = 0; i < o->mounts.len; i++) {
		const struct line m = { o->mounts.item[i], o->mount_types.item[i],
			                o->mount_froms.item[i], o->mount_hows.item[i] };
		int rc = mount_line(root, &m, o->cgroup);

		if (rc < 0)
			return error_sys(err, rc, "cannot mount '%s' at '%s' of the container",
			                 m.from, m.target);
	}
	return 0;
}

/* --- what a container must not write to, or see ----------------------------------------------- */

static int make_readonly(const char *path)
{
	AUTO_FD int target = open(path, O_PATH | O_CLOEXEC);
	AUTO_FD int tree = target < 0 ? -1 : open_bind(path, MOUNT_ATTR_RDONLY, true);

	if (target < 0)
		return errno == ENOENT ? 0 : -errno;
	return tree < 0 ? tree : mount_tree_put(tree, target, "");
}

/* A file by one that is always empty, a directory by an empty one. */
static int hide(const char *path)
{
	AUTO_FD int target = open(path, O_PATH | O_CLOEXEC);
	AUTO_FD int tree = -1;
	struct stat st;

	if (target < 0 || fstat(target, &st) != 0)
		return errno == ENOENT ? 0 : -errno;
	tree = S_ISDIR(st.st_mode) ? open_new("tmpfs", "ro,nosuid,nodev,noexec,")
	                           : open_bind("/dev/null", MOUNT_ATTR_NOSUID, false);
	return tree < 0 ? tree : mount_tree_put(tree, target, "");
}

int layout_protect(const struct orders *o, struct error *err)
{
	for (size_t i = 0; i < o->readonly.len; i++) {
		int rc = make_readonly(o->readonly.item[i]);

		if (rc < 0)
			return error_sys(err, rc, "cannot make '%s' of the container read-only",
			                 o->readonly.item[i]);
	}
	for (size_t i = 0; i < o->masks.len; i++) {
		int rc = hide(o->masks.item[i]);

		if (rc < 0)
			return error_sys(err, rc, "cannot hide '%s' of the container",
			                 o->masks.item[i]);
	}
	return 0;
}
