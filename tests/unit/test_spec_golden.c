/*
 * What is said about every file below tests/spec/, to the letter: FILE.expected holds what a person
 * sees, and is absent where nothing is said.  UPDATE=1 writes them; look at the difference.
 *
 *	good/      has no error         meaning/   is well formed and means nothing, or nonsense
 *	shape/     has wrong keys, types, names or parameters: workflow.schema.json refuses it too
 *	text/      is no YAML, or YAML that the language has no use for
 *	inputs/    is not a workflow but the inputs of a run
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "spec/spec.h"

enum { PATH_SIZE = 512, TEXT_SIZE = 256 * 1024 };

/* False if there is no such file. */
static bool read_file(const char *path, char text[TEXT_SIZE], size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = 0;

	if (fd < 0) {
		assert_int_equal(errno, ENOENT);
		return false;
	}
	n = read(fd, text, TEXT_SIZE - 1);
	assert_int_equal(close(fd), 0);
	assert_true(n >= 0 && n < TEXT_SIZE - 1);
	text[n] = '\0';
	*ret_len = (size_t)n;
	return true;
}

static void write_file(const char *path, const char *text)
{
	FILE *file = NULL;

	if (!text[0]) {
		(void)unlink(path);
		return;
	}
	file = fopen(path, "we");
	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static void add_all(char said[TEXT_SIZE], struct spec_text *text, const struct spec_diag *diags,
                    size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *shown = spec_diag_format(text, &diags[i]);
		size_t used = strlen(said);

		assert_non_null(shown);
		assert_true(used + strlen(shown) < TEXT_SIZE);
		(void)snprintf(said + used, TEXT_SIZE - used, "%s", shown);
		free(shown);
	}
}

/* What is said of the text, and how many of it are errors. */
static size_t say(const char *dir, struct spec_text *text, char said[TEXT_SIZE])
{
	size_t n_errors = 0;

	said[0] = '\0';
	if (strcmp(dir, "inputs") == 0) {
		struct spec_inputs_doc *doc = spec_parse_inputs(text->text, text->len);

		assert_non_null(doc);
		add_all(said, text, doc->diags, doc->n_diags);
		n_errors = doc->n_errors;
		spec_inputs_doc_free(doc);
	} else {
		struct spec_doc *doc = spec_parse(text->text, text->len);

		assert_non_null(doc);
		add_all(said, text, doc->diags, doc->n_diags);
		n_errors = doc->n_errors;
		assert_int_equal(doc->spec == NULL, n_errors > 0);
		spec_doc_free(doc);
	}
	return n_errors;
}

/* Three texts of this size are too much for a stack. */
struct texts {
	char yaml[TEXT_SIZE], said[TEXT_SIZE], expected[TEXT_SIZE];
};

static void check_file(const char *dir, const char *name, struct texts *t)
{
	char path[PATH_SIZE];
	struct spec_text text = { .file = name, .text = t->yaml };
	size_t len = 0, n_errors = 0;

	(void)snprintf(path, sizeof(path), SPEC_TESTS "/%s/%s", dir, name);
	assert_true(read_file(path, t->yaml, &text.len));
	n_errors = say(dir, &text, t->said);
	(void)snprintf(path, sizeof(path), SPEC_TESTS "/%s/%.*s.expected", dir,
	               (int)(strrchr(name, '.') - name), name);
	if (getenv("UPDATE"))
		write_file(path, t->said);
	if (!read_file(path, t->expected, &len))
		t->expected[0] = '\0';
	if (strcmp(t->said, t->expected) != 0)
		print_error("%s/%s:\n%s", dir, name, t->said);
	assert_string_equal(t->said, t->expected);
	if (strcmp(dir, "inputs") != 0 && (n_errors == 0) != (strcmp(dir, "good") == 0))
		fail_msg("%s/%s stands in the wrong directory", dir, name);
}

static int is_yaml(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && strcmp(dot, ".yaml") == 0;
}

static void check_directory(void **state)
{
	const char *dir = *state;
	struct texts *texts = malloc(sizeof(*texts));
	struct dirent **list = NULL;
	char path[PATH_SIZE];
	int n = 0;

	assert_non_null(texts);
	(void)snprintf(path, sizeof(path), SPEC_TESTS "/%s", dir);
	n = scandir(path, &list, is_yaml, alphasort);
	assert_true(n > 0);
	for (int i = 0; i < n; i++) {
		check_file(dir, list[i]->d_name, texts);
		free(list[i]);
	}
	free(list);
	free(texts);
}

#define DIRECTORY(name)                                                      \
	{                                                                    \
		name, check_directory, NULL, NULL, (void *)(uintptr_t)(name) \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIRECTORY("good"), DIRECTORY("meaning"), DIRECTORY("shape"),
		DIRECTORY("text"), DIRECTORY("inputs"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
