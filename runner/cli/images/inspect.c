/* All that is known of one image. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/show.h"
#include "cli/text.h"
#include "image/image.h"

/* As they would be typed: a word with a blank in it is quoted. */
static void add_words(struct text_table *table, const char *name, char *const *words)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);

	for (; words && *words; words++) {
		bool quote = **words == '\0' || strpbrk(*words, " \t\n'\"") != NULL;

		strbuf_addf(&text, "%s%s%s%s", text.len ? " " : "", quote ? "'" : "", *words,
		            quote ? "'" : "");
	}
	if (text.len > 0)
		text_table_row(table, name, strbuf_str(&text));
}

static void add_text(struct text_table *table, const char *name, const char *text)
{
	if (text && *text)
		text_table_row(table, name, text);
}

static void add_layers(struct text_table *table, const struct image_details *d)
{
	for (size_t i = 0; i < d->n_layers; i++) {
		AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);
		char name[32];
		char size[TEXT_SIZE_LEN];

		(void)snprintf(name, sizeof name, "Layer %zu", i + 1);
		strbuf_addf(&text, "%s, %s%s", d->layer[i].digest,
		            text_size(d->layer[i].bytes, size),
		            d->layer[i].unpacked ? ", unpacked" : "");
		text_table_row(table, name, strbuf_str(&text));
	}
}

static int print_details(void *arg, const struct image_details *d)
{
	struct text_table table = TEXT_TABLE_INIT(2);
	AUTO_STRBUF struct strbuf platform = STRBUF_INIT(STRBUF_BIG);
	char size[TEXT_SIZE_LEN];
	char created[TEXT_TIME_LEN];

	table.may_wrap = 1U << 1;
	strbuf_addf(&platform, "%s/%s", d->os ? d->os : "linux", d->arch ? d->arch : "any");
	add_text(&table, "Name", d->name);
	text_table_row(&table, "Digest", d->digest);
	text_table_row(&table, "Config", d->config);
	text_table_row(&table, "Platform", strbuf_str(&platform));
	add_text(&table, "Created", text_time(d->created_ms, created));
	add_words(&table, "Entrypoint", d->entrypoint);
	add_words(&table, "Command", d->cmd);
	for (char *const *env = d->env; env && *env; env++)
		text_table_row(&table, "Environment", *env);
	add_text(&table, "User", d->user);
	add_text(&table, "Directory", d->workdir);
	add_text(&table, "Stop signal", d->stop_signal);
	text_table_row(&table, "Size", text_size(d->bytes, size));
	add_layers(&table, d);
	text_details_print(arg, &table);
	return 0;
}

static void json_add_words(cJSON *obj, const char *name, char *const *words)
{
	if (words)
		json_add(obj, name, json_new_strs((const char *const *)words));
	else
		json_add_str(obj, name, NULL);
}

static cJSON *layer_json(const struct image_layer_info *layer)
{
	cJSON *out = json_new_obj();

	json_add_str(out, "digest", layer->digest);
	json_add_str(out, "diffId", layer->diff_id);
	json_add_int(out, "bytes", (int64_t)layer->bytes);
	json_add_bool(out, "unpacked", layer->unpacked);
	return out;
}

static int json_details(void *arg, const struct image_details *d)
{
	cJSON *out = json_new_obj();
	cJSON *layers = json_new_arr();

	(void)arg;
	json_add_str(out, "name", d->name);
	json_add_str(out, "digest", d->digest);
	json_add_str(out, "config", d->config);
	json_add_str(out, "os", d->os);
	json_add_str(out, "architecture", d->arch);
	show_json_add_time(out, "dtCreated", d->created_ms);
	json_add_int(out, "bytes", (int64_t)d->bytes);
	json_add_words(out, "entrypoint", d->entrypoint);
	json_add_words(out, "command", d->cmd);
	json_add_words(out, "env", d->env);
	json_add_str(out, "user", d->user);
	json_add_str(out, "workingDirectory", d->workdir);
	json_add_str(out, "stopSignal", d->stop_signal);
	for (size_t i = 0; i < d->n_layers; i++)
		json_push(layers, layer_json(&d->layer[i]));
	json_add(out, "layers", layers);
	cli_print_json(out);
	return 0;
}

static int run_inspect(struct cli *cli, const struct cli_args *args)
{
	struct images *images;
	struct error err;

	if (cli_open_images(cli, &images, &err) < 0 ||
	    images_inspect(images, args_rest(args, 0), cli->json ? json_details : print_details,
	                   cli, &err) < 0)
		return cli_fail(&err);
	return CLI_OK;
}

static const struct cli_option inspect_options[] = {
	OPTION_JSON,
	{ .name = NULL },
};

const struct cli_command cmd_images_inspect = {
	.words = "images inspect",
	.arguments = "NAME",
	.summary = "Show what an image says of itself, and its layers.",
	.min_rest = 1,
	.max_rest = 1,
	.complete = { COMPLETE_IMAGE },
	.options = inspect_options,
	.run = run_inspect,
};
