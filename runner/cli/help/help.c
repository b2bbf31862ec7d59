#include "cli/help/help.h"

#include <string.h>

#include "cli/args.h"
#include "cli/help/facts.h"
#include "cli/text.h"

enum {
	HELP_COLUMN = 26, /* where the explanations begin */
	HELP_SPARE = 20,  /* and the least room that they get */
};

/* "  LABEL   explanation", the explanation wrapped below itself. */
static void add_entry(struct strbuf *sb, const char *label, const char *text, size_t width)
{
	AUTO_STRBUF struct strbuf words = STRBUF_INIT(STRBUF_BIG);
	size_t room = width > HELP_COLUMN + HELP_SPARE ? width : HELP_COLUMN + HELP_SPARE;
	size_t used = strlen(label) + 2;

	text_wrap(&words, text, HELP_COLUMN, room);
	strbuf_addf(sb, "  %s", label);
	if (used + 2 <= HELP_COLUMN)
		strbuf_addf(sb, "%*s%s", (int)(HELP_COLUMN - used), "",
		            strbuf_str(&words) + HELP_COLUMN);
	else
		strbuf_addf(sb, "\n%s", strbuf_str(&words));
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
	strbuf_addf(sb, "Usage: sluice %s [OPTIONS]%s%s\n\n", command->words,
	            command->arguments ? " " : "", command->arguments ? command->arguments : "");
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
	strbuf_addf(sb, "Usage: sluice %s%sCOMMAND [OPTIONS]\n\n", words, words[0] ? " " : "");
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
	if (words[0]) {
		strbuf_addf(sb, "\n'sluice %s COMMAND --help' says more about a command.\n", words);
		return;
	}
	add_facts(sb, "Exit status", facts_exit_status, width);
	add_facts(sb, "Environment", facts_environment, width);
	strbuf_addstr(sb, "\n'sluice COMMAND --help' says more about a command, "
	                  "'sluice --version' which one this is.\n");
}
