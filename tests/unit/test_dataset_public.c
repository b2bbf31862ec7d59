/* The catalog of public datasets, and what comes of a name in it; all sources are files. */
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
#include "base/lock.h"
#include "base/xalloc.h"
#include "dataset/public.h"
#include "tests/support/http_script.h"
#include "tests/support/tar_maker.h"

#define HASH_OF_ONE                                                                   \
	"2c8b08da5ce60398e1f19af0e5dccc744df274b826abe585eaba68c525434806" /* "one\n" \
	                                                                    */
#define OTHER_HASH "0000000000000000000000000000000000000000000000000000000000000000"

struct fixture {
	char dir[64];
	char *home, *catalog;
	struct datasets *d;
	struct strbuf notes;
	struct error err;
};

static int ok_(struct fixture *f, int rc, int line)
{
	if (rc != 0)
		(void)fprintf(stderr, "line %d: %s\n", line, f->err.msg);
	return rc;
}
#define OK(f, call) assert_int_equal(ok_(f, call, __LINE__), 0)

static void expect_said(const struct fixture *f, const char *text)
{
	if (!strstr(f->err.msg, text))
		fail_msg("'%s' does not say: %s", f->err.msg, text);
}

static int catalog_path(void *arg, const char **ret_path, struct error *err)
{
	const struct fixture *f = arg;

	(void)err;
	*ret_path = f->catalog;
	return 0;
}

static void take_note(void *arg, const char *text)
{
	struct fixture *f = arg;

	strbuf_addf(&f->notes, "%s\n", text);
}

static void use_public(struct fixture *f, bool fetch)
{
	const struct datasets_public how = {
		.catalog = catalog_path, .note = take_note, .arg = f, .fetch = fetch
	};

	datasets_use_public(f->d, &how);
}

/* A file in the fixture's directory. */
static void put(const struct fixture *f, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", f->dir, name);

	assert_int_equal(io_put_file_fast(AT_FDCWD, path, text, strlen(text), 0644), 0);
}

/* Two files of the text "one\n", the second of which must have the digest `hash`. */
static void put_catalog(const struct fixture *f, const char *hash)
{
	AUTO_FREE char *text = xasprintf("namespace: gradient\n"
	                                 "datasets:\n"
	                                 "  two:\n"
	                                 "    description: Two files\n"
	                                 "    files:\n"
	                                 "    - url: file://%s/one\n"
	                                 "      sha256: " HASH_OF_ONE "\n"
	                                 "    - url: file://%s/one\n"
	                                 "      path: sub/other\n"
	                                 "      sha256: %s\n"
	                                 "  here:\n"
	                                 "    directory: some\n",
	                                 f->dir, f->dir, hash);

	put(f, "catalog.yaml", text);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	assert_int_equal(setenv("no_proxy", "127.0.0.1", 1), 0);
	strcpy(f->dir, "/tmp/test-dataset-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->home = xasprintf("%s/home", f->dir);
	f->catalog = xasprintf("%s/catalog.yaml", f->dir);
	f->notes = STRBUF_INIT(STRBUF_BIG);
	assert_int_equal(mkdir(f->home, 0755), 0);
	put(f, "one", "one\n");
	put_catalog(f, HASH_OF_ONE);
	OK(f, datasets_open(f->home, &f->d, &f->err));
	use_public(f, true);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	datasets_close(f->d);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->dir), 0);
	strbuf_release(&f->notes);
	free(f->home);
	free(f->catalog);
	free(f);
	return 0;
}

static int add_path(void *arg, const struct store_entry *entry)
{
	strbuf_addf(arg, "%s ", entry->path);
	return 0;
}

static void expect_files(struct fixture *f, const char *ref, const char *want)
{
	AUTO_STRBUF struct strbuf paths = STRBUF_INIT(STRBUF_BIG);
	struct dataset_version v;

	OK(f, datasets_resolve(f->d, ref, &v, &f->err));
	assert_true(v.committed);
	OK(f, datasets_each_file(f->d, &v, "", add_path, &paths, &f->err));
	assert_string_equal(strbuf_str(&paths), want);
}

