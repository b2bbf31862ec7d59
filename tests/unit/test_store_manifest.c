/* The texts of manifests and chunk lists: one form each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/xalloc.h"
#include "store/chunks.h"
#include "store/manifest.h"

#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define HELLO "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
#define ZEROS "bb9f8df61474d25e71fa00722318cd387396ca1736605e1248821cc0de3d3af8"
#define ONE   "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"

static const char golden[] = "f 6 " HELLO " %01%25%20%C3%A9\n"
			     "x 6 " HELLO " a-b\n"
			     "d a/empty\n"
			     "l ../out%0Aside a/link\n"
			     "c 4194305 " EMPTY " big\n"
			     "C 17592186044416 " EMPTY " big.x\n";

static int parse(const char *text, size_t len, struct manifest_segment *seg, struct error *err)
{
	struct manifest_order *order = xcalloc(1, sizeof *order);
	int rc = manifest_parse_segment(text, len, order, seg, err);

	free(order);
	return rc;
}

static void an_entry_has_one_text(void **state)
{
	struct manifest_segment seg;
	struct strbuf text = STRBUF_INIT(4096);
	struct error err;

	(void)state;
	assert_int_equal(parse(golden, strlen(golden), &seg, &err), 0);
	assert_int_equal(seg.n, 6);
	assert_string_equal(seg.entry[0].path, "\x01% \xc3\xa9");
	assert_int_equal(seg.entry[0].kind, 'f');
	assert_int_equal(seg.entry[0].size, 6);
	assert_int_equal(seg.entry[1].kind, 'x');
	assert_string_equal(seg.entry[2].path, "a/empty");
	assert_string_equal(seg.entry[3].target, "../out\nside");
	assert_int_equal(seg.entry[5].size, 17592186044416);
	assert_int_equal(seg.files, 5);
	assert_int_equal(seg.bytes, 6 + 6 + 4194305 + 17592186044416);
	assert_false(seg.cut);
	for (size_t i = 0; i < seg.n; i++)
		manifest_add_entry(&text, &seg.entry[i]);
	assert_string_equal(strbuf_str(&text), golden);
	manifest_segment_release(&seg);
	strbuf_release(&text);
}

static const struct {
	const char *text;
	const char *error;
} refused_segments[] = {
	{ "", "line 1 is missing" },
	{ "f 6 " HELLO " a", "line 1 has no end" },
	{ "\n", "line 1 is not a line of a manifest" },
	{ "g 6 " HELLO " a\n", "line 1 is not a line of a manifest" },
	{ "f  6 " HELLO " a\n", "line 1 is not a line of a manifest" },
	{ "f 06 " HELLO " a\n", "line 1 is not a line of a manifest" },
	{ "f +6 " HELLO " a\n", "line 1 is not a line of a manifest" },
	{ "f 18446744073709551616 " HELLO " a\n", "line 1 is not a line of a manifest" },
	{ "f 6 " HELLO "  a\n", "line 1 is not a line of a manifest" },
	{ "f 6 " HELLO " a \n", "line 1 is not a line of a manifest" },
	{ "f 6 " HELLO " a\r\n", "line 1 is not a line of a manifest" },
	{ "f 6 " HELLO " a\tb\n", "line 1 is not a line of a manifest" },
	{ "f 6 " HELLO " \xc3\xa9\n", "line 1 is not a line of a manifest" },
	{ "f 6 " HELLO " %c3\n", "line 1 is not a line of a manifest" },
	{ "f 6 " HELLO " %41\n", "line 1 is not a line of a manifest" },
	{ "f 6 " HELLO " %00\n", "line 1 is not a line of a manifest" },
	{ "f 6 " HELLO " %2\n", "line 1 is not a line of a manifest" },
	{ "f 6 " HELLO " \n", "line 1 is not a line of a manifest" },
	{ "f 6 5891B5B522D5DF086D0FF0B110FBD9D21BB4FC7163AF34D08286A2E846F6BE03 a\n",
	  "line 1 is not a line of a manifest" },
	{ "f 6 5891 a\n", "line 1 is not a line of a manifest" },
	{ "l  a\n", "line 1 is not a line of a manifest" },
	{ "l a\n", "line 1 is not a line of a manifest" },
	{ "d a b\n", "line 1 is not a line of a manifest" },
	{ "f 4194305 " HELLO " a\n", "line 1 has a size that does not fit its kind" },
	{ "x 4194305 " HELLO " a\n", "line 1 has a size that does not fit its kind" },
	{ "c 4194304 " HELLO " a\n", "line 1 has a size that does not fit its kind" },
	{ "C 0 " HELLO " a\n", "line 1 has a size that does not fit its kind" },
	{ "c 17592186044417 " HELLO " a\n", "line 1 is too large" },
	{ "d /a\n", "line 1 has an empty component" },
	{ "d a/\n", "line 1 has an empty component" },
	{ "d a//b\n", "line 1 has an empty component" },
	{ "d .\n", "line 1 has a component '.' or '..'" },
	{ "d a/..\n", "line 1 has a component '.' or '..'" },
	{ "d ../a\n", "line 1 has a component '.' or '..'" },
	{ "d b\nd a\n", "line 2 is not in the order of the paths' bytes" },
	{ "d a\nd a\n", "line 2 is not in the order of the paths' bytes" },
	{ "d %FF\nd z\n", "line 2 is not in the order of the paths' bytes" },
	{ "d a\nd a/b\n", "line 2 lies below an entry that is no directory, or an empty one" },
	{ "d a\nd a-b\nd a/b\n",
	  "line 3 lies below an entry that is no directory, or an empty one" },
	{ "d a/b\nd a/b/c/d\n",
	  "line 2 lies below an entry that is no directory, or an empty one" },
	{ "d cut-201\nd d\n", "line 2 follows the end of the segment" },
};

static void any_other_segment_is_refused_with_the_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused_segments / sizeof *refused_segments; i++) {
		struct manifest_segment seg;
		struct error err = { 0 };
		const char *text = refused_segments[i].text;

		assert_int_equal(parse(text, strlen(text), &seg, &err), SLUICE_CORRUPT);
		assert_string_equal(err.msg, refused_segments[i].error);
	}
}

static void a_nul_byte_is_refused(void **state)
{
	struct manifest_segment seg;
	struct error err;

	(void)state;
	assert_int_equal(parse("d a\0b\n", 6, &seg, &err), SLUICE_CORRUPT);
	assert_int_equal(parse("\0 a\n", 4, &seg, &err), SLUICE_CORRUPT);
}

static void names_that_only_look_like_dots_are_kept(void **state)
{
	static const char text[] = "d ...\nd ..a\nd .a\n";
	struct manifest_segment seg;
	struct error err;

	(void)state;
	assert_int_equal(parse(text, sizeof text - 1, &seg, &err), 0);
	manifest_segment_release(&seg);
}

static char *repeated(const char *piece, size_t n, const char *end)
{
	struct strbuf sb = STRBUF_INIT(1 << 16);

	for (size_t i = 0; i < n; i++)
		strbuf_addstr(&sb, piece);
	strbuf_addstr(&sb, end);
	return strbuf_detach(&sb);
}

static void limits_hold_at_n_and_not_at_n_plus_one(void **state)
{
	static const struct {
		const char *piece;
		size_t n;
		const char *end;
		const char *why;
	} row[] = {
		{ "a", 255, "", NULL },
		{ "a", 256, "", "has a component of more than 255 bytes" },
		{ "a/", 255, "a", NULL },
		{ "a/", 256, "a", "has more than 256 components" },
		{ "0123456789abcde/", 255, "0123456789abcde", NULL }, /* 4095 */
		{ "0123456789abcde/", 255, "0123456789abcdef", "is longer than 4095 bytes" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		char *path = repeated(row[i].piece, row[i].n, row[i].end);
		const char *why = manifest_check_path(path);

		if (row[i].why)
			assert_string_equal(why, row[i].why);
		else
			assert_null(why);
		free(path);
	}
}

