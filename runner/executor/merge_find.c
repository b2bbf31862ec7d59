#include "executor/merge_find.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/userns.h"
#include "executor/program.h"
#include "executor/works.h"

#define FUSE_DEVICE "/dev/fuse"

/* In memory, in a mount namespace that ends with its process: nothing of it is ever seen. */
static int try_overlay(void)
{
	if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("sluice", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, NULL) != 0 ||
	    mkdir("/tmp/lower", 0700) != 0 || mkdir("/tmp/upper", 0700) != 0 ||
	    mkdir("/tmp/work", 0700) != 0 ||
	    mount("overlay", "/tmp/lower", "overlay", MS_NODEV,
	          "lowerdir=/tmp/lower,upperdir=/tmp/upper,workdir=/tmp/work,userxattr") != 0)
		return errno;
	return 0;
}

static int mounts_overlay(struct error *err)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(try_overlay());
	if (pid < 0)
		return error_sys(err, errno, "cannot fork");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status == 0)
		return 0;
	return error_sys(err, WIFEXITED(status) ? WEXITSTATUS(status) : EINTR,
	                 "the kernel lets an ordinary user mount no overlay");
}

static int has_overlay(const char *home, struct error *err)
{
	const struct works works = { .home = home, .name = "overlay" };
	int rc;

	if (userns_is_root() || (home && works_is_known(&works)))
		return 0;
	rc = mounts_overlay(err);
	if (rc == 0 && home)
		works_note(&works);
	return rc;
}

static int has_program(const char *home, struct error *err)
{
	AUTO_FREE char *program = program_find(MERGE_PROGRAM);
	AUTO_FD int fd = open(FUSE_DEVICE, O_RDWR | O_CLOEXEC);

	(void)home;
	if (!program)
		return error_set(err, SLUICE_MISSING,
		                 "'" MERGE_PROGRAM "' is not there: install fuse-overlayfs");
	return fd >= 0 ? 0
	               : error_sys(err, errno,
	                           "cannot open '" FUSE_DEVICE "'; as root, 'chmod 666 " FUSE_DEVICE
	                           "'");
}

static int has_files(const char *home, struct error *err)
{
	(void)home;
	(void)err;
	return 0;
}

static int (*const has[MERGE_WAYS])(const char *home, struct error *err) = {
	has_overlay,
	has_program,
	has_files,
};

int merge_find(const char *name, const char *home, enum merge_way *ret_way, struct error *err)
{
	if (!name) {
		*ret_way = MERGE_OVERLAY;
		while (*ret_way < MERGE_COPY && has[*ret_way](home, err) < 0)
			++*ret_way;
		return 0;
	}
	if (!merge_parse(name, ret_way))
		return error_set(err, SLUICE_INVALID,
		                 "a container's root is made by " MERGE_CHOICES ", not by '%.32s'",
		                 name);
	if (has[*ret_way](home, err) < 0) {
		err->class = SLUICE_MISSING;
		return error_wrap(err, "the configuration wants roots by %s", name);
	}
	return 0;
}
