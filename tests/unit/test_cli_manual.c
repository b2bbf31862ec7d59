/* The manual against the tables: no command, group, option or spelling may be missing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "cli/args.h"
#include "cli/help/facts.h"
#include "cli/help/manual.h"

/* The roff of a name with dashes, which stand escaped. */
static char *escaped(const char *text)
{
	struct strbuf sb = STRBUF_INIT(4096);

	for (; *text; text++)
		strbuf_addf(&sb, *text == '-' ? "\\-" : "%c", *text);
	return strbuf_detach(&sb);
}

static void assert_has(const char *page, const char *before, const char *name, const char *after)
{
	char *text = escaped(name);
	char *want = xasprintf("%s%s%s", before, text, after);

	if (!strstr(page, want))
		fail_msg("the page lacks '%s':\n%s", want, page);
	free(want);
	free(text);
}

static void assert_option(const char *page, const struct cli_option *o)
{
	char letter[] = { '-', o->letter, '\0' };

	assert_has(page, "\\fB\\-\\-", o->name, "\\fR");
	if (o->other)
		assert_has(page, ", \\fB\\-\\-", o->other, "\\fR");
	if (o->letter)
		assert_has(page, ".TP\n\\fB", letter, "\\fR, ");
	if (o->value)
		assert_has(page, " \\fI", o->value, "\\fR\n");
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	while ((text = strstr(text, word))) {
		n++;
		text += strlen(word);
	}
	return n;
}

static void test_every_option_stands_in_the_page(void **state)
{
	(void)state;
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
		size_t n = 0;
		char *options;

		manual_command(&sb, *c);
		options = strstr(strbuf_str(&sb), ".SH OPTIONS\n");
		assert_non_null(options);
		for (const struct cli_option *o = (*c)->options; o && o->name; o++, n++)
			assert_option(options, o);
		for (const struct cli_option *o = args_common; o->name; o++, n++)
			assert_option(options, o);
		for (const struct cli_option *o = args_inherited(*c); o->name; o++, n++)
			assert_option(options, o);
		*strstr(options, ".SH EXIT STATUS\n") = '\0';
		assert_int_equal(count(options, ".TP\n"), n);
		strbuf_release(&sb);
	}
}

static void test_every_section(void **state)
{
	static const char *const sections[] = { "NAME",    "SYNOPSIS",    "DESCRIPTION",
		                                "OPTIONS", "EXIT STATUS", "ENVIRONMENT",
		                                "SEE ALSO" };

	(void)state;
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
		const char *at;

		manual_command(&sb, *c);
		at = strbuf_str(&sb);
		for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
			char *head = xasprintf("\n.SH %s\n", sections[i]);

			at = strstr(at, head);
			assert_non_null(at);
			free(head);
		}
		for (const struct cli_fact *f = facts_exit_status; f->name; f++)
			assert_has(strbuf_str(&sb), ".TP\n\\fB", f->name, "\\fR\n");
		strbuf_release(&sb);
	}
}

/* Nothing in a line of text may be taken for a request, and no byte for a typographic sign. */
static void test_text_is_text(void **state)
{
	static const struct cli_command odd = {
		.words = "odd",
		.summary = "It's `odd` ~^.",
		.help = ".TH at the start. 'quoted' \\fB\n\nSecond.\n\n    literal  -x\n    .more\n\nend",
	};
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	(void)state;
	manual_command(&sb, &odd);
	assert_non_null(
		strstr(strbuf_str(&sb), "sluice\\-odd \\- It\\(aqs \\(gaodd\\(ga \\(ti\\(ha\n"));
	assert_non_null(strstr(strbuf_str(&sb),
	                       ".PP\n\\&.TH at the start.\n\\(aqquoted\\(aq \\efB\n"
	                       ".PP\nSecond.\n.PP\n.RS 4\n.EX\nliteral  \\-x\n\\&.more\n.EE\n.RE\n"
	                       ".PP\nend\n.SH OPTIONS\n"));
	strbuf_release(&sb);
}

static char *group_page(const char *words)
{
	for (const struct cli_group *g = cli_groups; g->words; g++)
		if (strcmp(g->words, words) == 0) {
			struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

			manual_group(&sb, g);
			return strbuf_detach(&sb);
		}
	fail_msg("there is no group '%s'", words);
	return NULL;
}

static void assert_in_its_group(const char *words)
{
	const char *last = strrchr(words, ' ');
	char *group = xstrndup(words, last ? (size_t)(last - words) : 0);
	char *page = group_page(group);
	char *name = manual_page_name(words);

	assert_has(page, ".BR ", name, " (1)\n");
	free(name);
	free(page);
	free(group);
}

static void test_groups_list_their_pages(void **state)
{
	char *all = group_page("");

	(void)state;
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		assert_in_its_group((*c)->words);
	for (const struct cli_group *g = cli_groups; g->words; g++)
		if (g->words[0])
			assert_in_its_group(g->words);
	for (const struct cli_fact *f = facts_environment; f->name; f++)
		assert_has(all, ".TP\n\\fB", f->name, "\\fR\n");
	for (const struct cli_fact *f = facts_files; f->name; f++)
		assert_has(all, ".TP\n\\fB", f->name, "\\fR\n");
	free(all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_option_stands_in_the_page),
		cmocka_unit_test(test_every_section),
		cmocka_unit_test(test_text_is_text),
		cmocka_unit_test(test_groups_list_their_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
