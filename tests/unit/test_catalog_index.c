#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/io.h"
#include "catalog/catalog.h"

struct fixture {
	char home[64];
	char db[96];
	struct catalog *c;
	bool stale;
	struct error err;
};

static int reopen(struct fixture *f)
{
	catalog_close(f->c);
	f->c = NULL;
	return catalog_open(f->home, &f->c, &f->stale, &f->err);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);

	assert_non_null(f);
	strcpy(f->home, "/tmp/test-catalog-XXXXXX");
	assert_non_null(mkdtemp(f->home));
	(void)snprintf(f->db, sizeof f->db, "%s/catalog.db", f->home);
	assert_int_equal(reopen(f), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	catalog_close(f->c);
	assert_int_equal(io_remove_tree(AT_FDCWD, f->home), 0);
	free(f);
	return 0;
}

static void sql(const struct fixture *f, const char *text)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static const char ds1[] = "dsaaaaaaaaaaaaa";
static const char ds2[] = "dsbbbbbbbbbbbbb";

static int put_dataset(struct fixture *f, const char *id, const char *name)
{
	struct catalog_dataset d = { .name = name, .created_ms = 7 };

	(void)snprintf(d.id, sizeof d.id, "%s", id);
	return catalog_put_dataset(f->c, &d, &f->err);
}

static int put_version(struct fixture *f, const char *id, int64_t seq, int64_t created)
{
	struct catalog_version v = { .seq = seq,
		                     .committed = seq > 0,
		                     .manifest = seq > 0 ? "00ff" : NULL,
		                     .files = 3,
		                     .bytes = (uint64_t)1 << 60,
		                     .created_ms = created };

	strcpy(v.dataset, ds1);
	strcpy(v.id, id);
	return catalog_put_version(f->c, &v, &f->err);
}

static int see_dataset(void *arg, const struct catalog_dataset *d)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)snprintf(text + len, 256 - len, "%s=%s;", d->name, d->id);
	return 0;
}

static int see_version(void *arg, const struct catalog_version *v)
{
	char *text = arg;
	size_t len = strlen(text);

	assert_true(v->bytes == (uint64_t)1 << 60);
	assert_null(v->run);
	(void)snprintf(text + len, 256 - len, "%s/%d%s;", v->id, (int)v->seq,
	               v->committed ? v->manifest : "");
	return 0;
}

static int see_tag(void *arg, const struct catalog_tag *t)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)snprintf(text + len, 256 - len, "%s>%s;", t->name, t->version);
	return 0;
}

static int see_text(void *arg, const char *t)
{
	char *text = arg;
	size_t len = strlen(text);

	(void)snprintf(text + len, 256 - len, "%s;", t);
	return 0;
}

static void datasets_are_found_by_name_and_id(void **state)
{
	struct fixture *f = *state;
	char all[256] = "", name[256] = "", id[256] = "", none[256] = "";

	assert_int_equal(put_dataset(f, ds1, "zeta"), 0);
	assert_int_equal(put_dataset(f, ds2, "alpha"), 0);
	assert_int_equal(catalog_each_dataset(f->c, NULL, see_dataset, all, &f->err), 0);
	assert_string_equal(all, "alpha=dsbbbbbbbbbbbbb;zeta=dsaaaaaaaaaaaaa;");
	assert_int_equal(catalog_each_dataset(f->c, "zeta", see_dataset, name, &f->err), 0);
	assert_string_equal(name, "zeta=dsaaaaaaaaaaaaa;");
	assert_int_equal(catalog_each_dataset(f->c, ds2, see_dataset, id, &f->err), 0);
	assert_string_equal(id, "alpha=dsbbbbbbbbbbbbb;");
	assert_int_equal(catalog_each_dataset(f->c, "zet%", see_dataset, none, &f->err), 0);
	assert_string_equal(none, "");
}

static void versions_come_open_first_then_newest_first(void **state)
{
	struct fixture *f = *state;
	char all[256] = "", one[256] = "";

	assert_int_equal(put_dataset(f, ds1, "a"), 0);
	assert_int_equal(put_version(f, "aaaaaaa", 1, 10), 0);
	assert_int_equal(put_version(f, "bbbbbbb", 0, 20), 0);
	assert_int_equal(put_version(f, "ccccccc", 0, 30), 0);
	assert_int_equal(put_version(f, "ddddddd", 0, 5), 0);
	assert_int_equal(put_version(f, "ddddddd", 10, 5), 0);
	assert_int_equal(put_version(f, "eeeeeee", 9, 50), 0);
	assert_int_equal(catalog_each_version(f->c, ds1, NULL, see_version, all, &f->err), 0);
	assert_string_equal(all, "ccccccc/0;bbbbbbb/0;ddddddd/1000ff;eeeeeee/900ff;aaaaaaa/100ff;");
	assert_int_equal(catalog_each_version(f->c, ds1, "eeeeeee", see_version, one, &f->err), 0);
	assert_string_equal(one, "eeeeeee/900ff;");
	assert_int_equal(catalog_delete_version(f->c, ds1, "eeeeeee", &f->err), 0);
	one[0] = '\0';
	assert_int_equal(catalog_each_version(f->c, ds1, "eeeeeee", see_version, one, &f->err), 0);
	assert_string_equal(one, "");
}

