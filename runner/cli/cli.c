#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/home.h"
#include "base/io.h"
#include "base/near.h"
#include "base/reserve.h"
#include "base/strbuf.h"
#include "base/userns.h"
#include "base/xalloc.h"
#include "cli/args.h"
#include "cli/choose.h"
#include "cli/help/complete.h"
#include "cli/help/help.h"
#include "cli/meter.h"
#include "cli/options_file.h"
#include "cli/text.h"
#include "dataset/dataset.h"
#include "engine/left.h"
#include "executor/gpus.h"
#include "image/image.h"

enum { HELP_LEAST = 30, HELP_MOST = 100, HELP_PIPE = 80 };

/* --- results and errors -------------------------------------------------------------------- */

static void put_message(const char *message)
{
	(void)fflush(stdout);
	(void)fputs("sluice: ", stderr);
	(void)text_put_safe(message, stderr);
	(void)fputc('\n', stderr);
}

static int status_of(int class)
{
	static const struct {
		int class;
		enum cli_status status;
	} table[] = {
		{ SLUICE_INVALID, CLI_USAGE }, { SLUICE_NOT_FOUND, CLI_USAGE },
		{ SLUICE_EXISTS, CLI_USAGE },  { SLUICE_LIMIT, CLI_USAGE },
		{ SLUICE_MISSING, CLI_LACKS },
	};

	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (table[i].class == class)
			return (int)table[i].status;
	return CLI_BROKEN;
}

int cli_fail(const struct error *err)
{
	put_message(err->msg);
	return status_of(err->class);
}

static int usage(const char *words, const char *message)
{
	put_message(message);
	(void)fprintf(stderr, "Try 'sluice %s%s--help'.\n", words, words[0] ? " " : "");
	return CLI_USAGE;
}

int cli_usage(const struct cli_args *args, const char *fmt, ...)
{
	struct error err;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(err.msg, sizeof err.msg, fmt, ap);
	va_end(ap);
	return usage(args->command->words, err.msg);
}

void cli_note(const struct cli *cli, const char *fmt, ...)
{
	struct error note;
	va_list ap;

	if (cli->quiet)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(note.msg, sizeof note.msg, fmt, ap);
	va_end(ap);
	put_message(note.msg);
}

const char *cli_input_name(const char *path)
{
	return strcmp(path, "-") == 0 ? "<stdin>" : path;
}

int cli_read_input(const char *path, struct strbuf *ret_text, struct error *err)
{
	AUTO_FD int fd = strcmp(path, "-") == 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3)
	                                        : open(path, O_RDONLY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : io_read_all(fd, ret_text);

	if (rc == 0)
		return 0;
	if (rc == -EFBIG)
		(void)error_set(err, SLUICE_INVALID, "'%s' is larger than %zu MiB",
		                cli_input_name(path), ret_text->max >> 20);
	else
		(void)error_sys(err, rc, "cannot read '%s'", cli_input_name(path));
	err->class = SLUICE_INVALID;
	return err->class;
}

void cli_print_json(cJSON *doc)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
	AUTO_FREE char *text = json_print_pretty(doc);

	text_add_utf8(&sb, text, strlen(text));
	(void)puts(strbuf_str(&sb));
	cJSON_Delete(doc);
}

/* --- what commands work on ----------------------------------------------------------------- */

static bool has_home(void)
{
	AUTO_FREE char *home = NULL;
	struct error ignored;

	return home_look(&home, &ignored) != SLUICE_NOT_FOUND;
}

int cli_home(struct cli *cli, const char **ret_home, struct error *err)
{
	int rc;

	if (!cli->home) {
		bool is_new = cli->spends && !has_home();

		rc = home_open(&cli->home, err);
		if (rc < 0)
			return rc;
		if (is_new)
			cli_note(cli, "there was no home '%s' yet: this is a new one", cli->home);
		reserve_tend(cli->home, cli->spends);
	}
	*ret_home = cli->home;
	return 0;
}

int cli_config(struct cli *cli, const struct config **ret_config, struct error *err)
{
	int rc = 0;

	if (!cli->config) {
		cli->config = xcalloc(1, sizeof *cli->config);
		rc = config_load(cli->config, err);
	}
	*ret_config = cli->config;
	return rc;
}

