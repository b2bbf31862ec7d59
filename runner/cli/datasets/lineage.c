/* sluice datasets lineage: the jobs that a version came through, and those that read it. */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/workflow/graph_format.h"
#include "dataset/lineage.h"

/* A job of a run that made versions of the lineage. */
struct maker {
	char run[UUID_LEN + 1];
	char *job;
	char *workflow; /* NULL: the run was deleted */
	int64_t number;
	struct graph_places makes, reads; /* in the lineage */
};

struct chart {
	struct lineage lineage;
	struct maker *maker;
	size_t n, cap;
	struct map place; /* "RUN/JOB" -> size_t */
};

static void chart_release(struct chart *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->maker[i].job);
		free(c->maker[i].workflow);
		free(c->maker[i].makes.place);
		free(c->maker[i].reads.place);
	}
	free(c->maker);
	map_release(&c->place, free);
	lineage_release(&c->lineage);
}

#define AUTO_CHART __attribute__((cleanup(chart_release)))

static void add_place(struct graph_places *p, size_t place)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->place[i] == place)
			return;
	p->place = xgrow(p->place, p->n, &p->cap, sizeof *p->place);
	p->place[p->n++] = place;
}

static int take_run(void *arg, const struct catalog_run *run)
{
	struct maker *m = arg;

	m->workflow = xstrdup(run->workflow);
	m->number = run->number;
	return 1;
}

/* NULL: no job made it, or one that is beside. */
static struct maker *find_maker(const struct chart *c, const struct lineage_version *v)
{
	AUTO_FREE char *key = xasprintf("%s/%s", v->run, v->job ? v->job : "");
	const size_t *known = map_find(&c->place, key);

	return known ? &c->maker[*known] : NULL;
}

static int add_maker(struct chart *c, struct catalog *catalog, const struct lineage_version *v,
                     struct error *err)
{
	AUTO_FREE char *key = xasprintf("%s/%s", v->run, v->job);
	size_t *known = xmalloc(sizeof *known);
	struct maker *m;
	int rc;

	*known = c->n;
	(void)map_set(&c->place, key, known);
	c->maker = xgrow(c->maker, c->n, &c->cap, sizeof *c->maker);
	m = &c->maker[c->n++];
	*m = (struct maker){ .job = xstrdup(v->job) };
	memcpy(m->run, v->run, sizeof m->run);
	rc = catalog_each_run(catalog, v->run, NULL, 1, take_run, m, err);
	return rc < 0 ? rc : 0;
}

/* Who made it, if that is told: what is beside stands for itself. */
static bool is_drawn(const struct lineage_version *v)
{
	return v->run[0] && v->relation != LINEAGE_BESIDE;
}

static int add_makers(struct chart *c, struct catalog *catalog, struct error *err)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < c->lineage.n; i++) {
		const struct lineage_version *v = &c->lineage.version[i];
		struct maker *m;

		if (!is_drawn(v))
			continue;
		if (!find_maker(c, v))
			rc = add_maker(c, catalog, v, err);
		m = find_maker(c, v);
		add_place(&m->makes, i);
		for (size_t k = 0; k < v->n_inputs; k++)
			add_place(&m->reads, v->input[k]);
	}
	return rc;
}

/* --- drawn ------------------------------------------------------------------------------------ */

static char *name_of(const struct lineage_version *v)
{
	return xasprintf("%s:%s%s", v->dataset_name, lineage_version_id(v),
	                 v->deleted ? " (deleted)" : "");
}

static char *name_of_maker(const struct maker *m)
{
	enum { SHORT_UUID = 8 };

	if (m->workflow)
		return xasprintf("%s/%" PRId64 "/%s", m->workflow, m->number, m->job);
	return xasprintf("%.*s/%s", SHORT_UUID, m->run, m->job);
}

static const struct lineage_version *self_of(const struct chart *c)
{
	assert(c->lineage.version); /* it is the first */
	return c->lineage.version;
}

static void add_names(struct graph_names *to, const struct chart *c,
                      const struct graph_places *from)
{
	for (size_t i = 0; i < from->n; i++) {
		AUTO_FREE char *name = name_of(&c->lineage.version[from->place[i]]);

		graph_add_name(to, name);
	}
}

/* A job needs those that made what it reads. */
static void add_needs(struct graph *g, size_t job, const struct chart *c)
{
	const struct graph_places *reads = &c->maker[job].reads;
	struct graph_places needs = { .place = NULL };

	for (size_t i = 0; i < reads->n; i++) {
		const struct lineage_version *v = &c->lineage.version[reads->place[i]];
		const struct maker *m = is_drawn(v) ? find_maker(c, v) : NULL;

		if (m)
			add_place(&needs, (size_t)(m - c->maker));
	}
	for (size_t i = 0; i < needs.n; i++)
		graph_add_need(g, job, needs.place[i]);
	free(needs.place);
}

static struct graph graph_of_chart(const struct chart *c)
{
	struct graph g = { .title = "lineage", .focus = name_of(self_of(c)) };

	for (size_t i = 0; i < c->n; i++) {
		AUTO_FREE char *name = name_of_maker(&c->maker[i]);
		size_t job = graph_add_job(&g, name, NULL);

		add_names(&g.job[job].reads, c, &c->maker[i].reads);
		add_names(&g.job[job].makes, c, &c->maker[i].makes);
		add_needs(&g, job, c);
	}
	return g;
}

