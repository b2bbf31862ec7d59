/* What this machine has of what sluice needs, and how to get the rest. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include <uv.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/userns.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/executor.h"
#include "cli/text.h"
#include "executor/gpus.h"
#include "executor/merge_find.h"
#include "executor/network.h"

enum level { LEVEL_OK, LEVEL_WARN, LEVEL_FAIL };

struct finding {
	enum level level;
	char text[512];
	const char *mend; /* how to, or NULL */
};

static SLUICE_PRINTF(4, 5) void find(struct finding *f, enum level level, const char *mend,
                                     const char *fmt, ...)
{
	va_list ap;

	f->level = level;
	f->mend = mend;
	va_start(ap, fmt);
	(void)vsnprintf(f->text, sizeof f->text, fmt, ap);
	va_end(ap);
}

/* --- the kernel ---------------------------------------------------------------------------- */

static void check_openat2(struct cli *cli, struct finding *f)
{
	AUTO_FD int fd = io_open_beneath(AT_FDCWD, ".", O_PATH | O_DIRECTORY, 0);

	(void)cli;
	if (fd == -ENOSYS || fd == -EPERM)
		find(f, LEVEL_FAIL, "use Linux 5.6 or newer; in a container, allow openat2",
		     "openat2 is not there: paths could not be kept inside their directories");
	else
		find(f, LEVEL_OK, NULL, "works");
}

static void check_pidfd(struct cli *cli, struct finding *f)
{
	AUTO_FD int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

	(void)cli;
	if (fd < 0)
		find(f, LEVEL_FAIL, "use Linux 5.3 or newer; in a container, allow pidfd_open",
		     "pidfd_open is not there: %s", strerrordesc_np(errno));
	else
		find(f, LEVEL_OK, NULL, "works");
}

static bool has_overlayfs(void)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(1 << 16);

	return io_read_file(AT_FDCWD, "/proc/filesystems", &text) == 0 &&
	       strstr(strbuf_str(&text), "\toverlay\n");
}

static void check_roots(struct cli *cli, struct finding *f)
{
	enum merge_way way = MERGE_OVERLAY;
	const struct config *config = NULL;
	struct error err;

	if (cli_config(cli, &config, &err) < 0 || merge_find(config->rootfs, NULL, &way, &err) < 0)
		find(f, LEVEL_FAIL, NULL, "%s", err.msg);
	else if (way == MERGE_OVERLAY && !has_overlayfs())
		find(f, LEVEL_FAIL, "modprobe overlay",
		     "overlayfs is not loaded: images could not be mounted");
	else if (way == MERGE_OVERLAY || config->rootfs)
		find(f, LEVEL_OK, NULL, "by %s", merge_name(way));
	else
		find(f, LEVEL_WARN,
		     way == MERGE_FUSE
		             ? "use Linux 5.11 or newer"
		             : "use Linux 5.11 or newer, or apt-get install " MERGE_PROGRAM,
		     "by %s, which is slow: the kernel lets an ordinary user mount no overlay",
		     merge_name(way));
}

/* Whether a child may make one tells more than the switches, of which there are several. */
static bool can_make_user_namespace(void)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(unshare(CLONE_NEWUSER) == 0 ? 0 : 1);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return pid > 0 && status == 0;
}

static void check_userns(struct cli *cli, struct finding *f)
{
	(void)cli;
	if (userns_kind() == USERNS_MANY || userns_kind() == USERNS_ONE)
		find(f, LEVEL_OK, NULL, "one was made: jobs run in it");
	else if (can_make_user_namespace())
		find(f, LEVEL_OK, NULL, "can be made");
	else
		find(f, userns_is_root() ? LEVEL_WARN : LEVEL_FAIL,
		     "sysctl user.max_user_namespaces=15000; on Debian and Ubuntu also "
		     "kernel.unprivileged_userns_clone=1 and "
		     "kernel.apparmor_restrict_unprivileged_userns=0",
		     "cannot be made: jobs could not run without root");
}

