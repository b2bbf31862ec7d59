/*
 * A claim is written before its mount appears, and never removed before the mount has gone.  It
 * names the mount by the kernel's number and its namespace; when the maker was killed, the mount
 * was taken away by others, or the machine was started again, the kernel does not show that mount,
 * and the claim is dead: it counts for nothing, and whoever comes by removes it.
 *
 * Who mounts holds the dataset's lock and the store's shared one until the mount is there.  So who
 * holds the dataset's lock (to delete a version) or the store's exclusively (to remove a tree) sees
 * every claim with its mount, or comes before the mounter looks for the version and its tree.
 *
 *	HOME/mounts/ID.json     dataset, version, manifest, directory; boot, namespace, mount: which
 *	                        mount it is; processes: the namespace in which its maker had a pid
 */
#include "dataset/mount.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error_path.h"
#include "base/io.h"
#include "base/json.h"
#include "base/mount_tree.h"
#include "base/mountinfo.h"
#include "base/userns.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

enum {
	PROC_PATH_SIZE = 64,
	BOOT_SIZE = 37,
	CLAIM_MAX = 64 << 10,
	CLAIM_NAME_SIZE = VERSION_ID_LEN + sizeof ".json",
};

/* The inode of the first pid namespace (PROC_PID_INIT_INO): who is in it sees every process. */
static const uint64_t first_pid_namespace = 0xEFFFFFFC;

struct claim {
	char name[CLAIM_NAME_SIZE]; /* of its file */
	struct dataset_mount m;
	char boot[BOOT_SIZE];
	uint64_t mount, namespace, processes;
};

void dataset_mount_release(struct dataset_mount *m)
{
	free(m->directory);
	m->directory = NULL;
}

static void cleanup_claim(struct claim *c)
{
	dataset_mount_release(&c->m);
}

#define AUTO_CLAIM __attribute__((cleanup(cleanup_claim)))

/* --- what the kernel says --------------------------------------------------------------------- */

/* 0: it cannot be seen. */
static uint64_t namespace_of(const char *pid, const char *kind)
{
	char path[PROC_PATH_SIZE];
	struct stat st;

	if (snprintf(path, sizeof path, "/proc/%s/ns/%s", pid, kind) < 0 || stat(path, &st) != 0)
		return 0;
	return st.st_ino;
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), n = strlen(end);

	return len >= n && strcmp(text + len - n, end) == 0;
}

/* Does the process see it?  Numbers of mounts that are gone are given again. */
static bool sees(const char *pid, const struct claim *c)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
	char path[PROC_PATH_SIZE], hex[DIGEST_HEX_LEN + 1];
	AUTO_FREE char *tree = xasprintf("/trees/%s", digest_hex(&c->m.manifest, hex));
	struct mountinfo mount;

	if (snprintf(path, sizeof path, "/proc/%s/mountinfo", pid) < 0 ||
	    io_read_file(AT_FDCWD, path, &text) < 0)
		return false;
	for (const char *at = strbuf_str(&text); mountinfo_next(&at, &mount);)
		if (mount.id == c->mount)
			return ends_with(mount.root, tree);
	return false;
}

/* A process that sees it; 0: there is none. */
static pid_t find_who_sees(const struct claim *c)
{
	AUTO_DIR DIR *proc = opendir("/proc");
	const struct dirent *e;

	while (proc && (e = readdir(proc)))
		if (isdigit((unsigned char)e->d_name[0]) &&
		    namespace_of(e->d_name, "mnt") == c->namespace && sees(e->d_name, c))
			return (pid_t)strtol(e->d_name, NULL, 10);
	return 0;
}

/* Is it mounted still?  Then it is known for whom, see struct dataset_mount. */
static bool is_alive(struct claim *c)
{
	uint64_t processes = namespace_of("self", "pid");
	char boot[BOOT_SIZE];

	clock_boot_id(boot);
	c->m.pid = 0;
	if (strcmp(boot, c->boot) != 0)
		return false;
	if (namespace_of("self", "mnt") == c->namespace && sees("self", c))
		return true;
	c->m.pid = find_who_sees(c);
	if (c->m.pid > 0)
		return true;
	c->m.pid = -1;
	/* From the user namespace that it entered a process cannot look at those outside. */
	if (userns_kind() == USERNS_MANY || userns_kind() == USERNS_ONE)
		return true;
	return processes != c->processes && processes != first_pid_namespace;
}

