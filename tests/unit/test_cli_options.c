/* The parser, its words for what is wrong, and that the help of each command tells everything. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/xalloc.h"
#include "cli/args.h"
#include "cli/help/help.h"
#include "cli/text.h"

static const struct cli_option options[] = {
	{ .name = "id", .value = "ID", .required = true, .help = "The thing." },
	{ .name = "source-path",
	  .other = "sourcePath",
	  .letter = 's',
	  .value = "PATH",
	  .repeatable = true,
	  .help = "A file." },
	{ .name = "is-committed", .other = "isCommitted", .value = "BOOL", .help = "Is it?" },
	{ .name = "follow", .letter = 'f', .help = "Go on." },
	{ .name = "json", .help = "JSON." },
	{ .name = NULL },
};

static const struct cli_command command = {
	.words = "things put",
	.arguments = "THING [MORE]",
	.summary = "Put things.",
	.first = "id",
	.max_rest = 1,
	.options = options,
};

enum { ARGV_MAX = 12 };

static int parse_with(const struct cli_command *c, const char *const *argv, struct cli_args *args,
                      struct error *err)
{
	char *copy[ARGV_MAX] = { NULL };
	static char text[ARGV_MAX][64];
	int argc = 0;

	for (; argv[argc]; argc++) {
		assert_true(argc < ARGV_MAX && strlen(argv[argc]) < sizeof text[0]);
		copy[argc] = strcpy(text[argc], argv[argc]);
	}
	return args_parse(c, argc, copy, args, err);
}

#define PARSE(...) parse_with(&command, (const char *const[]){ __VA_ARGS__, NULL }, &args, &err)

static void test_every_form_of_a_value(void **state)
{
	struct cli_args args;
	struct error err;
	size_t n;
	const char *const *paths;

	(void)state;
	assert_int_equal(PARSE("--id", "x", "--source-path=a=b", "-s", "c", "-sd", "-fse",
	                       "--sourcePath", "--", "--sourcePath=", "-f"),
	                 0);
	assert_string_equal(args_get(&args, "id"), "x");
	paths = args_all(&args, "source-path", &n);
	assert_int_equal(n, 6);
	assert_string_equal(paths[0], "a=b");
	assert_string_equal(paths[1], "c");
	assert_string_equal(paths[2], "d");
	assert_string_equal(paths[3], "e");
	assert_string_equal(paths[4], "--"); /* a value, because it was asked for */
	assert_string_equal(paths[5], "");
	assert_string_equal(args_get(&args, "source-path"), "");
	assert_true(args_has(&args, "follow"));
	assert_false(args_has(&args, "json"));
	assert_false(args_has(&args, "help"));
	assert_int_equal(args_n_rest(&args), 0);
	assert_int_equal(args_check(&args, &err), 0);
	args_release(&args);
}

static void test_arguments_and_their_end(void **state)
{
	struct cli_args args;
	struct error err;

	(void)state;
	assert_int_equal(PARSE("one", "-f", "-", "--", "--id"), 0);
	assert_string_equal(args_get(&args, "id"), "one");
	assert_int_equal(args_n_rest(&args), 2);
	assert_string_equal(args_rest(&args, 0), "-");
	assert_string_equal(args_rest(&args, 1), "--id");
	assert_null(args_rest(&args, 2));
	assert_int_equal(args_check(&args, &err), SLUICE_INVALID);
	assert_string_equal(err.msg, "unexpected argument '--id'");
	args_release(&args);
}

static void test_named_option_leaves_the_argument(void **state)
{
	struct cli_args args;
	struct error err;

	(void)state;
	assert_int_equal(PARSE("one", "--id", "two"), 0);
	assert_string_equal(args_get(&args, "id"), "two");
	assert_string_equal(args_rest(&args, 0), "one");
	assert_int_equal(args_check(&args, &err), 0);
	args_release(&args);
}

static void assert_wrong(int rc, const struct error *err, const char *message)
{
	assert_int_equal(rc, SLUICE_INVALID);
	assert_string_equal(err->msg, message);
}