static int count(void *arg, const struct dataset *dataset)
{
	(void)dataset;
	++*(size_t *)arg;
	return 0;
}

static size_t n_datasets(struct fixture *f)
{
	size_t n = 0;

	OK(f, datasets_each(f->d, count, &n, &f->err));
	return n;
}

/* --- the catalog ------------------------------------------------------------------------------ */

static void test_catalog(void **state)
{
	static const char text[] =
		"datasets:\n"
		"  a b:\n"
		"    description: Text\n"
		"    files:\n"
		"    - {url: 'https://h/x/y.gz?signed=1', size: 3}\n"
		"    - {url: http://h/, path: p/q, size: 4, sha256: " HASH_OF_ONE "}\n"
		"  c: {directory: rel}\n"
		"  d: {directory: /abs}\n"
		"  o: {s3: 's3://bucket/a/b', endpoint: 'https://h', region: r}\n"
		"namespace: ns\n";
	AUTO_PUBLIC_CATALOG struct public_catalog c = { .n = 0 };
	const struct public_dataset *d;
	struct error err;

	(void)state;
	assert_int_equal(public_catalog_parse(text, strlen(text), "/etc/c.yaml", &c, &err), 0);
	assert_int_equal(c.n, 4);
	d = public_catalog_find(&c, "ns/a b");
	assert_non_null(d);
	assert_string_equal(d->description, "Text");
	assert_string_equal(d->file[0].path, "y.gz");
	assert_false(d->file[0].has_digest);
	assert_string_equal(d->file[1].path, "p/q");
	assert_true(d->file[1].has_digest);
	assert_int_equal(public_dataset_size(d), 7);
	assert_int_equal(public_dataset_size(public_catalog_find(&c, "ns/c")), 0);
	assert_string_equal(public_catalog_find(&c, "ns/c")->directory, "/etc/rel");
	assert_string_equal(public_catalog_find(&c, "ns/d")->directory, "/abs");
	assert_string_equal(public_catalog_find(&c, "ns/o")->s3, "s3://bucket/a/b/");
	assert_string_equal(public_catalog_find(&c, "ns/o")->endpoint, "https://h");
	assert_null(public_catalog_find(&c, "ns/e"));
	assert_null(public_catalog_find(&c, "c"));
	assert_null(public_catalog_find(&c, "n/c"));
	assert_null(public_catalog_find(&c, "nss/c"));
}

