#include "dataset/internal.h"
#include "dataset/remote.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"
#include "base/xalloc.h"

/* --- "did you mean" ------------------------------------------------------------------------ */

enum { NEAREST_MAX = 3 };

struct nearest {
	const char *wanted;
	size_t n;
	struct {
		char name[NAME_MAX_LEN + 1];
		size_t distance;
	} best[NEAREST_MAX];
};

/* What somebody had no more to say of, as "cats" of "cats-2024". */
static bool is_beginning(const char *wanted, const char *name)
{
	size_t len = strlen(wanted);

	return len >= FIND_BEGINNING_LEAST && strncmp(wanted, name, len) == 0;
}

static void consider(struct nearest *near, const char *name)
{
	size_t most = near_limit(near->wanted);
	size_t distance = near_distance(near->wanted, name, most);
	size_t at = near->n;

	if (distance > most && !is_beginning(near->wanted, name))
		return;
	while (at > 0 && near->best[at - 1].distance > distance)
		at--;
	if (at == NEAREST_MAX)
		return;
	if (near->n < NEAREST_MAX)
		near->n++;
	memmove(&near->best[at + 1], &near->best[at], (near->n - at - 1) * sizeof near->best[0]);
	text_copy(near->best[at].name, sizeof near->best[at].name, name);
	near->best[at].distance = distance;
}

static int consider_dataset(void *arg, const struct catalog_dataset *row)
{
	consider(arg, row->name);
	return 0;
}

static int consider_tag(void *arg, const struct catalog_tag *row)
{
	consider(arg, row->name);
	return 0;
}

/* "; nearest: 'a', 'b'", or `otherwise`. */
static char *nearest_words(const struct nearest *near, const char *otherwise)
{
	struct strbuf sb = STRBUF_INIT(TEXT_MAX);

	for (size_t i = 0; i < near->n; i++)
		strbuf_addf(&sb, "%s'%s'", i == 0 ? "; nearest: " : ", ", near->best[i].name);
	if (near->n == 0)
		strbuf_addstr(&sb, otherwise);
	return strbuf_detach(&sb);
}

/* Untrusted text in a message. */
static char *printable(const char *s)
{
	struct strbuf sb = STRBUF_INIT(TEXT_MAX);

	strbuf_addprintable(&sb, s, NAME_MAX_LEN);
	return strbuf_detach(&sb);
}

/* --- datasets ------------------------------------------------------------------------------ */

static void dataset_of_row(struct dataset *to, const struct catalog_dataset *row)
{
	*to = (struct dataset){ .created_ms = row->created_ms };
	text_copy(to->id, sizeof to->id, row->id);
	text_copy(to->name, sizeof to->name, row->name);
	text_copy(to->description, sizeof to->description, row->description);
	text_copy(to->provider, sizeof to->provider, row->provider);
}

enum { FOUND = 1 };

/* The rows of one name, or of one id. */
struct candidates {
	struct dataset first;
	size_t n;
	struct strbuf ids;
};

static int take_dataset(void *arg, const struct catalog_dataset *row)
{
	struct candidates *c = arg;

	strbuf_addf(&c->ids, "%s%s", c->n > 0 ? ", " : "", row->id);
	if (c->n++ == 0)
		dataset_of_row(&c->first, row);
	return 0;
}

/* Two names can be the same where records came from elsewhere. */
static int take_the_one(const struct candidates *c, const char *name, struct dataset *ret_dataset,
                        struct error *err)
{
	if (c->n > 1)
		return error_set(
			err, SLUICE_INVALID,
			"%zu datasets are named '%s': %.512s; say which by its id, or give "
			"one another name with 'sluice datasets update --id ID --name NAME'",
			c->n, name, strbuf_str(&c->ids));
	*ret_dataset = c->first;
	return 0;
}

/* Gradient keeps public datasets under this namespace. */
static const char public_namespace[] = "gradient/";

