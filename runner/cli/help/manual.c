#include "cli/help/manual.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "cli/args.h"
#include "cli/help/facts.h"
#include "cli/text.h"

enum { LINE_WIDTH = 70 };

char *manual_page_name(const char *words)
{
	char *name = xasprintf("sluice%s%s", words[0] ? " " : "", words);

	for (char *c = name; *c; c++)
		if (*c == ' ')
			*c = '-';
	return name;
}

/* --- roff ---------------------------------------------------------------------------------- */

/* What roff would take for something else, or print as a typographic sign. */
static const char *roff_escape(char c)
{
	switch (c) {
	case '\\':
		return "\\e";
	case '-':
		return "\\-";
	case '\'':
		return "\\(aq";
	case '"':
		return "\\(dq";
	case '`':
		return "\\(ga";
	case '^':
		return "\\(ha";
	case '~':
		return "\\(ti";
	default:
		return NULL;
	}
}

static void add_text(struct strbuf *sb, const char *text, size_t len)
{
	/* A line that begins with a dot would be a request. */
	if (len > 0 && text[0] == '.')
		strbuf_addstr(sb, "\\&");
	for (size_t i = 0; i < len; i++) {
		const char *escape = roff_escape(text[i]);

		if (escape)
			strbuf_addstr(sb, escape);
		else
			strbuf_addch(sb, text[i]);
	}
}

static void add_str(struct strbuf *sb, const char *text)
{
	add_text(sb, text, strlen(text));
}

static void add_bold(struct strbuf *sb, const char *text)
{
	strbuf_addstr(sb, "\\fB");
	add_str(sb, text);
	strbuf_addstr(sb, "\\fR");
}

static void add_italic(struct strbuf *sb, const char *text)
{
	strbuf_addstr(sb, "\\fI");
	add_str(sb, text);
	strbuf_addstr(sb, "\\fR");
}

/* Each sentence begins a line, from which roff knows how to space them, and none is long. */
static void add_sentences(struct strbuf *sb, const char *text, size_t len)
{
	const char *end = text + len;

	while (text < end) {
		const char *stop = memmem(text, (size_t)(end - text), ". ", 2);
		const char *next = stop ? stop + 1 : end;
		AUTO_FREE char *sentence = xstrndup(text, (size_t)(next - text));
		AUTO_STRBUF struct strbuf lines = STRBUF_INIT(STRBUF_BIG);
		const char *line;

		text_wrap(&lines, sentence, 0, LINE_WIDTH);
		for (line = strbuf_str(&lines); *line; line += strcspn(line, "\n") + 1) {
			add_text(sb, line, strcspn(line, "\n"));
			strbuf_addch(sb, '\n');
		}
		text = next + (next < end);
	}
}

/* Help text: paragraphs, and lines that begin with a blank and stay as they are. */
static void add_paragraphs(struct strbuf *sb, const char *text)
{
	bool literal = false;
	bool first = true;

	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		bool as_it_is = line[0] == ' ';

		if (literal && !as_it_is)
			strbuf_addstr(sb, ".EE\n.RE\n");
		if (as_it_is && !literal)
			strbuf_addstr(sb, ".PP\n.RS 4\n.EX\n");
		else if (len == 0 && !first && line[1] && line[1] != ' ')
			strbuf_addstr(sb, ".PP\n");
		literal = as_it_is;
		if (as_it_is) {
			size_t indent = strspn(line, " ");

			add_text(sb, line + indent, len - indent);
			strbuf_addch(sb, '\n');
		} else if (len > 0) {
			add_sentences(sb, line, len);
		}
		first = false;
		line += len + (line[len] == '\n');
	}
	if (literal)
		strbuf_addstr(sb, ".EE\n.RE\n");
}

/* --- sections ------------------------------------------------------------------------------ */

static void add_head(struct strbuf *sb, const char *words, const char *summary)
{
	AUTO_FREE char *page = manual_page_name(words);
	size_t len = strlen(summary);

	strbuf_addstr(sb, ".TH ");
	for (const char *c = page; *c; c++)
		strbuf_addch(sb, (char)(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c));
	strbuf_addstr(sb, " 1 " SLUICE_DATE " \"sluice " SLUICE_VERSION "\" \"sluice manual\"\n"
	                  ".SH NAME\n");
	add_str(sb, page);
	strbuf_addstr(sb, " \\- ");
	/* What is listed by apropos is no sentence. */
	add_text(sb, summary, len - (len > 0 && summary[len - 1] == '.'));
	strbuf_addstr(sb, "\n.SH SYNOPSIS\n");
	add_bold(sb, words[0] ? "sluice " : "sluice");
	add_bold(sb, words);
}

