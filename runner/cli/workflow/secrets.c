#include "cli/workflow/secrets.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/wipe.h"
#include "base/xalloc.h"
#include "cli/cli.h"

enum { ENV_FILE_MAX = 1 << 20 };

#define BLANKS " \t"

static void put(struct map *secrets, const char *name, char *value /* takes */)
{
	wipe_free(map_set(secrets, name, value));
}

int secrets_add_pair(struct map *secrets, const char *pair, struct error *err)
{
	const char *equals = strchr(pair, '=');
	char *name;

	if (!equals || equals == pair)
		return error_set(err, SLUICE_INVALID, "--secret takes NAME=VALUE");
	name = xstrndup(pair, (size_t)(equals - pair));
	put(secrets, name, xstrdup(equals + 1));
	free(name);
	args_hide(equals + 1);
	return 0;
}

int secrets_add_env(struct map *secrets, const char *spec, struct error *err)
{
	const char *equals = strchr(spec, '=');
	const char *variable = equals ? equals + 1 : spec;
	const char *value = getenv(variable);
	char *name;

	if (!value)
		return error_set(err, SLUICE_INVALID,
		                 "--secret-env: variable '%s' is not set in the environment",
		                 variable);
	name = xstrndup(spec, equals ? (size_t)(equals - spec) : strlen(spec));
	put(secrets, name, xstrdup(value));
	free(name);
	return 0;
}

/* Past the word that makes the line one of a shell's, too. */
static char *skip_export(char *line)
{
	size_t word = strlen("export");
	size_t blanks = strncmp(line, "export", word) == 0 ? strspn(line + word, BLANKS) : 0;

	return blanks > 0 ? line + word + blanks : line;
}

static int add_line(struct map *secrets, char *line, const char *path, size_t number,
                    struct error *err)
{
	char *value;
	size_t len;

	line += strspn(line, BLANKS);
	if (!*line || *line == '#')
		return 0;
	line = skip_export(line);
	len = strcspn(line, "=" BLANKS);
	if (len == 0 || line[len] != '=')
		return error_set(err, SLUICE_INVALID, "%s:%zu: a line must read NAME=VALUE", path,
		                 number);
	line[len] = '\0';
	value = line + len + 1;
	len = strlen(value);
	if (len > 0 && value[len - 1] == '\r')
		value[--len] = '\0';
	if (len >= 2 && (value[0] == '"' || value[0] == '\'') && value[len - 1] == value[0]) {
		value[len - 1] = '\0';
		value++;
	}
	put(secrets, line, xstrdup(value));
	return 0;
}

int secrets_add_file(struct map *secrets, const char *path, struct error *err)
{
	struct strbuf text = STRBUF_INIT(ENV_FILE_MAX);
	size_t number = 0;
	char *next;
	int rc = cli_read_input(path, &text, err);

	for (char *line = text.buf; rc == 0 && line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = '\0';
		rc = add_line(secrets, line, path, ++number, err);
	}
	if (text.buf)
		explicit_bzero(text.buf, text.len);
	strbuf_release(&text);
	return rc;
}

void secrets_release(struct map *secrets)
{
	map_release(secrets, wipe_free);
}