static size_t count(const struct chart *c, enum lineage_relation relation)
{
	size_t n = 0;

	for (size_t i = 0; i < c->lineage.n; i++)
		n += c->lineage.version[i].relation == relation;
	return n;
}

/* What a tree of jobs leaves open: which version it is about. */
static void put_head(const struct chart *c)
{
	AUTO_FREE char *name = name_of(self_of(c));
	size_t before = count(c, LINEAGE_BEFORE), after = count(c, LINEAGE_AFTER);

	(void)printf("%s came from %zu version%s; %zu %s made from it\n", name, before,
	             before == 1 ? "" : "s", after, after == 1 ? "was" : "were");
}

/* --- JSON ------------------------------------------------------------------------------------- */

static const char *const relations[] = {
	[LINEAGE_SELF] = "self",
	[LINEAGE_BEFORE] = "before",
	[LINEAGE_AFTER] = "after",
	[LINEAGE_BESIDE] = "beside",
};

static cJSON *json_refs(const struct chart *c, const struct graph_places *places)
{
	cJSON *out = json_new_arr();

	for (size_t i = 0; i < places->n; i++)
		json_push_str(out, c->lineage.version[places->place[i]].ref);
	return out;
}

static cJSON *json_version(const struct lineage_version *v)
{
	cJSON *out = json_new_obj();

	json_add_str(out, "id", v->ref);
	json_add_str(out, "datasetName", v->dataset_name);
	json_add_str(out, "relation", relations[v->relation]);
	json_add_bool(out, "isDeleted", v->deleted);
	if (v->deleted)
		return out;
	json_add_int(out, "files", (int64_t)v->files);
	json_add_int(out, "usageBytes", (int64_t)v->bytes);
	show_json_add_time(out, "dtCommitted", v->committed_ms);
	return out;
}

static cJSON *json_maker(const struct chart *c, const struct maker *m)
{
	cJSON *out = json_new_obj();

	json_add_str(out, "run", m->run);
	if (m->workflow) {
		json_add_str(out, "workflow", m->workflow);
		json_add_int(out, "number", m->number);
	}
	json_add_str(out, "job", m->job);
	json_add(out, "reads", json_refs(c, &m->reads));
	json_add(out, "makes", json_refs(c, &m->makes));
	return out;
}

static cJSON *json_chart(const struct chart *c)
{
	cJSON *out = json_new_obj();
	cJSON *versions = json_new_arr();
	cJSON *jobs = json_new_arr();

	for (size_t i = 0; i < c->lineage.n; i++)
		json_push(versions, json_version(&c->lineage.version[i]));
	for (size_t i = 0; i < c->n; i++)
		json_push(jobs, json_maker(c, &c->maker[i]));
	json_add_str(out, "id", self_of(c)->ref);
	json_add(out, "versions", versions);
	json_add(out, "jobs", jobs);
	return out;
}

/* --- the command ------------------------------------------------------------------------------ */

static int load_chart(struct cli *cli, const struct cli_args *args, struct chart *c,
                      struct error *err)
{
	struct datasets *datasets = NULL;
	struct dataset_version version = { .committed = false };
	int rc = cli_open_datasets(cli, &datasets, err);

	if (rc == 0)
		rc = show_find_version(datasets, args, false, &version, err);
	if (rc == 0)
		rc = datasets_lineage(datasets, &version, &c->lineage, err);
	return rc == 0 ? add_makers(c, datasets_catalog(datasets), err) : rc;
}

static void put_graph(const struct cli *cli, const struct chart *chart, graph_draw_fn *draw)
{
	AUTO_GRAPH struct graph graph = graph_of_chart(chart);

	if (draw == graph_add_tree)
		put_head(chart);
	graph_print(cli, &graph, draw);
}

static int run_lineage(struct cli *cli, const struct cli_args *args)
{
	const char *format = args_get(args, "format");
	bool json = format ? strcmp(format, "json") == 0 : cli->json;
	graph_draw_fn *draw = graph_find_format(format ? format : "tree");
	AUTO_CHART struct chart chart = { .n = 0 };
	struct error err;

	if (!json && !draw)
		return cli_usage(args, "--format takes tree, dot, mermaid or json, not '%s'",
		                 format);
	if (load_chart(cli, args, &chart, &err) < 0)
		return cli_fail(&err);
	if (json)
		cli_print_json(json_chart(&chart));
	else
		put_graph(cli, &chart, draw);
	return CLI_OK;
}

static const struct cli_option lineage_options[] = {
	OPTION_VERSION,
	GRAPH_OPTIONS,
	{ .name = NULL },
};

const struct cli_command cmd_datasets_lineage = {
	.words = "datasets lineage",
	.arguments = "DATASET[:VERSION]",
	.summary =
		"Show the jobs and versions that a version came from, and what was made from it.",
	.help = "All the way back, and on to the last that was made with its help; jobs are named "
		"WORKFLOW/NUMBER/JOB and drawn as in 'sluice graph'. Versions that were deleted "
		"still show that they were read; what these came from is not known any more.\n"
		"\n"
		"  sluice datasets lineage word-counts\n"
		"  sluice datasets lineage word-counts --format dot | dot -Tsvg > lineage.svg",
	.first = "id",
	.options = lineage_options,
	.run = run_lineage,
};