static void add_facts(struct strbuf *sb, const char *title, const struct cli_fact *facts)
{
	strbuf_addf(sb, ".SH %s\n", title);
	for (; facts->name; facts++) {
		strbuf_addstr(sb, ".TP\n");
		add_bold(sb, facts->name);
		strbuf_addch(sb, '\n');
		add_sentences(sb, facts->text, strlen(facts->text));
	}
}

static void add_option(struct strbuf *sb, const struct cli_option *o)
{
	const char letter[] = { '-', o->letter, '\0' };
	const char *const names[] = { o->name, o->other };

	strbuf_addstr(sb, ".TP\n");
	if (o->letter) {
		add_bold(sb, letter);
		strbuf_addstr(sb, ", ");
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0] && names[i]; i++) {
		strbuf_addstr(sb, i > 0 ? ", \\fB\\-\\-" : "\\fB\\-\\-");
		add_str(sb, names[i]);
		strbuf_addstr(sb, "\\fR");
	}
	if (o->value) {
		strbuf_addch(sb, ' ');
		add_italic(sb, o->value);
	}
	strbuf_addch(sb, '\n');
	add_sentences(sb, o->help, strlen(o->help));
	if (o->required)
		strbuf_addstr(sb, "It must be given.\n");
	if (o->repeatable)
		strbuf_addstr(sb, "It may be given several times.\n");
}

static void add_options(struct strbuf *sb, const struct cli_option *options)
{
	for (const struct cli_option *o = options; o && o->name; o++)
		add_option(sb, o);
}

/* "datasets versions" of "datasets versions list"; the caller frees it. */
static char *group_of(const char *words)
{
	const char *last = strrchr(words, ' ');

	return xstrndup(words, last ? (size_t)(last - words) : 0);
}

static void add_see_also(struct strbuf *sb, const char *words)
{
	AUTO_FREE char *group = group_of(words);
	AUTO_FREE char *page = manual_page_name(group);

	strbuf_addstr(sb, ".SH SEE ALSO\n.BR ");
	add_str(sb, page);
	strbuf_addstr(sb, " (1)");
	if (group[0])
		strbuf_addstr(sb, ",\n.BR sluice (1)");
	strbuf_addch(sb, '\n');
}

void manual_command(struct strbuf *sb, const struct cli_command *command)
{
	add_head(sb, command->words, command->summary);
	strbuf_addstr(sb, " [\\fIOPTIONS\\fR]");
	if (command->arguments) {
		strbuf_addch(sb, ' ');
		add_italic(sb, command->arguments);
	}
	strbuf_addstr(sb, "\n.SH DESCRIPTION\n");
	add_sentences(sb, command->summary, strlen(command->summary));
	if (command->help) {
		strbuf_addstr(sb, ".PP\n");
		add_paragraphs(sb, command->help);
	}
	strbuf_addstr(sb, ".SH OPTIONS\n");
	add_options(sb, command->options);
	add_options(sb, args_common);
	add_options(sb, args_inherited(command));
	add_facts(sb, "EXIT STATUS", facts_exit_status);
	add_facts(sb, "ENVIRONMENT", facts_environment);
	add_see_also(sb, command->words);
}

/* One line of a group's page, if `words` stands directly below it. */
static void add_child(struct strbuf *sb, const char *group, const char *words, const char *summary)
{
	AUTO_FREE char *above = group_of(words);
	AUTO_FREE char *page = manual_page_name(words);

	if (!words[0] || strcmp(above, group) != 0)
		return;
	strbuf_addstr(sb, ".TP\n.BR ");
	add_str(sb, page);
	strbuf_addstr(sb, " (1)\n");
	add_sentences(sb, summary, strlen(summary));
}

void manual_group(struct strbuf *sb, const struct cli_group *group)
{
	add_head(sb, group->words, group->summary);
	strbuf_addstr(sb, " \\fICOMMAND\\fR [\\fIOPTIONS\\fR]\n.SH DESCRIPTION\n");
	add_sentences(sb, group->summary, strlen(group->summary));
	strbuf_addstr(sb, ".SH COMMANDS\n");
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		add_child(sb, group->words, (*c)->words, (*c)->summary);
	for (const struct cli_group *g = cli_groups; g->words; g++)
		add_child(sb, group->words, g->words, g->summary);
	strbuf_addstr(sb, ".SH OPTIONS\n");
	add_options(sb, args_common);
	if (group->words[0]) {
		add_see_also(sb, group->words);
		return;
	}
	strbuf_addstr(sb, ".TP\n\\fB\\-\\-version\\fR\nSay which sluice this is.\n");
	add_facts(sb, "EXIT STATUS", facts_exit_status);
	add_facts(sb, "ENVIRONMENT", facts_environment);
	add_facts(sb, "FILES", facts_files);
	strbuf_addstr(sb, ".PP\nAll of them lie in the home, see \\fBSLUICE_HOME\\fR.\n");
}
