#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"

static const double max_whole = 9007199254740992.0; /* 2^53 */
#define DIGITS_SAFE INT64_C(1000000000000000)

static cJSON *must(cJSON *node)
{
	if (node)
		return node;
	(void)fputs("sluice: out of memory\n", stderr);
	abort();
}

int json_parse(const char *text, size_t len, const char *what, cJSON **ret_doc, struct error *err)
{
	const char *end = NULL;
	cJSON *doc = cJSON_ParseWithLengthOpts(text, len, &end, 0);

	if (!doc)
		return error_set(err, SLUICE_INVALID, "%s is not JSON: byte %zu", what,
		                 end ? (size_t)(end - text) : 0);
	for (; end < text + len; end++)
		if (!strchr(" \t\r\n", *end) || !*end) {
			cJSON_Delete(doc);
			return error_set(err, SLUICE_INVALID,
			                 "%s has more text after the JSON document, at byte %zu",
			                 what, (size_t)(end - text));
		}
	*ret_doc = doc;
	return 0;
}

static const cJSON *member(const cJSON *obj, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(obj, name);
}

const char *json_str(const cJSON *obj, const char *name)
{
	return cJSON_GetStringValue(member(obj, name));
}

const cJSON *json_obj(const cJSON *obj, const char *name)
{
	const cJSON *m = member(obj, name);

	return cJSON_IsObject(m) ? m : NULL;
}

const cJSON *json_arr(const cJSON *obj, const char *name)
{
	const cJSON *m = member(obj, name);

	return cJSON_IsArray(m) ? m : NULL;
}

bool json_bool(const cJSON *obj, const char *name, bool otherwise)
{
	const cJSON *m = member(obj, name);

	return cJSON_IsBool(m) ? cJSON_IsTrue(m) : otherwise;
}

int64_t json_int(const cJSON *obj, const char *name, int64_t otherwise)
{
	const cJSON *m = member(obj, name);

	if (!cJSON_IsNumber(m) || !(m->valuedouble >= 0 && m->valuedouble <= max_whole) ||
	    (double)(int64_t)m->valuedouble < m->valuedouble)
		return otherwise;
	return (int64_t)m->valuedouble;
}

int json_need_str(const cJSON *obj, const char *name, const char *what, const char **ret_value,
                  struct error *err)
{
	const char *s = json_str(obj, name);

	if (!s)
		return error_set(err, SLUICE_INVALID, "%s: '%s' %s", what, name,
		                 member(obj, name) ? "is not a string" : "is missing");
	*ret_value = s;
	return 0;
}

cJSON *json_new_obj(void)
{
	return must(cJSON_CreateObject());
}

cJSON *json_new_arr(void)
{
	return must(cJSON_CreateArray());
}

void json_add(cJSON *obj, const char *name, cJSON *value)
{
	if (!cJSON_AddItemToObject(obj, name, must(value)))
		(void)must(NULL);
}

void json_add_str(cJSON *obj, const char *name, const char *value)
{
	json_add(obj, name, value ? cJSON_CreateString(value) : cJSON_CreateNull());
}

void json_add_int(cJSON *obj, const char *name, int64_t value)
{
	char digits[24];

	/* Up to here cJSON prints every digit; beyond, it may round. */
	if (value > -DIGITS_SAFE && value < DIGITS_SAFE) {
		json_add(obj, name, cJSON_CreateNumber((double)value));
		return;
	}
	(void)snprintf(digits, sizeof digits, "%" PRId64, value);
	json_add(obj, name, cJSON_CreateRaw(digits));
}

void json_add_bool(cJSON *obj, const char *name, bool value)
{
	json_add(obj, name, cJSON_CreateBool(value));
}

void json_push(cJSON *arr, cJSON *value)
{
	if (!cJSON_AddItemToArray(arr, must(value)))
		(void)must(NULL);
}

void json_push_str(cJSON *arr, const char *value)
{
	json_push(arr, cJSON_CreateString(value));
}

cJSON *json_new_strs(const char *const *list)
{
	cJSON *arr = json_new_arr();

	for (; list && *list; list++)
		json_push_str(arr, *list);
	return arr;
}

static char *printed(char *text)
{
	char *copy = xstrdup(text ? text : "");

	if (!text)
		(void)must(NULL);
	cJSON_free(text);
	return copy;
}

cJSON *json_list_of(cJSON *obj, const char *name)
{
	cJSON *list = cJSON_GetObjectItemCaseSensitive(obj, name);

	if (list)
		return list;
	list = json_new_arr();
	json_add(obj, name, list);
	return list;
}

bool json_has_str(const cJSON *arr, const char *text)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, arr)
	{
		if (strcmp(item->valuestring, text) == 0)
			return true;
	}
	return false;
}

char *json_print(const cJSON *doc)
{
	return printed(cJSON_PrintUnformatted(doc));
}

char *json_print_pretty(const cJSON *doc)
{
	return printed(cJSON_Print(doc));
}
