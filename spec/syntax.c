#include "spec/syntax.h"

#include <string.h>

#include "spec/diag.h"
#include "spec/node.h"
#include "spec/utf8.h"

static const char bom[] = "\xef\xbb\xbf";

static bool is_allowed(uint32_t c)
{
	if (c < 0x20)
		return c == '\t' || c == '\n' || c == '\r';
	return c != 0x7f && (c < 0x80 || c > 0x9f || c == 0x85) && c != 0xfffe && c != 0xffff &&
	       c != UINT32_MAX;
}

static void say_character(const struct syntax *s, size_t offset, uint32_t c, struct place at)
{
	unsigned byte = (unsigned char)s->text[offset];

	if (c == UINT32_MAX)
		diag_error(s->diags, at, "save the file as UTF-8",
		           "the text is not UTF-8: byte 0x%02x stands here", byte);
	else if (c == 0)
		diag_error(s->diags, at, NULL, "the text holds a NUL byte");
	else
		diag_error(s->diags, at, "in a double-quoted string it can be written as an escape",
		           "the control character U+%04X is not allowed in YAML", c);
}

/* Stops at the first bad character: a binary file has nothing but. */
static bool check_characters(const struct syntax *s)
{
	struct place at = { { 1, 1 }, 1 };

	for (size_t i = 0; i < s->len;) {
		size_t size = 1;
		size_t line_break = 0;
		uint32_t c = (unsigned char)s->text[i];

		if (c >= 0x20 && c < 0x7f) { /* nearly all: no call */
			i++;
			at.at.column++;
			continue;
		}
		c = utf8_decode(s->text + i, s->len - i, &size);
		if (!is_allowed(c)) {
			say_character(s, i, c, at);
			return false;
		}
		line_break = utf8_line_break(s->text + i, s->len - i);
		i += line_break ? line_break : size;
		at.at.column = line_break ? 1 : at.at.column + 1;
		at.at.line += line_break > 0;
	}
	return true;
}

bool syntax_check_bytes(struct syntax *s)
{
	struct place start = { { 1, 1 }, 1 };

	if (s->len > NODE_TEXT_MAX) {
		diag_error(s->diags, start, NULL, "the file is larger than %d MiB",
		           NODE_TEXT_MAX / 1024 / 1024);
		return false;
	}
	if (s->len >= sizeof(bom) - 1 && memcmp(s->text, bom, sizeof(bom) - 1) == 0) {
		s->text += sizeof(bom) - 1;
		s->len -= sizeof(bom) - 1;
	}
	return check_characters(s);
}

struct line {
	const char *text; /* NULL: there is no such line */
	size_t len;
};

static struct line line_from(const struct syntax *s, size_t at)
{
	return (struct line){ s->text + at, utf8_line_end(s->text, s->len, at) - at };
}

/* The line after LINE; without text at the end. */
static struct line line_after(const struct syntax *s, struct line line)
{
	size_t end = 0;

	if (!line.text)
		return line;
	end = (size_t)(line.text - s->text) + line.len;
	if (end == s->len)
		return (struct line){ NULL, 0 };
	return line_from(s, end + utf8_line_break(s->text + end, s->len - end));
}

/* LINE counts from 0, as libyaml does. */
static struct line line_at(const struct syntax *s, size_t line)
{
	struct line found = line_from(s, 0);

	for (; line > 0 && found.text; line--)
		found = line_after(s, found);
	return found;
}

static size_t indent_of(struct line line)
{
	size_t n = 0;

	while (line.text && n < line.len && line.text[n] == ' ')
		n++;
	return n;
}

/* The column of a tab in the line's leading blanks, from 1; 0: none. */
static uint32_t tab_in_indent(struct line line)
{
	size_t n = indent_of(line);

	return line.text && n < line.len && line.text[n] == '\t' ? (uint32_t)n + 1 : 0;
}

