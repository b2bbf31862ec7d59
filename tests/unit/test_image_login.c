/* Who we are to a registry: what it asks for, and where the answer lies. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "image/challenge.h"
#include "image/credentials.h"

#define BEARER \
	"Bearer realm=\"https://auth.example.com/token\",service=\"reg\",scope=\"repository:a/b:pull\""

static void same(const char *is, const char *want)
{
	if (!want)
		assert_null(is);
	else
		assert_string_equal(is ? is : "(null)", want);
}

static void challenges_are_taken_apart(void **state)
{
	static const struct {
		const char *header;
		enum challenge_scheme scheme;
		const char *realm, *service, *scope;
	} row[] = {
		{ BEARER, CHALLENGE_BEARER, "https://auth.example.com/token", "reg",
		  "repository:a/b:pull" },
		{ "basic realm=\"x\"", CHALLENGE_BASIC, "x", NULL, NULL },
		{ "Basic", CHALLENGE_BASIC, NULL, NULL, NULL },
		{ "BEARER  Realm = http://h/t ,, SCOPE=a", CHALLENGE_BEARER, "http://h/t", NULL,
		  "a" },
		{ "BEARER  Realm = abc ,, SCOPE=d", CHALLENGE_BEARER, "abc", NULL, "d" },
		{ "Basic realm=\"say \\\"hi\\\", you\"", CHALLENGE_BASIC, "say \"hi\", you", NULL,
		  NULL },
		{ "Negotiate YWJj==, Basic realm=b", CHALLENGE_BASIC, "b", NULL, NULL },
		{ "Basic realm=b, " BEARER, CHALLENGE_BEARER, "https://auth.example.com/token",
		  "reg", "repository:a/b:pull" },
		{ BEARER ", Basic realm=b", CHALLENGE_BEARER, "https://auth.example.com/token",
		  "reg", "repository:a/b:pull" },
		{ "Bearer service=\"no realm\"", CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Bearer realm=\"a\",realm=\"b\"", CHALLENGE_BEARER, "a", NULL, NULL },
		{ "Basic realm=b, Bearer realm=\"no end", CHALLENGE_BASIC, "b", NULL, NULL },
		{ "Digest realm=x, nonce=\"Basic realm=y\"", CHALLENGE_NONE, NULL, NULL, NULL },
		{ "", CHALLENGE_NONE, NULL, NULL, NULL },
		{ "a /b /c, d", CHALLENGE_NONE, NULL, NULL, NULL },
		{ "Negotiate a/b+c==, Basic", CHALLENGE_BASIC, NULL, NULL, NULL },
		{ ", ,=\"", CHALLENGE_NONE, NULL, NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_CHALLENGE struct challenge c = { 0 };

		challenge_add(&c, row[i].header);
		if (c.scheme != row[i].scheme)
			fail_msg("%s: scheme %d", row[i].header, (int)c.scheme);
		same(c.realm, row[i].realm);
		same(c.service, row[i].service);
		same(c.scope, row[i].scope);
	}
}

static void of_several_headers_the_best_counts(void **state)
{
	AUTO_CHALLENGE struct challenge c = { 0 };

	(void)state;
	challenge_add(&c, BEARER);
	challenge_add(&c, "Basic realm=x");
	assert_int_equal(c.scheme, CHALLENGE_BEARER);
	same(c.service, "reg");
}

/* dTpw: "u:p" */
static void files_know_registries_by_many_names(void **state)
{
	static const struct {
		const char *key, *registry, *repository;
		bool found;
	} row[] = {
		{ "quay.io", "quay.io", "a/b", true },
		{ "quay.io/a", "quay.io", "a/b", true },
		{ "quay.io/a/b", "quay.io", "a/b", true },
		{ "quay.io/a/bc", "quay.io", "a/b", false },
		{ "quay.i", "quay.io", "a/b", false },
		{ "https://quay.io", "quay.io", "a", true },
		{ "https://quay.io/v2/", "quay.io", "a", true },
		{ "http://127.0.0.1:5000", "127.0.0.1:5000", "a", true },
		{ "127.0.0.1", "127.0.0.1:5000", "a", false },
		{ "https://index.docker.io/v1/", "docker.io", "library/bash", true },
		{ "index.docker.io", "docker.io", "library/bash", true },
		{ "docker.io", "docker.io", "library/bash", true },
		{ "docker.io/other", "docker.io", "library/bash", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		AUTO_CREDENTIALS struct credentials c = { 0 };
		AUTO_FREE char *text =
			xasprintf("{\"auths\":{\"%s\":{\"auth\":\"dTpw\"}}}", row[i].key);
		struct error err;

		assert_int_equal(credentials_from_file(text, "f", row[i].registry,
		                                       row[i].repository, &c, &err),
		                 0);
		if ((c.password != NULL) != row[i].found)
			fail_msg("%s for %s/%s", row[i].key, row[i].registry, row[i].repository);
		same(c.user, row[i].found ? "u" : NULL);
		same(c.password, row[i].found ? "p" : NULL);
	}
}

static void the_nearest_entry_counts(void **state)
{
	AUTO_CREDENTIALS struct credentials c = { 0 };
	struct error err;

	(void)state;
	assert_int_equal(
		credentials_from_file(
			"{\"auths\":{\"h.io\":{\"auth\":\"dTpw\"},\"h.io/a/b\":{\"username\":\"x\","
			"\"password\":\"y\",\"identitytoken\":\"t\"},\"h.io/a\":{}}}",
			"f", "h.io", "a/b/c", &c, &err),
		0);
	same(c.user, "x");
	same(c.password, "y");
	same(c.identity, "t");
}

static void a_broken_file_is_named_and_its_secrets_are_not(void **state)
{
	static const char *const text[] = {
		"{\"auths\":{\"h.io\":{\"auth\":\"c2VjcmV0\"}}}", /* no colon in it */
		"{\"auths\":{\"h.io\":{\"auth\":\"%%secret\"}}}",
		"{\"auths\":",
		"{\"credHelpers\":{\"h.io\":\"../secret\"}}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
		struct credentials c;
		struct error err;

		assert_true(credentials_from_file(text[i], "/x/auth.json", "h.io", "a", &c, &err) <
		            0);
		assert_non_null(strstr(err.msg, "h.io"));
		assert_true(strstr(err.msg, "/x/auth.json") || i == 3);
		assert_null(strstr(err.msg, "c2VjcmV0"));
	}
}

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "we");

	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void set_path(const char *name, const char *dir, const char *rest)
{
	AUTO_FREE char *path = xasprintf("%s%s", dir, rest);

	assert_int_equal(setenv(name, path, 1), 0);
}