static void test_wrong_catalogs(void **state)
{
	static const struct {
		const char *text, *want;
	} row[] = {
		{ "", "f:1: the catalog is empty" },
		{ "a: [", "f:2: did not find expected node content" },
		{ "- a\n", "f:1: keys are expected here" },
		{ "namespace: n\nsets: {}\n",
		  "f:2: there is no key 'sets' here; there are namespace, datasets" },
		{ "datasets: {}\n", "f:1: the catalog needs a 'namespace'" },
		{ "namespace: a/b\n", "f:1: a name is expected here" },
		{ "namespace: n\nnamespace: m\n", "f:2: 'namespace' is given twice" },
		{ "datasets: {.x: {directory: /d}}\n", "f:1: '.x' cannot name a dataset" },
		{ "datasets: {x: {}}\n",
		  "f:1: dataset 'x' needs one of 'files', 'directory' and 's3'" },
		{ "datasets: {x: {files: []}}\n", "needs one of" },
		{ "datasets: {x: {files: [{url: 'http://h/f'}], directory: /d}}\n",
		  "needs one of" },
		{ "datasets: {x: {files: {}}}\n", "f:1: a list of files is expected here" },
		{ "datasets: {x: {files: [{path: f}]}}\n", "f:1: a file needs a 'url'" },
		{ "datasets: {x: {files: [{url: 'ftp://h/f'}]}}\n", "f:1: a URL begins with" },
		{ "datasets: {x: {files: [{url: 'file://h/f'}]}}\n", "f:1: a URL begins with" },
		{ "datasets: {x: {files: [{url: 'http://h/'}]}}\n", "f:1: '' cannot be the path" },
		{ "datasets: {x: {files: [{url: 'http://h/..'}]}}\n",
		  "f:1: '..' cannot be the path" },
		{ "datasets: {x: {files: [{url: 'http://h/f', path: a/../b}]}}\n",
		  "'a/../b' cannot be" },
		{ "datasets: {x: {files: [{url: 'http://h/f', path: /a}]}}\n", "'/a' cannot be" },
		{ "datasets:\n  x:\n    files:\n    - url: http://h/f\n    - url: http://g/f\n",
		  "f:5: there is a file 'f' already" },
		{ "datasets: {x: {files: [{url: 'http://h/f', sha256: 12}]}}\n", "64 digits" },
		{ "datasets: {x: {files: [{url: 'http://h/f', size: 1M}]}}\n", "number of bytes" },
		{ "datasets: {x: {files: [{url: 'http://h/f', md5: 1}]}}\n",
		  "there is no key 'md5'" },
		{ "datasets: {x: {files: [{url: 'http://h/f', unpack: true}]}}\n",
		  "f:1: what is unpacked needs a 'sha256'" },
		{ "datasets: {x: {files: [{url: 'http://h/f', unpack: zip}]}}\n", "true or false" },
		{ "datasets: {x: {description: [1]}}\n", "f:1: text is expected here" },
		{ "datasets: {x: {s3: 's3://b/', directory: /d}}\n", "no two of them" },
		{ "datasets: {x: {s3: 's3:///p'}}\n", "f:1: s3://BUCKET/PREFIX/ is expected" },
		{ "datasets: {x: {s3: 's3://b?x'}}\n", "f:1: s3://BUCKET/PREFIX/ is expected" },
		{ "datasets: {x: {s3: 's3://b', endpoint: 'ftp://h'}}\n", "f:1: https://HOST or" },
		{ "datasets: {x: {s3: 's3://b', endpoint: 'https:///p'}}\n",
		  "f:1: https://HOST or" },
		{ "datasets: {x: {directory: /d, region: r}}\n", "are for 's3' only" },
		{ "datasets: &a {x: *a}\n", "f:1: " },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		AUTO_PUBLIC_CATALOG struct public_catalog c = { .n = 0 };
		struct error err = { .msg = "" };

		if (public_catalog_parse(row[i].text, strlen(row[i].text), "f", &c, &err) !=
		    SLUICE_INVALID)
			fail_msg("it is taken: %s", row[i].text);
		if (!strstr(err.msg, row[i].want))
			fail_msg("'%s' does not say: %s", err.msg, row[i].want);
	}
}

/* The six of Gradient's documentation, each file with what it must be. */
static void test_shipped(void **state)
{
	static const char *const names[] = { "fastai", "lsun",    "mnist",
		                             "coco",   "openslr", "tiny-imagenet-200" };
	struct fixture *f = *state;
	AUTO_PUBLIC_CATALOG struct public_catalog c = { .n = 0 };

	free(f->catalog);
	f->catalog = NULL;
	OK(f, datasets_load_public(f->d, &c, &f->err));
	assert_string_equal(c.namespace, "gradient");
	assert_int_equal(c.n, sizeof names / sizeof names[0]);
	for (size_t i = 0; i < c.n; i++) {
		assert_string_equal(c.dataset[i].name, names[i]);
		assert_non_null(c.dataset[i].description);
		assert_true(c.dataset[i].n > 0);
		for (size_t k = 0; k < c.dataset[i].n; k++) {
			assert_true(c.dataset[i].file[k].has_digest);
			assert_true(c.dataset[i].file[k].size > 0);
		}
	}
}

/* --- fetching --------------------------------------------------------------------------------- */

