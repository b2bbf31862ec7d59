/* A whole YAML document with the places of its nodes: for small files, whose errors name lines. */
#ifndef BASE_YAML_LOAD_H
#define BASE_YAML_LOAD_H

#include <stddef.h>
#include <yaml.h>

#include "base/error.h"

/* The caller bounds `len`, and ends *ret_doc by yaml_document_delete() if this is 0; it has no root
 * if the text is empty.  `path` is for messages: SLUICE_INVALID, "PATH:LINE: ...". */
int yaml_load(const char *text, size_t len, const char *path, yaml_document_t *ret_doc,
              struct error *err) MUST_USE;

#endif