static int no_dataset(struct datasets *d, const char *text, const char *name, struct error *err)
{
	struct nearest near = { .wanted = name };
	AUTO_FREE char *shown = printable(name);
	AUTO_FREE char *words = NULL;
	AUTO_FREE char *hint = NULL;
	int rc = 0;

	if (strncmp(text, public_namespace, sizeof public_namespace - 1) == 0)
		return error_set(
			err, SLUICE_NOT_FOUND,
			"no dataset '%s' here: a public dataset is fetched when its files "
			"are looked at, as by 'sluice datasets files list %s%s'; one of your "
			"own is made by 'sluice datasets create --name %s'",
			shown, public_namespace, shown, shown);
	if (!id_is_dataset(name))
		rc = catalog_each_dataset(d->catalog, NULL, consider_dataset, &near, err);
	if (rc < 0)
		return rc;
	hint = id_is_dataset(name) || !id_is_name(name)
	               ? xstrdup("; 'sluice datasets list' shows those that exist")
	               : xasprintf("; 'sluice datasets list' shows those that exist, 'sluice "
	                           "datasets create --name %s' makes one",
	                           shown);
	words = nearest_words(&near, hint);
	return error_set(err, SLUICE_NOT_FOUND, "no dataset '%s'%s", shown, words);
}

/* All namespaces are this home's: the files of Gradient's users name their own team's. */
int datasets_find(struct datasets *d, const char *name_or_id, struct dataset *ret_dataset,
                  struct error *err)
{
	const char *slash = strchr(name_or_id, '/');
	const char *name = slash ? slash + 1 : name_or_id;
	struct candidates found = { .ids = STRBUF_INIT(STRBUF_BIG) };
	int rc = index_catch_up(d, err);

	if (rc == 0)
		rc = catalog_each_dataset(d->catalog, name, take_dataset, &found, err);
	if (rc == 0 && found.n == 0 && remote_refresh_all_once(d))
		rc = catalog_each_dataset(d->catalog, name, take_dataset, &found, err);
	if (rc == 0)
		rc = found.n == 0 ? no_dataset(d, name_or_id, name, err)
		                  : take_the_one(&found, name, ret_dataset, err);
	strbuf_release(&found.ids);
	if (rc == 0)
		remote_refresh_once(d, ret_dataset);
	return rc;
}

struct walk {
	dataset_fn *on_dataset;
	dataset_version_fn *on_version;
	dataset_tag_fn *on_tag;
	void *arg;
	struct datasets *d;
	const struct dataset *dataset;
	struct error *err;
};

static int visit_dataset(void *arg, const struct catalog_dataset *row)
{
	const struct walk *w = arg;
	struct dataset dataset;

	dataset_of_row(&dataset, row);
	return w->on_dataset(w->arg, &dataset);
}

int datasets_each(struct datasets *d, dataset_fn *fn, void *arg, struct error *err)
{
	struct walk w = { .on_dataset = fn, .arg = arg };
	int rc = index_catch_up(d, err);

	return rc < 0 ? rc : catalog_each_dataset(d->catalog, NULL, visit_dataset, &w, err);
}

/* --- versions ------------------------------------------------------------------------------ */

static void version_of_row(struct dataset_version *to, const char *dataset_name,
                           const struct catalog_version *row)
{
	*to = (struct dataset_version){
		.committed = row->committed,
		.seq = row->seq,
		.files = row->files,
		.bytes = row->bytes,
		.created_ms = row->created_ms,
		.committed_ms = row->committed_ms,
		.attempt = row->attempt,
	};
	text_copy(to->dataset, sizeof to->dataset, row->dataset);
	text_copy(to->dataset_name, sizeof to->dataset_name, dataset_name);
	text_copy(to->id, sizeof to->id, row->id);
	text_copy(to->message, sizeof to->message, row->message);
	text_copy(to->run, sizeof to->run, row->run);
	text_copy(to->job, sizeof to->job, row->job);
	if (row->manifest && strlen(row->manifest) == DIGEST_HEX_LEN)
		(void)digest_parse(row->manifest, &to->manifest);
}