static void test_first_use_fetches(void **state)
{
	struct fixture *f = *state;
	struct dataset dataset;

	assert_int_equal(datasets_find(f->d, "gradient/two", &dataset, &f->err), SLUICE_NOT_FOUND);
	expect_files(f, "gradient/two", "one sub/other ");
	assert_string_equal(strbuf_str(&f->notes), "fetching gradient/two: one\n"
	                                           "fetching gradient/two: sub/other\n");
	OK(f, datasets_find(f->d, "gradient/two", &dataset, &f->err));
	assert_string_equal(dataset.name, "two");
	assert_string_equal(dataset.description, "gradient/two: Two files");
	strbuf_clear(&f->notes);
	put(f, "one", "changed\n");
	expect_files(f, "gradient/two:latest", "one sub/other ");
	expect_files(f, "two", "one sub/other ");
	assert_string_equal(strbuf_str(&f->notes), "");
}

static void test_directory(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *dir = xasprintf("%s/some", f->dir);
	struct dataset_version v;

	assert_int_equal(datasets_resolve(f->d, "gradient/here", &v, &f->err), SLUICE_NOT_FOUND);
	assert_int_equal(mkdir(dir, 0755), 0);
	put(f, "some/a", "a");
	expect_files(f, "gradient/here", "a ");
	put(f, "some/a", "b"); /* no link to it */
	OK(f, datasets_resolve(f->d, "here", &v, &f->err));
	OK(f, store_verify(datasets_store(f->d), &v.manifest, &f->err));
}

static void test_own_dataset_stands_for_it(void **state)
{
	struct fixture *f = *state;
	struct dataset dataset;
	struct dataset_version v;

	OK(f, datasets_create(f->d, "two", "mine", NULL, &dataset, &f->err));
	OK(f, datasets_open_version(f->d, &dataset, NULL, NULL, &v, &f->err));
	OK(f, datasets_commit(f->d, &v, NULL, NULL, &f->err));
	expect_files(f, "gradient/two", "");
	assert_string_equal(strbuf_str(&f->notes), "");
}

static void test_unknown_names(void **state)
{
	struct fixture *f = *state;
	struct dataset_version v;

	assert_int_equal(datasets_resolve(f->d, "gradient/three", &v, &f->err), SLUICE_NOT_FOUND);
	expect_said(f, "the catalog of public datasets has two, here");
	assert_int_equal(datasets_resolve(f->d, "team/two", &v, &f->err), SLUICE_NOT_FOUND);
	expect_said(f, "no dataset 'two'; 'sluice datasets list' shows");
	assert_int_equal(datasets_resolve(f->d, "two", &v, &f->err), SLUICE_NOT_FOUND);
	assert_int_equal(datasets_resolve(f->d, "gradient/", &v, &f->err), SLUICE_NOT_FOUND);
	put(f, "catalog.yaml", "nonsense");
	assert_int_equal(datasets_resolve(f->d, "gradient/two", &v, &f->err), SLUICE_INVALID);
	expect_said(f, "catalog.yaml:1: keys are expected here");
	use_public(f, false);
	put_catalog(f, HASH_OF_ONE);
	assert_int_equal(datasets_resolve(f->d, "gradient/two", &v, &f->err), SLUICE_NOT_FOUND);
	expect_said(f, "is not here yet, and would be fetched");
	assert_int_equal(n_datasets(f), 0);
}

/* What is wrong leaves no dataset; what was right is not fetched again. */
static void test_wrong_digest(void **state)
{
	struct fixture *f = *state;
	struct dataset_version v;

	put_catalog(f, OTHER_HASH);
	assert_int_equal(datasets_resolve(f->d, "gradient/two", &v, &f->err), SLUICE_CORRUPT);
	expect_said(f, "has the SHA-256 " HASH_OF_ONE "; the catalog says " OTHER_HASH);
	assert_int_equal(n_datasets(f), 0);
	strbuf_clear(&f->notes);
	put_catalog(f, HASH_OF_ONE);
	expect_files(f, "gradient/two", "one sub/other ");
	assert_string_equal(strbuf_str(&f->notes), "fetching gradient/two: sub/other\n");
}

static void test_wrong_size(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *text = xasprintf("namespace: gradient\ndatasets: {two: {files: [{url: "
	                                 "file://%s/one, size: 5}]}}\n",
	                                 f->dir);
	struct dataset_version v;

	put(f, "catalog.yaml", text);
	assert_int_equal(datasets_resolve(f->d, "gradient/two", &v, &f->err), SLUICE_CORRUPT);
	expect_said(f, "has 4 bytes; the catalog says 5");
	put(f, "one", "one1\n");
	expect_files(f, "gradient/two", "one ");
}

