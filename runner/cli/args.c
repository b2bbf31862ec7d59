#include "cli/args.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/near.h"
#include "base/xalloc.h"

const struct cli_option args_common[] = {
	{ .name = "help", .letter = 'h', .help = "Show this help." },
	{ .name = "quiet", .letter = 'q', .help = "Print results and errors only." },
	{ .name = NULL },
};

static const struct cli_option gradient_common[] = {
	{ .name = "api-key",
	  .other = "apiKey",
	  .value = "KEY",
	  .help = "Taken as the gradient command line did, and not used: there is nobody to show it "
	          "to." },
	{ .name = "options-file",
	  .other = "optionsFile",
	  .value = "PATH",
	  .help = "Take options from a YAML file of NAME: VALUE, too; those given here go first.",
	  .complete = COMPLETE_FILE },
	{ .name = "create-options-file",
	  .other = "createOptionsFile",
	  .value = "PATH",
	  .help = "Write such a file with all options of this command, and do nothing else.",
	  .complete = COMPLETE_FILE },
	{ .name = NULL },
};

const struct cli_option *args_inherited(const struct cli_command *command)
{
	static const struct cli_option none = { .name = NULL };
	static const char *const groups[] = { "datasets ", "storageProviders " };

	for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
		if (strncmp(command->words, groups[i], strlen(groups[i])) == 0)
			return gradient_common;
	return &none;
}

static size_t count_options(const struct cli_option *options)
{
	size_t n = 0;

	while (options && options[n].name)
		n++;
	return n;
}

static void make_settings(struct cli_args *args)
{
	const struct cli_option *const tables[] = { args->command->options, args_common,
		                                    args_inherited(args->command) };
	size_t n = 0;

	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		args->n_settings += count_options(tables[i]);
	args->setting = xcalloc(args->n_settings, sizeof *args->setting);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		for (const struct cli_option *o = tables[i]; o && o->name; o++)
			args->setting[n++].option = o;
}

static struct args_setting *find_letter(const struct cli_args *args, char letter)
{
	for (size_t i = 0; i < args->n_settings; i++)
		if (args->setting[i].option->letter == letter)
			return &args->setting[i];
	return NULL;
}

static bool is_spelled(const char *spelling, const char *name, size_t len)
{
	return spelling && strncmp(spelling, name, len) == 0 && spelling[len] == '\0';
}

static struct args_setting *find_long(const struct cli_args *args, const char *name, size_t len)
{
	for (size_t i = 0; i < args->n_settings; i++) {
		const struct cli_option *o = args->setting[i].option;

		if (is_spelled(o->name, name, len) || is_spelled(o->other, name, len))
			return &args->setting[i];
	}
	return NULL;
}

static void take_if_nearer(const char *spelling, const char *name, size_t *best, const char **near)
{
	size_t d = spelling ? near_distance(name, spelling, *best) : *best + 1;

	/* The limit is inclusive for the first, then only a nearer one wins. */
	if (d > *best || (*near && d == *best))
		return;
	*best = d;
	*near = spelling;
}

static int unknown_long(const struct cli_args *args, const char *name, struct error *err)
{
	const char *near = NULL;
	size_t best = near_limit(name);

	for (size_t i = 0; i < args->n_settings; i++) {
		take_if_nearer(args->setting[i].option->name, name, &best, &near);
		take_if_nearer(args->setting[i].option->other, name, &best, &near);
	}
	if (near)
		return error_set(err, SLUICE_INVALID, "unknown option '--%s': did you mean '--%s'?",
		                 name, near);
	return error_set(err, SLUICE_INVALID, "unknown option '--%s'", name);
}

static int give(struct args_setting *s, const char *value, struct error *err)
{
	if (s->n > 0 && s->option->value && !s->option->repeatable)
		return error_set(err, SLUICE_INVALID, "--%s is given twice", s->option->name);
	s->value = xgrow(s->value, s->n, &s->cap, sizeof *s->value);
	s->value[s->n++] = value;
	return 0;
}

