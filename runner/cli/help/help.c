#include "cli/help/help.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "cli/args.h"
#include "cli/help/facts.h"
#include "cli/text.h"

enum {
	HELP_COLUMN = 26, /* where the explanations begin */
	HELP_NARROW = 60, /* with less they begin in the next line, here: */
	HELP_INDENT = 6,
};

/* "  LABEL   explanation", the explanation wrapped below itself. */
static void add_entry(struct strbuf *sb, const char *label, const char *text, size_t width)
{
	AUTO_STRBUF struct strbuf words = STRBUF_INIT(STRBUF_BIG);
	size_t column = width < HELP_NARROW ? HELP_INDENT : HELP_COLUMN;
	size_t used = strlen(label) + 2;

	text_wrap(&words, text, column, width);
	if (used + 2 <= column) {
		strbuf_addf(sb, "  %s%*s%s", label, (int)(column - used), "",
		            strbuf_str(&words) + column);
		return;
	}
	text_wrap(sb, label, 2, width);
	strbuf_addstr(sb, strbuf_str(&words));
}

/* "Usage: sluice WORDS...", its further lines below the first word. */
static void add_usage(struct strbuf *sb, const char *usage, size_t width)
{
	static const char head[] = "Usage: ";
	AUTO_STRBUF struct strbuf words = STRBUF_INIT(STRBUF_BIG);

	text_wrap(&words, usage, sizeof head - 1, width);
	strbuf_addf(sb, "%s%s\n", head, strbuf_str(&words) + sizeof head - 1);
}

static void add_option(struct strbuf *sb, const struct cli_option *o, size_t width)
{
	AUTO_STRBUF struct strbuf label = STRBUF_INIT(STRBUF_BIG);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);

	if (o->letter)
		strbuf_addf(&label, "-%c, ", o->letter);
	strbuf_addf(&label, "--%s", o->name);
	if (o->other)
		strbuf_addf(&label, ", --%s", o->other);
	if (o->value)
		strbuf_addf(&label, " %s", o->value);
	strbuf_addstr(&text, o->help);
	if (o->repeatable)
		strbuf_addstr(&text, " (repeatable)");
	if (o->required)
		strbuf_addstr(&text, " (required)");
	add_entry(sb, strbuf_str(&label), strbuf_str(&text), width);
}

void help_command(struct strbuf *sb, const struct cli_command *command, size_t width)
{
	AUTO_FREE char *usage =
		xasprintf("sluice %s [OPTIONS]%s%s", command->words, command->arguments ? " " : "",
	                  command->arguments ? command->arguments : "");

	add_usage(sb, usage, width);
	text_wrap(sb, command->summary, 0, width);
	if (command->help) {
		strbuf_addch(sb, '\n');
		text_wrap(sb, command->help, 0, width);
	}
	strbuf_addstr(sb, "\nOptions:\n");
	for (const struct cli_option *o = command->options; o && o->name; o++)
		add_option(sb, o, width);
	for (const struct cli_option *o = args_common; o->name; o++)
		add_option(sb, o, width);
	for (const struct cli_option *o = args_inherited(command); o->name; o++)
		add_option(sb, o, width);
}

static void add_facts(struct strbuf *sb, const char *title, const struct cli_fact *facts,
                      size_t width)
{
	strbuf_addf(sb, "\n%s:\n", title);
	for (; facts->name; facts++)
		add_entry(sb, facts->name, facts->text, width);
}

static bool is_below(const char *words, const char *group)
{
	size_t len = strlen(group);

	return len == 0 || (strncmp(words, group, len) == 0 && words[len] == ' ');
}

/* Does a command or group stand directly below `group`? */
static bool is_child(const char *words, const char *group)
{
	size_t len = strlen(group);

	return is_below(words, group) && !strchr(words + len + (len > 0), ' ');
}

void help_group(struct strbuf *sb, const char *words, size_t width)
{
	AUTO_FREE char *usage =
		xasprintf("sluice %s%sCOMMAND [OPTIONS]", words, words[0] ? " " : "");
	AUTO_FREE char *more =
		words[0] ? xasprintf("'sluice %s COMMAND --help' says more about a command.", words)
			 : xstrdup("'sluice COMMAND --help' says more about a command, "
	                           "'sluice --version' which one this is.");

	add_usage(sb, usage, width);
	for (const struct cli_group *g = cli_groups; g->words; g++)
		if (strcmp(g->words, words) == 0)
			text_wrap(sb, g->summary, 0, width);
	strbuf_addstr(sb, "\nCommands:\n");
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		if (is_child((*c)->words, words))
			add_entry(sb, (*c)->words, (*c)->summary, width);
	for (const struct cli_group *g = cli_groups; g->words; g++)
		if (g->words[0] && is_child(g->words, words))
			add_entry(sb, g->words, g->summary, width);
	if (!words[0]) {
		add_facts(sb, "Exit status", facts_exit_status, width);
		add_facts(sb, "Environment", facts_environment, width);
	}
	strbuf_addch(sb, '\n');
	text_wrap(sb, more, 0, width);
}