static void test_no_room(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *text = xasprintf("namespace: gradient\ndatasets: {two: {files: [{url: "
	                                 "file://%s/one, size: 9000000000000000000}]}}\n",
	                                 f->dir);
	struct dataset_version v;

	put(f, "catalog.yaml", text);
	assert_int_equal(datasets_resolve(f->d, "gradient/two", &v, &f->err), SLUICE_LIMIT);
	expect_said(f, "takes 9000000000000 MB");
}

static int count_open(void *arg, const struct dataset_version *v)
{
	assert_string_equal(v->message, "a person's");
	++*(size_t *)arg;
	return 0;
}

/* As fetches that were killed leave it: a whole file, one that a power cut tore, and a version that
 * was not committed any more. */
static void test_after_a_kill(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *sub = xasprintf("%s/public/gradient.two/files/sub", f->home);
	AUTO_FREE char *all = xasprintf("%s/public/gradient.two", f->home);
	AUTO_FREE char *message =
		xasprintf("public dataset gradient/two, from file://%s/one and others", f->dir);
	struct dataset dataset;
	struct dataset_version v;
	size_t n_open = 0;

	assert_int_equal(io_mkdirs(sub, 0755), 0);
	put(f, "home/public/gradient.two/files/one", "one\n");
	put(f, "home/public/gradient.two/files/sub/other", "o");
	OK(f, datasets_create(f->d, "two", NULL, NULL, &dataset, &f->err));
	OK(f, datasets_open_version(f->d, &dataset, message, NULL, &v, &f->err));
	OK(f, datasets_open_version(f->d, &dataset, "a person's", NULL, &v, &f->err));
	expect_files(f, "gradient/two", "one sub/other ");
	assert_string_equal(strbuf_str(&f->notes), "fetching gradient/two: sub/other\n");
	assert_int_equal(access(all, F_OK), -1);
	OK(f, datasets_each_version(f->d, &dataset, false, count_open, &n_open, &f->err));
	assert_int_equal(n_open, 1);
	assert_int_equal(n_datasets(f), 1);
}

/* A tar with the files `a` and `d/b` beside the catalog; its digest in hex. */
static void put_tar(const struct fixture *f, const char *second, char hex[DIGEST_HEX_LEN + 1])
{
	const struct tar_entry entries[] = {
		{ .path = "a", .data = "one" },
		{ .path = second, .data = "two" },
		{ .path = NULL },
	};
	struct bytes tar = tar_make(entries);
	AUTO_FREE char *path = xasprintf("%s/some.tar", f->dir);
	struct digest digest = bytes_digest(tar);

	digest_hex(&digest, hex);
	assert_int_equal(io_put_file_fast(AT_FDCWD, path, tar.at, tar.len, 0644), 0);
	free(tar.at);
}

static void put_tar_catalog(const struct fixture *f, const char *hex)
{
	AUTO_FREE char *text =
		xasprintf("namespace: gradient\n"
	                  "datasets:\n"
	                  "  two:\n"
	                  "    files:\n"
	                  "    - {url: 'file://%s/one'}\n"
	                  "    - {url: 'file://%s/some.tar', sha256: %s, unpack: true}\n"
	                  "    - url: file://%s/some.tar\n"
	                  "      path: x/y\n"
	                  "      sha256: %s\n"
	                  "      unpack: true\n",
	                  f->dir, f->dir, hex, f->dir, hex);

	put(f, "catalog.yaml", text);
}

static void test_unpacked(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *half = xasprintf("%s/public/gradient.two/files", f->home);
	char hex[DIGEST_HEX_LEN + 1];

	put_tar(f, "d/b", hex);
	put_tar_catalog(f, hex);
	assert_int_equal(io_mkdirs(half, 0755), 0);
	put(f, "home/public/gradient.two/files/left-of-another", "");
	expect_files(f, "gradient/two", "a d/b one x/y/a x/y/d/b ");
	assert_non_null(strstr(strbuf_str(&f->notes), "fetching gradient/two: some.tar\n"
	                                              "unpacking some.tar\n"));
}

