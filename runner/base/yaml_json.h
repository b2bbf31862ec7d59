/*
 * A YAML document as the JSON that it stands for: for formats that may be written as either.
 *
 * Plain scalars are what YAML's core schema takes them for: null, true and false, whole numbers
 * (10, 0x1f, and 017 or 0o17 for octal ones); all else is text, as what is quoted always is.
 * Aliases and further documents have no place in it, and tags no meaning.  A key that is given
 * twice stands twice, as json_parse() has it.  Pure; any thread.
 */
#ifndef BASE_YAML_JSON_H
#define BASE_YAML_JSON_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "base/error.h"

enum { YAML_JSON_DEPTH_MAX = 32 };

/* The caller bounds `len`.  `path` is for messages: SLUICE_INVALID, "PATH:LINE: ...". */
int yaml_to_json(const char *text, size_t len, const char *path, cJSON **ret_doc,
                 struct error *err) MUST_USE;

#endif
