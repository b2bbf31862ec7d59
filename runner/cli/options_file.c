#include "cli/options_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/yaml_load.h"

enum { FILE_MAX = 1 << 20 };

/* --- reading ---------------------------------------------------------------------------------- */

struct reading {
	yaml_document_t doc;
	const char *path;
	struct cli_args *args;
	struct error *err;
};

static int at(const struct reading *r, const yaml_node_t *node, int rc)
{
	return rc < 0 ? error_wrap(r->err, "%s:%zu", r->path, node->start_mark.line + 1) : 0;
}

static int invalid(const struct reading *r, const yaml_node_t *node, const char *what)
{
	return at(r, node, error_set(r->err, SLUICE_INVALID, "%s", what));
}

static const char *text_of(const yaml_node_t *node)
{
	const char *text = (const char *)node->data.scalar.value;

	return node->type == YAML_SCALAR_NODE && strlen(text) == node->data.scalar.length ? text
	                                                                                  : NULL;
}

static bool is_null(const yaml_node_t *node)
{
	const char *text = text_of(node);

	return text && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	       (!text[0] || strcmp(text, "~") == 0 || strcasecmp(text, "null") == 0);
}

static int take(const struct reading *r, const char *name, const yaml_node_t *node)
{
	const struct cli_option *option = args_setting(r->args, name)->option;
	const char *text = text_of(node);

	if (!text)
		return invalid(r, node, "a value is expected here");
	if (option->value)
		return at(r, node, args_add(r->args, name, text, r->err));
	if (strcasecmp(text, "false") == 0)
		return 0;
	if (strcasecmp(text, "true") != 0)
		return invalid(r, node, "true or false is expected here");
	return at(r, node, args_add(r->args, name, NULL, r->err));
}

/* What the command line gives goes first. */
static int take_option(struct reading *r, const yaml_node_t *key, yaml_node_t *value)
{
	const char *name = text_of(key);
	int rc = 0;

	if (!name)
		return invalid(r, key, "an option's name is expected here");
	if (!args_knows(r->args, name)) /* says so, with the nearest */
		return at(r, key, args_add(r->args, name, NULL, r->err));
	if (args_setting(r->args, name)->n > 0 || is_null(value))
		return 0;
	if (value->type != YAML_SEQUENCE_NODE)
		return take(r, name, value);
	for (const yaml_node_item_t *i = value->data.sequence.items.start;
	     rc == 0 && i < value->data.sequence.items.top; i++)
		rc = take(r, name, yaml_document_get_node(&r->doc, *i));
	return rc;
}

static int take_all(struct reading *r)
{
	const yaml_node_t *root = yaml_document_get_root_node(&r->doc);
	int rc = 0;

	if (!root)
		return 0;
	if (root->type != YAML_MAPPING_NODE)
		return invalid(r, root, "options are expected here, as NAME: VALUE");
	for (const yaml_node_pair_t *p = root->data.mapping.pairs.start;
	     rc == 0 && p < root->data.mapping.pairs.top; p++)
		rc = take_option(r, yaml_document_get_node(&r->doc, p->key),
		                 yaml_document_get_node(&r->doc, p->value));
	return rc;
}

int options_file_read(const char *path, struct cli_args *args, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(FILE_MAX);
	struct reading r = { .path = path, .args = args, .err = err };
	int rc = cli_read_input(path, &text, err);

	if (rc == 0)
		rc = yaml_load(strbuf_str(&text), text.len, path, &r.doc, err);
	if (rc < 0)
		return rc;
	rc = take_all(&r);
	yaml_document_delete(&r.doc);
	return rc;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* In single quotes, where only these must be doubled; a line break would become a blank. */
static int add_value(struct strbuf *sb, const struct cli_option *o, const char *value,
                     struct error *err)
{
	if (value && strpbrk(value, "\n\r\t"))
		return error_set(err, SLUICE_INVALID, "the value of --%s has more than one line",
		                 o->name);
	strbuf_addstr(sb, value ? "'" : "true");
	for (const char *c = value; c && *c; c++)
		strbuf_addstr(sb, *c == '\'' ? "''" : (char[]){ *c, '\0' });
	if (value)
		strbuf_addch(sb, '\'');
	return 0;
}

static int add_option(struct strbuf *sb, const struct args_setting *s, struct error *err)
{
	const struct cli_option *o = s->option;
	size_t n = o->secret ? 0 : s->n;
	bool is_list = o->repeatable && n > 0;
	int rc = 0;

	strbuf_addf(sb, "# %s\n%s:", o->help, o->name);
	for (size_t i = 0; rc == 0 && i < n; i++) {
		strbuf_addstr(sb, !is_list ? " " : i == 0 ? " [" : ", ");
		rc = add_value(sb, o, s->value[i], err);
	}
	strbuf_addstr(sb, is_list ? "]\n" : "\n");
	return rc;
}

/* Of those that all commands have none makes sense in a file. */
static bool is_own(const struct cli_args *args, const struct cli_option *option)
{
	for (const struct cli_option *o = args->command->options; o && o->name; o++)
		if (o == option)
			return true;
	return false;
}

int options_file_write(const char *path, const struct cli_args *args, struct error *err)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(FILE_MAX);
	int rc = 0;

	strbuf_addf(&sb, "# sluice %s --options-file THIS-FILE\n", args->command->words);
	for (size_t i = 0; rc == 0 && i < args->n_settings; i++)
		if (is_own(args, args->setting[i].option))
			rc = add_option(&sb, &args->setting[i], err);
	if (rc < 0)
		return rc;
	rc = io_put_new_file_fast(AT_FDCWD, path, sb.buf, sb.len, 0644);
	if (rc == -EEXIST)
		return error_set(err, SLUICE_INVALID, "'%s' is there already", path);
	return rc < 0 ? error_sys(err, rc, "cannot write '%s'", path) : 0;
}
