/* Public datasets: which there are. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/text.h"
#include "dataset/public.h"

struct list {
	struct text_table table;
	cJSON *array; /* NULL: text */
	struct datasets *datasets;
};

static int take_newest(void *arg, const struct dataset_version *v)
{
	(void)show_ref(v, arg);
	return 1;
}

/* "" if it was not fetched yet. */
static int find_version(struct datasets *datasets, const char *name, char ref[DS_REF_LEN],
                        struct error *err)
{
	struct dataset dataset;
	int rc = datasets_find(datasets, name, &dataset, err);

	ref[0] = '\0';
	if (rc == 0)
		rc = datasets_each_version(datasets, &dataset, true, take_newest, ref, err);
	return rc == SLUICE_NOT_FOUND || rc > 0 ? 0 : rc;
}

static cJSON *json_public(const char *name, const struct public_dataset *p, const char *ref)
{
	uint64_t size = public_dataset_size(p);
	cJSON *out = json_new_obj();

	json_add_str(out, "name", name);
	json_add_str(out, "description", p->description);
	if (!p->directory)
		json_add_int(out, "files", (int64_t)p->n);
	if (size > 0)
		json_add_int(out, "bytes", (int64_t)size);
	json_add_str(out, "version", ref[0] ? ref : NULL);
	return out;
}

static int put_public(struct list *l, const char *namespace, const struct public_dataset *p,
                      struct error *err)
{
	AUTO_FREE char *name = xasprintf("%s/%s", namespace, p->name);
	uint64_t bytes = public_dataset_size(p);
	char ref[DS_REF_LEN], size[TEXT_SIZE_LEN] = "";
	int rc = find_version(l->datasets, p->name, ref, err);

	if (rc < 0)
		return rc;
	if (l->array)
		json_push(l->array, json_public(name, p, ref));
	if (bytes > 0)
		(void)text_size(bytes, size);
	text_table_row(&l->table, name, size, ref, p->description);
	return 0;
}

static int run_public(struct cli *cli, const struct cli_args *args)
{
	AUTO_PUBLIC_CATALOG struct public_catalog catalog = { .n = 0 };
	cJSON *array = json_new_arr();
	struct list l = {
		.table = TEXT_TABLE_INIT(4),
		.array = cli->json ? array : NULL,
	};
	struct error err;
	int rc = cli_open_datasets(cli, &l.datasets, &err);

	(void)args;
	l.table.may_cut = 1U << 3;
	text_table_row(&l.table, "Name", "Size", "Version", "Description");
	if (rc == 0)
		rc = datasets_load_public(l.datasets, &catalog, &err);
	for (size_t i = 0; rc == 0 && i < catalog.n; i++)
		rc = put_public(&l, catalog.namespace, &catalog.dataset[i], &err);
	return text_end_list(cli, rc, &l.table, array, &err);
}

static const struct cli_option public_options[] = {
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_datasets_public = {
	.words = "datasets public",
	.summary = "List the public datasets, and which of them are here.",
	.help = "A workflow's or a command's first use of one fetches it, verifies it and commits it "
		"as a version of a dataset of that name. A dataset of your own that is called so "
		"stands for it. Where they lie is said by a catalog: the configuration's "
		"public.catalog, else one that comes with sluice.",
	.options = public_options,
	.run = run_public,
};
