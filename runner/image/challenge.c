#include "image/challenge.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

/* RFC 9110, 5.6.2, and the '/' of plain words behind a scheme. */
#define TOKEN_CHARS "/!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const char *skip_blanks(const char *s)
{
	return s + strspn(s, " \t");
}

/* "a \"b\"" with its quotes; NULL if it has no end. */
static const char *take_quoted(const char *s, char **ret_value)
{
	char *out = xmalloc(strlen(s));
	size_t len = 0;

	for (s++; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
		out[len++] = *s;
	}
	out[len] = '\0';
	*ret_value = out;
	return *s == '"' ? s + 1 : NULL;
}

/* Without quotes a URL is no token, but some servers send it so. */
static const char *take_value(const char *s, char **ret_value)
{
	size_t len;

	if (*s == '"')
		return take_quoted(s, ret_value);
	len = strcspn(s, ", \t");
	*ret_value = xstrndup(s, len);
	return len > 0 ? s + len : NULL;
}

/* The first of a name counts. */
static void keep_parameter(struct challenge *c, const char *name, size_t len, char **value)
{
	const struct {
		const char *name;
		char **at;
	} known[] = {
		{ "realm", &c->realm },
		{ "service", &c->service },
		{ "scope", &c->scope },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (strlen(known[i].name) == len && strncasecmp(name, known[i].name, len) == 0 &&
		    !*known[i].at)
			*known[i].at = take_ptr(value);
}

static enum challenge_scheme scheme_of(const char *name, size_t len)
{
	if (len == 5 && strncasecmp(name, "Basic", len) == 0)
		return CHALLENGE_BASIC;
	return len == 6 && strncasecmp(name, "Bearer", len) == 0 ? CHALLENGE_BEARER
	                                                         : CHALLENGE_NONE;
}

/* Behind a name: '=' and a value, or the rest of a scheme that takes a plain word ("abc=="). */
static const char *take_parameter(struct challenge *c, const char *name, size_t len, const char *s)
{
	AUTO_FREE char *value = NULL;

	s = skip_blanks(s + 1);
	if (*s == '=' || *s == ',' || !*s)
		return s + strspn(s, "=");
	s = take_value(s, &value);
	if (s)
		keep_parameter(c, name, len, &value);
	return s;
}

/* A scheme and its parameters; returns where the next one begins, NULL at the end. */
static const char *take_challenge(const char *s, struct challenge *c)
{
	size_t len = strspn(s, TOKEN_CHARS);

	c->scheme = scheme_of(s, len);
	for (s += len; s; s = take_parameter(c, s, len, skip_blanks(s + len))) {
		s += strspn(s, ", \t");
		len = strspn(s, TOKEN_CHARS);
		if (len == 0)
			return NULL;
		if (*skip_blanks(s + len) != '=')
			return s;
	}
	return NULL;
}

static void move(struct challenge *to, struct challenge *from)
{
	challenge_release(to);
	to->scheme = from->scheme;
	to->realm = take_ptr(&from->realm);
	to->service = take_ptr(&from->service);
	to->scope = take_ptr(&from->scope);
}

void challenge_add(struct challenge *challenge, const char *header)
{
	AUTO_FREE char *text = xstrndup(header, strnlen(header, CHALLENGE_MAX));
	const char *s = text + strspn(text, ", \t");

	while (s) {
		AUTO_CHALLENGE struct challenge c = { 0 };

		s = take_challenge(s, &c);
		if (c.scheme > challenge->scheme && (c.scheme != CHALLENGE_BEARER || c.realm))
			move(challenge, &c);
	}
}

void challenge_release(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct challenge){ 0 };
}
