#include <string.h>

#include "spec/node.h"

static bool is_one_of(const char *text, const char *const *words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(text, words[i]) == 0)
			return true;
	return false;
}

static bool is_bool(const char *text)
{
	static const char *const words[] = {
		"true", "True", "TRUE", "false", "False", "FALSE", "yes", "Yes", "YES",
		"no",   "No",   "NO",   "on",    "On",    "ON",    "off", "Off", "OFF",
	};

	return is_one_of(text, words, sizeof(words) / sizeof(*words));
}

bool node_is_true(const struct node *node)
{
	static const char *const words[] = {
		"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON",
	};

	return is_one_of(node->text, words, sizeof(words) / sizeof(*words));
}

static size_t span_digits(const char *text)
{
	return strspn(text, "0123456789_");
}

static bool is_based(const char *text)
{
	if (text[0] != '0' || (text[1] != 'x' && text[1] != 'o' && text[1] != 'b'))
		return false;
	return text[2] && text[2 + strspn(text + 2, "0123456789abcdefABCDEF_")] == '\0';
}

static bool is_exponent(const char *text)
{
	if (*text != 'e' && *text != 'E')
		return false;
	text += text[1] == '+' || text[1] == '-' ? 2 : 1;
	return *text && text[span_digits(text)] == '\0';
}

static bool is_number(const char *text)
{
	static const char *const words[] = { ".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN" };
	size_t whole = 0, part = 0;

	text += *text == '+' || *text == '-';
	if (is_based(text) || is_one_of(text, words, sizeof(words) / sizeof(*words)))
		return true;
	if (*text == '_')
		return false;
	whole = span_digits(text);
	text += whole;
	if (*text == '.') {
		part = span_digits(text + 1);
		text += 1 + part;
	}
	return whole + part > 0 && (*text == '\0' || is_exponent(text));
}

enum node_type node_scalar_type(const struct node *node)
{
	static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };

	if (node->style != NODE_PLAIN)
		return NODE_STRING;
	if (is_one_of(node->text, nulls, sizeof(nulls) / sizeof(*nulls)))
		return NODE_NULL;
	if (is_bool(node->text))
		return NODE_BOOL;
	return is_number(node->text) ? NODE_NUMBER : NODE_STRING;
}

bool node_is_null(const struct node *node)
{
	return node->kind == NODE_SCALAR && node_scalar_type(node) == NODE_NULL;
}

const char *node_what(const struct node *node)
{
	static const char *const scalars[] = {
		[NODE_STRING] = "a string",
		[NODE_NULL] = "empty",
		[NODE_BOOL] = "a boolean",
		[NODE_NUMBER] = "a number",
	};

	if (node->kind == NODE_LIST)
		return "a list";
	return node->kind == NODE_MAP ? "a mapping" : scalars[node_scalar_type(node)];
}

struct place node_place(const struct node *node)
{
	return (struct place){ node->at, node->width };
}
