/* What is wrong before there is a tree: bytes that are no text, and YAML that does not parse. */
#ifndef SPEC_SYNTAX_H
#define SPEC_SYNTAX_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

struct diags;

struct syntax {
	const char *text; /* after the byte order mark, once checked */
	size_t len;
	struct diags *diags;
	size_t block_end_line; /* libyaml's, from 0: where the last block scalar ended */
};

/* Size, encoding, characters.  Steps over a byte order mark. */
bool syntax_check_bytes(struct syntax *s);

/* Turns libyaml's error into a diagnostic that helps. */
void syntax_explain(const struct syntax *s, const yaml_parser_t *parser);

#endif
