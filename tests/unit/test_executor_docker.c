/* Docker: where it is, what a container is asked for with, and its output. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "executor/docker/config.h"
#include "executor/docker/host.h"
#include "executor/docker/output.h"

/* --- places ----------------------------------------------------------------------------------- */

static void test_places(void **state)
{
	static const struct {
		const char *text;
		bool tls;
		const char *url, *socket;
	} good[] = {
		{ "unix:///run/docker.sock", false, "http://docker", "/run/docker.sock" },
		{ "tcp://10.0.0.1:2375", false, "http://10.0.0.1:2375", NULL },
		{ "tcp://host:2376", true, "https://host:2376", NULL },
	};
	static const char *const bad[] = { "",         "docker",    "unix://run/docker.sock",
		                           "tcp://",   "tcp://a/b", "ssh://host",
		                           "npipe://x" };
	struct docker_host host;
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		assert_int_equal(docker_host_parse(good[i].text, good[i].tls, &host, &err), 0);
		assert_string_equal(host.url, good[i].url);
		if (good[i].socket)
			assert_string_equal(host.socket, good[i].socket);
		else
			assert_null(host.socket);
		docker_host_release(&host);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_int_equal(docker_host_parse(bad[i], false, &host, &err), SLUICE_INVALID);
}

static void write_text(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FREE char *parent = xstrdup(path);
	AUTO_FD int fd = -1;

	*strrchr(parent, '/') = '\0';
	assert_int_equal(io_mkdirs(parent, 0755), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
}

/* printf %s team | sha256sum */
#define TEAM "ca8b22d0db83a22db163b560b3e4e51527e533d31d067b614a0c33c4d2df8432"

static void expect_place(const struct docker_settings *settings, const char *url, const char *ca)
{
	struct docker_host host;
	struct error err;

	if (docker_host_find(settings, &host, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(host.url, url);
	if (ca)
		assert_string_equal(host.ca, ca);
	else
		assert_null(host.ca);
	docker_host_release(&host);
}

static void test_who_counts(void **state)
{
	const struct docker_settings nothing = { .host = NULL };
	const struct docker_settings told = { .host = "tcp://told:1", .tls_ca = "/etc/told.pem" };
	char dir[] = "/tmp/sluice-docker-XXXXXX";
	AUTO_FREE char *ca = NULL;
	AUTO_FREE char *own = NULL;
	struct docker_host host;
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	ca = xasprintf("%s/contexts/tls/" TEAM "/docker/ca.pem", dir);
	own = xasprintf("%s/ca.pem", dir);
	assert_int_equal(setenv("DOCKER_CONFIG", dir, 1), 0);
	(void)unsetenv("DOCKER_HOST");
	write_text(dir, "config.json", "{\"currentContext\":\"team\"}");
	assert_int_equal(docker_host_find(&nothing, &host, &err), SLUICE_NOT_FOUND);
	assert_non_null(strstr(err.msg, "the docker context 'team'"));
	write_text(dir, ca + strlen(dir) + 1, "x");
	write_text(dir, "contexts/meta/" TEAM "/meta.json",
	           "{\"Name\":\"team\",\"Endpoints\":{\"docker\":{\"Host\":"
	           "\"tcp://team:2376\",\"SkipTLSVerify\":false}}}");
	expect_place(&nothing, "https://team:2376", ca);
	assert_int_equal(setenv("DOCKER_HOST", "tcp://variable:1", 1), 0);
	expect_place(&nothing, "http://variable:1", NULL);
	write_text(dir, "ca.pem", "x");
	assert_int_equal(setenv("DOCKER_TLS_VERIFY", "1", 1), 0);
	expect_place(&nothing, "https://variable:1", own);
	expect_place(&told, "https://told:1", "/etc/told.pem");
	(void)unsetenv("DOCKER_TLS_VERIFY");
	(void)unsetenv("DOCKER_HOST");
	assert_int_equal(io_remove_tree(AT_FDCWD, dir), 0);
}

/* --- containers ------------------------------------------------------------------------------- */

static char *format(const struct request *request, const char *image, struct error *err)
{
	static const struct user user = { .uid = 7, .home = "/home/seven" };
	static const char *const sources[] = { "/src", "/dst" };
	AUTO_JSON cJSON *doc = NULL;

	assert_int_equal(json_parse(image, strlen(image), "image", &doc, err), 0);
	return docker_config_format(
		&(struct docker_config){
			.request = request,
			.home = "/home/sluice",
			.image = doc,
			.user = &user,
			.sources = sources,
			.memory_total = 1000,
		},
		err);
}

static void test_container(void **state)
{
	static const char *const args[] = { "a", "", NULL };
	static const char *const env[] = { "TOKEN=hunter2", "PLAIN=x", NULL };
	static const char *const secrets[] = { "hunter2", NULL };
	static const struct request_mount mounts[] = {
		{ MOUNT_READONLY, "/src", "/inputs/a" },
		{ MOUNT_WRITE, "/dst", "/outputs" },
	};
	const struct request request = {
		.id = "id-1",
		.dir = "/home/sluice/runs/1",
		.image = "sha256:1",
		.args = args,
		.env = env,
		.secrets = secrets,
		.mounts = mounts,
		.n_mounts = 2,
		.network = NETWORK_PRIVATE,
		.limits = { .cpu_milli = 1500, .memory_bytes = 64 << 20 },
	};
	struct error err;
	AUTO_FREE char *text = format(&request, "{\"Entrypoint\":[\"e\"]}", &err);
	AUTO_FREE char *none = NULL;
	static const char *const want[] = {
		"\"Cmd\":[\"a\",\"\"]",
		"\"Env\":[\"HOME=/home/seven\",\"TOKEN=hunter2\",\"PLAIN=x\"]",
		"\"sluice.masked\":\"TOKEN\\n\"",
		"\"NanoCpus\":1500000000",
		"\"Memory\":67108864,\"MemorySwap\":67108864",
		"\"ShmSize\":500",
		"\"NetworkMode\":\"bridge\"",
		"\"Source\":\"/src\",\"Target\":\"/inputs/a\",\"ReadOnly\":true",
		"\"Source\":\"/dst\",\"Target\":\"/outputs\",\"ReadOnly\":false",
	};

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		if (!strstr(text, want[i]))
			fail_msg("no %s in %s", want[i], text);
	assert_null(strstr(text, "Entrypoint"));
	none = format(&(struct request){ .id = "i", .dir = "/d", .image = "x" }, "{}", &err);
	assert_null(none);
	assert_non_null(strstr(err.msg, "no command"));
}

/* --- output ----------------------------------------------------------------------------------- */

static const char frames[] = "\1\0\0\0\0\0\0\5one\nt"
			     "\2\0\0\0\0\0\0\4bad\n"
			     "\1\0\0\0\0\0\0\0"
			     "\1\0\0\0\0\0\0\12wo hunter2"
			     "\1\0\0\0\0\0\0\1\n";

/* The log's lines without their stamps. */
static char *read_log(const char *dir)
{
	enum { STAMP = 31 };
	AUTO_FREE char *path = xasprintf("%s/log", dir);
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(1 << 20);
	struct strbuf out = STRBUF_INIT(1 << 20);

	assert_int_equal(io_read_file(AT_FDCWD, path, &text), 0);
	for (const char *line = strbuf_str(&text); *line; line += strcspn(line, "\n") + 1)
		strbuf_add(&out, line + STAMP, strcspn(line, "\n") + 1 - STAMP);
	return strbuf_detach(&out);
}

static void feed(const char *dir, size_t piece, size_t len)
{
	static const char *const secrets[] = { "hunter2", NULL };
	struct docker_output output;
	struct error err;

	assert_int_equal(docker_output_open(&output, dir, secrets, &err), 0);
	for (size_t at = 0; at < len; at += piece)
		assert_int_equal(docker_output_feed(&output, frames + at,
		                                    piece < len - at ? piece : len - at, &err),
		                 0);
	assert_int_equal(docker_output_close(&output, &err), 0);
}

#define WHOLE "stdout F one\nstderr F bad\nstdout F two ***\n"

/* However it is cut, and wherever a runner died: the log is the same, with each line once. */
static void test_output(void **state)
{
	(void)state;
	for (size_t piece = 1; piece < sizeof frames; piece++) {
		char dir[] = "/tmp/sluice-docker-XXXXXX";
		AUTO_FREE char *log = NULL;

		assert_non_null(mkdtemp(dir));
		feed(dir, piece, sizeof frames - 1);
		feed(dir, 3, sizeof frames - 1);
		log = read_log(dir);
		assert_string_equal(log, WHOLE);
		assert_int_equal(io_remove_tree(AT_FDCWD, dir), 0);
	}
}

static void test_output_gone_on(void **state)
{
	static const char begun[] = "2026-11-29T03:00:00.000000000Z stdout F one\n"
				    "2026-11-29T03:00:00.000000000Z stderr F b";
	char dir[] = "/tmp/sluice-docker-XXXXXX";
	AUTO_FREE char *log = NULL;

	(void)state;
	assert_non_null(mkdtemp(dir));
	write_text(dir, "log", begun);
	feed(dir, 5, sizeof frames - 1);
	log = read_log(dir);
	assert_string_equal(log, WHOLE);
	assert_int_equal(io_remove_tree(AT_FDCWD, dir), 0);
}

static void test_no_output(void **state)
{
	char dir[] = "/tmp/sluice-docker-XXXXXX";
	struct docker_output output;
	struct error err;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(docker_output_open(&output, dir, NULL, &err), 0);
	assert_int_equal(docker_output_feed(&output, "HTTP/1.1 200", 12, &err), SLUICE_REMOTE);
	assert_int_equal(docker_output_close(&output, &err), 0);
	assert_int_equal(io_remove_tree(AT_FDCWD, dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_places),         cmocka_unit_test(test_who_counts),
		cmocka_unit_test(test_container),      cmocka_unit_test(test_output),
		cmocka_unit_test(test_output_gone_on), cmocka_unit_test(test_no_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
