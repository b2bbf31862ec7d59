#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/config.h"

static void what_is_set_is_read(void **state)
{
	static const char text[] = "# of the team\n"
				   "cache:\n"
				   "  size: 20GiB\n"
				   "executor: docker\n"
				   "gpus: {kind: nvidia.com/gpu, specs: /etc/cdi:/run/cdi}\n"
				   "inputs: {verify: true}\n"
				   "instances:\n"
				   "  C5: 4 8GiB\n"
				   "  own: 64 500GiB 8\n"
				   "network: none\n"
				   "storage:\n"
				   "  path: \"/srv/team\"\n";
	struct config c;
	struct error err;

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), "f", &c, &err), 0);
	assert_int_equal(c.cache_size, 20LL << 30);
	assert_true(c.verify_inputs);
	assert_string_equal(c.executor, "docker");
	assert_string_equal(c.gpus_kind, "nvidia.com/gpu");
	assert_string_equal(c.gpus_specs, "/etc/cdi:/run/cdi");
	assert_string_equal(c.network, "none");
	assert_string_equal(map_find(&c.instances, "C5"), "4 8GiB");
	assert_string_equal(map_find(&c.instances, "own"), "64 500GiB 8");
	assert_string_equal(c.storage_path, "/srv/team");
	config_release(&c);
}

static void what_is_not_set_has_its_default(void **state)
{
	static const char *const texts[] = { "", "# nothing\n", "cache:\n", "cache: {}\n" };
	struct error err;

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		struct config c;

		if (config_parse(texts[i], strlen(texts[i]), "f", &c, &err) != 0)
			fail_msg("%s", err.msg);
		assert_true(c.cache_size == UINT64_MAX);
		assert_false(c.verify_inputs);
		assert_null(c.executor);
		assert_null(c.network);
		assert_null(c.storage_path);
		config_release(&c);
	}
}

struct refused {
	const char *text, *want;
};

static void expect_refused(const struct refused *row)
{
	struct config c;
	struct error err = { .msg = "" };

	assert_int_equal(config_parse(row->text, strlen(row->text), "f", &c, &err), SLUICE_INVALID);
	assert_string_equal(err.msg, row->want);
	config_release(&c);
}

