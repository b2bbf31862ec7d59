#include "cli/help/complete.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "cli/args.h"
#include "cli/choose.h"
#include "cli/help/names.h"
#include "cli/text.h"
#include "spec/spec.h"

enum { WORKFLOW_MAX = 1 << 20 }; /* a larger one is not read for the sake of a key press */

struct question {
	struct strbuf *out;
	const char *word; /* as far as it is typed */
	size_t head;      /* how many of its bytes stand before the value: "--id=" */
	const struct cli_args *args;
	struct names *names;
	const char *before, *after; /* what stands around each name */
};

/* --- answers ------------------------------------------------------------------------------- */

/* A candidate is a line; what would be none is not offered. */
static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == '\x7f')
			return false;
	return true;
}

/* The first sentence, without its full stop. */
static size_t remark_len(const char *note)
{
	const char *stop = strstr(note, ". ");
	size_t len = stop ? (size_t)(stop - note) : strcspn(note, "\n");

	return len > 0 && note[len - 1] == '.' ? len - 1 : len;
}

static void offer(void *arg, const char *name, const char *note)
{
	const struct question *q = arg;
	AUTO_FREE char *value = xasprintf("%s%s%s", q->before, name, q->after);
	const char *typed = q->word + q->head;

	if (strncmp(value, typed, strlen(typed)) != 0 || !is_printable(value))
		return;
	strbuf_add(q->out, q->word, q->head);
	strbuf_addf(q->out, "%s\t", value);
	text_add_safe(q->out, note, remark_len(note));
	strbuf_addch(q->out, '\n');
}

/* The same with something around the name. */
static struct question around(const struct question *q, const char *before, const char *after)
{
	struct question changed = *q;

	changed.before = before;
	changed.after = after;
	return changed;
}

/* --- values -------------------------------------------------------------------------------- */

static void complete_dataset(struct question *q)
{
	names_each_dataset(q->names, offer, q);
}

static void complete_bool(struct question *q)
{
	offer(q, "true", "");
	offer(q, "false", "");
}

static void complete_files(struct question *q)
{
	strbuf_addf(q->out, ":files %zu\n", q->head);
}

static void complete_directories(struct question *q)
{
	strbuf_addf(q->out, ":directories %zu\n", q->head);
}

/* What may stand after the colon. */
enum points { POINTS_COMMITTED = 1 << 0, POINTS_OPEN = 1 << 1, POINTS_TAGS = 1 << 2 };

static void offer_points(const struct question *q, unsigned points)
{
	const char *typed = q->word + q->head;
	size_t len = strcspn(typed, ":");
	AUTO_FREE char *dataset = xstrndup(typed, len);
	AUTO_FREE char *before = xasprintf("%s:", dataset);
	struct question after_colon = around(q, before, "");

	if (points & POINTS_TAGS)
		names_each_tag(q->names, dataset, offer, &after_colon);
	if (points & POINTS_COMMITTED)
		names_each_version(q->names, dataset, true, offer, &after_colon);
	if (points & POINTS_OPEN)
		names_each_version(q->names, dataset, false, offer, &after_colon);
}

static bool has_colon(const struct question *q)
{
	return strchr(q->word + q->head, ':') != NULL;
}

/* A dataset alone means its latest version. */
static void complete_version(struct question *q)
{
	if (has_colon(q))
		offer_points(q, POINTS_COMMITTED | POINTS_TAGS);
	else
		complete_dataset(q);
}

/* Where a dataset alone means nothing, its name brings the colon. */
static void complete_point(const struct question *q, unsigned points)
{
	struct question with_colon = around(q, "", ":");

	if (has_colon(q))
		offer_points(q, points);
	else
		names_each_dataset(q->names, offer, &with_colon);
}

static void complete_open_version(struct question *q)
{
	complete_point(q, POINTS_OPEN);
}

static void complete_tag(struct question *q)
{
	complete_point(q, POINTS_TAGS);
}

static void complete_version_path(struct question *q)
{
	const char *typed = q->word + q->head;
	const char *slash = strrchr(typed, '/');
	AUTO_FREE char *dir = xstrndup(typed, slash ? (size_t)(slash - typed) + 1 : 0);
	const char *version = args_knows(q->args, "id") ? args_get(q->args, "id") : NULL;

	if (version && dir[0] != '/')
		names_each_path(q->names, version, dir, offer, q);
}

static void complete_run(struct question *q)
{
	offer(q, "latest", "the newest run");
	names_each_run(q->names, false, offer, q);
}

static void complete_unfinished_run(struct question *q)
{
	names_each_run(q->names, true, offer, q);
}