static void test_what_is_wrong_is_said(void **state)
{
	struct cli_args args;
	struct error err;

	(void)state;
	assert_wrong(PARSE("--id"), &err, "--id needs a value: --id ID");
	args_release(&args);
	assert_wrong(PARSE("-s"), &err, "-s needs a value: -s PATH");
	args_release(&args);
	assert_wrong(PARSE("--follow=yes"), &err, "--follow takes no value");
	args_release(&args);
	assert_wrong(PARSE("--id", "a", "--id=b"), &err, "--id is given twice");
	args_release(&args);
	assert_wrong(PARSE("-x"), &err, "unknown option '-x'");
	args_release(&args);
	assert_wrong(PARSE("-fx"), &err, "unknown option '-x'");
	args_release(&args);
	assert_wrong(PARSE("--=x"), &err, "unknown option '--'");
	args_release(&args);
}

static void test_near_options_are_suggested(void **state)
{
	struct cli_args args;
	struct error err;

	(void)state;
	assert_wrong(PARSE("--folow"), &err, "unknown option '--folow': did you mean '--follow'?");
	args_release(&args);
	assert_wrong(PARSE("--sourcepath", "x"), &err,
	             "unknown option '--sourcepath': did you mean '--sourcePath'?");
	args_release(&args);
	assert_wrong(PARSE("--source_path=x"), &err,
	             "unknown option '--source_path': did you mean '--source-path'?");
	args_release(&args);
	assert_wrong(PARSE("--hlep"), &err, "unknown option '--hlep': did you mean '--help'?");
	args_release(&args);
	assert_wrong(PARSE("--zzzzzz"), &err, "unknown option '--zzzzzz'");
	args_release(&args);
}

static void test_required(void **state)
{
	struct cli_args args;
	struct error err;

	(void)state;
	assert_int_equal(PARSE("-f"), 0);
	assert_wrong(args_check(&args, &err), &err,
	             "THING is missing: sluice things put THING [MORE]");
	args_release(&args);
	assert_int_equal(PARSE("--id", ""), 0);
	assert_wrong(args_check(&args, &err), &err, "--id is empty");
	args_release(&args);
	/* Help is found although something is missing. */
	assert_int_equal(PARSE("-fh"), 0);
	assert_true(args_has(&args, "help"));
	args_release(&args);
}

static void test_too_few_arguments(void **state)
{
	static const struct cli_command needs = {
		.words = "check", .arguments = "FILE...", .min_rest = 1, .max_rest = CLI_MANY
	};
	struct cli_args args;
	struct error err;

	(void)state;
	assert_int_equal(parse_with(&needs, (const char *const[]){ "-q", NULL }, &args, &err), 0);
	assert_wrong(args_check(&args, &err), &err, "an argument is missing: sluice check FILE...");
	assert_true(args_has(&args, "quiet"));
	assert_false(args_knows(&args, "json"));
	args_release(&args);
	assert_int_equal(
		parse_with(&needs, (const char *const[]){ "a", "b", "c", NULL }, &args, &err), 0);
	assert_int_equal(args_check(&args, &err), 0);
	assert_int_equal(args_n_rest(&args), 3);
	args_release(&args);
}

static void test_booleans(void **state)
{
	static const struct {
		const char *text;
		int want; /* -1: refused */
	} cases[] = { { "true", 1 },   { "FALSE", 0 }, { "False", 0 }, { "1", 1 },  { "off", 0 },
		      { "maybe", -1 }, { "", -1 },     { "2", -1 },    { "yes", 1 } };

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct cli_args args;
		struct error err;
		bool value = false;
		int rc;

		assert_int_equal(PARSE("--isCommitted", cases[i].text), 0);
		rc = args_bool(&args, "is-committed", true, &value, &err);
		assert_int_equal(rc, cases[i].want < 0 ? SLUICE_INVALID : 0);
		if (rc == 0)
			assert_int_equal(value, cases[i].want);
		args_release(&args);
	}
}

static void test_boolean_default(void **state)
{
	struct cli_args args;
	struct error err;
	bool value = false;

	(void)state;
	assert_int_equal(PARSE("x"), 0);
	assert_int_equal(args_bool(&args, "is-committed", true, &value, &err), 0);
	assert_true(value);
	args_release(&args);
}

/* --- help ---------------------------------------------------------------------------------- */

static void assert_tells(const char *help, const char *prefix, const char *word)
{
	char *want = xasprintf("%s%s", prefix, word);

	if (!strstr(help, want))
		fail_msg("the help lacks '%s':\n%s", want, help);
	free(want);
}

