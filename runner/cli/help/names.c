#include "cli/help/names.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/home.h"
#include "base/xalloc.h"
#include "catalog/catalog.h"
#include "dataset/provider.h"
#include "image/image.h"
#include "image/reference.h"
#include "store/store.h"

enum { RUNS_MOST = 200, VERSIONS_MOST = 200, PATHS_MOST = 20000 };

struct names {
	char *home;              /* NULL: there is none */
	struct catalog *catalog; /* NULL: there is none */
};

/* One walk: whom to tell, and how far it has come. */
struct walk {
	names_fn *fn;
	void *arg;
	bool committed;
	size_t told;
};

struct names *names_open(void)
{
	struct names *n = xcalloc(1, sizeof *n);
	struct error err;

	if (home_look(&n->home, &err) == 0)
		(void)!catalog_open_reader(n->home, &n->catalog, &err);
	return n;
}

void names_close(struct names *n)
{
	catalog_close(n->catalog);
	free(n->home);
	free(n);
}

/* --- datasets ------------------------------------------------------------------------------ */

static int tell_dataset(void *arg, const struct catalog_dataset *d)
{
	const struct walk *w = arg;

	w->fn(w->arg, d->name, d->description ? d->description : "");
	return 0;
}

void names_each_dataset(struct names *n, names_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	struct error err;

	if (n->catalog)
		(void)!catalog_each_dataset(n->catalog, NULL, tell_dataset, &w, &err);
}

static int take_id(void *arg, const struct catalog_dataset *d)
{
	memcpy(arg, d->id, sizeof d->id);
	return 0;
}

static bool find_id(struct names *n, const char *dataset, char ret_id[DATASET_ID_LEN + 1])
{
	struct error err;

	ret_id[0] = '\0';
	return n->catalog &&
	       catalog_each_dataset(n->catalog, dataset, take_id, ret_id, &err) == 0 && ret_id[0];
}

static int tell_version(void *arg, const struct catalog_version *v)
{
	struct walk *w = arg;

	if (v->committed != w->committed)
		return 0;
	w->fn(w->arg, v->id, v->message ? v->message : "");
	return ++w->told >= VERSIONS_MOST;
}

void names_each_version(struct names *n, const char *dataset, bool committed, names_fn *fn,
                        void *arg)
{
	struct walk w = { .fn = fn, .arg = arg, .committed = committed };
	char id[DATASET_ID_LEN + 1];
	struct error err;

	if (find_id(n, dataset, id))
		(void)!catalog_each_version(n->catalog, id, NULL, tell_version, &w, &err);
}

static int tell_tag(void *arg, const struct catalog_tag *t)
{
	const struct walk *w = arg;

	w->fn(w->arg, t->name, t->version);
	return 0;
}

void names_each_tag(struct names *n, const char *dataset, names_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	char id[DATASET_ID_LEN + 1];
	struct error err;

	if (find_id(n, dataset, id))
		(void)!catalog_each_tag(n->catalog, id, NULL, tell_tag, &w, &err);
}

/* --- what a version holds ------------------------------------------------------------------ */

static int take_version(void *arg, const struct catalog_tag *t)
{
	memcpy(arg, t->version, sizeof t->version);
	return 0;
}

/* The first one that is committed: the newest, unless one was asked for. */
static int take_manifest(void *arg, const struct catalog_version *v)
{
	char **manifest = arg;

	if (!v->committed || !v->manifest)
		return 0;
	*manifest = xstrdup(v->manifest);
	return 1;
}

/* The digest of the version's manifest, or NULL; the caller frees it. */
static char *find_manifest(struct names *n, const char *version)
{
	size_t len = strcspn(version, ":");
	const char *point = version[len] ? version + len + 1 : "latest";
	AUTO_FREE char *dataset = xstrndup(version, len);
	char tagged[VERSION_ID_LEN + 1] = "";
	char id[DATASET_ID_LEN + 1];
	char *manifest = NULL;
	struct error err;

	if (!find_id(n, dataset, id))
		return NULL;
	(void)!catalog_each_tag(n->catalog, id, point, take_version, tagged, &err);
	if (tagged[0])
		point = tagged;
	(void)!catalog_each_version(n->catalog, id, strcmp(point, "latest") == 0 ? NULL : point,
	                            take_manifest, &manifest, &err);
	return manifest;
}