static void complete_job(struct question *q)
{
	const char *run = args_rest(q->args, 0);

	if (run)
		names_each_job(q->names, run, offer, q);
}

static void complete_workflow(struct question *q)
{
	names_each_workflow(q->names, offer, q);
}

static void complete_image(struct question *q)
{
	names_each_image(q->names, offer, q);
}

static void complete_provider(struct question *q)
{
	names_each_provider(q->names, offer, q);
}

/* The workflow that is named already, if it is a file without errors; the caller frees it. */
static struct spec_doc *read_workflow(const struct question *q)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(WORKFLOW_MAX);
	const char *path = args_rest(q->args, 0);
	AUTO_FD int fd = path ? open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || io_read_all(fd, &text) < 0)
		return NULL;
	return spec_parse(strbuf_str(&text), text.len);
}

/* The value of an input: a dataset's is one, or a directory. */
static void complete_input_value(const struct question *q, const struct spec_input *input)
{
	struct question value = *q;

	value.head += strlen(input->name) + 1;
	if (input->type != SPEC_DATASET)
		return;
	if (strchr("./~", q->word[value.head]) && q->word[value.head])
		complete_directories(&value);
	else
		complete_version(&value);
}

static void complete_input(struct question *q)
{
	struct spec_doc *doc = read_workflow(q);
	struct question with_equals = around(q, "", "=");
	const char *typed = q->word + q->head;
	const char *equals = strchr(typed, '=');

	for (size_t i = 0; doc && doc->spec && i < doc->spec->n_inputs; i++) {
		const struct spec_input *in = &doc->spec->inputs[i];

		if (!equals)
			offer(&with_equals, in->name, spec_type_name(in->type));
		else if (strncmp(in->name, typed, strlen(in->name)) == 0 &&
		         typed + strlen(in->name) == equals)
			complete_input_value(q, in);
	}
	spec_doc_free(doc);
}

static void complete_value(struct question *q, enum cli_complete kind)
{
	static void (*const by_kind[])(struct question *) = {
		[COMPLETE_FILE] = complete_files,
		[COMPLETE_DIR] = complete_directories,
		[COMPLETE_BOOL] = complete_bool,
		[COMPLETE_DATASET] = complete_dataset,
		[COMPLETE_VERSION] = complete_version,
		[COMPLETE_OPEN_VERSION] = complete_open_version,
		[COMPLETE_TAG] = complete_tag,
		[COMPLETE_VERSION_PATH] = complete_version_path,
		[COMPLETE_RUN] = complete_run,
		[COMPLETE_UNFINISHED_RUN] = complete_unfinished_run,
		[COMPLETE_JOB] = complete_job,
		[COMPLETE_WORKFLOW] = complete_workflow,
		[COMPLETE_IMAGE] = complete_image,
		[COMPLETE_PROVIDER] = complete_provider,
		[COMPLETE_INPUT] = complete_input,
	};

	if ((size_t)kind < sizeof by_kind / sizeof by_kind[0] && by_kind[kind])
		by_kind[kind](q);
}

/* "host|none": the words between the bars. */
static void complete_choice(struct question *q, const char *shown)
{
	for (const char *at = shown; at;) {
		const char *bar = strchr(at, '|');
		AUTO_FREE char *one = bar ? xstrndup(at, (size_t)(bar - at)) : xstrdup(at);

		offer(q, one, "");
		at = bar ? bar + 1 : NULL;
	}
}

static bool is_choice(const char *shown)
{
	return shown && strchr(shown, '|') && !strpbrk(shown, " =[]");
}

static void complete_option_value(struct question *q, const struct cli_option *o)
{
	if (is_choice(o->value))
		complete_choice(q, o->value);
	else
		complete_value(q, o->complete);
}

/* --- options and arguments ----------------------------------------------------------------- */

/* Those that may still be given; the other spelling only to one who began to type it. */
static void offer_options(struct question *q)
{
	for (size_t i = 0; i < q->args->n_settings; i++) {
		const struct args_setting *s = &q->args->setting[i];
		struct question dashed = around(q, "--", "");
		size_t before = q->out->len;

		if (s->n > 0 && !s->option->repeatable)
			continue;
		offer(&dashed, s->option->name, s->option->help);
		if (q->out->len == before && s->option->other)
			offer(&dashed, s->option->other, s->option->help);
	}
}

