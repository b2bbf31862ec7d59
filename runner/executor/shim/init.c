#include "executor/shim/init.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "executor/argv.h"
#include "executor/shim/ops.h"

enum { NOT_FOUND = 127, NOT_EXECUTABLE = 126 };

struct list {
	const char **item; /* ended by NULL */
	size_t len, cap;
};

struct command {
	uint64_t uid;
	const char *cwd;
	struct list args, env;
};

static void fail(int status, const char *what, const char *name, int sys)
{
	(void)fprintf(stderr, "cannot %s '%s': %s\n", what, name, strerrordesc_np(abs(sys)));
	_exit(status);
}

static void list_add(struct list *list, const char *item)
{
	list->item = xgrow(list->item, list->len, &list->cap, sizeof *list->item);
	list->item[list->len++] = item;
}

/* TEXT holds what the command is made of. */
static void read_command(struct strbuf *text, struct command *ret)
{
	const char *p, *key, *value;
	int rc = io_read_all(INIT_ORDERS_FD, text);

	if (rc < 0)
		fail(1, "read", "the orders", rc);
	p = strbuf_str(text);
	while (shim_ops_next(&p, text->buf + text->len, &key, &value)) {
		if (strcmp(key, SHIM_UID) == 0)
			(void)parse_u64(value, INT32_MAX, &ret->uid);
		else if (strcmp(key, SHIM_CWD) == 0)
			ret->cwd = value;
		else if (strcmp(key, SHIM_ARG) == 0)
			list_add(&ret->args, value);
		else if (strcmp(key, SHIM_ENV) == 0)
			list_add(&ret->env, value);
	}
	list_add(&ret->args, NULL);
	list_add(&ret->env, NULL);
}

/* As OCI runtimes do, it is made if it is missing. */
static void enter_cwd(const char *cwd)
{
	int rc;

	if (chdir(cwd) == 0)
		return;
	rc = errno == ENOENT ? io_mkdirs(cwd, 0755) : -errno;
	if (rc < 0 || chdir(cwd) != 0)
		fail(1, "go to the working directory", cwd, rc < 0 ? rc : errno);
}

/* bwrap limits what there is, and not what there can be.  Without the right to do that nothing can
 * be gained anyway, for bwrap has forbidden it (PR_SET_NO_NEW_PRIVS). */
static void bound_capabilities(const struct __user_cap_data_struct *caps)
{
	if ((caps[0].effective & CAP_TO_MASK(CAP_SETPCAP)) == 0)
		return;
	for (unsigned cap = 0; cap <= CAP_LAST_CAP; cap++)
		if ((caps[CAP_TO_INDEX(cap)].permitted & CAP_TO_MASK(cap)) == 0 &&
		    prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) != 0 && errno != EINVAL)
			fail(1, "drop", "capabilities", errno);
}

/* bwrap leaves them inheritable and ambient, which another user's programs would get. */
static void become_user(uint64_t uid)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, caps) != 0)
		fail(1, "look at", "capabilities", errno);
	bound_capabilities(caps);
	if (uid != 0 && setresuid((uid_t)uid, (uid_t)uid, (uid_t)uid) != 0)
		fail(1, "become", "the container's user", errno);
	for (size_t i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		caps[i].inheritable = 0;
		if (uid != 0)
			caps[i].effective = caps[i].permitted = 0;
	}
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 ||
	    syscall(SYS_capset, &header, caps) != 0)
		fail(1, "drop", "capabilities", errno);
}

/* Without the shim's word it must not run. */
static void wait_for_go(void)
{
	char go = 0;

	if (send(INIT_SHIM_FD, &go, 1, MSG_NOSIGNAL) != 1 || recv(INIT_SHIM_FD, &go, 1, 0) != 1)
		_exit(1);
}

static const char *find_var(const struct list *env, const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; env->item[i]; i++)
		if (strncmp(env->item[i], name, len) == 0 && env->item[i][len] == '=')
			return env->item[i] + len + 1;
	return "";
}

/* The errno of what says most: that there is a file which cannot be run. */
static int exec_in_path(const struct command *c, const char *path)
{
	const char *name = c->args.item[0];
	int said = ENOENT;

	for (const char *dir = path; *dir; dir += strcspn(dir, ":"), dir += *dir == ':') {
		size_t len = strcspn(dir, ":");
		char *file =
			xasprintf("%.*s/%s", len > 0 ? (int)len : 1, len > 0 ? dir : ".", name);

		(void)execve(file, argv_exec(c->args.item), argv_exec(c->env.item));
		if (errno != ENOENT && errno != ENOTDIR)
			said = errno;
		free(file);
	}
	return said;
}

static int exec_command(const struct command *c)
{
	const char *name = c->args.item[0];

	if (!strchr(name, '/'))
		return exec_in_path(c, find_var(&c->env, "PATH"));
	(void)execve(name, argv_exec(c->args.item), argv_exec(c->env.item));
	return errno;
}

int main(void)
{
	struct strbuf text = STRBUF_INIT(SHIM_ORDERS_MAX);
	struct command c = { .cwd = "/" };
	int rc;

	read_command(&text, &c);
	enter_cwd(c.cwd);
	become_user(c.uid);
	wait_for_go();
	(void)close_range(INIT_ORDERS_FD, ~0U, CLOSE_RANGE_CLOEXEC);
	rc = exec_command(&c);
	fail(rc == ENOENT ? NOT_FOUND : NOT_EXECUTABLE, "run", c.args.item[0], rc);
}
