/* manual DIR: writes the manual pages into it, at build time. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "cli/help/manual.h"

/* Replaced as a whole, so that an unfinished page is never installed. */
static int write_page(int dir, const char *words, const struct strbuf *text)
{
	AUTO_FREE char *page = manual_page_name(words);
	AUTO_FREE char *name = xasprintf("%s.1", page);
	int rc = io_put_file_fast(dir, name, strbuf_str(text), text->len, 0644);

	if (rc < 0)
		(void)fprintf(stderr, "manual: cannot write '%s': %s\n", name,
		              strerrordesc_np(-rc));
	return rc;
}

static int write_pages(int dir)
{
	int rc = 0;

	for (const struct cli_command *const *c = cli_commands; *c && rc == 0; c++) {
		AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);

		manual_command(&text, *c);
		rc = write_page(dir, (*c)->words, &text);
	}
	for (const struct cli_group *g = cli_groups; g->words && rc == 0; g++) {
		AUTO_STRBUF struct strbuf text = STRBUF_INIT(STRBUF_BIG);

		manual_group(&text, g);
		rc = write_page(dir, g->words, &text);
	}
	return rc;
}

int main(int argc, char **argv)
{
	AUTO_FD int dir = -1;

	if (argc != 2) {
		(void)fputs("usage: manual DIR\n", stderr);
		return EXIT_FAILURE;
	}
	dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		(void)fprintf(stderr, "manual: cannot open '%s': %s\n", argv[1],
		              strerrordesc_np(errno));
		return EXIT_FAILURE;
	}
	return write_pages(dir) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
