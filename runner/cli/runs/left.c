#include "cli/runs/left.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "cli/executor.h"
#include "dataset/dataset.h"
#include "engine/left.h"
#include "engine/owner.h"
#include "spec/spec.h"

struct child {
	uv_process_t process;
	struct left_runs *runs;
	char uuid[UUID_LEN + 1];
	char *name;
	bool ended;
};

struct left_runs {
	uv_loop_t *loop;
	struct catalog *catalog;
	const char *home;
	left_notice_fn *notice;
	void *arg;
	struct child **child;
	size_t n, cap;
};

static void __attribute__((format(printf, 2, 3)))
say(const struct left_runs *runs, const char *fmt, ...)
{
	char text[1400];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof text, fmt, ap) >= 0)
		runs->notice(runs->arg, text);
	va_end(ap);
}

static int take_phase(void *arg, const struct catalog_run *row)
{
	(void)snprintf(arg, 16, "%s", row->phase);
	return 0;
}

static void on_exit_cb(uv_process_t *process, int64_t status, int sig)
{
	struct child *child = process->data;
	struct left_runs *runs = child->runs;
	char phase[16] = "";
	struct error err;

	(void)status;
	(void)sig;
	child->ended = true;
	uv_close((uv_handle_t *)process, NULL);
	if (catalog_each_run(runs->catalog, child->uuid, NULL, 1, take_phase, phase, &err) < 0)
		return;
	if (run_phase_is_unfinished(phase))
		say(runs, "run %s could not be gone on with: see 'sluice runs resume %s'",
		    child->name, child->name);
	else
		say(runs, "run %s, which was left, has ended: %s", child->name, phase);
}

/* In a session of its own: neither our end nor a Ctrl-C is its end. */
static int spawn(struct child *child)
{
	struct left_runs *runs = child->runs;
	char program[] = "/proc/self/exe";
	char runs_word[] = "runs";
	char resume[] = "resume";
	char *args[] = { program, runs_word, resume, child->uuid, NULL };
	const uv_process_options_t options = {
		.exit_cb = on_exit_cb,
		.file = program,
		.args = args,
		.flags = UV_PROCESS_DETACHED,
	};

	return uv_spawn(runs->loop, &child->process, &options);
}

static void go_on(struct left_runs *runs, const char *uuid, const char *name)
{
	struct child *child = xcalloc(1, sizeof *child);
	int rc;

	child->runs = runs;
	child->name = xstrdup(name);
	child->process.data = child;
	memcpy(child->uuid, uuid, sizeof child->uuid);
	runs->child = xgrow(runs->child, runs->n, &runs->cap, sizeof *runs->child);
	runs->child[runs->n++] = child;
	rc = spawn(child);
	if (rc < 0) {
		child->ended = true;
		uv_close((uv_handle_t *)&child->process, NULL);
		say(runs, "run %s was left by its runner, and cannot be gone on with: %s", name,
		    uv_strerror(rc));
		return;
	}
	uv_unref((uv_handle_t *)&child->process);
	say(runs, "run %s was left by its runner: going on with it in the background", name);
}

/* What must be given again before it can go on, or "". */
static char *missing_secrets(const struct left *left)
{
	const struct map none = MAP_INIT;
	struct spec_doc *doc = spec_parse(left_text(left), strlen(left_text(left)));
	char *names = doc && doc->spec ? left_missing_secrets(left, doc->spec, &none) : xstrdup("");

	spec_doc_free(doc);
	return names;
}

/* True if it can go on just so; else it was said why not. */
static bool can_go_on(const struct left_runs *runs, const struct left *left, const char *name)
{
	AUTO_FREE char *secrets = missing_secrets(left);
	struct run_options options;
	struct error err;

	if (left_options(left, &options, &err) < 0)
		say(runs,
		    "run %s was left by its runner, and nobody can go on with it: %s; 'sluice runs "
		    "cancel %s' ends it",
		    name, err.msg, name);
	else if (!left_is_of_this_boot(left))
		say(runs,
		    "run %s was left when this machine went down: 'sluice runs resume %s' starts "
		    "again what ran, 'sluice runs cancel %s' ends it",
		    name, name, name);
	else if (secrets[0])
		say(runs,
		    "run %s was left by its runner, and needs secrets to go on: %s; give them to "
		    "'sluice runs resume %s', or end it by 'sluice runs cancel %s'",
		    name, secrets, name, name);
	else
		return true;
	return false;
}

