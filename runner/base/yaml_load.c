#include "base/yaml_load.h"

#include <errno.h>

int yaml_load(const char *text, size_t len, const char *path, yaml_document_t *ret_doc,
              struct error *err)
{
	yaml_parser_t parser;
	int rc = 0;

	if (!yaml_parser_initialize(&parser))
		return error_sys(err, ENOMEM, "cannot read '%s'", path);
	yaml_parser_set_input_string(&parser, (const unsigned char *)text, len);
	if (!yaml_parser_load(&parser, ret_doc))
		rc = error_set(err, SLUICE_INVALID, "%s:%zu: %s", path,
		               parser.problem_mark.line + 1,
		               parser.problem ? parser.problem : "this is no YAML");
	yaml_parser_delete(&parser);
	return rc;
}
