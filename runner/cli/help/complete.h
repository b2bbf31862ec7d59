/*
 * What may stand next on a command line, worked out from the tables and the names of the home.  The
 * shells' scripts (help/completion/) ask for it as `sluice complete -- WORD...`.
 *
 * The answer is a line per candidate: the whole word, a tab, and a remark or nothing.  A line
 * ":files N" or ":directories N" asks the shell for the paths of this machine that may stand after
 * the first N bytes of the word.
 */
#ifndef CLI_COMPLETE_H
#define CLI_COMPLETE_H

#include "base/strbuf.h"

/* The last of the words, which follow the program's own name, is the one to complete. */
void complete_words(struct strbuf *out, int argc, char *const *argv);

#endif