/* What lost the index of datasets may have lost runs as well. */
static int restore_runs(const struct cli *cli, const char *home, struct error *err)
{
	uint64_t restored;
	int rc = left_sweep(datasets_catalog(cli->datasets), home, false, &restored, err);

	if (rc == 0 && restored > 0)
		cli_note(cli, "the catalog had lost %" PRIu64 " run%s: %s back, from %s", restored,
		         restored == 1 ? "" : "s", restored == 1 ? "it is" : "they are",
		         restored == 1 ? "its directory" : "their directories");
	return rc;
}

int cli_open_datasets(struct cli *cli, struct datasets **ret_datasets, struct error *err)
{
	struct meter_watch meter;
	struct progress *progress;
	const char *home;
	int rc = cli_home(cli, &home, err);

	if (rc == 0 && !cli->datasets) {
		progress = meter_watch_begin_parts(&meter, cli, "the index of datasets");
		rc = datasets_open_watched(home, progress, &cli->datasets, err);
		meter_watch_end(&meter);
		if (rc == 0)
			cli_fetch_public(cli, true);
		if (rc == 0 && datasets_were_indexed(cli->datasets))
			rc = restore_runs(cli, home, err);
	}
	if (rc == 0)
		*ret_datasets = cli->datasets;
	return rc;
}

int cli_open_images(struct cli *cli, struct images **ret_images, struct error *err)
{
	const char *home;
	int rc = cli_home(cli, &home, err);

	if (rc == 0 && !cli->images)
		rc = images_open(home, &cli->images, err);
	if (rc == 0)
		*ret_images = cli->images;
	return rc;
}

int cli_gpus(struct cli *cli, const struct gpus **ret_gpus, struct error *err)
{
	const struct config *config;
	int rc = cli_config(cli, &config, err);

	if (rc == 0 && !cli->gpus)
		cli->gpus = gpus_find(&(struct gpus_settings){ .kind = config->gpus_kind,
		                                               .dirs = config->gpus_specs });
	if (rc == 0)
		*ret_gpus = cli->gpus;
	return rc;
}

static void cli_init(struct cli *cli)
{
	const char *term = getenv("TERM");
	const char *no_colour = getenv("NO_COLOR");
	bool cursor = term && term[0] && strcmp(term, "dumb") != 0;
	bool colour = cursor && !(no_colour && no_colour[0]);
	struct winsize size = { .ws_col = 0 };

	*cli = (struct cli){
		.out_tty = isatty(STDOUT_FILENO) == 1,
		.err_tty = isatty(STDERR_FILENO) == 1,
	};
	cli->out_cursor = cli->out_tty && cursor;
	cli->err_cursor = cli->err_tty && cursor;
	cli->out_colour = cli->out_tty && colour;
	cli->err_colour = cli->err_tty && colour;
	if (cli->out_tty && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		cli->columns = size.ws_col;
}

static void cli_release(struct cli *cli)
{
	if (cli->images)
		images_close(cli->images);
	gpus_free(cli->gpus);
	datasets_close(cli->datasets);
	if (cli->config)
		config_release(cli->config);
	free(cli->config);
	free(cli->meter);
	free(cli->home);
}

/* --- finding the command ------------------------------------------------------------------- */

static size_t help_width(const struct cli *cli)
{
	size_t width = cli->columns > 0 ? cli->columns : HELP_PIPE;

	return width < HELP_LEAST ? HELP_LEAST : width > HELP_MOST ? HELP_MOST : width;
}

/* The nearest of the words that could stand here, or NULL; the caller frees it. */
static char *near_word(const char *group, const char *word)
{
	size_t best = near_limit(word);
	char *near = NULL;

	for (const struct cli_command *const *c = cli_commands; *c; c++) {
		char *next = choose_next_word((*c)->words, group);
		size_t d = next ? near_distance(word, next, best) : best + 1;

		if (d > best || (near && d == best)) {
			free(next);
			continue;
		}
		free(near);
		near = next;
		best = d;
	}
	return near;
}

static int unknown_command(const struct choice *choice, const char *word)
{
	AUTO_STRBUF struct strbuf message = STRBUF_INIT(STRBUF_BIG);
	AUTO_FREE char *near = near_word(choice->words, word);
	const char *blank = choice->n > 0 ? " " : "";

	strbuf_addf(&message, "unknown command '%s%s%s'", choice->words, blank, word);
	if (near)
		strbuf_addf(&message, ": did you mean 'sluice %s%s%s'?", choice->words, blank,
		            near);
	return usage(choice->words, strbuf_str(&message));
}

static int show_help(const struct cli *cli, const struct choice *choice, FILE *to)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);

	if (choice->command)
		help_command(&sb, choice->command, help_width(cli));
	else
		help_group(&sb, choice->words, help_width(cli));
	(void)fputs(strbuf_str(&sb), to);
	return CLI_OK;
}

