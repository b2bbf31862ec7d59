#include "executor/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/mount_tree.h"
#include "base/strbuf.h"
#include "executor/layer_copy.h"

enum { OPTIONS_MAX = 4096, SAID_MAX = 4096 };

static const char *const names[MERGE_WAYS] = { "overlay", MERGE_PROGRAM, "copy" };

const char *merge_name(enum merge_way way)
{
	return names[way];
}

bool merge_parse(const char *name, enum merge_way *ret_way)
{
	for (enum merge_way way = MERGE_OVERLAY; way < MERGE_WAYS; way++) {
		if (strcmp(names[way], name) != 0)
			continue;
		*ret_way = way;
		return true;
	}
	return false;
}

/* Paths are passed as /proc/self/fd/N: no limit, nothing to be escaped. */
static void add_options(struct strbuf *sb, const struct merge *m, int upper, int work)
{
	for (size_t i = 0; i < m->n_lower; i++)
		strbuf_addf(sb, "%s/proc/self/fd/%d", i == 0 ? "lowerdir=" : ":", m->lower[i]);
	strbuf_addf(sb, ",upperdir=/proc/self/fd/%d,workdir=/proc/self/fd/%d", upper, work);
}

/* --- the kernel's --------------------------------------------------------------------------- */

static int mount_with(const struct merge *m, const char *options, const char *more)
{
	AUTO_STRBUF struct strbuf all = STRBUF_INIT(OPTIONS_MAX);

	strbuf_addf(&all, "%s%s%s", options, m->is_users ? ",userxattr" : "", more);
	if (all.failed)
		return -E2BIG;
	return mount("overlay", m->target, "overlay", MS_NODEV, strbuf_str(&all)) == 0 ? 0 : -errno;
}

/* `volatile` (Linux 5.10) saves the sync of the disk at the end: this layer is thrown away. */
static int overlay(const struct merge *m, int upper, int work, struct error *err)
{
	AUTO_STRBUF struct strbuf options = STRBUF_INIT(OPTIONS_MAX);
	int rc;

	add_options(&options, m, upper, work);
	rc = options.failed ? -E2BIG : mount_with(m, strbuf_str(&options), ",volatile");
	if (rc == -EINVAL)
		rc = mount_with(m, strbuf_str(&options), "");
	return rc < 0 ? error_sys(err, rc, "cannot mount an overlay") : 0;
}

/* --- a program's ---------------------------------------------------------------------------- */

/* Its descriptors stay open for it; what it says of a failure goes to SAID. */
static int start(const struct merge *m, const int own[2], int said, char *const *argv)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none;
	pid_t pid;
	int rc;

	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawn_file_actions_adddup2(&actions, said, STDERR_FILENO);
	for (size_t i = 0; i < m->n_lower; i++)
		(void)posix_spawn_file_actions_adddup2(&actions, m->lower[i], m->lower[i]);
	for (size_t i = 0; i < 2; i++)
		(void)posix_spawn_file_actions_adddup2(&actions, own[i], own[i]);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawnp(&pid, argv[0], &actions, &attr, argv, environ);
	(void)posix_spawnattr_destroy(&attr);
	(void)posix_spawn_file_actions_destroy(&actions);
	return rc == 0 ? pid : -rc;
}

static const char *last_line(const struct strbuf *said)
{
	size_t len = said->len;
	const char *line;

	if (len == 0)
		return "";
	while (len > 0 && said->buf[len - 1] == '\n')
		said->buf[--len] = '\0';
	line = strrchr(strbuf_str(said), '\n');
	return line ? line + 1 : strbuf_str(said);
}

/* It goes to the background once the directory is there, and closes its end of the pipe. */
static int run(const struct merge *m, const int own[2], char *const *argv, struct error *err)
{
	AUTO_STRBUF struct strbuf said = STRBUF_INIT(SAID_MAX);
	int ends[2], status = -1;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return error_sys(err, errno, "cannot make a pipe");
	pid = start(m, own, ends[1], argv);
	(void)close(ends[1]);
	if (pid > 0)
		(void)!io_read_all(ends[0], &said); /* too much is cut off */
	(void)close(ends[0]);
	if (pid < 0)
		return error_sys(err, pid, "cannot start '%s'", argv[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status == 0 ? 0
	                   : error_set(err, SLUICE_SYSTEM, "'%s' failed: %.300s", argv[0],
	                               last_line(&said));
}

static int by_program(const struct merge *m, int upper, int work, struct error *err)
{
	AUTO_STRBUF struct strbuf options = STRBUF_INIT(OPTIONS_MAX);
	char program[] = MERGE_PROGRAM, option[] = "-o";
	char target[64] = "";
	const int own[2] = { upper, work };
	char *argv[] = { program, option, NULL, target, NULL };

	add_options(&options, m, upper, work);
	if (m->uid != 0)
		strbuf_addf(&options, ",squash_to_uid=%u,squash_to_gid=%u", m->uid, m->gid);
	if (options.failed || snprintf(target, sizeof target, "%s", m->target) < 0)
		return error_sys(err, E2BIG, "cannot start '%s'", program);
	argv[2] = options.buf;
	return run(m, own, argv, err);
}

/* --- a copy --------------------------------------------------------------------------------- */

static int copy(const struct merge *m, int upper, struct error *err)
{
	const struct layer_owner owner = { .uid = m->uid, .gid = m->gid };
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NODEV };
	AUTO_FD int tree = -1;
	int rc = 0;

	for (size_t i = m->n_lower; rc == 0 && i-- > 0;)
		rc = layer_copy(m->lower[i], upper, m->uid != 0 ? &owner : NULL);
	if (rc < 0)
		return error_sys(err, rc, "cannot copy its files");
	tree = mount_tree_copy(upper, "", AT_EMPTY_PATH, &attr);
	rc = tree < 0 ? tree : mount_tree_put(tree, AT_FDCWD, m->target);
	return rc < 0 ? error_sys(err, rc, "cannot mount its copy") : 0;
}

int merge_mount(const struct merge *m, const char *upper, int work, struct error *err)
{
	AUTO_FD int fd = open(upper, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return error_sys(err, errno, "cannot open '%s'", upper);
	switch (m->way) {
	case MERGE_FUSE:
		return by_program(m, fd, work, err);
	case MERGE_COPY:
		return copy(m, fd, err);
	case MERGE_OVERLAY:
	case MERGE_WAYS:
		break;
	}
	return overlay(m, fd, work, err);
}
