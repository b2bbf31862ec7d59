#include "spec/read.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

enum { FEW = 12 }; /* entries: up to here a table costs more than it saves */

bool read_is_map(struct reader *r, const struct node *node, const char *what)
{
	if (node->kind == NODE_MAP)
		return true;
	if (!node_is_null(node))
		diag_error(r->diags, node_place(node), NULL, "%s must be a mapping, not %s", what,
		           node_what(node));
	return false;
}

bool read_entry(const struct node *map, size_t i, const struct node **ret_key,
                const struct node **ret_value)
{
	*ret_key = &map->items[2 * i];
	*ret_value = &map->items[2 * i + 1];
	return (*ret_key)->kind == NODE_SCALAR;
}

/* `on` without quotes went through YAML 1.1 on its way to the service, and became `true`. */
static const char *key_text(const struct node *key)
{
	return strcmp(key->text, "true") == 0 ? "on" : key->text;
}

static void drop(struct reader *r, struct node *old, const struct node *by)
{
	if (!old->merged)
		diag_warning(r->diags, node_place(by), NULL,
		             "'%s' stands here twice; the one in line %u is not used",
		             diag_show(r->diags, by->text), old->at.line);
	old->kind = NODE_NONE;
}

static void drop_odd_keys(struct reader *r, const struct node *map)
{
	for (size_t i = 0; i < map->n; i++) {
		struct node *key = &map->items[2 * i];

		if (key->kind == NODE_NONE || key->kind == NODE_SCALAR)
			continue;
		diag_error(r->diags, node_place(key), NULL, "a key must be a string, not %s",
		           node_what(key));
		key->kind = NODE_NONE;
	}
}

static void drop_doubles_of_few(struct reader *r, const struct node *map)
{
	for (size_t i = 1; i < map->n; i++) {
		const struct node *key = &map->items[2 * i];

		for (size_t j = 0; j < i && key->kind == NODE_SCALAR; j++) {
			struct node *old = &map->items[2 * j];

			if (old->kind == NODE_SCALAR && strcmp(old->text, key->text) == 0)
				drop(r, old, key);
		}
	}
}

static void drop_doubles_of_many(struct reader *r, const struct node *map)
{
	struct table seen;

	table_init(&seen, r->scratch);
	for (size_t i = 0; i < map->n; i++) {
		const struct node *key = &map->items[2 * i];
		uint32_t *at = NULL;

		if (key->kind != NODE_SCALAR)
			continue;
		at = table_put(&seen, key->text, (uint32_t)i);
		if (!at)
			return;
		if (*at != i)
			drop(r, &map->items[2 * (size_t)*at], key);
		*at = (uint32_t)i;
	}
}

void read_drop_doubles(struct reader *r, const struct node *map)
{
	drop_odd_keys(r, map);
	if (map->n <= FEW)
		drop_doubles_of_few(r, map);
	else
		drop_doubles_of_many(r, map);
}

const struct node *read_find(const struct node *map, const char *name)
{
	const struct node *found = NULL;

	for (size_t i = 0; map->kind == NODE_MAP && i < map->n; i++) {
		const struct node *key = NULL, *value = NULL;

		if (read_entry(map, i, &key, &value) && strcmp(key->text, name) == 0)
			found = value;
	}
	return found;
}

static const char *stray_hint(struct reader *r, const char *name, const struct shape *shape)
{
	struct near near;

	for (size_t i = 0; i < shape->n_strays; i++)
		if (strcmp(shape->strays[i].name, name) == 0)
			return shape->strays[i].hint;
	near_init(&near, name);
	for (size_t i = 0; i < shape->n_keys; i++)
		diag_near_offer(r->diags, &near, shape->keys[i].name);
	return diag_near(r->diags, &near);
}