static void check_cgroups(struct cli *cli, struct finding *f)
{
	struct statfs fs;

	(void)cli;
	if (!userns_is_root())
		find(f, LEVEL_WARN, "run sluice as root where a job must be held to its limits",
		     "none for an ordinary user: limits of memory and cores are only planned with");
	else if (statfs("/sys/fs/cgroup", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		find(f, LEVEL_OK, NULL, "version 2");
	else if (statfs("/sys/fs/cgroup/unified", &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
		find(f, LEVEL_OK, NULL, "hybrid: version 1, and 2 for naming processes");
	else if (access("/sys/fs/cgroup/memory", F_OK) == 0)
		find(f, LEVEL_OK, NULL, "version 1");
	else
		find(f, LEVEL_WARN, "mount -t cgroup2 none /sys/fs/cgroup",
		     "none: memory peaks and limits cannot be known");
}

/* Seldom there, and seldom asked for: none is well. */
static void check_gpus(struct cli *cli, struct finding *f)
{
	const struct gpus *gpus;
	struct error err;

	if (cli_gpus(cli, &gpus, &err) < 0)
		find(f, LEVEL_FAIL, NULL, "%s", err.msg);
	else if (gpus->lack)
		find(f, LEVEL_WARN, NULL, "%zu that jobs can have, and %s", gpus->n, gpus->lack);
	else if (gpus->n == 0)
		find(f, LEVEL_OK, NULL,
		     "none: no CDI specification names one, nor is there a "
		     "/dev/nvidia0");
	else
		find(f, LEVEL_OK, NULL, "%zu, from %s%s", gpus->n, gpus->names[0],
		     gpus->n > 1 ? " on" : "");
}

/* --- programs ------------------------------------------------------------------------------ */

/* The program's path by $PATH, or NULL; the caller frees it. */
static char *find_program(const char *name)
{
	const char *dirs = getenv("PATH");

	for (const char *p = dirs ? dirs : "/usr/bin:/bin"; *p;) {
		size_t len = strcspn(p, ":");
		char *path = xasprintf("%.*s/%s", (int)len, p, name);

		if (path[0] == '/' && access(path, X_OK) == 0)
			return path;
		free(path);
		p += len + (p[len] == ':');
	}
	return NULL;
}

static void check_network(struct cli *cli, struct finding *f)
{
	const char *home;
	struct error err;
	int rc = cli_home(cli, &home, &err);

	if (rc == 0)
		rc = network_check(home, &err);
	if (rc == 0)
		find(f, LEVEL_OK, NULL, "private: one was made");
	else /* which says the way out */
		find(f, LEVEL_WARN, NULL, "jobs see this machine's own: %s", err.msg);
}

static void check_git(struct cli *cli, struct finding *f)
{
	AUTO_FREE char *git = find_program("git");

	(void)cli;
	if (git)
		find(f, LEVEL_OK, NULL, "%s", git);
	else
		find(f, LEVEL_WARN, "apt-get install git",
		     "not there: jobs that use git-checkout cannot run");
}

static void check_id_maps(struct cli *cli, struct finding *f)
{
	AUTO_FREE char *uid = find_program("newuidmap");
	AUTO_FREE char *gid = find_program("newgidmap");

	(void)cli;
	if (userns_is_root())
		find(f, LEVEL_OK, NULL, "not needed for root");
	else if (userns_kind() == USERNS_MANY)
		find(f, LEVEL_OK, NULL, "a job's container has %u users beside root",
		     userns_last_gid());
	else if (uid && gid)
		find(f, LEVEL_WARN,
		     "as root, 'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 "
		     "NAME' (ids that no other user in /etc/subuid and /etc/subgid has)",
		     "this user has no subordinate ids: all users of a container are root");
	else
		find(f, LEVEL_WARN, "apt-get install uidmap",
		     "newuidmap is not there: all users of a container are root");
}

/* --- the home ------------------------------------------------------------------------------ */

static void check_home(struct cli *cli, struct finding *f)
{
	const char *home;
	struct error err;

	if (cli_home(cli, &home, &err) < 0)
		find(f, LEVEL_FAIL, "set SLUICE_HOME to a directory that you may write to", "%s",
		     err.msg);
	else
		find(f, LEVEL_OK, NULL, "%s", home);
}

static const char *fs_name(const struct statfs *fs)
{
	static const struct {
		unsigned long magic;
		const char *name;
	} table[] = {
		{ EXT4_SUPER_MAGIC, "ext4" },
		{ XFS_SUPER_MAGIC, "xfs" },
		{ BTRFS_SUPER_MAGIC, "btrfs" },
		{ TMPFS_MAGIC, "tmpfs" },
		{ OVERLAYFS_SUPER_MAGIC, "overlay" },
		{ NFS_SUPER_MAGIC, "nfs" },
		{ F2FS_SUPER_MAGIC, "f2fs" },
		{ FUSE_SUPER_MAGIC, "fuse" },
		{ 0x2fc12fc1, "zfs" },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if ((unsigned long)fs->f_type == table[i].magic)
			return table[i].name;
	return "another kind";
}

/* Two files of the home without names: can one be the other's clone? */
static bool can_reflink(const char *home)
{
	AUTO_FD int from = open(home, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	AUTO_FD int to = open(home, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return from >= 0 && to >= 0 && ftruncate(from, 4096) == 0 && ioctl(to, FICLONE, from) == 0;
}

static void check_filesystem(struct cli *cli, struct finding *f)
{
	const char *home;
	struct statfs fs;
	struct error err;
	const char *name;

	if (cli_home(cli, &home, &err) < 0 || statfs(home, &fs) != 0) {
		find(f, LEVEL_WARN, NULL, "unknown without a home");
		return;
	}
	name = fs_name(&fs);
	if (fs.f_type == OVERLAYFS_SUPER_MAGIC)
		find(f, LEVEL_FAIL, "set SLUICE_HOME to a directory on a disk or a volume",
		     "the home lies on an overlay, which cannot carry another: images could not be "
		     "mounted");
	else if (can_reflink(home))
		find(f, LEVEL_OK, NULL, "%s, with reflinks: copies cost nothing", name);
	else
		find(f, LEVEL_OK, NULL, "%s, without reflinks: 'files get' copies bytes", name);
}

static void check_space(struct cli *cli, struct finding *f)
{
	static const uint64_t little = (uint64_t)2 << 30;
	const char *home;
	struct statvfs fs;
	struct error err;
	char size[TEXT_SIZE_LEN];
	uint64_t bytes;

	if (cli_home(cli, &home, &err) < 0 || statvfs(home, &fs) != 0) {
		find(f, LEVEL_WARN, NULL, "unknown without a home");
		return;
	}
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	if (bytes < little)
		find(f, LEVEL_WARN, "free some space, or set SLUICE_HOME to a larger disk",
		     "only %s free", text_size(bytes, size));
	else
		find(f, LEVEL_OK, NULL, "%s free", text_size(bytes, size));
}

/* --- executors ----------------------------------------------------------------------------- */

/* Everything that a run asks for before its first job, and a container that really starts. */
static void check_executor(struct cli *cli, const char *name, struct finding *f)
{
	const struct executor_options options = { .runtime = NULL };
	struct executor *executor = NULL;
	struct error err;
	uv_loop_t loop;

	(void)uv_loop_init(&loop);
	if (cli_open_executor(cli, &loop, name, &options, &executor, &err) == 0)
		find(f, LEVEL_OK, NULL, "works: %s", executor->what);
	else
		find(f, LEVEL_WARN, NULL, "%s", err.msg);
	executor_free(executor);
	(void)uv_loop_close(&loop);
}

/* --- all of it ----------------------------------------------------------------------------- */

static const struct check {
	const char *name;
	void (*run)(struct cli *cli, struct finding *f);
} checks[] = {
	{ "openat2", check_openat2 },
	{ "pidfd", check_pidfd },
	{ "container roots", check_roots },
	{ "user namespaces", check_userns },
	{ "cgroups", check_cgroups },
	{ "network", check_network },
	{ "id maps", check_id_maps },
	{ "git", check_git },
	{ "home", check_home },
	{ "file system", check_filesystem },
	{ "disk space", check_space },
	{ "GPUs", check_gpus },
};

static const char *const level_names[] = { "ok", "warn", "FAIL" };

static void print_finding(const struct cli *cli, const char *name, const struct finding *f)
{
	static const char *const colours[] = { "\x1b[32m", "\x1b[33m", "\x1b[31m" };

	(void)printf("%s%-4s%s  %-15s  ", cli->out_colour ? colours[f->level] : "",
	             level_names[f->level], cli->out_colour ? "\x1b[0m" : "", name);
	(void)text_put_safe(f->text, stdout);
	(void)putchar('\n');
	if (f->mend)
		(void)printf("      %-15s  to mend it: %s\n", "", f->mend);
}

static void push_finding(cJSON *array, const char *name, const struct finding *f)
{
	static const char *const words[] = { "ok", "warn", "fail" };
	cJSON *out = json_new_obj();

	json_add_str(out, "name", name);
	json_add_str(out, "status", words[f->level]);
	json_add_str(out, "message", f->text);
	json_add_str(out, "mend", f->mend);
	json_push(array, out);
}

struct report {
	const struct cli *cli;
	cJSON *array;
	bool well;
};

static void report(struct report *r, const char *name, const struct finding *f)
{
	r->well = r->well && f->level != LEVEL_FAIL;
	if (r->cli->json)
		push_finding(r->array, name, f);
	else if (!r->cli->quiet || f->level != LEVEL_OK)
		print_finding(r->cli, name, f);
}

/* One that works is enough. */
static void report_executors(struct cli *cli, struct report *r)
{
	size_t n = 0;
	bool one_works = false;
	struct finding *found;

	while (executor_kinds[n].name)
		n++;
	found = xcalloc(n, sizeof *found);
	for (size_t i = 0; i < n; i++) {
		check_executor(cli, executor_kinds[i].name, &found[i]);
		one_works = one_works ||
		            (found[i].level == LEVEL_OK && !executor_kinds[i].only_if_asked);
	}
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *name = xasprintf("executor %s", executor_kinds[i].name);

		if (found[i].level == LEVEL_WARN && !one_works)
			found[i].level = LEVEL_FAIL;
		report(r, name, &found[i]);
	}
	free(found);
}

static int run_doctor(struct cli *cli, const struct cli_args *args)
{
	struct report r = { .cli = cli, .array = json_new_arr(), .well = true };
	cJSON *doc = json_new_obj();

	(void)args;
	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
		struct finding f;

		checks[i].run(cli, &f);
		report(&r, checks[i].name, &f);
	}
	report_executors(cli, &r);
	json_add_bool(doc, "ok", r.well);
	json_add(doc, "checks", r.array);
	if (cli->json)
		cli_print_json(doc);
	else
		cJSON_Delete(doc);
	return r.well ? CLI_OK : CLI_LACKS;
}

static const struct cli_option doctor_options[] = {
	{ .name = "json", .help = "Print JSON, not lines." },
	{ .name = NULL },
};

const struct cli_command cmd_doctor = {
	.words = "doctor",
	.summary = "Check what this machine has of what sluice needs.",
	.help = "Each line says 'ok', 'warn' (something works less well) or 'FAIL' (jobs cannot "
		"run), and how to mend it. The exit status is 3 if anything says FAIL.",
	.options = doctor_options,
	.run = run_doctor,
	.in_userns = true,
};