static void a_segment_knows_that_it_ends_at_a_cut(void **state)
{
	struct manifest_segment seg;
	struct error err;

	(void)state;
	assert_int_equal(parse("d a\nd cut-201\n", 14, &seg, &err), 0);
	assert_true(seg.cut);
	manifest_segment_release(&seg);
}

static void the_order_goes_on_from_segment_to_segment(void **state)
{
	struct manifest_order *order = xcalloc(1, sizeof *order);
	struct manifest_segment seg;
	struct error err;

	(void)state;
	assert_int_equal(manifest_parse_segment("d cut-201\n", 10, order, &seg, &err), 0);
	manifest_segment_release(&seg);
	assert_int_equal(manifest_parse_segment("d cut-201/a\n", 12, order, &seg, &err),
	                 SLUICE_CORRUPT);
	assert_int_equal(manifest_parse_segment("d a\n", 4, order, &seg, &err), SLUICE_CORRUPT);
	free(order);
}

static const char golden_root[] = MANIFEST_HEADER "s 2 12 " EMPTY " a%20b\ns 0 0 " HELLO " d\n";

static void a_root_has_one_text(void **state)
{
	struct manifest_root root;
	struct strbuf text = STRBUF_INIT(4096);
	struct error err;

	(void)state;
	assert_int_equal(manifest_parse_root(golden_root, strlen(golden_root), &root, &err), 0);
	assert_int_equal(root.n, 2);
	assert_int_equal(root.files, 2);
	assert_int_equal(root.bytes, 12);
	assert_string_equal(root.part[0].first, "a b");
	strbuf_addstr(&text, MANIFEST_HEADER);
	for (size_t i = 0; i < root.n; i++)
		manifest_add_part(&text, &root.part[i]);
	assert_string_equal(strbuf_str(&text), golden_root);
	strbuf_release(&text);
	manifest_root_release(&root);
	assert_int_equal(manifest_parse_root(MANIFEST_HEADER, strlen(MANIFEST_HEADER), &root, &err),
	                 0);
	assert_int_equal(root.n, 0);
	manifest_root_release(&root);
}