static void assert_help_whole(const struct cli_command *c)
{
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	help_command(&sb, c, 80);
	assert_tells(strbuf_str(&sb), "Usage: sluice ", c->words);
	if (c->arguments)
		assert_tells(strbuf_str(&sb), "", c->arguments);
	for (const struct cli_option *o = c->options; o && o->name; o++) {
		assert_tells(strbuf_str(&sb), "--", o->name);
		assert_non_null(o->help);
		if (o->other)
			assert_tells(strbuf_str(&sb), ", --", o->other);
	}
	assert_tells(strbuf_str(&sb), "", "-h, --help");
	assert_tells(strbuf_str(&sb), "", "-q, --quiet");
	strbuf_release(&sb);
}

static void test_help_of_every_command(void **state)
{
	(void)state;
	assert_help_whole(&command);
	for (const struct cli_command *const *c = cli_commands; *c; c++)
		assert_help_whole(*c);
}

/* No two spellings or letters of one command are the same, and tables are consistent. */
static void test_tables_are_sound(void **state)
{
	(void)state;
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		struct cli_args args;
		struct error err;

		assert_non_null((*c)->run);
		assert_non_null((*c)->summary);
		assert_true((*c)->min_rest <= (*c)->max_rest);
		assert_int_equal(args_parse(*c, 0, NULL, &args, &err), 0);
		if ((*c)->first)
			assert_true(args_knows(&args, (*c)->first));
		for (size_t i = 0; i < args.n_settings; i++)
			for (size_t k = 0; k < i; k++) {
				const struct cli_option *a = args.setting[i].option;
				const struct cli_option *b = args.setting[k].option;

				assert_string_not_equal(a->name, b->name);
				assert_true(!a->letter || a->letter != b->letter);
			}
		args_release(&args);
	}
}

/* Shells complete what a value is called; a table that leaves it out is a mistake. */
static void test_values_are_completed(void **state)
{
	static const char *const words[] = { "PATH", "FILE", "DIR", "BOOL" };

	(void)state;
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		if ((*c)->max_rest > 0 && strstr((*c)->arguments, "FILE"))
			assert_int_equal((*c)->complete[0], COMPLETE_FILE);
		for (const struct cli_option *o = (*c)->options; o && o->name; o++)
			for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
				if (o->value && strcmp(o->value, words[i]) == 0 &&
				    o->complete == COMPLETE_NOTHING)
					fail_msg("%s --%s: .complete is missing", (*c)->words,
					         o->name);
	}
}

static void test_groups_list_their_commands(void **state)
{
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	(void)state;
	help_group(&sb, "datasets", 80);
	assert_tells(strbuf_str(&sb), "  ", "datasets create");
	assert_tells(strbuf_str(&sb), "  ", "datasets versions ");
	assert_null(strstr(strbuf_str(&sb), "datasets versions list"));
	assert_null(strstr(strbuf_str(&sb), "validate"));
	strbuf_clear(&sb);
	help_group(&sb, "", 80);
	assert_tells(strbuf_str(&sb), "  ", "validate");
	assert_tells(strbuf_str(&sb), "  ", "datasets ");
	assert_null(strstr(strbuf_str(&sb), "datasets create"));
	strbuf_release(&sb);
}

/* Examples, which begin with a blank, stay as they are; options follow them. */
static void assert_width(const char *text, const char *what, size_t width)
{
	const char *rest = strstr(text, "\nOptions:");

	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");

		if (len > width && (line[0] != ' ' || (rest && line > rest)))
			fail_msg("%s: too wide: %.*s", what, (int)len, line);
		line += len + (line[len] == '\n');
	}
}

static void test_help_keeps_its_width(void **state)
{
	static const size_t widths[] = { 40, 59, 60, 72, 100 };

	(void)state;
	for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
		struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

		for (const struct cli_command *const *c = cli_commands; *c; c++) {
			strbuf_clear(&sb);
			help_command(&sb, *c, widths[i]);
			assert_width(strbuf_str(&sb), (*c)->words, widths[i]);
		}
		for (const struct cli_group *g = cli_groups; g->words; g++) {
			strbuf_clear(&sb);
			help_group(&sb, g->words, widths[i]);
			assert_width(strbuf_str(&sb), g->words, widths[i]);
		}
		strbuf_release(&sb);
	}
}