static void tags_move_and_go(void **state)
{
	struct fixture *f = *state;
	struct catalog_tag t = { .name = "prod" };
	char text[256] = "";

	assert_int_equal(put_dataset(f, ds1, "a"), 0);
	strcpy(t.dataset, ds1);
	strcpy(t.version, "aaaaaaa");
	assert_int_equal(catalog_put_tag(f->c, &t, &f->err), 0);
	strcpy(t.version, "bbbbbbb");
	assert_int_equal(catalog_put_tag(f->c, &t, &f->err), 0);
	t.name = "dev";
	assert_int_equal(catalog_put_tag(f->c, &t, &f->err), 0);
	assert_int_equal(catalog_each_tag(f->c, ds1, NULL, see_tag, text, &f->err), 0);
	assert_string_equal(text, "dev>bbbbbbb;prod>bbbbbbb;");
	assert_int_equal(catalog_delete_tag(f->c, ds1, "dev", &f->err), 0);
	text[0] = '\0';
	assert_int_equal(catalog_each_tag(f->c, ds1, "dev", see_tag, text, &f->err), 0);
	assert_string_equal(text, "");
}

static void clearing_leaves_intents(void **state)
{
	struct fixture *f = *state;
	char text[256] = "", intents[256] = "";

	assert_int_equal(put_dataset(f, ds1, "a"), 0);
	assert_int_equal(put_version(f, "aaaaaaa", 1, 10), 0);
	assert_int_equal(catalog_put_intent(f->c, "b/2", &f->err), 0);
	assert_int_equal(catalog_put_intent(f->c, "b/2", &f->err), 0);
	assert_int_equal(catalog_put_intent(f->c, "a", &f->err), 0);
	assert_int_equal(catalog_clear_datasets(f->c, &f->err), 0);
	assert_int_equal(catalog_each_dataset(f->c, NULL, see_dataset, text, &f->err), 0);
	assert_int_equal(catalog_each_version(f->c, ds1, NULL, see_version, text, &f->err), 0);
	assert_string_equal(text, "");
	assert_int_equal(catalog_each_intent(f->c, see_text, intents, &f->err), 0);
	assert_string_equal(intents, "a;b/2;");
	assert_int_equal(catalog_delete_intent(f->c, "a", &f->err), 0);
	intents[0] = '\0';
	assert_int_equal(catalog_each_intent(f->c, see_text, intents, &f->err), 0);
	assert_string_equal(intents, "b/2;");
}

static void a_version_belongs_to_a_dataset(void **state)
{
	struct fixture *f = *state;
	char text[256] = "";

	assert_int_equal(put_version(f, "aaaaaaa", 1, 10), SLUICE_NOT_FOUND);
	assert_int_equal(put_dataset(f, ds1, "a"), 0);
	assert_int_equal(put_version(f, "aaaaaaa", 1, 10), 0);
	assert_int_equal(catalog_delete_dataset(f->c, ds1, &f->err), 0);
	assert_int_equal(catalog_each_version(f->c, ds1, NULL, see_version, text, &f->err), 0);
	assert_string_equal(text, "");
}