#define FIND(c) credentials_find("h.io", "a", c, &err)

static void places_are_searched_in_order(void **state)
{
	char dir[] = "/tmp/sluice-login.XXXXXX";
	AUTO_FREE char *docker = NULL, *podman = NULL, *own = NULL;
	AUTO_CREDENTIALS struct credentials c = { 0 };
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	set_path("HOME", dir, "");
	set_path("XDG_RUNTIME_DIR", dir, "/run");
	set_path("DOCKER_CONFIG", dir, "/docker");
	(void)unsetenv("XDG_CONFIG_HOME");
	(void)unsetenv("REGISTRY_AUTH_FILE");
	assert_int_equal(FIND(&c), 0);
	assert_null(c.user);
	docker = xasprintf("%s/docker", dir);
	podman = xasprintf("%s/.config/containers", dir);
	assert_int_equal(io_mkdirs(docker, 0700) + io_mkdirs(podman, 0700), 0);
	free(docker);
	free(podman);
	docker = xasprintf("%s/docker/config.json", dir);
	podman = xasprintf("%s/.config/containers/auth.json", dir);
	own = xasprintf("%s/own.json", dir);
	write_file(docker, "{\"auths\":{\"h.io\":{\"username\":\"d\",\"password\":\"1\"}}}", 0600);
	assert_int_equal(FIND(&c), 0);
	same(c.user, "d");
	credentials_release(&c);
	write_file(podman, "{\"auths\":{\"h.io\":{\"username\":\"p\",\"password\":\"1\"}}}", 0600);
	assert_int_equal(FIND(&c), 0);
	same(c.user, "p");
	credentials_release(&c);
	set_path("REGISTRY_AUTH_FILE", own, "");
	assert_true(FIND(&c) < 0);
	write_file(own, "{}", 0600);
	assert_int_equal(FIND(&c), 0);
	assert_null(c.user);
	(void)unsetenv("REGISTRY_AUTH_FILE");
	assert_int_equal(io_remove_tree(AT_FDCWD, dir), 0);
}