static void assert_table(unsigned columns, const char *want)
{
	const struct cli cli = { .columns = columns };
	struct text_table t = TEXT_TABLE_INIT(3);
	char got[1024] = "";
	FILE *file = tmpfile();
	int out = dup(STDOUT_FILENO);

	assert_non_null(file);
	t.may_cut = 1U << 0;
	t.may_wrap = 1U << 2;
	t.may_go = "1";
	text_table_row(&t, "Name", "Number", "Message");
	text_table_row(&t, "abcdefghijklmno", "7", "one or two words, longlonglonglong");
	(void)fflush(stdout);
	(void)dup2(fileno(file), STDOUT_FILENO);
	text_table_print(&cli, &t);
	(void)fflush(stdout);
	(void)dup2(out, STDOUT_FILENO);
	(void)close(out);
	rewind(file);
	got[fread(got, 1, sizeof got - 1, file)] = '\0';
	(void)fclose(file);
	assert_string_equal(got, want);
}

/* First columns shrink, then they are left out; in a pipe nothing is lost. */
static void test_tables_keep_their_width(void **state)
{
	(void)state;
	assert_table(0, "+-----------------+--------+------------------------------------+\n"
	                "| Name            | Number | Message                            |\n"
	                "+-----------------+--------+------------------------------------+\n"
	                "| abcdefghijklmno | 7      | one or two words, longlonglonglong |\n"
	                "+-----------------+--------+------------------------------------+\n");
	assert_table(42, "+---------------+--------+---------------+\n"
	                 "| Name          | Number | Message       |\n"
	                 "+---------------+--------+---------------+\n"
	                 "| abcdefghij... | 7      | one or two    |\n"
	                 "|               |        | words,        |\n"
	                 "|               |        | longlonglongl |\n"
	                 "|               |        | ong           |\n"
	                 "+---------------+--------+---------------+\n");
	assert_table(30, "+--------------+--------------+\n"
	                 "| Name         | Message      |\n"
	                 "+--------------+--------------+\n"
	                 "| abcdefghi... | one or two   |\n"
	                 "|              | words,       |\n"
	                 "|              | longlonglong |\n"
	                 "|              | long         |\n"
	                 "+--------------+--------------+\n");
}

/* --- text ---------------------------------------------------------------------------------- */

static void assert_safe(const char *from, const char *want)
{
	struct strbuf sb = STRBUF_INIT(256);

	text_add_safe(&sb, from, strlen(from));
	assert_string_equal(strbuf_str(&sb), want);
	strbuf_release(&sb);
}

static void test_text_from_outside(void **state)
{
	(void)state;
	assert_safe("plain äöü 日本 🚀", "plain äöü 日本 🚀");
	assert_safe("\x1b[2J\r\n\t", "\\x1b[2J\\x0d\\x0a\\x09");
	assert_safe("\xc2\x9b"
	            "31m",
	            "\\xc2\\x9b31m");                   /* CSI as one character */
	assert_safe("a\xffz\xc3", "a\\xffz\\xc3");      /* not UTF-8 */
	assert_safe("\xc0\xaf", "\\xc0\\xaf");          /* '/' in two bytes */
	assert_safe("\xed\xa0\x80", "\\xed\\xa0\\x80"); /* half a surrogate pair */
	assert_safe("x\xe2\x80\xae"
	            "y",
	            "x\\xe2\\x80\\xaey"); /* right to left */
}

static void assert_log_with(const char *from, bool colours, const char *want)
{
	struct strbuf sb = STRBUF_INIT(256);

	text_add_log(&sb, from, strlen(from), colours);
	assert_string_equal(strbuf_str(&sb), want);
	strbuf_release(&sb);
}

static void assert_log(const char *from, const char *want)
{
	assert_log_with(from, true, want);
}

static void test_text_of_logs(void **state)
{
	(void)state;
	assert_log("", "");
	assert_log("a\tb \x1b[1;31mred\x1b[0m", "a\tb \x1b[1;31mred\x1b[0m");
	assert_log("\x1b[32mok", "\x1b[32mok\x1b[0m");
	assert_log_with("a\tb \x1b[1;31mred\x1b[0m", false, "a\tb red");
	assert_log("\x1b[2Jx\x1b]0;title\x07", "\\x1b[2Jx\\x1b]0;title\\x07");
	assert_log("10%\r20%\r30%", "30%");
	assert_log("dos\r", "dos");
	assert_log("\x1b[", "\\x1b[");
	assert_log("\x1b[31", "\\x1b[31");
}