static void only_the_outermost_transaction_counts(void **state)
{
	struct fixture *f = *state;
	char text[256] = "";

	assert_int_equal(catalog_begin(f->c, &f->err), 0);
	assert_int_equal(catalog_begin(f->c, &f->err), 0);
	assert_int_equal(put_dataset(f, ds1, "a"), 0);
	assert_int_equal(catalog_commit(f->c, &f->err), 0);
	assert_true(catalog_in_transaction(f->c));
	catalog_rollback(f->c);
	assert_false(catalog_in_transaction(f->c));
	assert_int_equal(catalog_each_dataset(f->c, NULL, see_dataset, text, &f->err), 0);
	assert_string_equal(text, "");

	assert_int_equal(catalog_begin(f->c, &f->err), 0);
	assert_int_equal(put_dataset(f, ds1, "a"), 0);
	assert_int_equal(catalog_begin(f->c, &f->err), 0);
	catalog_rollback(f->c);
	assert_int_equal(catalog_commit(f->c, &f->err), SLUICE_SYSTEM);
	assert_non_null(strstr(f->err.msg, "given up"));
	assert_int_equal(catalog_each_dataset(f->c, NULL, see_dataset, text, &f->err), 0);
	assert_string_equal(text, "");

	assert_int_equal(catalog_begin(f->c, &f->err), 0);
	assert_int_equal(put_dataset(f, ds1, "a"), 0);
	assert_int_equal(catalog_commit(f->c, &f->err), 0);
	assert_int_equal(catalog_each_dataset(f->c, NULL, see_dataset, text, &f->err), 0);
	assert_string_equal(text, "a=dsaaaaaaaaaaaaa;");
}

static void closing_commits_what_is_pending(void **state)
{
	struct fixture *f = *state;
	char text[256] = "";

	assert_int_equal(catalog_begin(f->c, &f->err), 0);
	assert_int_equal(catalog_begin(f->c, &f->err), 0);
	assert_int_equal(put_dataset(f, ds1, "a"), 0);
	assert_int_equal(reopen(f), 0);
	assert_int_equal(catalog_each_dataset(f->c, NULL, see_dataset, text, &f->err), 0);
	assert_string_equal(text, "a=dsaaaaaaaaaaaaa;");
}

static void stale_until_marked_and_after_another_boot(void **state)
{
	struct fixture *f = *state;

	assert_true(f->stale);
	assert_int_equal(reopen(f), 0);
	assert_true(f->stale);
	assert_int_equal(catalog_mark_fresh(f->c, &f->err), 0);
	assert_int_equal(catalog_is_stale(f->c, &f->stale, &f->err), 0);
	assert_false(f->stale);
	assert_int_equal(reopen(f), 0);
	assert_false(f->stale);
	sql(f, "UPDATE meta SET value = 'another boot' WHERE key = 'fresh'");
	assert_int_equal(reopen(f), 0);
	assert_true(f->stale);
}

static void a_kill_loses_nothing_that_was_committed(void **state)
{
	struct fixture *f = *state;
	char text[256] = "";
	pid_t child;
	int status;

	catalog_close(f->c);
	f->c = NULL;
	child = fork();
	if (child == 0) {
		if (reopen(f) != 0 || put_dataset(f, ds1, "kept") != 0 ||
		    catalog_begin(f->c, &f->err) != 0 || put_dataset(f, ds2, "lost") != 0)
			_exit(1);
		(void)kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(reopen(f), 0);
	assert_int_equal(catalog_each_dataset(f->c, NULL, see_dataset, text, &f->err), 0);
	assert_string_equal(text, "kept=dsaaaaaaaaaaaaa;");
}

static void write_garbage(const struct fixture *f, off_t at, size_t len)
{
	int fd = open(f->db, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	char junk[8192];

	memset(junk, 'x', sizeof junk);
	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, junk, len, at), (ssize_t)len);
	assert_int_equal(close(fd), 0);
}

static void a_damaged_file_is_an_error_with_a_way_out(void **state)
{
	struct fixture *f = *state;

	catalog_close(f->c);
	f->c = NULL;
	write_garbage(f, 0, 8192);
	assert_int_equal(reopen(f), SLUICE_CORRUPT);
	assert_non_null(strstr(f->err.msg, "catalog.db"));
	assert_non_null(strstr(f->err.msg, "sluice store recover"));
	assert_int_equal(unlink(f->db), 0);
	assert_int_equal(reopen(f), 0);
	assert_true(f->stale);
}

static void damage_inside_is_an_error_too(void **state)
{
	struct fixture *f = *state;

	catalog_close(f->c);
	f->c = NULL;
	write_garbage(f, 100, 3000);
	assert_int_equal(reopen(f), SLUICE_CORRUPT);
}

static void a_foreign_database_is_refused_and_left_alone(void **state)
{
	struct fixture *f = *state;

	catalog_close(f->c);
	f->c = NULL;
	assert_int_equal(unlink(f->db), 0);
	sql(f, "CREATE TABLE theirs (a)");
	assert_int_equal(reopen(f), SLUICE_CORRUPT);
	assert_non_null(strstr(f->err.msg, "no database of sluice"));
	sql(f, "SELECT a FROM theirs");
}