/*
 * A comment left of a block scalar's text ends the scalar, and the text that follows is then read
 * as YAML.  True if LINE is such text: nothing but blank lines and comments since the last one.
 */
static bool is_after_comment(const struct syntax *s, size_t line)
{
	size_t text_indent = indent_of(line_at(s, line));
	struct line between = line_at(s, s->block_end_line);
	bool comment = false;

	if (s->block_end_line == 0)
		return false;
	for (size_t i = s->block_end_line; i < line && between.text; i++) {
		size_t indent = indent_of(between);
		struct line here = between;

		between = line_after(s, between);
		if (indent == here.len)
			continue;
		if (here.text[indent] != '#' || indent >= text_indent)
			return false;
		comment = true;
	}
	return comment;
}

struct explanation {
	const char *problem; /* how libyaml says it */
	const char *message, *hint;
};

static const struct explanation explanations[] = {
	{ "mapping values are not allowed in this context", "a ':' stands where no key can begin",
	  "quote a value that holds ': ', and align keys of one mapping" },
	{ "did not find expected key", "a key is expected here, or the mapping's end",
	  "keys of one mapping begin in the same column" },
	{ "did not find expected '-' indicator", "an item of the list is expected here",
	  "items of one list begin with '- ' in the same column" },
	{ "could not find expected ':'", "a ':' is missing after a key", NULL },
	{ "found character that cannot start any token", "no value can begin with this character",
	  "quote the value" },
	{ "found unexpected end of stream", "a quote is opened and never closed", NULL },
	{ "found unexpected ':'", "a ':' stands inside a value",
	  "put a blank after the ':', or quote the value" },
	{ "did not find expected ',' or ']'", "a ',' or ']' is missing in a list", NULL },
	{ "did not find expected ',' or '}'", "a ',' or '}' is missing in a mapping", NULL },
	{ "did not find expected <document start>", "the text goes on after the document's end",
	  "keys of one mapping begin in the same column" },
};

static const struct explanation *explanation_of(const char *problem)
{
	for (size_t i = 0; i < sizeof(explanations) / sizeof(*explanations); i++)
		if (strcmp(explanations[i].problem, problem) == 0)
			return &explanations[i];
	return NULL;
}

static void say_tab(const struct syntax *s, size_t line, uint32_t column)
{
	struct place at = { { (uint32_t)line + 1, column }, 1 };

	diag_error(s->diags, at, "indent with spaces", "a tab stands in the indentation");
}

void syntax_explain(const struct syntax *s, const yaml_parser_t *parser)
{
	const char *problem = parser->problem ? parser->problem : "this is not YAML";
	size_t line = parser->problem_mark.line;
	struct place at = { { (uint32_t)line + 1, (uint32_t)parser->problem_mark.column + 1 }, 1 };
	const struct explanation *known = explanation_of(problem);
	uint32_t tab = tab_in_indent(line_at(s, line));

	if (tab) {
		say_tab(s, line, tab);
		return;
	}
	/* What libyaml stumbles over may stand a line below what it began to read. */
	if (parser->context && is_after_comment(s, parser->context_mark.line))
		line = parser->context_mark.line;
	if (is_after_comment(s, line)) {
		at.at = (struct spec_mark){ (uint32_t)line + 1,
			                    (uint32_t)indent_of(line_at(s, line)) + 1 };
		diag_error(s->diags, at,
		           "indent the comment above like the text of the block, or remove it",
		           "a comment left of it ended the block of text before this line");
		return;
	}
	/* Something open at the end of the text: where it was opened tells more. */
	if (parser->context && !line_after(s, line_at(s, line)).text)
		at.at = (struct spec_mark){ (uint32_t)parser->context_mark.line + 1,
			                    (uint32_t)parser->context_mark.column + 1 };
	if (known)
		diag_error(s->diags, at, known->hint, "%s", known->message);
	else
		diag_error(s->diags, at, NULL, "%s%s%s", parser->context ? parser->context : "",
		           parser->context ? ": " : "", problem);
}