static int look_at(struct left_runs *runs, const char *uuid, struct error *err)
{
	AUTO_FREE char *name = NULL;
	struct left *left;
	bool can;
	int rc = left_take(runs->catalog, runs->home, uuid, &left, err);

	if (rc == SLUICE_EXISTS || rc == SLUICE_INVALID)
		return 0; /* its runner lives, or it has just ended */
	if (rc < 0)
		return error_wrap(err, "run '%s'", uuid);
	name = xasprintf("%s/%" PRId64, left_workflow(left), left_number(left));
	can = can_go_on(runs, left, name);
	left_free(left); /* lets go of it */
	if (can)
		go_on(runs, uuid, name);
	return 0;
}

struct uuids {
	char (*uuid)[UUID_LEN + 1];
	size_t n, cap;
};

static int keep_uuid(void *arg, const struct catalog_run *row)
{
	struct uuids *all = arg;

	all->uuid = xgrow(all->uuid, all->n, &all->cap, sizeof *all->uuid);
	memcpy(all->uuid[all->n++], row->uuid, sizeof row->uuid);
	return 0;
}

int left_runs_go_on(uv_loop_t *loop, struct catalog *catalog, const char *home,
                    left_notice_fn *notice, void *arg, struct left_runs **ret_runs,
                    struct error *err)
{
	struct left_runs *runs = xcalloc(1, sizeof *runs);
	struct uuids all = { 0 };
	uint64_t restored;
	int rc = left_sweep(catalog, home, false, &restored, err);

	*runs = (struct left_runs){
		.loop = loop, .catalog = catalog, .home = home, .notice = notice, .arg = arg
	};
	*ret_runs = runs;
	if (rc == 0)
		rc = catalog_each_unfinished(catalog, keep_uuid, &all, err);
	for (size_t i = 0; rc == 0 && i < all.n; i++)
		rc = look_at(runs, all.uuid[i], err);
	free(all.uuid);
	return rc;
}

void left_runs_wait(struct left_runs *runs, left_notice_fn *notice)
{
	runs->notice = notice;
	for (size_t i = 0; i < runs->n; i++) {
		if (runs->child[i]->ended)
			continue;
		uv_ref((uv_handle_t *)&runs->child[i]->process);
		say(runs, "waiting for run %s, which was left; Ctrl-C leaves it to go on by itself",
		    runs->child[i]->name);
	}
}

void left_runs_leave(struct left_runs *runs)
{
	for (size_t i = 0; i < runs->n; i++) {
		uv_handle_t *process = (uv_handle_t *)&runs->child[i]->process;

		if (runs->child[i]->ended || !uv_has_ref(process))
			continue;
		uv_unref(process);
		say(runs, "run %s goes on by itself", runs->child[i]->name);
	}
}

void left_runs_free(struct left_runs *runs)
{
	if (!runs)
		return;
	for (size_t i = 0; i < runs->n; i++) {
		free(runs->child[i]->name);
		free(runs->child[i]);
	}
	free(runs->child);
	free(runs);
}

/* --- the end of one --------------------------------------------------------------------------- */

/* One whose plan cannot be read started nothing, or with an earlier sluice: any will do. */
static int open_its_executor(struct cli *cli, uv_loop_t *loop, const struct left *left,
                             struct executor **ret_executor, struct error *err)
{
	struct run_options options = { .executor = NULL };
	struct error ignored;

	(void)!left_options(left, &options, &ignored);
	return cli_open_executor(cli, loop, options.executor,
	                         &(struct executor_options){ .runtime = options.runtime },
	                         ret_executor, err);
}

int left_run_cancel(struct cli *cli, const char *uuid, struct error *err)
{
	struct executor *executor = NULL;
	struct datasets *datasets = NULL;
	struct left *left = NULL;
	const char *home;
	uv_loop_t loop;
	int rc = cli_home(cli, &home, err);

	(void)uv_loop_init(&loop);
	if (rc == 0)
		rc = cli_open_datasets(cli, &datasets, err);
	if (rc == 0)
		rc = left_take(datasets_catalog(datasets), home, uuid, &left, err);
	if (rc == 0)
		rc = open_its_executor(cli, &loop, left, &executor, err);
	if (rc == 0)
		rc = left_end(left, datasets, executor, err);
	left_free(left);
	executor_free(executor);
	(void)uv_loop_close(&loop);
	return rc;
}