#define HELPER                                                                                 \
	"#!/bin/sh\n"                                                                          \
	"read -r server || :\n"                                                                \
	"case $1.$server in\n"                                                                 \
	"get.h.io) echo '{\"Username\":\"u\",\"Secret\":\"s\"}' ;;\n"                          \
	"get.t.io) echo '{\"Username\":\"<token>\",\"Secret\":\"s\"}' ;;\n"                    \
	"get.https://index.docker.io/v1/) echo '{\"Username\":\"hub\",\"Secret\":\"s\"}' ;;\n" \
	"get.bad.io) exit 3 ;;\n"                                                              \
	"get.odd.io) echo '{}' ;;\n"                                                           \
	"*) echo 'credentials not found in native keychain'; exit 1 ;;\n"                      \
	"esac\n"

static int ask(const char *text, const char *registry, struct credentials *c, struct error *err)
{
	*c = (struct credentials){ 0 };
	return credentials_from_file(text, "f", registry, "a", c, err);
}

static void helpers_are_asked(void **state)
{
	static const char store[] = "{\"credsStore\":\"test\"}";
	char dir[] = "/tmp/sluice-login.XXXXXX";
	AUTO_FREE char *before = xstrdup(getenv("PATH"));
	AUTO_FREE char *path = NULL, *program = NULL;
	struct credentials c;
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = xasprintf("%s:%s", dir, before);
	program = xasprintf("%s/docker-credential-test", dir);
	write_file(program, HELPER, 0755);
	assert_int_equal(setenv("PATH", path, 1), 0);
	assert_int_equal(ask(store, "h.io", &c, &err), 0);
	same(c.user, "u");
	same(c.password, "s");
	credentials_release(&c);
	assert_int_equal(ask(store, "t.io", &c, &err), 0);
	same(c.user, NULL);
	same(c.identity, "s");
	credentials_release(&c);
	assert_int_equal(ask(store, "docker.io", &c, &err), 0);
	same(c.user, "hub");
	credentials_release(&c);
	assert_int_equal(ask(store, "none.io", &c, &err), 0);
	same(c.user, NULL);
	assert_int_equal(ask(store, "bad.io", &c, &err), SLUICE_MISSING);
	assert_int_equal(ask(store, "odd.io", &c, &err), SLUICE_INVALID);
	assert_int_equal(ask("{\"credHelpers\":{\"h.io\":\"absent\"}}", "h.io", &c, &err),
	                 SLUICE_MISSING);
	assert_non_null(strstr(err.msg, "docker-credential-absent"));
	/* What stands in the file goes before the store, and a helper of the registry before it. */
	assert_int_equal(ask("{\"credHelpers\":{\"h.io\":\"test\"},"
	                     "\"auths\":{\"h.io\":{\"auth\":\"eDp5\"}}}",
	                     "h.io", &c, &err),
	                 0);
	same(c.user, "u");
	credentials_release(&c);
	assert_int_equal(ask("{\"credsStore\":\"test\",\"auths\":{\"h.io\":{\"auth\":\"eDp5\"}}}",
	                     "h.io", &c, &err),
	                 0);
	same(c.user, "x");
	credentials_release(&c);
	assert_int_equal(setenv("PATH", before, 1), 0);
	assert_int_equal(io_remove_tree(AT_FDCWD, dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges_are_taken_apart),
		cmocka_unit_test(of_several_headers_the_best_counts),
		cmocka_unit_test(files_know_registries_by_many_names),
		cmocka_unit_test(the_nearest_entry_counts),
		cmocka_unit_test(a_broken_file_is_named_and_its_secrets_are_not),
		cmocka_unit_test(places_are_searched_in_order),
		cmocka_unit_test(helpers_are_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