static int visit_version(void *arg, const struct catalog_version *row)
{
	const struct walk *w = arg;
	struct dataset_version v;

	version_of_row(&v, w->dataset->name, row);
	return w->on_version(w->arg, &v);
}

int datasets_each_version(struct datasets *d, const struct dataset *dataset, bool committed,
                          dataset_version_fn *fn, void *arg, struct error *err)
{
	struct walk w = { .on_version = fn, .arg = arg, .dataset = dataset };
	int rc = index_catch_up(d, err);

	if (rc < 0)
		return rc;
	return catalog_each_in_state(d->catalog, dataset->id, committed, visit_version, &w, err);
}

static int take_version(void *arg, const struct dataset_version *v)
{
	struct dataset_version *to = arg;

	*to = *v;
	return FOUND;
}

static int take_row(void *arg, const struct catalog_version *row)
{
	struct dataset_version *to = arg;

	version_of_row(to, "", row);
	return FOUND;
}

int find_version(struct datasets *d, const struct dataset *dataset, const char *id,
                 struct dataset_version *ret_version, struct error *err)
{
	struct dataset_version v;
	int rc = catalog_each_version(d->catalog, dataset->id, id, take_row, &v, err);

	if (rc == 0)
		return error_set(err, SLUICE_NOT_FOUND, "dataset '%s' has no version '%s'",
		                 dataset->name, id);
	if (rc != FOUND)
		return rc;
	text_copy(v.dataset_name, sizeof v.dataset_name, dataset->name);
	*ret_version = v;
	return 0;
}

static int find_latest(struct datasets *d, const struct dataset *dataset,
                       struct dataset_version *ret_version, struct error *err)
{
	int rc = datasets_each_version(d, dataset, true, take_version, ret_version, err);

	if (rc == 0)
		return error_set(err, SLUICE_NOT_FOUND,
		                 "dataset '%s' has no committed version yet; make one with 'sluice "
		                 "datasets versions create'",
		                 dataset->name);
	return rc == FOUND ? 0 : rc;
}

/* --- tags ---------------------------------------------------------------------------------- */

static int take_tag(void *arg, const struct catalog_tag *row)
{
	char *id = arg;

	text_copy(id, VERSION_ID_LEN + 1, row->version);
	return FOUND;
}

static int no_point(struct datasets *d, const struct dataset *dataset, const char *point,
                    struct error *err)
{
	struct nearest near = { .wanted = point };
	AUTO_FREE char *shown = printable(point);
	AUTO_FREE char *words = NULL;
	int rc = catalog_each_tag(d->catalog, dataset->id, NULL, consider_tag, &near, err);

	if (rc < 0)
		return rc;
	consider(&near, "latest");
	words = nearest_words(&near, "");
	return error_set(err, SLUICE_NOT_FOUND, "dataset '%s' has no %s '%s'%s", dataset->name,
	                 id_is_version(point) ? "version" : "tag", shown, words);
}

/* --- the beginning of an id ------------------------------------------------------------------ */

enum { CANDIDATES_MAX = 8 };

struct beginning {
	const char *text;
	size_t n;
	struct dataset_version version; /* the first of them */
	struct strbuf *candidates;
};

static int consider_version(void *arg, const struct catalog_version *row)
{
	struct beginning *b = arg;

	if (strncmp(row->id, b->text, strlen(b->text)) != 0)
		return 0;
	if (b->n == 0)
		version_of_row(&b->version, "", row);
	if (b->n < CANDIDATES_MAX)
		strbuf_addf(b->candidates, "%s'%s'", b->n > 0 ? ", " : "", row->id);
	b->n++;
	return 0;
}