/* The number of the mount that a descriptor, or else `path`, lies on. */
static int mount_of(int fd, const char *path, struct statx *ret_stat)
{
	int flags = AT_NO_AUTOMOUNT | AT_SYMLINK_NOFOLLOW | (path[0] ? 0 : AT_EMPTY_PATH);

	return statx(fd, path, flags, STATX_TYPE | STATX_MNT_ID, ret_stat) == 0 ? 0 : -errno;
}

/* --- claims ----------------------------------------------------------------------------------- */

/* False: it is none, for want of a member or of sense. */
static bool parse_claim(const cJSON *doc, struct claim *c)
{
	const char *ds = json_str(doc, "dataset"), *ver = json_str(doc, "version");
	const char *manifest = json_str(doc, "manifest"), *directory = json_str(doc, "directory");
	const char *boot = json_str(doc, "boot");

	if (!ds || !id_is_dataset(ds) || !ver || !id_is_version(ver) || !manifest ||
	    strlen(manifest) != DIGEST_HEX_LEN || !digest_parse(manifest, &c->m.manifest) ||
	    !directory || !boot)
		return false;
	text_copy(c->m.dataset, sizeof c->m.dataset, ds);
	text_copy(c->m.version, sizeof c->m.version, ver);
	text_copy(c->boot, sizeof c->boot, boot);
	c->mount = (uint64_t)json_int(doc, "mount", 0);
	c->namespace = (uint64_t)json_int(doc, "namespace", 0);
	c->processes = (uint64_t)json_int(doc, "processes", 0);
	c->m.directory = xstrdup(directory);
	return true;
}

/* A claim that is whole.  One that a power cut tore is dead as all before it, and removed. */
static bool read_claim(int dir, const char *name, struct claim *c)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(CLAIM_MAX);
	AUTO_JSON cJSON *doc = NULL;
	struct error ignored;

	text_copy(c->name, sizeof c->name, name);
	if (io_read_file(dir, name, &text) < 0)
		return false;
	if (json_parse(strbuf_str(&text), text.len, name, &doc, &ignored) == 0 &&
	    parse_claim(doc, c))
		return true;
	(void)unlinkat(dir, name, 0);
	return false;
}

static int put_claim(int dir, const struct claim *c, struct error *err)
{
	AUTO_JSON cJSON *doc = json_new_obj();
	AUTO_FREE char *text = NULL;
	char hex[DIGEST_HEX_LEN + 1];
	int rc;

	json_add_str(doc, "dataset", c->m.dataset);
	json_add_str(doc, "version", c->m.version);
	json_add_str(doc, "manifest", digest_hex(&c->m.manifest, hex));
	json_add_str(doc, "directory", c->m.directory);
	json_add_str(doc, "boot", c->boot);
	json_add_int(doc, "namespace", (int64_t)c->namespace);
	json_add_int(doc, "processes", (int64_t)c->processes);
	json_add_int(doc, "mount", (int64_t)c->mount);
	text = json_print(doc);
	rc = io_put_new_file_fast(dir, c->name, text, strlen(text), 0600);
	return rc < 0 ? error_sys(err, rc, "cannot write '%s' below 'mounts' in the home", c->name)
	              : 0;
}