/* "sluice help WORDS...": the same as "sluice WORDS... --help". */
static int run_help(const struct cli *cli, int argc, char *const *argv)
{
	struct choice choice = choose_command(argc, argv);
	int status = choice.n < argc && argv[choice.n][0] != '-'
	                     ? unknown_command(&choice, argv[choice.n])
	                     : show_help(cli, &choice, stdout);

	free(choice.words);
	return status;
}

static bool is_given(const struct cli_args *args, const char *name)
{
	return args_knows(args, name) && args_has(args, name);
}

static int run_command(struct cli *cli, const struct choice *choice, int argc, char *const *argv)
{
	struct cli_args args;
	struct error err;
	int status = CLI_USAGE;
	int rc = args_parse(choice->command, argc, argv, &args, &err);

	if (rc == 0 && is_given(&args, "options-file"))
		rc = options_file_read(args_get(&args, "options-file"), &args, &err);
	if (rc == 0 && args_has(&args, "help")) {
		status = show_help(cli, choice, stdout);
	} else if (rc == 0 && is_given(&args, "create-options-file")) {
		rc = options_file_write(args_get(&args, "create-options-file"), &args, &err);
		status = rc < 0 ? cli_fail(&err) : CLI_OK;
	} else if (rc < 0 || args_check(&args, &err) < 0) {
		status = usage(choice->words, err.msg);
	} else {
		cli->quiet = args_has(&args, "quiet");
		cli->spends = choice->command->spends;
		cli->json = is_given(&args, "json");
		if (choice->command->in_userns)
			userns_enter();
		status = choice->command->run(cli, &args);
	}
	args_release(&args);
	return status;
}

static bool is_word(const char *arg, const char *a, const char *b)
{
	return arg && (strcmp(arg, a) == 0 || strcmp(arg, b) == 0);
}

/* No command: a group, or nothing at all. */
static int run_group(const struct cli *cli, const struct choice *choice, const char *next)
{
	AUTO_FREE char *message = NULL;

	if (!next) {
		(void)show_help(cli, choice, stderr);
		return CLI_USAGE;
	}
	if (is_word(next, "--help", "-h"))
		return show_help(cli, choice, stdout);
	if (next[0] != '-')
		return unknown_command(choice, next);
	message = xasprintf("unknown option '%s' before a command", next);
	return usage(choice->words, message);
}

/* "sluice complete -- WORDS...", which the scripts of `sluice completion` call. */
static int run_complete(int argc, char *const *argv)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
	int skip = argc > 0 && strcmp(argv[0], "--") == 0;

	complete_words(&sb, argc - skip, argv + skip);
	(void)fputs(strbuf_str(&sb), stdout);
	return CLI_OK;
}

static int dispatch(struct cli *cli, int argc, char *const *argv)
{
	struct choice choice;
	int status;

	if (argc > 0 && is_word(argv[0], "--version", "version")) {
		(void)puts("sluice " SLUICE_VERSION);
		return CLI_OK;
	}
	if (argc > 0 && strcmp(argv[0], "help") == 0)
		return run_help(cli, argc - 1, argv + 1);
	if (argc > 0 && strcmp(argv[0], "complete") == 0)
		return run_complete(argc - 1, argv + 1);
	choice = choose_command(argc, argv);
	if (choice.command)
		status = run_command(cli, &choice, argc - choice.n, argv + choice.n);
	else
		status = run_group(cli, &choice, choice.n < argc ? argv[choice.n] : NULL);
	free(choice.words);
	return status;
}

static bool reader_is_gone(void)
{
	struct pollfd out = { .fd = STDOUT_FILENO, .events = POLLOUT };

	return poll(&out, 1, 0) == 1 && (out.revents & (POLLERR | POLLHUP));
}

/* Who reads our output may go away: that ends it quietly.  A full disk does not. */
static int end_output(int status)
{
	struct error err;

	if ((ferror(stdout) == 0 && fflush(stdout) == 0) || reader_is_gone())
		return status;
	(void)error_set(&err, SLUICE_SYSTEM, "cannot write the whole output: is the disk full?");
	return cli_fail(&err);
}

int cli_main(int argc, char **argv)
{
	struct cli cli;
	int status;

	cli_init(&cli);
	status = dispatch(&cli, argc > 0 ? argc - 1 : 0, argv + (argc > 0));
	cli_release(&cli);
	return end_output(status);
}
