/*
 * cJSON without its traps: names match by case, a missing member and one of the wrong type are
 * different errors, nothing may follow the document, and integers that a double cannot hold are
 * refused.  The tree itself is cJSON's; free it with cJSON_Delete (or AUTO_JSON).
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* `what` names the document in messages: "OCI index '/x/index.json'". */
int json_parse(const char *text, size_t len, const char *what, cJSON **ret_doc,
               struct error *err) MUST_USE;

/* NULL if absent, null or of another type: for optional members. */
const char *json_str(const cJSON *obj, const char *name);
const cJSON *json_obj(const cJSON *obj, const char *name);
const cJSON *json_arr(const cJSON *obj, const char *name);
bool json_bool(const cJSON *obj, const char *name, bool otherwise);

/* Whole numbers from 0 to 2^53; `otherwise` if absent or of another type. */
int64_t json_int(const cJSON *obj, const char *name, int64_t otherwise);

/* For members that must be there; the message names `what` and the member. */
int json_need_str(const cJSON *obj, const char *name, const char *what, const char **ret_value,
                  struct error *err) MUST_USE;

/* Builders that abort when memory is gone, as xalloc does.  `value` NULL adds null. */
cJSON *json_new_obj(void);
cJSON *json_new_arr(void);
void json_add(cJSON *obj, const char *name, cJSON *value /* takes */);
void json_add_str(cJSON *obj, const char *name, const char *value);
void json_add_int(cJSON *obj, const char *name, int64_t value);
void json_add_bool(cJSON *obj, const char *name, bool value);
void json_push(cJSON *arr, cJSON *value /* takes */);
void json_push_str(cJSON *arr, const char *value);
/* A list of texts; of NULL an empty one. */
cJSON *json_new_strs(const char *const *list /* NULL-terminated */);

/* The list of that name, which is made where it is missing. */
cJSON *json_list_of(cJSON *obj, const char *name);
/* Is TEXT one of the list's, all of which are texts?  NULL is an empty list. */
bool json_has_str(const cJSON *arr, const char *text);

/* One line of text, the caller frees it. */
char *json_print(const cJSON *doc);
char *json_print_pretty(const cJSON *doc);

static inline void cleanup_json(cJSON **doc)
{
	cJSON_Delete(*doc);
}
#define AUTO_JSON __attribute__((cleanup(cleanup_json)))

#endif
