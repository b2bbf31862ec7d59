#include "image/credential_helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum { ANSWER_MAX = 64 * 1024, PATIENCE_MS = 60 * 1000 };

/* What it reads, without a pipe that it might not empty. */
static int question(const char *registry)
{
	/* The name that `docker login` has kept Docker Hub's credentials by. */
	const char *server =
		strcmp(registry, "docker.io") == 0 ? "https://index.docker.io/v1/" : registry;
	int fd = memfd_create("registry", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : io_write_all(fd, server, strlen(server));

	if (rc == 0 && lseek(fd, 0, SEEK_SET) == 0)
		return fd;
	if (rc == 0)
		rc = -errno;
	cleanup_fd(&fd);
	return rc;
}

/* Worker threads may have signals blocked, which a child would inherit. */
static int spawn(char *program, int in, int out, pid_t *ret_pid)
{
	char *argv[] = { program, (char[]){ "get" }, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attr;
	sigset_t none;
	int rc;

	(void)sigemptyset(&none);
	(void)posix_spawn_file_actions_init(&files);
	(void)posix_spawnattr_init(&attr);
	(void)posix_spawn_file_actions_adddup2(&files, in, STDIN_FILENO);
	(void)posix_spawn_file_actions_adddup2(&files, out, STDOUT_FILENO);
	(void)posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	(void)posix_spawnattr_setsigmask(&attr, &none);
	(void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK);
	rc = posix_spawnp(ret_pid, program, &files, &attr, argv, environ);
	(void)posix_spawn_file_actions_destroy(&files);
	(void)posix_spawnattr_destroy(&attr);
	return -rc;
}

/* Everything that comes until the end or until patience is at its own. */
static int read_answer(int fd, struct strbuf *answer)
{
	const int64_t until = clock_mono_ms() + PATIENCE_MS;
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	for (;;) {
		int64_t left = until - clock_mono_ms();
		int ready = left > 0 ? poll(&wait, 1, (int)left) : 0;
		char buf[4096];
		ssize_t n = ready > 0 ? read(fd, buf, sizeof buf) : -1;

		if (ready == 0)
			return -ETIMEDOUT;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			strbuf_add(answer, buf, (size_t)n);
		explicit_bzero(buf, sizeof buf);
		if (answer->failed)
			return -EFBIG;
	}
}

static int ask(char *program, const char *registry, struct strbuf *answer, int *ret_status)
{
	int ends[2];
	pid_t pid;
	AUTO_FD int in = question(registry);
	int rc = in < 0 ? in : pipe2(ends, O_CLOEXEC) != 0 ? -errno : 0;

	if (rc < 0)
		return rc;
	rc = spawn(program, in, ends[1], &pid);
	(void)close(ends[1]);
	if (rc == 0) {
		rc = read_answer(ends[0], answer);
		if (rc < 0)
			(void)kill(pid, SIGKILL);
		while (waitpid(pid, ret_status, 0) < 0 && errno == EINTR)
			;
	}
	(void)close(ends[0]);
	return rc;
}

static int take_answer(const char *program, const char *text, struct credentials *c,
                       struct error *err)
{
	AUTO_FREE char *what = xasprintf("the answer of '%s'", program);
	AUTO_JSON cJSON *doc = NULL;
	const char *user, *secret;
	int rc = json_parse(text, strlen(text), what, &doc, err);

	if (rc == 0)
		rc = json_need_str(doc, "Username", what, &user, err);
	if (rc == 0)
		rc = json_need_str(doc, "Secret", what, &secret, err);
	if (rc != 0)
		return rc;
	if (strcmp(user, "<token>") == 0) {
		c->identity = xstrdup(secret);
		return 0;
	}
	c->user = xstrdup(user);
	c->password = xstrdup(secret);
	return 0;
}

static bool is_plain_name(const char *name)
{
	return *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                                   "0123456789._-")];
}

int credential_helper_get(const char *name, const char *registry,
                          struct credentials *ret_credentials, struct error *err)
{
	AUTO_FREE char *program = xasprintf("docker-credential-%s", name);
	AUTO_STRBUF struct strbuf answer = STRBUF_INIT(ANSWER_MAX);
	int status = 0;
	int rc;

	if (!is_plain_name(name))
		return error_set(err, SLUICE_INVALID, "'%s' is no name of a credential helper",
		                 name);
	rc = ask(program, registry, &answer, &status);
	if (rc == -ENOENT)
		return error_set(err, SLUICE_MISSING,
		                 "the program '%s', which keeps the credentials, is not in the "
		                 "PATH",
		                 program);
	if (rc < 0)
		return error_sys(err, rc, "cannot ask '%s'", program);
	if (status == 0)
		rc = take_answer(program, strbuf_str(&answer), ret_credentials, err);
	else if (!strstr(strbuf_str(&answer), "credentials not found"))
		rc = error_set(err, SLUICE_MISSING, "'%s get' failed: log in again", program);
	if (answer.buf)
		explicit_bzero(answer.buf, answer.len);
	return rc;
}
