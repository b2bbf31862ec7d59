#include "cli/workflow/event.h"

#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "cli/cli.h"

enum { EVENT_MAX = 16 << 20, GIT_OUTPUT_MAX = 1 << 20 };

static char *dup_or_null(const char *s)
{
	return s ? xstrdup(s) : NULL;
}

int event_read(const char *path, struct event *ret_event, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(EVENT_MAX);
	AUTO_FREE char *what = xasprintf("event '%s'", path);
	AUTO_JSON cJSON *doc = NULL;
	const cJSON *at;
	const cJSON *github;

	if (cli_read_input(path, &text, err) < 0)
		return err->class;
	if (json_parse(strbuf_str(&text), text.len, what, &doc, err) < 0)
		return err->class;
	at = json_obj(doc, "context") ? json_obj(doc, "context") : doc;
	at = json_obj(at, "event") ? json_obj(at, "event") : at;
	github = json_obj(at, "github");
	*ret_event = (struct event){
		.url = dup_or_null(github ? json_str(github, "url")
		                          : json_str(json_obj(at, "repository"), "clone_url")),
		.ref = dup_or_null(github ? json_str(github, "ref") : json_str(at, "after")),
	};
	if (!ret_event->url && !ret_event->ref)
		return error_set(err, SLUICE_INVALID, "%s names neither github.url nor github.ref",
		                 what);
	return 0;
}

/* Runs git in DIR and reads what it prints; false if it fails in any way. */
static bool git(const char *dir, const char *const *words, struct strbuf *out)
{
	/* Nothing of the repository's own configuration may run a program. */
	const char *argv[16] = {
		"git", "-C", dir, "-c", "safe.directory=*", "-c", "core.fsmonitor=false"
	};
	posix_spawn_file_actions_t actions;
	int pipe_fd[2];
	int status = 0;
	pid_t pid;
	bool ok;

	for (size_t i = 0; words[i]; i++)
		argv[7 + i] = words[i];
	if (pipe2(pipe_fd, O_CLOEXEC) != 0)
		return false;
	(void)posix_spawn_file_actions_init(&actions);
	(void)posix_spawn_file_actions_adddup2(&actions, pipe_fd[1], 1);
	(void)posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	ok = posix_spawnp(&pid, "git", &actions, NULL, (char *const *)(uintptr_t)argv, environ) ==
	     0;
	(void)posix_spawn_file_actions_destroy(&actions);
	(void)close(pipe_fd[1]);
	if (ok) {
		ok = io_read_all(pipe_fd[0], out) == 0;
		(void)close(pipe_fd[0]);
		pipe_fd[0] = -1;
		ok &= waitpid(pid, &status, 0) == pid && status == 0;
	}
	if (pipe_fd[0] >= 0)
		(void)close(pipe_fd[0]);
	while (out->len > 0 && out->buf[out->len - 1] == '\n')
		out->buf[--out->len] = '\0';
	return ok;
}

static const char file_scheme[] = "file://";

void event_from_checkout(const char *file, struct event *ret_event)
{
	static const char *const top[] = { "rev-parse", "--show-toplevel", NULL };
	static const char *const head[] = { "rev-parse", "--verify", "HEAD", NULL };
	static const char *const status[] = { "status", "--porcelain", NULL };
	AUTO_STRBUF struct strbuf out = STRBUF_INIT(GIT_OUTPUT_MAX);
	AUTO_FREE char *dir = xstrdup(file);
	char *slash = strrchr(dir, '/');
	const char *at = slash == dir ? "/" : slash ? dir : ".";

	*ret_event = (struct event){ 0 };
	if (slash)
		*slash = '\0';
	if (!git(at, top, &out))
		return;
	ret_event->url = xasprintf("%s%s", file_scheme, strbuf_str(&out));
	strbuf_clear(&out);
	if (git(at, head, &out))
		ret_event->ref = xstrdup(strbuf_str(&out));
	strbuf_clear(&out);
	ret_event->dirty = git(at, status, &out) && out.len > 0;
}

const char *event_checkout(const struct event *event)
{
	return event->url + strlen(file_scheme);
}

void event_release(struct event *event)
{
	free(event->url);
	free(event->ref);
	*event = (struct event){ 0 };
}
