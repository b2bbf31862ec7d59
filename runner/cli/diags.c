#include "cli/diags.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

void diags_print(const struct cli *cli, const struct spec_diag *diags, size_t n, const char *file,
                 const struct strbuf *text)
{
	(void)fflush(stdout);
	for (size_t i = 0; i < n; i++) {
		AUTO_FREE char *lines = NULL;

		if (diags[i].severity == SPEC_WARNING && cli->quiet)
			continue;
		lines = spec_diag_format(&diags[i], file, strbuf_str(text), text->len);
		(void)fputs(lines ? lines : "sluice: out of memory\n", stderr);
	}
}

/* Null for what is said of the file as a whole. */
static cJSON *place(uint32_t number)
{
	return number > 0 ? cJSON_CreateNumber(number) : cJSON_CreateNull();
}

cJSON *diags_json(const struct spec_diag *diag)
{
	cJSON *out = json_new_obj();

	json_add_str(out, "severity", diag->severity == SPEC_ERROR ? "error" : "warning");
	json_add(out, "line", place(diag->at.line));
	json_add(out, "column", place(diag->at.column));
	json_add_str(out, "message", diag->message);
	json_add_str(out, "hint", diag->hint);
	return out;
}