static void assert_fit(const char *from, size_t most, const char *want, size_t columns)
{
	struct strbuf sb = STRBUF_INIT(256);

	assert_int_equal(text_add_fit(&sb, from, most), columns);
	assert_string_equal(strbuf_str(&sb), want);
	strbuf_release(&sb);
}

static void assert_name_fit(const char *from, size_t most, const char *want, size_t columns)
{
	struct strbuf sb = STRBUF_INIT(256);

	assert_int_equal(text_add_name_fit(&sb, from, most), columns);
	assert_string_equal(strbuf_str(&sb), want);
	strbuf_release(&sb);
}

static void test_names_keep_their_ends(void **state)
{
	(void)state;
	assert_name_fit("job-number-434", 14, "job-number-434", 14);
	assert_name_fit("job-number-434", 13, "job-n...r-434", 13);
	assert_name_fit("job-number-434", 12, "job-n...-434", 12);
	assert_name_fit("job-number-434", 5, "j...4", 5);
	assert_name_fit("job-number-434", 4, "j...", 4);
	assert_name_fit("job-number-434", 0, "", 0);
	assert_name_fit("日本語テキスト", 10, "日本...ト", 9);
	assert_name_fit("日本語テキスト", 11, "日本...スト", 11);
	assert_name_fit("e\xcc\x81-long-name-e\xcc\x81", 6, "e\xcc\x81-...e\xcc\x81", 6);
}

static void test_widths_and_sizes(void **state)
{
	char buf[TEXT_SIZE_LEN];

	(void)state;
	assert_int_equal(text_width("abc"), 3);
	assert_int_equal(text_width("äöü"), 3);
	assert_int_equal(text_width("日本"), 4);
	assert_int_equal(text_width("e\xcc\x81"), 1);
	assert_fit("abcdef", 6, "abcdef", 6);
	assert_fit("abcdef", 5, "ab...", 5);
	assert_fit("日本語", 5, "日...", 5);
	assert_fit("日本語", 4, "...", 3);
	assert_fit("日本語", 2, "..", 2);
	assert_fit("日本語", 0, "", 0);
	assert_string_equal(text_size(0, buf), "0 B");
	assert_string_equal(text_size(1023, buf), "1023 B");
	assert_string_equal(text_size(1024, buf), "1.0 KiB");
	assert_string_equal(text_size(1048575, buf), "1.0 MiB");
	assert_string_equal(text_size((uint64_t)3 << 29, buf), "1.5 GiB");
	assert_string_equal(text_size(UINT64_MAX, buf), "16.0 EiB");
	assert_string_equal(text_duration(-5, buf), "0ms");
	assert_string_equal(text_duration(78, buf), "78ms");
	assert_string_equal(text_duration(5678, buf), "5.6s");
	assert_string_equal(text_duration(59999, buf), "59.9s");
	assert_string_equal(text_duration(184000, buf), "3m 04s");
	assert_string_equal(text_duration(3723000, buf), "1h 02m");
}

static void test_wrapping(void **state)
{
	struct strbuf sb = STRBUF_INIT(256);

	(void)state;
	text_wrap(&sb, "one two three four", 2, 11);
	assert_string_equal(strbuf_str(&sb), "  one two\n  three\n  four\n");
	strbuf_clear(&sb);
	text_wrap(&sb, "averyveryverylongword x\n\n    as it  is", 0, 10);
	assert_string_equal(strbuf_str(&sb), "averyveryverylongword\nx\n\n    as it  is\n");
	strbuf_release(&sb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_form_of_a_value),
		cmocka_unit_test(test_arguments_and_their_end),
		cmocka_unit_test(test_named_option_leaves_the_argument),
		cmocka_unit_test(test_what_is_wrong_is_said),
		cmocka_unit_test(test_near_options_are_suggested),
		cmocka_unit_test(test_required),
		cmocka_unit_test(test_too_few_arguments),
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_boolean_default),
		cmocka_unit_test(test_help_of_every_command),
		cmocka_unit_test(test_tables_are_sound),
		cmocka_unit_test(test_values_are_completed),
		cmocka_unit_test(test_groups_list_their_commands),
		cmocka_unit_test(test_help_keeps_its_width),
		cmocka_unit_test(test_tables_keep_their_width),
		cmocka_unit_test(test_text_from_outside),
		cmocka_unit_test(test_text_of_logs),
		cmocka_unit_test(test_names_keep_their_ends),
		cmocka_unit_test(test_widths_and_sizes),
		cmocka_unit_test(test_wrapping),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