static void what_is_wrong_is_said_with_its_line(void **state)
{
	static const struct refused row[] = {
		{ "cache:\n  sise: 1G\n",
		  "f:2: there is no key 'cache.sise': did you mean 'cache.size'?" },
		{ "unheard: {of: 1}\n",
		  "f:1: there is no key 'unheard.of'; the keys are "
		  "cache.size, docker.ca, docker.cert, docker.host, "
		  "docker.key, docker.transfer, executor, gpus.kind, gpus.specs, images.host, "
		  "images.pull, inputs.verify, network, public.catalog, rootfs, storage.path" },
		{ "gpus: {kind: gpu}\n",
		  "f:1: 'gpus.kind' must be VENDOR/CLASS such as nvidia.com/gpu" },
		{ "gpus: {specs: cdi}\n", "f:1: 'gpus.specs' must be an absolute path" },
		{ "instances:\n  A: 1 1G\n  A: 1 1G\n", "f:3: 'instances.A' is given twice" },
		{ "network: bridge\n", "f:1: 'network' must be private, host or none" },
		{ "docker: {host: box}\n",
		  "f:1: 'docker.host' must be unix:///PATH or tcp://HOST:PORT" },
		{ "docker: {transfer: mail}\n",
		  "f:1: 'docker.transfer' must be auto, mounts or copies" },
		{ "docker: {ca: a.pem}\n", "f:1: 'docker.ca' must be an absolute path" },
		{ "cache:\n  size: much\n",
		  "f:2: 'cache.size' must be a size such as 20GiB or 500MB" },
		{ "\ninputs:\n  verify: 1\n", "f:3: 'inputs.verify' must be true or false" },
		{ "storage: {path: team}\n", "f:1: 'storage.path' must be an absolute path" },
		{ "cache: {size: 1}\ncache: {size: 2}\n", "f:2: 'cache.size' is given twice" },
		{ "cache: [1]\n", "f:1: a list has no place here" },
		{ "cache: *a\n", "f:1: an alias has no place here" },
		{ "images: {host: 1}\n", "f:1: 'images.host' must be true or false" },
		{ "images: {pull: often}\n",
		  "f:1: 'images.pull' must be missing, always or never" },
		{ "cache:\n  size: {a: 1}\n", "f:2: a plain value is expected here" },
		{ "text\n", "f:1: keys are expected here" },
		{ "verify: true\n",
		  "f:1: there is no key 'verify'; the keys are cache.size, docker.ca, "
		  "docker.cert, docker.host, docker.key, docker.transfer, executor, gpus.kind, gpus.specs, images.host, images.pull, inputs.verify, network, public.catalog, rootfs, storage.path" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		expect_refused(&row[i]);
}

static void registries_are_read(void **state)
{
	static const char text[] = "cache: {size: 1}\n"
				   "registries:\n"
				   "- prefix: docker.io\n"
				   "  mirrors:\n"
				   "  - {location: \"mirror:5000/hub\", insecure: true}\n"
				   "  - location: other\n"
				   "- location: h.io/team\n"
				   "  name: team-hub\n"
				   "  user: robot\n"
				   "  password: secret:hub\n"
				   "  ca: /ca.pem\n"
				   "- {prefix: bad.io, blocked: true}\n"
				   "inputs: {verify: true}\n";
	struct config c;
	struct error err;

	(void)state;
	if (config_parse(text, strlen(text), "f", &c, &err) != 0)
		fail_msg("%s", err.msg);
	assert_true(c.verify_inputs);
	assert_int_equal(c.registries.n, 3);
	assert_string_equal(c.registries.at[0].prefix, "docker.io");
	assert_null(c.registries.at[0].place.location);
	assert_int_equal(c.registries.at[0].n_mirrors, 2);
	assert_string_equal(c.registries.at[0].mirrors[0].location, "mirror:5000/hub");
	assert_true(c.registries.at[0].mirrors[0].insecure);
	assert_false(c.registries.at[0].mirrors[1].insecure);
	assert_string_equal(c.registries.at[1].prefix, "h.io/team");
	assert_string_equal(c.registries.at[1].name, "team-hub");
	assert_string_equal(c.registries.at[1].place.user, "robot");
	assert_string_equal(c.registries.at[1].place.password, "secret:hub");
	assert_string_equal(c.registries.at[1].place.ca, "/ca.pem");
	assert_true(c.registries.at[2].blocked);
	config_release(&c);
}

static void what_is_wrong_in_registries_is_said(void **state)
{
	static const struct refused row[] = {
		{ "registries: [x]\n", "f:1: registries: a mapping is expected here" },
		{ "registries:\n- {}\n",
		  "f:2: registries: an entry has a 'prefix' or a 'location'" },
		{ "registries:\n- prefix: https://x\n",
		  "f:2: registries: 'prefix' must be HOST[:PORT][/PATH], without https:// and a "
		  "slash at the end" },
		{ "registries:\n- prefix: x\n  mirror: y\n",
		  "f:3: registries: there is no key 'mirror'" },
		{ "registries:\n- prefix: x\n  mirrors: y\n",
		  "f:3: registries: there is no key 'mirrors'" },
		{ "registries:\n- prefix: x\n  mirrors: [{insecure: true}]\n",
		  "f:3: registries: a mirror has a 'location'" },
		{ "registries:\n- prefix: x\n  mirrors: [{location: y, mirrors: []}]\n",
		  "f:3: registries: 'mirrors' must be a plain value" },
		{ "registries:\n- {prefix: x, insecure: 1}\n",
		  "f:2: registries: 'insecure' must be true or false" },
		{ "registries:\n- {prefix: x, user: y}\n",
		  "f:2: registries: 'user' and 'password' belong together" },
		{ "registries:\n- {prefix: x, ca: ca.pem}\n",
		  "f:2: registries: 'ca' must be an absolute path" },
		{ "registries:\n- [a]\n", "f:2: registries: a mapping is expected here" },
		{ "a:\n  registries: []\n", "f:2: a list has no place here" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof row / sizeof *row; i++)
		expect_refused(&row[i]);
}

static void text_that_is_no_yaml_is_refused(void **state)
{
	static const char text[] = "cache: {size: 1\n: [";
	struct config c;
	struct error err = { .msg = "" };

	(void)state;
	assert_int_equal(config_parse(text, strlen(text), "f", &c, &err), SLUICE_INVALID);
	assert_memory_equal(err.msg, "f:2: ", 5);
	config_release(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_set_is_read),
		cmocka_unit_test(what_is_not_set_has_its_default),
		cmocka_unit_test(what_is_wrong_is_said_with_its_line),
		cmocka_unit_test(registries_are_read),
		cmocka_unit_test(what_is_wrong_in_registries_is_said),
		cmocka_unit_test(text_that_is_no_yaml_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
