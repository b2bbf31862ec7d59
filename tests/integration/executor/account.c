/* An ordinary user of this machine, made for one run of the program. */
#include "suite.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/userns.h"

enum { NAME_SIZE = 32 };

static bool shell(const char *command, const char *name)
{
	(void)setenv("ACCOUNT", name, 1);
	(void)setenv("SHIM", SHIM_PATH, 1);
	return system(command) == 0; /* NOLINT(concurrency-mt-unsafe): one thread */
}

/* The program may lie where only root can go: the user gets one of his own. */
static bool make_user(const char *name, enum account account)
{
	static const char user[] = "useradd -K SUB_UID_COUNT=0 -K SUB_GID_COUNT=0 "
				   "-m -d \"/var/tmp/$ACCOUNT\" \"$ACCOUNT\" && "
				   "cp \"$SHIM\" \"${SHIM%-shim}-init\" \"/var/tmp/$ACCOUNT\"";
	static const char ids[] = "usermod --add-subuids 1000000-1065535 "
				  "--add-subgids 1000000-1065535 \"$ACCOUNT\"";

	return shell(user, name) && (account == ACCOUNT_LONE_USER || shell(ids, name));
}

/* The device of fuse, in a namespace of mounts that ends with this process: everybody may open it,
 * as udev makes it.  Where there is none who needs it will say so. */
static void open_fuse(const char *name)
{
	static const char mount[] =
		"mount --make-rprivate / && mknod -m 666 \"/var/tmp/$ACCOUNT/fuse\" c 10 229 && "
		"mount --bind \"/var/tmp/$ACCOUNT/fuse\" /dev/fuse";

	if (access("/dev/fuse", F_OK) == 0 && unshare(CLONE_NEWNS) == 0)
		(void)shell(mount, name);
}

static int become(const struct passwd *user, enum account account, int (*test)(const char *shim))
{
	AUTO_FREE char *shim = xasprintf("%s/sluice-shim", user->pw_dir);
	enum userns_kind want = account == ACCOUNT_USER ? USERNS_MANY : USERNS_ONE;

	open_fuse(user->pw_name);
	if (setgroups(0, NULL) != 0 || setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
	    setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0 || chdir("/") != 0)
		return 1;
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); /* as it is for who logs in */
	(void)setenv("HOME", user->pw_dir, 1);
	userns_enter();
	if (userns_kind() == want)
		return test(shim);
	printf("skipped: this machine gives an ordinary user no user namespace%s\n",
	       account == ACCOUNT_USER ? " with subordinate ids: install uidmap" : "");
	return SKIPPED;
}

static int run_as(const struct passwd *user, enum account account, int (*test)(const char *shim))
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0) {
		int rc = become(user, account, test);

		(void)fflush(NULL);
		_exit(rc);
	}
	if (pid > 0)
		(void)waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int account_run(enum account account, int (*test)(const char *shim))
{
	char name[NAME_SIZE];
	const struct passwd *user;
	int rc = 1;

	if (account == ACCOUNT_ROOT)
		return test(SHIM_PATH);
	if (geteuid() != 0) {
		(void)puts("skipped: only root can make an ordinary user");
		return SKIPPED;
	}
	(void)snprintf(name, sizeof name, "sluice%d", (int)getpid());
	if (make_user(name, account)) {
		user = getpwnam(name); /* NOLINT(concurrency-mt-unsafe): one thread */
		rc = user ? run_as(user, account, test) : 1;
	}
	(void)shell("userdel -r \"$ACCOUNT\" 2>/dev/null", name);
	return rc;
}
