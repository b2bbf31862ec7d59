/*
 * The lower end of a terminal: text that scrolls away above a block of lines that is redrawn in
 * place.  Between two calls the cursor stands below the block in the first column, visible, and
 * no mode of the terminal is ever changed: whoever stops or kills the program finds it clean.  One
 * in a program.
 */
#ifndef CLI_SCREEN_H
#define CLI_SCREEN_H

#include <stdbool.h>

#include "base/strbuf.h"
#include "cli/view/layout.h"

struct screen {
	int fd;
	unsigned lines, columns; /* as of the last screen_measure() */
	struct layout_line block[LAYOUT_ROWS + 1];
	unsigned unsteady;      /* measurements until the size counts as steady */
	size_t n;               /* lines of the block that stand there */
	unsigned drawn_columns; /* when they were drawn */
};

void screen_init(struct screen *s, int fd);
void screen_release(struct screen *s);

/* Finds out how large it is now, and whether a shell has written to it: before each drawing. */
void screen_measure(struct screen *s);

/* False while its width changes, as when somebody drags the window: terminals tell of it late, and
 * what is drawn meanwhile goes astray. */
bool screen_is_steady(const struct screen *s);

/* False while it takes nothing, as after Ctrl-S: to write would be to wait. */
bool screen_is_writable(const struct screen *s);

/* False while the program is in the background of its terminal. */
bool screen_is_ours(const struct screen *s);

/* Something else was written below the block: it stays where it is. */
void screen_forget(struct screen *s);

/* Shows `scroll` (whole lines) and below it the block, whose texts it takes; what has not changed
 * is not drawn again.  One write(). */
void screen_draw(struct screen *s, const struct strbuf *scroll,
                 struct layout_line block[LAYOUT_ROWS + 1], size_t n);

#endif