static void any_other_root_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *text;
		const char *error;
	} row[] = {
		{ "", "line 1 is not 'sluice-manifest 1'" },
		{ "sluice-manifest 2\n", "line 1 is not 'sluice-manifest 1'" },
		{ "sluice-manifest 1", "line 1 is not 'sluice-manifest 1'" },
		{ MANIFEST_HEADER "\n", "line 2 is not a line of a manifest" },
		{ MANIFEST_HEADER "s 1 1 " EMPTY " a", "line 2 has no end" },
		{ MANIFEST_HEADER "s 1 " EMPTY " a\n", "line 2 is not a line of a manifest" },
		{ MANIFEST_HEADER "f 1 1 " EMPTY " a\n", "line 2 is not a line of a manifest" },
		{ MANIFEST_HEADER "s 1 1 " EMPTY " ../a\n", "line 2 has a component '.' or '..'" },
		{ MANIFEST_HEADER "s 1 1 " EMPTY " b\ns 1 1 " EMPTY " a\n",
		  "line 3 is not in the order of the paths' bytes" },
		{ MANIFEST_HEADER "s 1 18446744073709551615 " EMPTY " a\ns 1 1 " EMPTY " b\n",
		  "line 3 makes the sum of sizes too large" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct manifest_root root;
		struct error err = { 0 };

		assert_int_equal(manifest_parse_root(row[i].text, strlen(row[i].text), &root, &err),
		                 SLUICE_CORRUPT);
		assert_string_equal(err.msg, row[i].error);
	}
}

static void a_segment_must_be_the_one_that_the_root_names(void **state)
{
	struct manifest_part part[] = { { .files = 0, .bytes = 0, .first = "a" },
		                        { .files = 0, .bytes = 0, .first = "z" } };
	struct manifest_root root = { .part = part, .n = 2 };
	struct manifest_segment seg;
	struct error err;

	(void)state;
	assert_int_equal(parse("d a\n", 4, &seg, &err), 0);
	assert_string_equal(manifest_check_part(&root, 0, &seg), "ends where the list is not cut");
	assert_string_equal(manifest_check_part(&root, 1, &seg),
	                    "does not begin with the path that the root names");
	root.n = 1;
	assert_null(manifest_check_part(&root, 0, &seg));
	part[0].files = 1;
	assert_string_equal(manifest_check_part(&root, 0, &seg),
	                    "does not hold the files that the root counts");
	manifest_segment_release(&seg);
}

