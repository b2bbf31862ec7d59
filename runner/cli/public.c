/* What goes on while a public dataset is fetched, whichever command asked for it. */
#include "dataset/public.h"
#include "base/xalloc.h"
#include "cli/cli.h"
#include "cli/meter.h"

static int find_catalog(void *arg, const char **ret_path, struct error *err)
{
	const struct config *config;
	int rc = cli_config(arg, &config, err);

	if (rc == 0)
		*ret_path = config->public_catalog;
	return rc;
}

static void put_note(void *arg, const char *text)
{
	cli_note(arg, "%s", text);
}

static void put_progress(void *arg, const char *path, uint64_t have, uint64_t total)
{
	struct cli *cli = arg;

	if (!cli->meter)
		cli->meter = xcalloc(1, sizeof *cli->meter);
	if (!path) {
		meter_end(cli->meter);
		return;
	}
	if (!cli->meter->on)
		meter_begin(cli->meter, cli, path);
	meter_show(cli->meter, have, total);
}

void cli_fetch_public(struct cli *cli, bool fetch)
{
	const struct datasets_public how = {
		.catalog = find_catalog,
		.note = put_note,
		.progress = put_progress,
		.arg = cli,
		.fetch = fetch,
	};

	datasets_use_public(cli->datasets, &how);
}
