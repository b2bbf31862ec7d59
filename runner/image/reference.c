#include "image/reference.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/digest.h"
#include "base/strbuf.h"
#include "base/xalloc.h"

enum { NAME_MAX_BYTES = 255, TAG_MAX_BYTES = 128, QUOTE_BYTES = 80 };

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static int refuse(const char *text, const char *why, struct error *err)
{
	AUTO_STRBUF struct strbuf shown = STRBUF_INIT(4 * QUOTE_BYTES + 8);

	strbuf_addprintable(&shown, text, QUOTE_BYTES);
	return error_set(err, SLUICE_INVALID, "image reference '%s': %s", strbuf_str(&shown), why);
}

/* As Docker decides it: "a/b" is on Docker Hub, "a.b/c", "a:1/b", "localhost/b" and "A/b" are
 * not. */
static size_t registry_len(const char *text)
{
	size_t len = strcspn(text, "/");

	if (!text[len])
		return 0;
	if (strcspn(text, ".:" UPPER) < len || (len == 9 && strncmp(text, "localhost", len) == 0))
		return len;
	return 0;
}

static bool host_is_valid(const char *s, size_t len)
{
	if (len == 0 || s[0] == '-' || s[0] == '.' || s[len - 1] == '-' || s[len - 1] == '.')
		return false;
	for (size_t i = 1; i < len; i++)
		if (s[i] == '.' && s[i - 1] == '.')
			return false;
	return strspn(s, LOWER UPPER DIGITS ".-") >= len;
}

static bool registry_is_valid(const char *s)
{
	size_t host = strcspn(s, ":");
	const char *port;
	bool ok;

	if (s[0] == '[') {
		const char *end = strchr(s, ']');

		host = end ? (size_t)(end - s) + 1 : 0;
		ok = host > 2 && strspn(s + 1, DIGITS "abcdefABCDEF:.") == host - 2;
	} else {
		ok = host_is_valid(s, host);
	}
	port = s + host;
	if (!ok || !*port)
		return ok;
	return port[0] == ':' && port[1] && port[1 + strspn(port + 1, DIGITS)] == '\0';
}

/* Between two runs of letters and digits: one '.', one or two '_', or any number of '-'. */
static size_t separator_len(const char *s)
{
	if (*s == '.')
		return 1;
	if (*s == '_')
		return s[1] == '_' ? 2 : 1;
	return strspn(s, "-");
}

static bool repository_is_valid(const char *s)
{
	for (;;) {
		size_t word = strspn(s, LOWER DIGITS);

		if (word == 0)
			return false;
		s += word;
		if (!*s)
			return true;
		word = *s == '/' ? 1 : separator_len(s);
		if (word == 0)
			return false;
		s += word;
	}
}

static bool tag_is_valid(const char *s)
{
	return *s && strchr(".-", *s) == NULL && strlen(s) <= TAG_MAX_BYTES &&
	       s[strspn(s, LOWER UPPER DIGITS "._-")] == '\0';
}

static bool digest_is_valid(const char *s)
{
	struct digest parsed;

	return strncmp(s, "sha256:", 7) == 0 && digest_parse(s + 7, &parsed) &&
	       strlen(s) == 7 + DIGEST_HEX_LEN;
}

static bool is_bare_hash(const char *s)
{
	struct digest parsed;

	return digest_parse(s, &parsed) && s[DIGEST_HEX_LEN] == '\0';
}

/* Cuts "@DIGEST" and ":TAG" off the end of what follows the registry. */
static const char *split_version(char *rest, struct reference *ref)
{
	char *at = strchr(rest, '@');
	char *colon;

	if (at) {
		*at = '\0';
		ref->digest = xstrdup(at + 1);
		if (!digest_is_valid(ref->digest))
			return "the digest must be 'sha256:' and 64 lower-case hex digits";
	}
	colon = strchr(rest, ':');
	if (colon) {
		*colon = '\0';
		ref->tag = xstrdup(colon + 1);
		if (!tag_is_valid(ref->tag))
			return "a tag is 1 to 128 letters, digits, '.', '_' and '-', and starts "
			       "with neither '.' nor '-'";
	}
	if (!ref->tag && !ref->digest)
		ref->tag = xstrdup("latest");
	return NULL;
}

/* Fills REF as far as it gets; returns what is wrong with it, or NULL. */
static const char *parse(const char *text, struct reference *ref)
{
	size_t registry = registry_len(text);
	char *rest = xstrdup(text + registry + (registry > 0));
	const char *why = split_version(rest, ref);
	bool hub;

	ref->registry = registry > 0 ? xstrndup(text, registry) : xstrdup("docker.io");
	if (strcmp(ref->registry, "index.docker.io") == 0) {
		free(ref->registry);
		ref->registry = xstrdup("docker.io");
	}
	hub = strcmp(ref->registry, "docker.io") == 0 && !strchr(rest, '/');
	ref->repository = hub ? xasprintf("library/%s", rest) : xstrdup(rest);
	if (!why && rest[strcspn(rest, UPPER)])
		why = "the repository must be lower case";
	if (!why && registry == 0 && is_bare_hash(rest))
		why = "64 hex digits are no name; write NAME@sha256:... for a digest";
	free(rest);
	if (why)
		return why;
	if (!registry_is_valid(ref->registry))
		return "the registry is not HOST or HOST:PORT";
	if (!repository_is_valid(ref->repository))
		return "the repository must be words of lower-case letters and digits, "
		       "joined by '/', '.', '_', '__' or '-'";
	if (strlen(ref->registry) + 1 + strlen(ref->repository) > NAME_MAX_BYTES)
		return "the name is longer than 255 bytes";
	return NULL;
}

int reference_parse(const char *text, struct reference *ret_ref, struct error *err)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	const char *why = *text ? parse(text, &ref) : "it is empty";

	if (why)
		return refuse(text, why, err);
	*ret_ref = ref;
	ref = (struct reference){ 0 };
	return 0;
}

void reference_release(struct reference *ref)
{
	free(ref->registry);
	free(ref->repository);
	free(ref->tag);
	free(ref->digest);
	*ref = (struct reference){ 0 };
}

char *reference_format(const struct reference *ref)
{
	return xasprintf("%s/%s%s%s%s%s", ref->registry, ref->repository, ref->tag ? ":" : "",
	                 ref->tag ? ref->tag : "", ref->digest ? "@" : "",
	                 ref->digest ? ref->digest : "");
}

const char *reference_short(const char *full)
{
	static const char hub[] = "docker.io/";
	static const char library[] = "docker.io/library/";

	if (strncmp(full, library, sizeof library - 1) == 0)
		return full + sizeof library - 1;
	if (strncmp(full, hub, sizeof hub - 1) == 0)
		return full + sizeof hub - 1;
	return full;
}