static void add_rest(struct cli_args *args, const char *value)
{
	args->rest = xgrow(args->rest, args->n_rest, &args->cap_rest, sizeof *args->rest);
	args->rest[args->n_rest++] = value;
}

static const struct {
	const char *word;
	bool value;
} bool_words[] = {
	{ "true", true },   { "yes", true }, { "on", true },   { "1", true },
	{ "false", false }, { "no", false }, { "off", false }, { "0", false },
};

static bool is_bool(const char *text, bool *ret_value)
{
	for (size_t i = 0; i < sizeof bool_words / sizeof bool_words[0]; i++)
		if (strcasecmp(text, bool_words[i].word) == 0) {
			*ret_value = bool_words[i].value;
			return true;
		}
	return false;
}

/* --recursive alone is --recursive true. */
static bool stands_alone(const struct cli_option *option, const char *next)
{
	bool value;

	return option->complete == COMPLETE_BOOL && (!next || !is_bool(next, &value));
}

/* Gives back how many further elements of argv it took: 0 or 1. */
static int parse_long(const struct cli_args *args, const char *text, const char *next,
                      struct error *err)
{
	size_t len = strcspn(text, "=");
	const char *value = text[len] == '=' ? text + len + 1 : NULL;
	struct args_setting *s = find_long(args, text, len);
	bool from_next = !value && s && s->option->value;
	int rc;

	if (!s) {
		char *name = xstrndup(text, len);

		rc = unknown_long(args, name, err);
		free(name);
		return rc;
	}
	if (value && !s->option->value)
		return error_set(err, SLUICE_INVALID, "--%s takes no value", s->option->name);
	if (from_next && stands_alone(s->option, next))
		return give(s, "true", err);
	if (from_next && !next)
		return error_set(err, SLUICE_INVALID, "--%s needs a value: --%s %s",
		                 s->option->name, s->option->name, s->option->value);
	rc = give(s, from_next ? next : value, err);
	return rc < 0 ? rc : from_next;
}

/* The same for -x, -xVALUE and -xyz. */
static int parse_letters(const struct cli_args *args, const char *text, const char *next,
                         struct error *err)
{
	for (; *text; text++) {
		struct args_setting *s = find_letter(args, *text);
		bool from_next = s && s->option->value && !text[1];
		int rc;

		if (!s)
			return error_set(err, SLUICE_INVALID, "unknown option '-%c'", *text);
		if (!s->option->value) {
			rc = give(s, NULL, err);
			if (rc < 0)
				return rc;
			continue;
		}
		if (from_next && !next)
			return error_set(err, SLUICE_INVALID, "-%c needs a value: -%c %s", *text,
			                 *text, s->option->value);
		rc = give(s, from_next ? next : text + 1, err);
		return rc < 0 ? rc : from_next;
	}
	return 0;
}

/* A first argument that stands for an option that was not given by its name. */
static int take_first(struct cli_args *args, struct error *err)
{
	const char *first = args->command->first;
	struct args_setting *s = first ? find_long(args, first, strlen(first)) : NULL;
	const char *value;

	if (!s || s->n > 0 || args->n_rest == 0)
		return 0;
	value = args->rest[0];
	args->n_rest--;
	memmove(args->rest, args->rest + 1, args->n_rest * sizeof *args->rest);
	return give(s, value, err);
}

int args_parse(const struct cli_command *command, int argc, char *const *argv,
               struct cli_args *ret_args, struct error *err)
{
	bool options = true;

	*ret_args = (struct cli_args){ .command = command };
	make_settings(ret_args);
	for (int i = 0; i < argc; i++) {
		const char *arg = argv[i];
		const char *next = i + 1 < argc ? argv[i + 1] : NULL;
		int took = 0;

		if (!options || arg[0] != '-' || !arg[1])
			add_rest(ret_args, arg);
		else if (strcmp(arg, "--") == 0)
			options = false;
		else if (arg[1] == '-')
			took = parse_long(ret_args, arg + 2, next, err);
		else
			took = parse_letters(ret_args, arg + 1, next, err);
		if (took < 0)
			return took;
		i += took;
	}
	return take_first(ret_args, err);
}