static void a_chunk_list_has_one_text(void **state)
{
	static const char text[] = "sluice-chunks 1\n" ZEROS "\n" ONE "\nsize 4194305\n";
	struct chunk_list list;
	struct strbuf again = STRBUF_INIT(4096);
	struct error err;

	(void)state;
	assert_int_equal(chunks_parse(text, sizeof text - 1, &list, &err), 0);
	assert_int_equal(list.n, 2);
	assert_int_equal(list.size, 4194305);
	chunks_format(&list, &again);
	assert_string_equal(strbuf_str(&again), text);
	assert_true(again.len <= chunks_text_max(list.n));
	chunks_release(&list);
	strbuf_release(&again);
}

static void any_other_chunk_list_is_refused(void **state)
{
	static const char *const text[] = {
		"",
		"sluice-chunks 1\n",
		"sluice-chunks 2\n" ZEROS "\n" ONE "\nsize 4194305\n",
		"sluice-chunks 1\n" ZEROS "\n" ONE "\nsize 4194305",
		"sluice-chunks 1\n" ZEROS "\n" ONE "\nsize 4194305\n\n",
		"sluice-chunks 1\n" ZEROS "\n" ONE "\nsize 04194305\n",
		"sluice-chunks 1\n" ZEROS "\n" ONE "\nsize  4194305\n",
		"sluice-chunks 1\n" ZEROS "\n" ONE "\nsize \n",
		"sluice-chunks 1\n" ZEROS "\n" ONE "\nsize 4194304\n",
		"sluice-chunks 1\n" ZEROS "\n" ONE "\nsize 8388609\n",
		"sluice-chunks 1\n" ZEROS "\nsize 4194304\n",
		"sluice-chunks 1\n" ZEROS " " ONE "\nsize 4194305\n",
		"sluice-chunks 1\n" ZEROS "\n" ONE "\nsize 18446744073713746177\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof text / sizeof *text; i++) {
		struct chunk_list list;
		struct error err;

		assert_int_equal(chunks_parse(text[i], strlen(text[i]), &list, &err),
		                 SLUICE_CORRUPT);
	}
}

static void chunks_are_counted_up_to_the_largest_file(void **state)
{
	(void)state;
	assert_int_equal(chunks_count(4194304), 1);
	assert_int_equal(chunks_count(4194305), 2);
	assert_int_equal(chunks_count(UINT64_C(1) << 44), CHUNKS_MAX);
	assert_int_equal(chunks_count((UINT64_C(1) << 44) + 1), 0);
	assert_int_equal(chunks_count(UINT64_MAX), 0);
	assert_int_equal(chunks_length(4194305, 0), 4194304);
	assert_int_equal(chunks_length(4194305, 1), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_has_one_text),
		cmocka_unit_test(any_other_segment_is_refused_with_the_reason),
		cmocka_unit_test(a_nul_byte_is_refused),
		cmocka_unit_test(names_that_only_look_like_dots_are_kept),
		cmocka_unit_test(limits_hold_at_n_and_not_at_n_plus_one),
		cmocka_unit_test(a_segment_knows_that_it_ends_at_a_cut),
		cmocka_unit_test(the_order_goes_on_from_segment_to_segment),
		cmocka_unit_test(a_root_has_one_text),
		cmocka_unit_test(any_other_root_is_refused_with_the_reason),
		cmocka_unit_test(a_segment_must_be_the_one_that_the_root_names),
		cmocka_unit_test(a_chunk_list_has_one_text),
		cmocka_unit_test(any_other_chunk_list_is_refused),
		cmocka_unit_test(chunks_are_counted_up_to_the_largest_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
