#include "executor/user.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/parse.h"

enum { FIELDS = 7, TOKEN_SIZE = 256 };

/* A line of passwd(5) or group(5), its fields borrowed from the text. */
struct entry {
	const char *field[FIELDS];
	size_t len[FIELDS];
	size_t n;
};

/* The next line that has at least MIN fields and no comment sign; false at the end. */
static bool next_entry(const char **text, size_t min, struct entry *ret_entry)
{
	while (**text) {
		const char *line = *text;
		const char *end = line + strcspn(line, "\n");
		struct entry e = { .n = 0 };

		*text = *end ? end + 1 : end;
		while (e.n < FIELDS) {
			size_t len = strcspn(line, ":\n");

			e.field[e.n] = line;
			e.len[e.n++] = len;
			line += len;
			if (line == end)
				break;
			line++;
		}
		if (e.n < min || e.len[0] == 0 || e.field[0][0] == '#')
			continue;
		*ret_entry = e;
		return true;
	}
	return false;
}

static bool is(const struct entry *e, size_t i, const char *s)
{
	return e->len[i] == strlen(s) && memcmp(e->field[i], s, e->len[i]) == 0;
}

static bool parse_id(const char *s, size_t len, uint32_t *ret_id)
{
	char text[16];
	uint64_t value;

	if (len == 0 || len >= sizeof text)
		return false;
	memcpy(text, s, len);
	text[len] = '\0';
	if (!parse_u64(text, INT32_MAX, &value))
		return false;
	*ret_id = (uint32_t)value;
	return true;
}

/* Does an entry with this name in field 0 and number in field 2 answer to WANT? */
static bool answers(const struct entry *e, const char *want, uint32_t *ret_id)
{
	uint32_t number;

	if (!parse_id(e->field[2], e->len[2], ret_id))
		return false;
	if (parse_id(want, strlen(want), &number))
		return number == *ret_id;
	return is(e, 0, want);
}

/* Fills uid, gid, home and the name that the groups know the user by ("" without an entry). */
static int find_user(const char *want, const char *passwd, struct user *u, char *ret_name,
                     struct error *err)
{
	const char *p = passwd;
	struct entry e;

	ret_name[0] = '\0';
	while (next_entry(&p, 4, &e)) {
		if (!answers(&e, want, &u->uid) || !parse_id(e.field[3], e.len[3], &u->gid))
			continue;
		if (e.n > 5 && e.len[5] > 0 && e.len[5] < sizeof u->home)
			(void)snprintf(u->home, sizeof u->home, "%.*s", (int)e.len[5], e.field[5]);
		(void)snprintf(ret_name, TOKEN_SIZE, "%.*s", (int)e.len[0], e.field[0]);
		return 0;
	}
	u->gid = 0;
	if (parse_id(want, strlen(want), &u->uid))
		return 0;
	return error_set(err, SLUICE_INVALID, "the image has no user '%s' in its /etc/passwd",
	                 want);
}

static int find_group(const char *want, const char *group, uint32_t *ret_gid, struct error *err)
{
	const char *p = group;
	struct entry e;

	while (next_entry(&p, 3, &e))
		if (answers(&e, want, ret_gid))
			return 0;
	if (parse_id(want, strlen(want), ret_gid))
		return 0;
	return error_set(err, SLUICE_INVALID, "the image has no group '%s' in its /etc/group",
	                 want);
}

static bool is_member(const struct entry *e, const char *name)
{
	const char *p = e->field[3];
	const char *end = p + e->len[3];

	while (p < end) {
		size_t len = strcspn(p, ",:\n");

		if (len == strlen(name) && memcmp(p, name, len) == 0)
			return true;
		p += len + 1;
	}
	return false;
}

static int find_memberships(const char *name, const char *group, struct user *u, struct error *err)
{
	const char *p = group;
	struct entry e;

	while (name[0] && next_entry(&p, 4, &e)) {
		uint32_t gid;

		if (!is_member(&e, name) || !parse_id(e.field[2], e.len[2], &gid))
			continue;
		if (u->n_groups == USER_GROUPS_MAX)
			return error_set(err, SLUICE_LIMIT,
			                 "the image's user '%s' is in more than %d groups", name,
			                 USER_GROUPS_MAX);
		u->groups[u->n_groups++] = gid;
	}
	return 0;
}

static bool split(const char *spec, char *ret_user, char *ret_group)
{
	size_t len = strcspn(spec, ":");
	const char *group = spec[len] ? spec + len + 1 : "";

	if (len >= TOKEN_SIZE || strlen(group) >= TOKEN_SIZE)
		return false;
	memcpy(ret_user, spec, len);
	ret_user[len] = '\0';
	memcpy(ret_group, group, strlen(group) + 1);
	return true;
}

int user_find(const char *spec, const char *passwd, const char *group, struct user *ret_user,
              struct error *err)
{
	struct user u = { .home = "/" };
	char user_part[TOKEN_SIZE], group_part[TOKEN_SIZE], name[TOKEN_SIZE];
	int rc;

	if (!split(spec, user_part, group_part))
		return error_set(err, SLUICE_INVALID, "the image's user '%.64s...' is too long",
		                 spec);
	rc = find_user(user_part[0] ? user_part : "0", passwd, &u, name, err);
	if (rc == 0 && group_part[0])
		rc = find_group(group_part, group, &u.gid, err);
	else if (rc == 0)
		rc = find_memberships(name, group, &u, err);
	if (rc == 0)
		*ret_user = u;
	return rc;
}