/* As in git; SLUICE_NOT_FOUND if no version's id begins so. */
static int find_beginning(struct datasets *d, const struct dataset *dataset, const char *text,
                          struct dataset_version *ret_version, struct error *err)
{
	AUTO_STRBUF struct strbuf candidates = STRBUF_INIT(TEXT_MAX);
	struct beginning b = { .text = text, .candidates = &candidates };
	int rc = 0;

	if (strlen(text) >= FIND_BEGINNING_LEAST)
		rc = catalog_each_version(d->catalog, dataset->id, NULL, consider_version, &b, err);
	if (rc < 0)
		return rc;
	if (b.n == 0)
		return SLUICE_NOT_FOUND;
	if (b.n > 1)
		return error_set(err, SLUICE_INVALID,
		                 "%zu versions of dataset '%s' begin with '%s': %s%s", b.n,
		                 dataset->name, text, strbuf_str(&candidates),
		                 b.n > CANDIDATES_MAX ? ", ..." : "");
	text_copy(b.version.dataset_name, sizeof b.version.dataset_name, dataset->name);
	*ret_version = b.version;
	return 0;
}

static int find_tagged(struct datasets *d, const struct dataset *dataset, const char *tag,
                       struct dataset_version *ret_version, struct error *err)
{
	char id[VERSION_ID_LEN + 1];
	int rc = catalog_each_tag(d->catalog, dataset->id, tag, take_tag, id, err);

	if (rc == FOUND) {
		rc = find_version(d, dataset, id, ret_version, err);
		return rc < 0 ? error_wrap(err, "tag '%s'", tag) : 0;
	}
	if (rc == 0)
		rc = find_beginning(d, dataset, tag, ret_version, err);
	return rc == SLUICE_NOT_FOUND ? no_point(d, dataset, tag, err) : rc;
}

static int find_or_fetch(struct datasets *d, const char *name, struct dataset *ret_dataset,
                         struct error *err)
{
	int wanted = d->public.catalog ? public_is_wanted(d, name, err) : 0;
	int rc = wanted == 1 ? public_fetch(d, name, err) : wanted;

	return rc < 0 ? rc : datasets_find(d, name, ret_dataset, err);
}

int datasets_resolve(struct datasets *d, const char *ref, struct dataset_version *ret_version,
                     struct error *err)
{
	const char *colon = strchr(ref, ':');
	AUTO_FREE char *name = colon ? xstrndup(ref, (size_t)(colon - ref)) : xstrdup(ref);
	const char *point = colon ? colon + 1 : "latest";
	struct dataset dataset;
	int rc = find_or_fetch(d, name, &dataset, err);

	if (rc < 0)
		return rc;
	if (strcmp(point, "latest") == 0)
		return find_latest(d, &dataset, ret_version, err);
	if (!id_is_version(point))
		return find_tagged(d, &dataset, point, ret_version, err);
	rc = find_version(d, &dataset, point, ret_version, err);
	return rc == SLUICE_NOT_FOUND ? no_point(d, &dataset, point, err) : rc;
}

/* A tag whose version is gone is shown by nobody, and can be set anew or deleted. */
static int visit_tag(void *arg, const struct catalog_tag *row)
{
	const struct walk *w = arg;
	struct dataset_version v;
	int rc = find_version(w->d, w->dataset, row->version, &v, w->err);

	if (rc < 0)
		return rc == SLUICE_NOT_FOUND ? 0 : rc;
	return w->on_tag(w->arg, row->name, &v);
}

int datasets_each_tag(struct datasets *d, const struct dataset *dataset, dataset_tag_fn *fn,
                      void *arg, struct error *err)
{
	struct walk w = { .on_tag = fn, .arg = arg, .d = d, .dataset = dataset, .err = err };
	int rc = index_catch_up(d, err);

	return rc < 0 ? rc : catalog_each_tag(d->catalog, dataset->id, NULL, visit_tag, &w, err);
}