static void test_not_to_be_unpacked(void **state)
{
	struct fixture *f = *state;
	struct dataset_version v;
	char hex[DIGEST_HEX_LEN + 1];

	put_tar(f, "../b", hex);
	put_tar_catalog(f, hex);
	assert_int_equal(datasets_resolve(f->d, "gradient/two", &v, &f->err), SLUICE_INVALID);
	expect_said(f, "cannot unpack 'some.tar': its entry '../b' leads out of the archive");
	assert_int_equal(n_datasets(f), 0);
	put_tar(f, "b", hex);
	assert_int_equal(datasets_resolve(f->d, "gradient/two", &v, &f->err), SLUICE_CORRUPT);
	put_tar_catalog(f, hex);
	expect_files(f, "gradient/two", "a b one x/y/a x/y/b ");
}

static bool nobody_is_dead(void *arg, const char *run)
{
	(void)arg, (void)run;
	return false;
}

static uint64_t collect(struct fixture *f, bool dry_run)
{
	const struct datasets_gc_how how = { .is_dead = nobody_is_dead, .dry_run = dry_run };
	struct datasets_gc_result result;

	OK(f, datasets_gc(f->d, &how, &result, &f->err));
	return result.store.leftovers;
}

/* A fetch that is not gone on with is garbage, one that goes on is not. */
static void test_gc(void **state)
{
	struct fixture *f = *state;
	AUTO_FREE char *all = xasprintf("%s/public/gradient.two", f->home);
	AUTO_FREE char *lock = xasprintf("%s/public/gradient.two.lock", f->home);
	AUTO_FREE char *files = xasprintf("%s/files", all);
	int fd;

	assert_int_equal(collect(f, false), 0);
	assert_int_equal(io_mkdirs(files, 0755), 0);
	put(f, "home/public/gradient.two/part-", "o");
	fd = lock_take(AT_FDCWD, lock, LOCK_EXCLUSIVE, false);
	assert_true(fd >= 0);
	assert_int_equal(collect(f, false), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(collect(f, true), 1);
	assert_int_equal(access(files, F_OK), 0);
	assert_int_equal(collect(f, false), 1);
	assert_int_equal(access(all, F_OK), -1);
	expect_files(f, "gradient/two", "one sub/other ");
}

/* --- from a server ---------------------------------------------------------------------------- */

static void put_http_catalog(const struct fixture *f, const struct http_script *s)
{
	AUTO_FREE char *text = xasprintf(
		"namespace: gradient\n"
		"datasets: {two: {files: [{url: "
		"'http://127.0.0.1:%d/d/one?sig=secret', size: 4, sha256: " HASH_OF_ONE "}]}}\n",
		s->port);

	put(f, "catalog.yaml", text);
}

/* The connection breaks in the middle, and the rest is asked for. */
static void test_download(void **state)
{
	struct fixture *f = *state;
	struct http_script s = {
		.answers = { "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\non",
		             "HTTP/1.1 206 x\r\nContent-Length: 2\r\nContent-Range: bytes 2-3/4\r\n\r\n"
		             "e\n" },
	};
	struct dataset_version v;

	script_start(&s);
	put_http_catalog(f, &s);
	expect_files(f, "gradient/two", "one ");
	script_stop(&s);
	assert_int_equal(s.n_requests, 2);
	assert_non_null(strstr(s.requests[1], "bytes=2-"));
	OK(f, datasets_resolve(f->d, "two", &v, &f->err));
	assert_int_equal(v.bytes, 4);
	assert_non_null(strstr(v.message, "/d/one"));
	assert_null(strstr(v.message, "secret"));
	assert_null(strstr(strbuf_str(&f->notes), "secret"));
}

static void test_download_fails(void **state)
{
	struct fixture *f = *state;
	struct http_script s = {
		.answers = { "HTTP/1.1 404 x\r\nContent-Length: 0\r\n\r\n",
		             "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntwo\n",
		             "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none\n" },
	};
	struct dataset_version v;

	script_start(&s);
	put_http_catalog(f, &s);
	assert_int_equal(datasets_resolve(f->d, "gradient/two", &v, &f->err), SLUICE_NOT_FOUND);
	expect_said(f, "cannot fetch 'gradient/two': cannot get 'http://127.0.0.1:");
	expect_said(f, "the server answers 404");
	assert_null(strstr(f->err.msg, "secret"));
	assert_int_equal(datasets_resolve(f->d, "gradient/two", &v, &f->err), SLUICE_CORRUPT);
	assert_int_equal(n_datasets(f), 0);
	expect_files(f, "gradient/two", "one ");
	script_stop(&s);
}

#define LISTED(key, size) "<Contents><Key>" key "</Key><Size>" size "</Size></Contents>"
#define LIST(objects)     "HTTP/1.1 200 OK\r\n\r\n<ListBucketResult>" objects "</ListBucketResult>"

static void put_bucket(const struct fixture *f, int port)
{
	AUTO_FREE char *text = xasprintf("namespace: gradient\ndatasets: {objects: {s3: "
	                                 "'s3://bucket/p', endpoint: 'http://127.0.0.1:%d'}}\n",
	                                 port);

	put(f, "catalog.yaml", text);
}

static void test_objects_of_a_bucket(void **state)
{
	struct fixture *f = *state;
	struct http_script s = { .answers = {
					 LIST(LISTED("p/", "0") LISTED("p/a/b", "4")),
					 "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none\n" } };

	script_start(&s);
	put_bucket(f, s.port);
	expect_files(f, "gradient/objects", "a/b ");
	script_stop(&s);
	assert_non_null(strstr(s.requests[1], "GET /bucket/p/a/b HTTP"));
	assert_string_equal(strbuf_str(&f->notes),
	                    "fetching gradient/objects: 1 object from s3://bucket/p/ (there are no "
	                    "digests to verify them by)\n");
}

static void test_wrong_buckets(void **state)
{
	static const struct {
		const char *list, *object, *want;
	} row[] = {
		{ LIST(""), NULL, "there is nothing below 's3://bucket/p/'" },
		{ LIST(LISTED("p/../x", "1")), NULL, "'p/../x' cannot be a file of a version" },
		{ LIST(LISTED("other", "1")), NULL, "is not below the prefix" },
		{ LIST(LISTED("p/a//b", "1")), NULL, "cannot be a file of a version" },
		{ LIST(LISTED("p/a", "9000000000000000000")), NULL, "takes 9000000000000 MB" },
		{ LIST(LISTED("p/a", "5")), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none\n",
		  "'p/a' has 4 bytes; the bucket's list says 5" },
		{ LIST(LISTED("p/a", "3")), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\none\n",
		  "more than the 3 bytes" },
		{ LIST(LISTED("p/a", "5")), "HTTP/1.1 403 Forbidden\r\n\r\nno", "answers 403: no" },
	};
	struct fixture *f = *state;
	struct dataset_version v;

	for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
		struct http_script s = { .answers = { row[i].list, row[i].object } };

		script_start(&s);
		put_bucket(f, s.port);
		if (datasets_resolve(f->d, "gradient/objects", &v, &f->err) >= 0)
			fail_msg("row %zu: it was taken", i);
		expect_said(f, row[i].want);
		script_stop(&s);
	}
	assert_int_equal(n_datasets(f), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_catalog),
		cmocka_unit_test(test_wrong_catalogs),
		TEST(test_shipped),
		TEST(test_first_use_fetches),
		TEST(test_directory),
		TEST(test_own_dataset_stands_for_it),
		TEST(test_unknown_names),
		TEST(test_wrong_digest),
		TEST(test_wrong_size),
		TEST(test_no_room),
		TEST(test_after_a_kill),
		TEST(test_unpacked),
		TEST(test_not_to_be_unpacked),
		TEST(test_gc),
		TEST(test_download),
		TEST(test_download_fails),
		TEST(test_objects_of_a_bucket),
		TEST(test_wrong_buckets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
