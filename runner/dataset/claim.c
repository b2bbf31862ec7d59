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
#include "dataset/claim.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/mountinfo.h"
#include "base/userns.h"
#include "base/xalloc.h"
#include "dataset/internal.h"

enum { PROC_PATH_SIZE = 64, CLAIM_MAX = 64 << 10 };

/* The inode of the first pid namespace (PROC_PID_INIT_INO): who is in it sees every process. */
static const uint64_t first_pid_namespace = 0xEFFFFFFC;

/* --- what the kernel says --------------------------------------------------------------------- */

uint64_t claim_namespace_of(const char *pid, const char *kind)
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
		    claim_namespace_of(e->d_name, "mnt") == c->namespace && sees(e->d_name, c))
			return (pid_t)strtol(e->d_name, NULL, 10);
	return 0;
}

bool claim_is_alive(struct claim *c)
{
	uint64_t processes = claim_namespace_of("self", "pid");
	char boot[CLAIM_BOOT_SIZE];

	clock_boot_id(boot);
	c->m.pid = 0;
	if (strcmp(boot, c->boot) != 0)
		return false;
	if (claim_namespace_of("self", "mnt") == c->namespace && sees("self", c))
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

int claim_mount_of(int fd, const char *path, struct statx *ret_stat)
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

static int push_name(void *arg, const char *name)
{
	struct strbuf *names = arg;

	if (strlen(name) == CLAIM_NAME_SIZE - 1 && ends_with(name, ".json"))
		strbuf_add(names, name, strlen(name) + 1);
	return 0;
}

int claims_each(const struct datasets *d, claim_fn *fn, void *arg, struct error *err)
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

/* --- making one ---------------------------------------------------------------------------- */

/* The number is another mount's now. */
static int remove_namesake(void *arg, int dir, struct claim *c)
{
	const struct claim *mine = arg;

	if (c->mount == mine->mount && c->namespace == mine->namespace)
		(void)unlinkat(dir, c->name, 0);
	return 0;
}

int claim_make(struct datasets *d, int tree, struct claim *c, int *ret_dir, struct error *err)
{
	AUTO_FD int dir = open_claims(d, true);
	char id[VERSION_ID_LEN + 1];
	struct statx st;
	int rc = dir < 0 ? dir : claim_mount_of(tree, "", &st);

	if (rc < 0)
		return error_sys(err, rc, "cannot write below '%s/mounts'", d->home);
	id_new_version(id);
	(void)snprintf(c->name, sizeof c->name, "%s.json", id);
	clock_boot_id(c->boot);
	c->mount = st.stx_mnt_id;
	c->namespace = claim_namespace_of("self", "mnt");
	c->processes = claim_namespace_of("self", "pid");
	rc = claims_each(d, remove_namesake, c, err);
	if (rc == 0)
		rc = put_claim(dir, c, err);
	if (rc == 0)
		*ret_dir = take_fd(&dir);
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
	    (q->ver && strcmp(q->ver, c->m.version) != 0) || !claim_is_alive(c))
		return 0;
	return q->fn(q->arg, &c->m);
}

int datasets_each_mount(struct datasets *d, const char *ds, const char *ver, dataset_mount_fn *fn,
                        void *arg, struct error *err)
{
	struct question q = { .ds = ds, .ver = ver, .fn = fn, .arg = arg };

	return claims_each(d, answer, &q, err);
}

struct tidying {
	const char *ds;
	bool dry_run;
	uint64_t count;
};

static int remove_if_dead(void *arg, int dir, struct claim *c)
{
	struct tidying *t = arg;

	if (strcmp(t->ds, c->m.dataset) != 0 || claim_is_alive(c))
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
	int rc = claims_each(d, remove_if_dead, &t, err);

	*count += t.count;
	return rc;
}