static const struct key *find_key(const struct shape *shape, const char *name)
{
	for (size_t i = 0; i < shape->n_keys; i++)
		if (strcmp(shape->keys[i].name, name) == 0)
			return &shape->keys[i];
	return NULL;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the tables of shapes */
void read_shape(struct reader *r, const struct node *node, const struct shape *shape, void *target)
{
	if (!read_is_map(r, node, shape->what))
		return;
	read_drop_doubles(r, node);
	for (size_t i = 0; i < node->n; i++) {
		const struct node *name = NULL, *value = NULL;
		const struct key *key = NULL;

		if (!read_entry(node, i, &name, &value))
			continue;
		key = find_key(shape, key_text(name));
		if (key && key->read)
			key->read(r, name, value, target);
		else if (key)
			read_shape(r, value, key->shape, target);
		else
			diag_error(r->diags, node_place(name), stray_hint(r, name->text, shape),
			           "%s has no key '%s'", shape->what,
			           diag_show(r->diags, name->text));
	}
}

const char *read_string(struct reader *r, const struct node *node, const char *what)
{
	const char *hint = NULL;

	if (node->kind == NODE_SCALAR) {
		enum node_type type = node_scalar_type(node);

		if (type == NODE_STRING)
			return node->text;
		if (type != NODE_NULL)
			hint = diag_text(r->diags, "write it in quotes: \"%s\"",
			                 diag_show(r->diags, node->text));
	}
	if (node_is_null(node))
		diag_error(r->diags, node_place(node), NULL, "%s is empty", what);
	else
		diag_error(r->diags, node_place(node), hint, "%s must be a string, not %s", what,
		           node_what(node));
	return NULL;
}

bool read_strings(struct reader *r, const struct node *node, const char *what,
                  const char *const **ret_list, size_t *ret_n)
{
	const char **list = NULL;
	const char *item_what = NULL;
	bool is_fine = true;

	if (node->kind != NODE_LIST) {
		const char *hint = node->kind == NODE_SCALAR && !node_is_null(node)
		                           ? "write one string per line, each after '- '"
		                           : NULL;

		diag_error(r->diags, node_place(node), hint, "%s must be a list of strings, not %s",
		           what, node_what(node));
		return false;
	}
	list = arena_array(r->model, node->n, sizeof(*list));
	item_what = diag_text(r->diags, "each item of %s", what);
	if (!list)
		return false;
	for (size_t i = 0; i < node->n; i++) {
		list[i] = read_string(r, &node->items[i], item_what);
		is_fine = is_fine && list[i];
	}
	*ret_list = list;
	*ret_n = node->n;
	return is_fine;
}

static bool has_control(const char *text)
{
	for (const unsigned char *p = (const unsigned char *)text; *p; p++)
		if (*p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0))
			return true;
	return false;
}

bool read_check_name(struct reader *r, const struct node *node, const char *what)
{
	const char *fault = NULL;
	const char *name = node->text;

	if (name[0] == '\0')
		fault = "is empty";
	else if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		fault = "cannot be the name of a directory";
	else if (strchr(name, '/'))
		fault = "holds a '/'";
	else if (has_control(name))
		fault = "holds a control character";
	else if (strlen(name) > NAME_MAX_BYTES)
		fault = "is longer than 128 bytes";
	if (fault)
		diag_error(r->diags, node_place(node), "use letters, digits, '-' and '_'",
		           "the name '%s' of %s %s", diag_show(r->diags, name), what, fault);
	return !fault;
}

double read_decimal(const char *text)
{
	double value = 0, scale = 1;
	size_t digits = 0;

	for (; *text >= '0' && *text <= '9'; text++, digits++)
		value = value * 10 + (*text - '0');
	if (*text == '.')
		for (text++; *text >= '0' && *text <= '9'; text++, digits++)
			value += (*text - '0') * (scale /= 10);
	return digits > 0 && *text == '\0' ? value : (double)NAN;
}

void read_timeout(struct reader *r, const struct node *value, double *ret_seconds,
                  struct spec_mark *ret_at)
{
	static const double most = 1e9;
	double seconds = (double)NAN;

	if (value->kind == NODE_SCALAR && value->style == NODE_PLAIN)
		seconds = read_decimal(value->text);
	*ret_at = value->at;
	if (seconds > 0 && seconds <= most)
		*ret_seconds = seconds;
	else
		diag_error(r->diags, node_place(value),
		           "remove it, as it is not supported yet; limit a command itself: "
		           "timeout 600 COMMAND",
		           "timeout must be a number of seconds above 0");
}