/* -ENOENT: nothing was ever mounted, or with `make` another error. */
static int open_claims(const struct datasets *d, bool make)
{
	AUTO_FREE char *path = xasprintf("%s/mounts", d->home);
	int fd;

	if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* A return other than 0 ends the walk. */
typedef int claim_fn(void *arg, int dir, struct claim *c);

static int push_name(void *arg, const char *name)
{
	struct strbuf *names = arg;

	if (strlen(name) == CLAIM_NAME_SIZE - 1 && ends_with(name, ".json"))
		strbuf_add(names, name, strlen(name) + 1);
	return 0;
}

static int each_claim(const struct datasets *d, claim_fn *fn, void *arg, struct error *err)
{
	AUTO_STRBUF struct strbuf names = STRBUF_INIT(STRBUF_BIG);
	AUTO_FD int dir = open_claims(d, false);
	int rc = dir < 0 ? dir : copy_each_name(dir, ".", push_name, &names);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return error_sys(err, rc, "cannot read '%s/mounts'", d->home);
	for (size_t at = 0; rc == 0 && at < names.len; at += CLAIM_NAME_SIZE) {
		AUTO_CLAIM struct claim c = { .mount = 0 };

		if (read_claim(dir, names.buf + at, &c))
			rc = fn(arg, dir, &c);
	}
	return rc;
}

/* --- who asks whether a version is mounted ---------------------------------------------------- */

struct question {
	const char *ds, *ver; /* NULL: any */
	dataset_mount_fn *fn;
	void *arg;
};

static int answer(void *arg, int dir, struct claim *c)
{
	const struct question *q = arg;

	(void)dir;
	if ((q->ds && strcmp(q->ds, c->m.dataset) != 0) ||
	    (q->ver && strcmp(q->ver, c->m.version) != 0) || !is_alive(c))
		return 0;
	return q->fn(q->arg, &c->m);
}

int datasets_each_mount(struct datasets *d, const char *ds, const char *ver, dataset_mount_fn *fn,
                        void *arg, struct error *err)
{
	struct question q = { .ds = ds, .ver = ver, .fn = fn, .arg = arg };

	return each_claim(d, answer, &q, err);
}

struct tidying {
	const char *ds;
	bool dry_run;
	uint64_t count;
};

static int remove_if_dead(void *arg, int dir, struct claim *c)
{
	struct tidying *t = arg;

	if (strcmp(t->ds, c->m.dataset) != 0 || is_alive(c))
		return 0;
	t->count++;
	if (!t->dry_run)
		(void)unlinkat(dir, c->name, 0);
	return 0;
}

int mounts_tidy(struct datasets *d, const char *ds, bool dry_run, uint64_t *count,
                struct error *err)
{
	struct tidying t = { .ds = ds, .dry_run = dry_run };
	int rc = each_claim(d, remove_if_dead, &t, err);

	*count += t.count;
	return rc;
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

static bool is_inside(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return strncmp(path, dir, len) == 0 && (path[len] == '\0' || path[len] == '/');
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
	int rc = fd < 0 ? -errno : mount_of(fd, "", &st);

	if (rc == -ENOTDIR)
		return error_set(err, SLUICE_INVALID, "'%s' is not a directory", path);
	if (rc < 0) {
		(void)error_sys(err, rc, "cannot open directory '%s'", path);
		return error_path(err);
	}
	if (is_inside(path, d->home))
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

/* The number is another mount's now. */
static int remove_namesake(void *arg, int dir, struct claim *c)
{
	const struct claim *mine = arg;

	if (c->mount == mine->mount && c->namespace == mine->namespace)
		(void)unlinkat(dir, c->name, 0);
	return 0;
}

static int make_claim(struct datasets *d, int tree, struct claim *c, int *ret_dir,
                      struct error *err)
{
	AUTO_FD int dir = open_claims(d, true);
	char id[VERSION_ID_LEN + 1];
	struct statx st;
	int rc = dir < 0 ? dir : mount_of(tree, "", &st);

	if (rc < 0)
		return error_sys(err, rc, "cannot write below '%s/mounts'", d->home);
	id_new_version(id);
	(void)snprintf(c->name, sizeof c->name, "%s.json", id);
	clock_boot_id(c->boot);
	c->mount = st.stx_mnt_id;
	c->namespace = namespace_of("self", "mnt");
	c->processes = namespace_of("self", "pid");
	rc = each_claim(d, remove_namesake, c, err);
	if (rc == 0)
		rc = put_claim(dir, c, err);
	if (rc == 0)
		*ret_dir = take_fd(&dir);
	return rc;
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
	rc = make_claim(d, fd, &c, &dir, err);
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

	if (c->mount != s->mount || c->namespace != s->namespace || !is_alive(c))
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
	struct search s = { .namespace = namespace_of("self", "mnt"), .dir = -1 };
	AUTO_FREE char *path = NULL;
	struct statx st;
	int rc = resolve(directory, &path, err);

	if (rc < 0)
		return rc;
	rc = mount_of(AT_FDCWD, path, &st);
	if (rc < 0)
		return error_sys(err, rc, "cannot look at '%s'", path);
	s.mount = st.stx_mnt_id;
	if (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)
		rc = each_claim(d, compare_mount, &s, err);
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
