#include "executor/cdi.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "base/yaml_json.h"

enum { SHOWN = 64 };

/* --- texts ------------------------------------------------------------------------------------ */

static bool is_inner(char c)
{
	return isalnum((unsigned char)c) || (c && strchr("_-.:", c));
}

static bool is_name_of(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_inner(text[i]))
			return false;
	return len > 0 && isalnum((unsigned char)text[0]) && isalnum((unsigned char)text[len - 1]);
}

static bool is_name(const char *text)
{
	return is_name_of(text, strlen(text));
}

static bool is_kind(const char *text)
{
	size_t len = strcspn(text, "/");

	return text[len] && is_name_of(text, len) && is_name(text + len + 1) && !strchr(text, ':');
}

static bool is_version(const char *text)
{
	static const char *const begins[] = {
		"0.3.", "0.4.", "0.5.", "0.6.", "0.7.", "0.8.", "1."
	};
	size_t v = text[0] == 'v';

	for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
		if (strncmp(text + v, begins[i], strlen(begins[i])) == 0)
			return true;
	return false;
}

static bool is_absolute(const char *text)
{
	return text[0] == '/';
}

static bool is_something(const char *text)
{
	return text[0] != '\0';
}

static bool is_variable(const char *text)
{
	return strcspn(text, "=") > 0 && strchr(text, '=');
}

static bool is_node_type(const char *text)
{
	return text[0] == '\0' || (strchr("bcup", text[0]) && !text[1]);
}

static bool is_access(const char *text)
{
	return strcmp(text, "none") == 0 || !text[strspn(text, "rwm")];
}

static bool is_hook(const char *text)
{
	static const char *const names[] = { "prestart",       "createRuntime", "createContainer",
		                             "startContainer", "poststart",     "poststop" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(text, names[i]) == 0)
			return true;
	return false;
}

/* --- what a document is made of --------------------------------------------------------------- */

enum type { TEXT, TEXTS, NUMBER, NUMBERS, OBJECT, OBJECTS, ANYTHING, BEYOND_US };

struct member {
	const char *name;
	enum type type;
	bool needed;
	bool (*fits)(const char *text); /* TEXT, TEXTS */
	const char *what;               /* ... it must be */
	uint32_t max;                   /* NUMBER, NUMBERS */
	const struct member *of;        /* OBJECT, OBJECTS; ended by one without a name */
};

#define ABSOLUTE .fits = is_absolute, .what = "an absolute path"
#define ANY_TEXT .fits = NULL, .what = "text"

static const struct member node_members[] = {
	{ "path", TEXT, true, ABSOLUTE },
	{ "hostPath", TEXT, false, ABSOLUTE },
	{ "type", TEXT, false, .fits = is_node_type, .what = "b, c, u or p" },
	{ "major", NUMBER, .max = INT32_MAX },
	{ "minor", NUMBER, .max = INT32_MAX },
	{ "fileMode", NUMBER, .max = UINT32_MAX },
	{ "permissions", TEXT, false, .fits = is_access,
	  .what = "some of the letters r, w and m, or none" },
	{ "uid", NUMBER, .max = UINT32_MAX - 1 },
	{ "gid", NUMBER, .max = UINT32_MAX - 1 },
	{ .name = NULL },
};

static const struct member mount_members[] = {
	{ "hostPath", TEXT, true, .fits = is_something, .what = "a path" },
	{ "containerPath", TEXT, true, ABSOLUTE },
	{ "type", TEXT, false, ANY_TEXT },
	{ "options", TEXTS, false, ANY_TEXT },
	{ .name = NULL },
};

static const struct member hook_members[] = {
	{ "hookName", TEXT, true, .fits = is_hook,
	  .what = "prestart, createRuntime, createContainer, startContainer, poststart or poststop" },
	{ "path", TEXT, true, ABSOLUTE },
	{ "args", TEXTS, false, ANY_TEXT },
	{ "env", TEXTS, false, .fits = is_variable, .what = "NAME=VALUE" },
	{ "timeout", NUMBER, .max = INT32_MAX },
	{ .name = NULL },
};

static const struct member edits_members[] = {
	{ "env", TEXTS, false, .fits = is_variable, .what = "NAME=VALUE" },
	{ "deviceNodes", OBJECTS, .of = node_members },
	{ "mounts", OBJECTS, .of = mount_members },
	{ "hooks", OBJECTS, .of = hook_members },
	{ "additionalGids", NUMBERS, .max = UINT32_MAX - 1 },
	{ .name = "netDevices", .type = BEYOND_US },
	{ .name = "intelRdt", .type = BEYOND_US },
	{ .name = NULL },
};

static const struct member device_members[] = {
	{ "name", TEXT, true, .fits = is_name,
	  .what = "letters, digits and, inside, also '_', '-', '.' and ':' (a number in quotes)" },
	{ .name = "annotations", .type = ANYTHING },
	{ "containerEdits", OBJECT, .of = edits_members },
	{ .name = NULL },
};

static const struct member spec_members[] = {
	{ "cdiVersion", TEXT, true, .fits = is_version,
	  .what = "0.3.0 to 1.x, in quotes: no other is known" },
	{ "kind", TEXT, true, .fits = is_kind, .what = "VENDOR/CLASS such as nvidia.com/gpu" },
	{ .name = "annotations", .type = ANYTHING },
	{ "devices", OBJECTS, true, .of = device_members },
	{ "containerEdits", OBJECT, .of = edits_members },
	{ .name = NULL },
};

