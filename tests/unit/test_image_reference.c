/* Docker's rules for names of images. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "image/image.h"
#include "image/reference.h"

#define HEX64  "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX64

static void references_get_their_full_form(void **state)
{
	static const struct {
		const char *text, *full;
	} table[] = {
		{ "bash", "docker.io/library/bash:latest" },
		{ "bash:5", "docker.io/library/bash:5" },
		{ "library/bash:5", "docker.io/library/bash:5" },
		{ "docker.io/bash:5", "docker.io/library/bash:5" },
		{ "index.docker.io/bash:5", "docker.io/library/bash:5" },
		{ "paperspace/x:1", "docker.io/paperspace/x:1" },
		{ "a/b/c", "docker.io/a/b/c:latest" },
		{ "localhost/x", "localhost/x:latest" },
		{ "localhost:5000/x", "localhost:5000/x:latest" },
		{ "host:5000/x:2", "host:5000/x:2" },
		{ "ghcr.io/a/b:v1", "ghcr.io/a/b:v1" },
		{ "GHCR/a", "GHCR/a:latest" },
		{ "[::1]:5000/x", "[::1]:5000/x:latest" },
		{ "a__b-c--d.e_f:T-_.1", "docker.io/library/a__b-c--d.e_f:T-_.1" },
		{ "bash@" DIGEST, "docker.io/library/bash@" DIGEST },
		{ "bash:5@" DIGEST, "docker.io/library/bash:5@" DIGEST },
		{ "r.io:1/x@" DIGEST, "r.io:1/x@" DIGEST },
		{ "r.io/" HEX64, "r.io/" HEX64 ":latest" },
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		char *full = NULL;
		char *again = NULL;

		assert_int_equal(image_ref_normalize(table[i].text, &full, &err), 0);
		assert_string_equal(full, table[i].full);
		assert_int_equal(image_ref_normalize(full, &again, &err), 0);
		assert_string_equal(again, full);
		free(full);
		free(again);
	}
}

static void refused_references_say_why(void **state)
{
	static const struct {
		const char *text, *why;
	} table[] = {
		{ "", "it is empty" },
		{ "Bash", "must be lower case" },
		{ "a/Bash", "must be lower case" },
		{ "bash:", "a tag is" },
		{ "bash:-x", "a tag is" },
		{ "bash:.x", "a tag is" },
		{ "bash:a b", "a tag is" },
		{ "bash:a:b", "a tag is" },
		{ "bash@sha256:12", "the digest must be" },
		{ "bash@" DIGEST "0", "the digest must be" },
		{ "bash@md5:0", "the digest must be" },
		{ "/bash", "words of lower-case" },
		{ "a//b", "words of lower-case" },
		{ "a/b/", "words of lower-case" },
		{ "a..b", "words of lower-case" },
		{ "a___b", "words of lower-case" },
		{ "-a", "words of lower-case" },
		{ "a-", "words of lower-case" },
		{ "a/../b", "words of lower-case" },
		{ "../b", "the registry is not" },
		{ "ho st:1/x", "the registry is not" },
		{ "-h.io/x", "the registry is not" },
		{ "h..io/x", "the registry is not" },
		{ "h.io:/x", "the registry is not" },
		{ "h.io:12a/x", "the registry is not" },
		{ "[::1/x", "the registry is not" },
		{ "docker://bash", "the registry is not" },
		{ HEX64, "64 hex digits are no name" },
		{ HEX64 ":t", "64 hex digits are no name" },
		{ "\x1b[2J", "image reference '\\x1b[2J'" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct error err = { 0 };
		char *full = NULL;

		assert_int_equal(image_ref_normalize(table[i].text, &full, &err), SLUICE_INVALID);
		assert_null(full);
		if (!strstr(err.msg, table[i].why))
			fail_msg("'%s': %s", table[i].text, err.msg);
	}
}

static char *of_length(const char *start, size_t len)
{
	char *text = xmalloc(len + 1);

	memset(text, 'a', len);
	memcpy(text, start, strlen(start));
	text[len] = '\0';
	return text;
}

static void lengths_are_bounded(void **state)
{
	static const struct {
		const char *start;
		size_t longest;
	} table[] = {
		{ "r.io/", 255 },
		{ "r.io/x:", 7 + 128 },
	};
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		char *fits = of_length(table[i].start, table[i].longest);
		char *over = of_length(table[i].start, table[i].longest + 1);
		char *full = NULL;

		assert_int_equal(image_ref_normalize(fits, &full, &err), 0);
		free(full);
		assert_int_equal(image_ref_normalize(over, &full, &err), SLUICE_INVALID);
		free(fits);
		free(over);
	}
}

static void a_reference_has_its_parts(void **state)
{
	AUTO_REFERENCE struct reference ref = { 0 };
	struct error err;

	(void)state;
	assert_int_equal(reference_parse("localhost:5000/a/b:1@" DIGEST, &ref, &err), 0);
	assert_string_equal(ref.registry, "localhost:5000");
	assert_string_equal(ref.repository, "a/b");
	assert_string_equal(ref.tag, "1");
	assert_string_equal(ref.digest, DIGEST);
}

static void the_short_form_is_what_people_type(void **state)
{
	(void)state;
	assert_string_equal(reference_short("docker.io/library/bash:5"), "bash:5");
	assert_string_equal(reference_short("docker.io/a/b:5"), "a/b:5");
	assert_string_equal(reference_short("ghcr.io/a/b:5"), "ghcr.io/a/b:5");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_get_their_full_form),
		cmocka_unit_test(refused_references_say_why),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(a_reference_has_its_parts),
		cmocka_unit_test(the_short_form_is_what_people_type),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