/* As an older sluice wrote it: without usage, and without what versions were made from. */
static void an_older_index_is_stale(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(catalog_mark_fresh(f->c, &f->err), 0);
	assert_int_equal(reopen(f), 0);
	assert_false(f->stale);
	catalog_close(f->c);
	f->c = NULL;
	sql(f, "ALTER TABLE job DROP COLUMN cpu_ms; ALTER TABLE job DROP COLUMN peak_bytes;"
	       "ALTER TABLE job DROP COLUMN read_bytes; ALTER TABLE job DROP COLUMN written_bytes;"
	       "DROP TABLE input; PRAGMA user_version = 2");
	assert_int_equal(reopen(f), 0);
	assert_true(f->stale);
}

static void what_was_made_from_a_version_is_found(void **state)
{
	struct fixture *f = *state;
	struct catalog_version v = { .seq = 0 };
	char text[256] = "";

	strcpy(v.dataset, ds1);
	assert_int_equal(put_dataset(f, ds1, "one"), 0);
	assert_int_equal(put_version(f, "aaaaaaa", 1, 1), 0);
	assert_int_equal(put_version(f, "bbbbbbb", 2, 2), 0);
	strcpy(v.id, "bbbbbbb");
	assert_int_equal(catalog_put_input(f->c, &v, "dsbbbbbbbbbbbbb:xxxxxxx", &f->err), 0);
	assert_int_equal(catalog_put_input(f->c, &v, "dsbbbbbbbbbbbbb:xxxxxxx", &f->err), 0);
	strcpy(v.id, "aaaaaaa");
	assert_int_equal(catalog_put_input(f->c, &v, "dsbbbbbbbbbbbbb:xxxxxxx", &f->err), 0);
	assert_int_equal(catalog_put_input(f->c, &v, "dsbbbbbbbbbbbbb:yyyyyyy", &f->err), 0);
	assert_int_equal(
		catalog_each_made_from(f->c, "dsbbbbbbbbbbbbb:xxxxxxx", see_version, text, &f->err),
		0);
	assert_string_equal(text, "aaaaaaa/100ff;bbbbbbb/200ff;");
	/* It goes with the version. */
	assert_int_equal(catalog_delete_version(f->c, ds1, "aaaaaaa", &f->err), 0);
	text[0] = '\0';
	assert_int_equal(
		catalog_each_made_from(f->c, "dsbbbbbbbbbbbbb:yyyyyyy", see_version, text, &f->err),
		0);
	assert_string_equal(text, "");
	/* Of a version that is not in the index there is nothing to keep. */
	assert_int_equal(catalog_put_input(f->c, &v, "dsbbbbbbbbbbbbb:yyyyyyy", &f->err),
	                 SLUICE_NOT_FOUND);
}

static void a_newer_schema_is_refused(void **state)
{
	struct fixture *f = *state;

	catalog_close(f->c);
	f->c = NULL;
	sql(f, "PRAGMA user_version = 1000");
	assert_int_equal(reopen(f), SLUICE_INVALID);
	assert_non_null(strstr(f->err.msg, "schema 1000"));
}

static void a_missing_home_is_named(void **state)
{
	struct fixture *f = *state;
	struct catalog *c = NULL;

	assert_int_equal(catalog_open("/nonexistent/home", &c, &f->stale, &f->err), SLUICE_SYSTEM);
	assert_non_null(strstr(f->err.msg, "/nonexistent/home/catalog.lock"));
	assert_null(c);
}

static void a_statement_that_cannot_be_prepared_is_an_error(void **state)
{
	struct fixture *f = *state;

	sql(f, "DROP TABLE intent");
	/* This step learns of the new schema. */
	assert_int_equal(catalog_is_stale(f->c, &f->stale, &f->err), 0);
	assert_int_equal(catalog_delete_intent(f->c, "what", &f->err), SLUICE_SYSTEM);
	assert_non_null(strstr(f->err.msg, "no such table: intent"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(datasets_are_found_by_name_and_id),
		T(versions_come_open_first_then_newest_first),
		T(tags_move_and_go),
		T(clearing_leaves_intents),
		T(a_version_belongs_to_a_dataset),
		T(only_the_outermost_transaction_counts),
		T(closing_commits_what_is_pending),
		T(stale_until_marked_and_after_another_boot),
		T(a_statement_that_cannot_be_prepared_is_an_error),
		T(a_kill_loses_nothing_that_was_committed),
		T(a_damaged_file_is_an_error_with_a_way_out),
		T(damage_inside_is_an_error_too),
		T(a_foreign_database_is_refused_and_left_alone),
		T(an_older_index_is_stale),
		T(what_was_made_from_a_version_is_found),
		T(a_newer_schema_is_refused),
		T(a_missing_home_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