/* --- looking at one --------------------------------------------------------------------------- */

struct check {
	const char *path;
	struct error *err;
};

static int wrong(const struct check *c, const char *where, const char *what)
{
	return error_set(c->err, SLUICE_INVALID, "%s: %s %s", c->path, where, what);
}

static int must_be(const struct check *c, const char *where, const char *what)
{
	AUTO_FREE char *text = xasprintf("must be %s", what);

	return wrong(c, where, text);
}

static int check_text(const struct check *c, const cJSON *value, const struct member *m,
                      const char *where)
{
	const char *text = cJSON_GetStringValue(value);

	return text && (!m->fits || m->fits(text)) ? 0 : must_be(c, where, m->what);
}

static int check_number(const struct check *c, const cJSON *value, const struct member *m,
                        const char *where)
{
	double number = cJSON_IsNumber(value) ? value->valuedouble : -1;

	return number >= 0 && number <= m->max && number <= (double)(uint32_t)number
	               ? 0
	               : must_be(c, where, "a whole number, not below 0 nor too large");
}

static int check_object(const struct check *c, const cJSON *value, const struct member *members,
                        const char *where);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tables are */
static int check_item(const struct check *c, const cJSON *value, const struct member *m,
                      const char *where)
{
	switch (m->type) {
	case TEXT:
	case TEXTS:
		return check_text(c, value, m, where);
	case NUMBER:
	case NUMBERS:
		return check_number(c, value, m, where);
	case OBJECT:
	case OBJECTS:
		return check_object(c, value, m->of, where);
	case ANYTHING:
		return 0;
	case BEYOND_US:
		break;
	}
	return wrong(c, where, "asks for what cannot be handed in here");
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tables are */
static int check_member(const struct check *c, const cJSON *value, const struct member *m,
                        const char *where)
{
	bool is_list = m->type == TEXTS || m->type == NUMBERS || m->type == OBJECTS;
	const cJSON *item;
	size_t i = 0;
	int rc = 0;

	if (cJSON_IsNull(value) && !m->needed)
		return 0;
	if (!is_list)
		return check_item(c, value, m, where);
	if (!cJSON_IsArray(value))
		return must_be(c, where, "a list");
	for (item = value->child; rc == 0 && item; item = item->next) {
		AUTO_FREE char *at = xasprintf("%s[%zu]", where, i++);

		rc = check_item(c, item, m, at);
	}
	return rc;
}

static char *within(const char *where, const char *name)
{
	AUTO_STRBUF struct strbuf shown = STRBUF_INIT(STRBUF_BIG);

	strbuf_addprintable(&shown, name, SHOWN);
	return xasprintf("%s%s%s", where, where[0] ? "." : "", strbuf_str(&shown));
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tables are */
static int check_object(const struct check *c, const cJSON *value, const struct member *members,
                        const char *where)
{
	unsigned seen = 0;

	if (!cJSON_IsObject(value))
		return must_be(c, where[0] ? where : "all of it", "an object");
	for (const cJSON *item = value->child; item; item = item->next) {
		AUTO_FREE char *at = within(where, item->string);
		size_t i = 0;
		int rc;

		while (members[i].name && strcmp(members[i].name, item->string) != 0)
			i++;
		if (!members[i].name)
			return wrong(c, at, "is not known");
		if (seen & 1U << i)
			return wrong(c, at, "is given twice");
		seen |= 1U << i;
		rc = check_member(c, item, &members[i], at);
		if (rc < 0)
			return rc;
	}
	for (size_t i = 0; members[i].name; i++)
		if (members[i].needed && !(seen & 1U << i)) {
			AUTO_FREE char *at = within(where, members[i].name);

			return wrong(c, at, "is missing");
		}
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int check_names(const struct check *c, const cJSON *devices)
{
	size_t n = (size_t)cJSON_GetArraySize(devices), i = 0;
	AUTO_FREE const char **names = xcalloc(n, sizeof *names);
	const cJSON *device;
	int rc = n > 0 ? 0 : wrong(c, "devices", "must have at least one");

	cJSON_ArrayForEach(device, devices) names[i++] = json_str(device, "name");
	qsort(names, n, sizeof *names, compare_names);
	for (i = 1; rc == 0 && i < n; i++)
		if (strcmp(names[i - 1], names[i]) == 0) {
			AUTO_FREE char *what = xasprintf("has '%s' twice", names[i]);

			rc = wrong(c, "devices", what);
		}
	return rc;
}

static bool is_yaml(const char *path)
{
	size_t len = strlen(path);

	return len > 5 && strcmp(path + len - 5, ".yaml") == 0;
}

int cdi_parse(const char *text, size_t len, const char *path, cJSON **ret_doc, struct error *err)
{
	const struct check c = { .path = path, .err = err };
	AUTO_JSON cJSON *doc = NULL;
	int rc = is_yaml(path) ? yaml_to_json(text, len, path, &doc, err)
	                       : json_parse(text, len, path, &doc, err);

	if (rc == 0)
		rc = check_object(&c, doc, spec_members, "");
	if (rc == 0)
		rc = check_names(&c, json_arr(doc, "devices"));
	if (rc == 0)
		*ret_doc = take_ptr(&doc);
	return rc;
}