static void complete_argument(struct question *q)
{
	const struct cli_command *c = q->args->command;
	const struct args_setting *first = c->first ? args_setting(q->args, c->first) : NULL;
	size_t n = args_n_rest(q->args);
	size_t before = q->out->len;

	if (first && first->n == 0)
		complete_option_value(q, first->option);
	else if (n < c->max_rest && is_choice(c->arguments))
		complete_choice(q, c->arguments);
	else if (n < c->max_rest)
		complete_value(q, c->complete[n > 0]);
	/* Where nothing else may stand, an option does. */
	if (q->out->len == before && !q->word[0])
		offer_options(q);
}

/* "--id=te" */
static void complete_joined(struct question *q, size_t equals)
{
	AUTO_FREE char *name = xstrndup(q->word + 2, equals - 2);

	if (!args_knows(q->args, name))
		return;
	q->head = equals + 1;
	complete_option_value(q, args_setting(q->args, name)->option);
}

/* The option that waits for its value at the end of the words, as in "-nf" or "--id"; or NULL. */
static const struct cli_option *waiting(const struct cli_args *args, const char *last)
{
	const char *name = last[0] == '-' && last[1] == '-' ? last + 2 : NULL;
	char letter = last[0] == '-' && !name && last[1] ? last[strlen(last) - 1] : '\0';

	for (size_t i = 0; i < args->n_settings; i++) {
		const struct cli_option *o = args->setting[i].option;

		if (!o->value)
			continue;
		if (name &&
		    (strcmp(o->name, name) == 0 || (o->other && strcmp(o->other, name) == 0)))
			return o;
		if (letter && o->letter == letter)
			return o;
	}
	return NULL;
}

static bool options_ended(int argc, char *const *argv)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], "--") == 0)
			return true;
	return false;
}

/* After a command's own words: argv[0] .. argv[argc - 1] stand, then comes q->word. */
static void complete_rest(struct question *q, const struct cli_command *command, int argc,
                          char *const *argv)
{
	size_t equals = strcspn(q->word, "=");
	struct cli_args args;
	struct error err;
	const struct cli_option *wait = NULL;
	int rc = args_parse(command, argc, argv, &args, &err);

	q->args = &args;
	if (rc < 0 && argc > 0)
		wait = waiting(&args, argv[argc - 1]);
	if (wait) { /* what stands before it can be understood */
		args_release(&args);
		rc = args_parse(command, argc - 1, argv, &args, &err);
	}
	if (wait && rc == 0)
		complete_option_value(q, wait);
	else if (rc == 0 && q->word[0] == '-' && q->word[equals] && !options_ended(argc, argv))
		complete_joined(q, equals);
	else if (rc == 0 && q->word[0] == '-' && !options_ended(argc, argv))
		offer_options(q);
	else if (rc == 0)
		complete_argument(q);
	args_release(&args);
	q->args = NULL;
}

/* --- commands ------------------------------------------------------------------------------ */

/* Was one with this next word there before? */
static bool is_new(const struct cli_command *const *c, const char *group, const char *next)
{
	for (const struct cli_command *const *earlier = cli_commands; earlier < c; earlier++) {
		AUTO_FREE char *other = choose_next_word((*earlier)->words, group);

		if (other && strcmp(other, next) == 0)
			return false;
	}
	return true;
}

static const char *summary_of(const char *words, const struct cli_command *command)
{
	for (const struct cli_group *g = cli_groups; g->words; g++)
		if (strcmp(g->words, words) == 0)
			return g->summary;
	return command->summary;
}

static void offer_commands(struct question *q, const char *group)
{
	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		AUTO_FREE char *next = choose_next_word((*c)->words, group);
		AUTO_FREE char *words =
			next ? xasprintf("%s%s%s", group, group[0] ? " " : "", next) : NULL;

		if (next && is_new(c, group, next))
			offer(q, next, summary_of(words, *c));
	}
	if (q->word[0] != '-')
		return;
	offer(q, "--help", "Show this help.");
	if (!group[0])
		offer(q, "--version", "Say which sluice this is.");
}

void complete_words(struct strbuf *out, int argc, char *const *argv)
{
	struct question q = { .out = out, .before = "", .after = "" };
	bool help = argc > 1 && strcmp(argv[0], "help") == 0;
	struct choice choice;

	if (argc < 1)
		return;
	q.word = argv[argc - 1];
	q.names = names_open();
	choice = choose_command(argc - 1 - help, argv + help);
	if (choice.command && !help)
		complete_rest(&q, choice.command, argc - 1 - choice.n, argv + choice.n);
	else if (!choice.command && choice.n == argc - 1 - help)
		offer_commands(&q, choice.words);
	if (argc == 1 && q.word[0] != '-')
		offer(&q, "help", "Show the help of a command.");
	free(choice.words);
	names_close(q.names);
}