static const char *env_value(struct reader *r, const struct node *key, const struct node *value)
{
	const char *name = diag_show(r->diags, key->text);
	enum node_type type = NODE_NULL;

	if (value->kind == NODE_SCALAR)
		type = node_scalar_type(value);
	if (type == NODE_STRING)
		return value->text;
	if (type == NODE_NULL) {
		diag_error(r->diags, node_place(value),
		           value->kind == NODE_SCALAR ? "write \"\" for an empty string" : NULL,
		           "the value of '%s' must be a string, not %s", name, node_what(value));
		return "";
	}
	diag_warning(r->diags, node_place(value), "write it in quotes",
	             "the value of '%s' is %s and is taken as the string \"%s\"", name,
	             node_what(value), diag_show(r->diags, value->text));
	return value->text;
}

/* What other systems call a secret is none here, and it would be found out late. */
static const char *foreign_secret(struct reader *r, const char *text)
{
	static const char expression[] = "${{", secrets[] = "secrets";
	const char *at = strstr(text, expression);
	const char *name = at == text ? text + strlen(expression) : text;

	name += strspn(name, " ");
	if (strncmp(name, secrets, strlen(secrets)) == 0 &&
	    name[strlen(secrets)] == (at ? '.' : ':')) {
		name += strlen(secrets) + 1;
		name += strspn(name, " ");
		name = arena_text(r->scratch, name, strcspn(name, " }"));
		return diag_text(r->diags, "write secret:%s",
		                 diag_show(r->diags, name && *name ? name : "NAME"));
	}
	return at ? "there are no expressions; a secret is written secret:NAME" : NULL;
}

static void check_secret(struct reader *r, const struct node *value, const char *text)
{
	const char *name = spec_secret_name(text);
	const char *hint = foreign_secret(r, text);

	if (strcmp(text, "secret:") == 0)
		diag_error(r->diags, node_place(value), "write secret:NAME",
		           "the secret has no name");
	else if (hint)
		diag_warning(r->diags, node_place(value), hint,
		             "'%s' is no secret: the job is given this text",
		             diag_show(r->diags, text));
	else if (name && (name[0] == ' ' || name[strlen(name) - 1] == ' '))
		diag_warning(r->diags, node_place(value), "write secret:NAME, without a blank",
		             "the secret is called '%s', with the blank",
		             diag_show(r->diags, name));
}

static void read_variable(struct reader *r, const struct node *key, const struct node *value,
                          struct spec_env *ret)
{
	if (key->text[0] == '\0' || strchr(key->text, '=') || has_control(key->text))
		diag_error(r->diags, node_place(key), NULL,
		           "'%s' cannot be the name of an environment variable",
		           diag_show(r->diags, key->text));
	*ret = (struct spec_env){ key->text, env_value(r, key, value), value->at };
	check_secret(r, value, ret->value);
}

/* A table of NODE's names, if there are many and each of BASE is to be looked up. */
static bool note_names(struct reader *r, const struct node *node, size_t n_base,
                       struct table *names)
{
	table_init(names, r->scratch);
	for (size_t i = 0; i < node->n && n_base > 0 && node->n > FEW; i++) {
		const struct node *key = NULL, *value = NULL;

		if (read_entry(node, i, &key, &value) && !table_put(names, key->text, 0))
			return false;
	}
	return true;
}

void read_env(struct reader *r, const struct node *node, const struct spec_env *base, size_t n_base,
              const struct spec_env **ret_env, size_t *ret_n)
{
	struct spec_env *env = NULL;
	struct table names;
	size_t n = 0;

	*ret_env = base;
	*ret_n = n_base;
	if (!read_is_map(r, node, "env"))
		return;
	read_drop_doubles(r, node);
	env = arena_array(r->model, n_base + node->n, sizeof(*env));
	if (!env || !note_names(r, node, n_base, &names))
		return;
	/* What the new ones do not replace comes first, in its order. */
	for (size_t i = 0; i < n_base; i++)
		if (node->n > FEW ? !table_find(&names, base[i].name)
		                  : !read_find(node, base[i].name))
			env[n++] = base[i];
	for (size_t i = 0; i < node->n; i++) {
		const struct node *key = NULL, *value = NULL;

		if (read_entry(node, i, &key, &value))
			read_variable(r, key, value, &env[n++]);
	}
	*ret_env = env;
	*ret_n = n;
}
