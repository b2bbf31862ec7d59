/* Characters of UTF-8 text and their width in a terminal. */
#ifndef SPEC_UTF8_H
#define SPEC_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The character at TEXT and its length in *RET_SIZE; UINT32_MAX (length 1) where the bytes are not
 * UTF-8.  LEN is at least 1.
 */
uint32_t utf8_decode(const char *text, size_t len, size_t *ret_size);

/* width.c: 0 for combining marks, 2 for wide East Asian characters and emoji, else 1. */
unsigned utf8_width(uint32_t c);

/* Not fit for a terminal: C0 and C1 controls, line separators, and what turns the direction of the
 * text that follows it. */
bool utf8_is_control(uint32_t c);

/*
 * The length of the line break at TEXT, or 0.  YAML 1.1 (section 4.2) breaks lines at LF, CR, CRLF,
 * NEL (U+0085), LS and PS (U+2028, U+2029), and libyaml counts so.
 */
size_t utf8_line_break(const char *text, size_t len);

/* Where the line that AT stands in ends: at its break, or at LEN. */
size_t utf8_line_end(const char *text, size_t len, size_t at);

#endif