/* What lies in one directory, out of all that lies below it: the files come in order, so those of
 * one directory follow each other. */
struct listing {
	struct walk walk;
	size_t skip; /* the length of the directory, with its slash */
	char *last;  /* what was told last */
	size_t seen;
};

static int tell_path(void *arg, const struct store_entry *entry)
{
	struct listing *l = arg;
	size_t len = strlen(entry->path);
	size_t end;
	AUTO_FREE char *name = NULL;

	if (++l->seen > PATHS_MOST)
		return 1;
	if (len <= l->skip)
		return 0;
	end = l->skip + strcspn(entry->path + l->skip, "/");
	name = xasprintf("%.*s%s", (int)end, entry->path,
	                 entry->path[end] || entry->kind == 'd' ? "/" : "");
	if (l->last && strcmp(l->last, name) == 0)
		return 0;
	l->walk.fn(l->walk.arg, name, "");
	free(l->last);
	l->last = take_ptr(&name);
	return 0;
}

void names_each_path(struct names *n, const char *version, const char *dir, names_fn *fn, void *arg)
{
	AUTO_FREE char *manifest = find_manifest(n, version);
	AUTO_FREE char *prefix = xstrdup(dir);
	size_t len = strlen(dir);
	struct listing l = { .walk = { .fn = fn, .arg = arg }, .skip = len };
	struct store *store = NULL;
	struct digest digest;
	struct error err;

	if (len > 0)
		prefix[len - 1] = '\0'; /* the slash */
	if (!manifest || !digest_parse(manifest, &digest) || store_open(n->home, &store, &err) < 0)
		return;
	(void)!store_each(store, &digest, prefix, tell_path, &l, &err);
	store_close(store);
	free(l.last);
}

/* --- runs ---------------------------------------------------------------------------------- */

static int tell_run(void *arg, const struct catalog_run *run)
{
	const struct walk *w = arg;
	AUTO_FREE char *name = xasprintf("%s/%" PRId64, run->workflow, run->number);

	w->fn(w->arg, name, run->phase);
	return 0;
}

void names_each_run(struct names *n, bool unfinished, names_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	struct error err;

	if (!n->catalog)
		return;
	if (unfinished)
		(void)!catalog_each_unfinished(n->catalog, tell_run, &w, &err);
	else
		(void)!catalog_each_run(n->catalog, NULL, NULL, RUNS_MOST, tell_run, &w, &err);
}

static int tell_workflow(void *arg, const struct catalog_run *run)
{
	const struct walk *w = arg;

	w->fn(w->arg, run->workflow, "");
	return 0;
}

void names_each_workflow(struct names *n, names_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	struct error err;

	if (n->catalog)
		(void)!catalog_each_run(n->catalog, NULL, NULL, RUNS_MOST, tell_workflow, &w, &err);
}

static int tell_job(void *arg, const struct catalog_job *job)
{
	const struct walk *w = arg;

	w->fn(w->arg, job->name, job->state);
	return 0;
}

static int take_uuid(void *arg, const struct catalog_run *run)
{
	memcpy(arg, run->uuid, sizeof run->uuid);
	return 0;
}

void names_each_job(struct names *n, const char *run, names_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	char uuid[UUID_LEN + 1] = "";
	struct error err;

	if (n->catalog && catalog_each_run(n->catalog, run, NULL, 1, take_uuid, uuid, &err) == 0 &&
	    uuid[0])
		(void)!catalog_each_job(n->catalog, uuid, tell_job, &w, &err);
}

/* --- storage providers ---------------------------------------------------------------------- */

static int tell_provider(void *arg, const struct provider *p)
{
	const struct walk *w = arg;

	w->fn(w->arg, p->name, p->id);
	return 0;
}

void names_each_provider(struct names *n, names_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	struct store *store = NULL;
	struct error err;

	if (!n->catalog || store_open(n->home, &store, &err) < 0)
		return;
	(void)!providers_each(store, tell_provider, &w, &err);
	store_close(store);
}

/* --- images -------------------------------------------------------------------------------- */

static int tell_image(void *arg, const char *name, const char *digest)
{
	const struct walk *w = arg;

	(void)digest;
	w->fn(w->arg, reference_short(name), "");
	return 0;
}

void names_each_image(struct names *n, names_fn *fn, void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	struct error err;

	if (n->home)
		(void)!images_each_name(n->home, tell_image, &w, &err);
}