/* What may stand as an argument is asked for as one. */
static int is_missing(const struct cli_command *c, const struct cli_option *o, struct error *err)
{
	if (c->first && strcmp(c->first, o->name) == 0)
		return error_set(err, SLUICE_INVALID, "%.*s is missing: sluice %s %s",
		                 (int)strcspn(c->arguments, " "), c->arguments, c->words,
		                 c->arguments);
	return error_set(err, SLUICE_INVALID, "--%s %s is missing", o->name, o->value);
}

int args_check(const struct cli_args *args, struct error *err)
{
	const struct cli_command *c = args->command;

	for (size_t i = 0; i < args->n_settings; i++) {
		const struct cli_option *o = args->setting[i].option;

		if (o->required && args->setting[i].n == 0)
			return is_missing(c, o, err);
		if (o->required && args->setting[i].value[0] && !args->setting[i].value[0][0])
			return error_set(err, SLUICE_INVALID, "--%s is empty", o->name);
	}
	if (args->n_rest < c->min_rest)
		return error_set(err, SLUICE_INVALID, "an argument is missing: sluice %s %s",
		                 c->words, c->arguments);
	if (args->n_rest > c->max_rest)
		return error_set(err, SLUICE_INVALID, "unexpected argument '%s'",
		                 args->rest[c->max_rest]);
	return 0;
}

int args_add(struct cli_args *args, const char *name, const char *value, struct error *err)
{
	struct args_setting *s = find_long(args, name, strlen(name));
	char *copy = value ? xstrdup(value) : NULL;

	if (copy) {
		args->owned =
			xgrow(args->owned, args->n_owned, &args->cap_owned, sizeof *args->owned);
		args->owned[args->n_owned++] = copy;
	}
	return s ? give(s, copy, err) : unknown_long(args, name, err);
}

void args_release(struct cli_args *args)
{
	for (size_t i = 0; i < args->n_owned; i++)
		free(args->owned[i]);
	free(args->owned);
	for (size_t i = 0; i < args->n_settings; i++)
		free(args->setting[i].value);
	free(args->setting);
	free(args->rest);
	*args = (struct cli_args){ .command = args->command };
}

/* To ask for an option that the command's table does not have is a mistake in the program. */
const struct args_setting *args_setting(const struct cli_args *args, const char *name)
{
	const struct args_setting *s = find_long(args, name, strlen(name));

	assert(s);
	return s;
}

bool args_knows(const struct cli_args *args, const char *name)
{
	return find_long(args, name, strlen(name)) != NULL;
}

const char *args_get(const struct cli_args *args, const char *name)
{
	const struct args_setting *s = args_setting(args, name);

	return s->n > 0 ? s->value[s->n - 1] : NULL;
}

bool args_has(const struct cli_args *args, const char *name)
{
	return args_setting(args, name)->n > 0;
}

const char *const *args_all(const struct cli_args *args, const char *name, size_t *ret_n)
{
	const struct args_setting *s = args_setting(args, name);

	*ret_n = s->n;
	return s->value;
}

int args_bool(const struct cli_args *args, const char *name, bool otherwise, bool *ret_value,
              struct error *err)
{
	const char *given = args_get(args, name);

	*ret_value = otherwise;
	if (!given || is_bool(given, ret_value))
		return 0;
	return error_set(err, SLUICE_INVALID, "--%s is true or false, not '%s'", name, given);
}

size_t args_n_rest(const struct cli_args *args)
{
	return args->n_rest;
}

const char *args_rest(const struct cli_args *args, size_t i)
{
	return i < args->n_rest ? args->rest[i] : NULL;
}

void args_hide(const char *value)
{
	memset((char *)(uintptr_t)value, '*', strlen(value));
}
