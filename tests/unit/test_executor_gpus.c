/* GPUs: specifications of devices, which of them are GPUs, and what a container gets. */
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
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/xalloc.h"
#include "executor/cdi.h"
#include "executor/docker/gpus.h"
#include "executor/gpus.h"
#include "executor/oci_gpus.h"

/* --- one specification ------------------------------------------------------------------------ */

#define HEAD      "{\"cdiVersion\":\"0.6.0\",\"kind\":\"v.com/gpu\""
#define DEVICE(e) HEAD ",\"devices\":[{\"name\":\"0\",\"containerEdits\":" e "}]}"

static void test_good(void **state)
{
	static const char *const rows[] = {
		DEVICE("{}"),
		DEVICE("null"),
		HEAD ",\"annotations\":{\"a\":{\"b\":1}},\"devices\":[{\"name\":\"GPU-1:0_a.b\","
		     "\"annotations\":{}}],\"containerEdits\":{}}",
		DEVICE("{\"env\":[\"A=\"],\"additionalGids\":[0,44]}"),
		DEVICE("{\"deviceNodes\":[{\"path\":\"/dev/x\",\"hostPath\":\"/dev/y\",\"type\":\"c\","
		       "\"major\":1,\"minor\":3,\"fileMode\":438,\"permissions\":\"rw\",\"uid\":0,"
		       "\"gid\":1}]}"),
		DEVICE("{\"mounts\":[{\"hostPath\":\"tmpfs\",\"containerPath\":\"/x\",\"type\":"
		       "\"tmpfs\",\"options\":[\"ro\"]}]}"),
		DEVICE("{\"hooks\":[{\"hookName\":\"createContainer\",\"path\":\"/bin/h\",\"args\":"
		       "[\"h\"],\"env\":[\"A=1\"],\"timeout\":3}]}"),
		"{\"cdiVersion\":\"0.3.0\",\"kind\":\"v/c\",\"devices\":[{\"name\":\"a\"}]}",
		"{\"cdiVersion\":\"1.1.0\",\"kind\":\"v/c\",\"devices\":[{\"name\":\"a\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		static const char *const names[] = { "f.json", "f.yaml" };

		for (size_t k = 0; k < 2; k++) { /* JSON is YAML, too */
			AUTO_JSON cJSON *doc = NULL;
			struct error err;

			if (cdi_parse(rows[i], strlen(rows[i]), names[k], &doc, &err) < 0)
				fail_msg("%s: %s", rows[i], err.msg);
		}
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "f.json is not JSON" },
		{ "[]", "f.json: all of it must be an object" },
		{ "{}", "f.json: cdiVersion is missing" },
		{ "{\"cdiVersion\":\"0.2.0\"}", "cdiVersion must be 0.3.0 to 1.x" },
		{ "{\"cdiVersion\":\"2.0.0\"}", "cdiVersion must be 0.3.0 to 1.x" },
		{ "{\"cdiVersion\":1}", "cdiVersion must be 0.3.0 to 1.x, in quotes" },
		{ "{\"kind\":\"gpu\"}", "kind must be VENDOR/CLASS" },
		{ "{\"kind\":\"a/b/c\"}", "kind must be VENDOR/CLASS" },
		{ "{\"kind\":\"a/b\",\"kind\":\"a/c\"}", "kind is given twice" },
		{ "{\"cdiDevices\":[]}", "cdiDevices is not known" },
		{ HEAD "}", "devices is missing" },
		{ HEAD ",\"devices\":{}}", "devices must be a list" },
		{ HEAD ",\"devices\":[]}", "devices must have at least one" },
		{ HEAD ",\"devices\":[{}]}", "devices[0].name is missing" },
		{ HEAD ",\"devices\":[{\"name\":\"a\"},{\"name\":0}]}", "devices[1].name must be" },
		{ HEAD ",\"devices\":[{\"name\":\"-a\"}]}", "devices[0].name must be letters" },
		{ HEAD ",\"devices\":[{\"name\":\"a\"},{\"name\":\"a\"}]}",
		  "devices has 'a' twice" },
		{ DEVICE("[]"), "devices[0].containerEdits must be an object" },
		{ DEVICE("{\"env\":[\"A\"]}"), "containerEdits.env[0] must be NAME=VALUE" },
		{ DEVICE("{\"env\":[\"=A\"]}"), "containerEdits.env[0] must be NAME=VALUE" },
		{ DEVICE("{\"env\":\"A=B\"}"), "containerEdits.env must be a list" },
		{ DEVICE("{\"deviceNodes\":[{}]}"), "deviceNodes[0].path is missing" },
		{ DEVICE("{\"deviceNodes\":[{\"path\":\"dev/x\"}]}"),
		  "deviceNodes[0].path must be an absolute path" },
		{ DEVICE("{\"deviceNodes\":[{\"path\":\"/d\",\"type\":\"x\"}]}"),
		  "deviceNodes[0].type must be b, c, u or p" },
		{ DEVICE("{\"deviceNodes\":[{\"path\":\"/d\",\"permissions\":\"rx\"}]}"),
		  "deviceNodes[0].permissions must be" },
		{ DEVICE("{\"deviceNodes\":[{\"path\":\"/d\",\"major\":-1}]}"),
		  "deviceNodes[0].major must be a whole number" },
		{ DEVICE("{\"deviceNodes\":[{\"path\":\"/d\",\"minor\":1.5}]}"),
		  "deviceNodes[0].minor must be a whole number" },
		{ DEVICE("{\"additionalGids\":[4294967296]}"),
		  "additionalGids[0] must be a whole number" },
		{ DEVICE("{\"mounts\":[{\"hostPath\":\"/x\"}]}"),
		  "mounts[0].containerPath is missing" },
		{ DEVICE("{\"hooks\":[{\"hookName\":\"now\",\"path\":\"/h\"}]}"),
		  "hooks[0].hookName must be prestart," },
		{ DEVICE("{\"hooks\":[{\"hookName\":\"prestart\",\"path\":\"h\"}]}"),
		  "hooks[0].path must be an absolute path" },
		{ DEVICE("{\"netDevices\":[]}"),
		  "netDevices asks for what cannot be handed in here" },
		{ DEVICE("{\"intelRdt\":{}}"), "intelRdt asks for what cannot be handed in here" },
		{ DEVICE("{\"a\\nb\":1}"), "containerEdits.a\\x0ab is not known" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cJSON *doc = NULL;
		struct error err;

		assert_int_equal(
			cdi_parse(rows[i].text, strlen(rows[i].text), "f.json", &doc, &err),
			SLUICE_INVALID);
		if (strncmp(err.msg, "f.json", 6) != 0 || !strstr(err.msg, rows[i].want))
			fail_msg("'%s' is not '%s'", err.msg, rows[i].want);
		assert_null(doc);
	}
}

/* --- which there are -------------------------------------------------------------------------- */

static char dir[] = "/tmp/sluice-gpus-XXXXXX";

static int make_dir(void **state)
{
	(void)state;
	memcpy(dir + strlen(dir) - 6, "XXXXXX", 6);
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return io_remove_tree(AT_FDCWD, dir);
}

static void put(const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FREE char *parent = xstrdup(path);
	AUTO_FD int fd = -1;

	*strrchr(parent, '/') = '\0';
	assert_int_equal(io_mkdirs(parent, 0755), 0);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(io_write_all(fd, text, strlen(text)), 0);
}

static struct gpus *find(const char *kind)
{
	AUTO_FREE char *dirs = xasprintf("%s/low:%s/high:%s/absent", dir, dir, dir);
	AUTO_FREE char *dev = xasprintf("%s/dev", dir);

	return gpus_find(&(struct gpus_settings){ .kind = kind, .dirs = dirs, .dev = dev });
}

static void expect(const char *kind, const char *want, const char *lack)
{
	AUTO_STRBUF struct strbuf got = STRBUF_INIT(1 << 16);
	struct gpus *g = find(kind);

	for (size_t i = 0; g->names[i]; i++)
		strbuf_addf(&got, "%s ", g->names[i]);
	assert_string_equal(strbuf_str(&got), want);
	if (lack ? !g->lack || !strstr(g->lack, lack) : g->lack != NULL)
		fail_msg("'%s' is not '%s'", g->lack ? g->lack : "", lack ? lack : "");
	gpus_free(g);
}

#define NODE(n) "containerEdits: {deviceNodes: [{path: /dev/" n "}]}"

static void test_which(void **state)
{
	(void)state;
	expect(NULL, "", NULL);
	put("low/a.yaml",
	    "cdiVersion: 0.6.0\nkind: a.com/gpu\ndevices:\n"
	    "- {name: 'all', " NODE("a0") "}\n- {name: '0', " NODE(
		    "a0") "}\n"
	                  "- {name: GPU-0, " NODE("a0") "}\n- {name: '1', " NODE("a1") "}\n");
	put("low/b.json", "{\"cdiVersion\":\"0.3.0\",\"kind\":\"b.com/net\",\"devices\":"
	                  "[{\"name\":\"eth\"},{\"name\":\"other\"}]}");
	put("low/ignored.txt", "no specification");
	expect(NULL, "a.com/gpu=0 a.com/gpu=1 ", NULL);
	expect("b.com/net", "b.com/net=eth b.com/net=other ", NULL);
	expect("c.com/gpu", "", NULL);
	/* Of the later directory, which has one of them only. */
	put("high/a.yaml",
	    "cdiVersion: 0.6.0\nkind: a.com/gpu\ndevices:\n- {name: '1', " NODE("other") "}\n");
	expect(NULL, "a.com/gpu=1 a.com/gpu=0 ", NULL);
	put("low/c.yaml", "cdiVersion: 0.6.0\nkind: a.com/gpu\ndevices: [{name: '0'}]\n");
	expect(NULL, "a.com/gpu=1 a.com/gpu=0 ", "low/c.yaml: 'a.com/gpu=0' is in ");
	put("high/broken.json", "{");
	expect(NULL, "a.com/gpu=1 a.com/gpu=0 ", "high/broken.json is not JSON");
}

static void make_node(const char *name)
{
	AUTO_FREE char *path = xasprintf("%s/dev/%s", dir, name);

	if (mknod(path, S_IFCHR | 0666, makedev(1, 3)) != 0)
		skip(); /* only root can */
}

static void test_nodes(void **state)
{
	static const char *const two[] = { "nvidia.com/gpu=2", "nvidia.com/gpu=10", NULL };
	AUTO_JSON cJSON *edits = NULL;
	AUTO_FREE char *text = NULL;
	struct gpus *g;
	struct error err;

	(void)state;
	put("dev/nvidia3", "no node");
	make_node("nvidia10");
	make_node("nvidia2");
	make_node("nvidiactl");
	make_node("nvidia-uvm");
	make_node("nvidia2x");
	expect(NULL, "nvidia.com/gpu=2 nvidia.com/gpu=10 ", NULL);
	expect("nvidia.com/gpu", "nvidia.com/gpu=2 nvidia.com/gpu=10 ", NULL);
	expect("amd.com/gpu", "", NULL);
	g = find(NULL);
	assert_int_equal(gpus_edits(g, two, &edits, &err), 0);
	text = json_print(json_arr(edits, "env"));
	assert_string_equal(text, "[\"NVIDIA_VISIBLE_DEVICES=2,10\"]");
	assert_int_equal(cJSON_GetArraySize(json_arr(edits, "deviceNodes")), 4);
	gpus_free(g);
	put("low/broken.json", "{");
	expect(NULL, "", "low/broken.json is not JSON");
}

/* --- what a container gets -------------------------------------------------------------------- */

#define SPEC                                                                                         \
	"cdiVersion: 0.7.0\n"                                                                        \
	"kind: v.com/gpu\n"                                                                          \
	"containerEdits:\n"                                                                          \
	"  env: [ALL=1, A=spec]\n"                                                                   \
	"  hooks: [{hookName: createContainer, path: /bin/h, args: [h, x], timeout: 5}]\n"           \
	"devices:\n"                                                                                 \
	"- name: '0'\n"                                                                              \
	"  containerEdits:\n"                                                                        \
	"    deviceNodes: [{path: /dev/g0, hostPath: /dev/null, permissions: rw},\n"                 \
	"                  {path: /dev/ctl, type: c, major: 9, minor: 8, fileMode: 0640, gid: 5}]\n" \
	"    mounts: [{hostPath: /lib/g, containerPath: /g, options: [ro, nosuid]}]\n"               \
	"    additionalGids: [0, 44]\n"                                                              \
	"- name: '1'\n"                                                                              \
	"  containerEdits:\n"                                                                        \
	"    deviceNodes: [{path: /dev/g1, hostPath: /dev/zero},\n"                                  \
	"                  {path: /dev/ctl, type: c, major: 9, minor: 8, fileMode: 0640, gid: 5}]\n"

static const char *const both[] = { "v.com/gpu=0", "v.com/gpu=1", NULL };

#define CONFIG                                                                             \
	"{\"process\":{\"user\":{},\"env\":[\"A=own\",\"B=b\"]},\"mounts\":[],\"linux\":{" \
	"\"resources\":{\"devices\":[]}}}"

static char *config_with(enum userns_kind ids, uint32_t uid)
{
	const struct user user = { .uid = uid, .gid = 7 };
	AUTO_JSON cJSON *edits = NULL, *config = NULL;
	struct gpus *g = find(NULL);
	struct error err;

	assert_int_equal(json_parse(CONFIG, strlen(CONFIG), "c", &config, &err), 0);
	if (gpus_edits(g, both, &edits, &err) < 0)
		fail_msg("%s", err.msg);
	gpus_free(g);
	oci_gpus_add(config, edits, &user, ids, ids != USERNS_ROOT);
	return json_print(config);
}

static void expect_parts(const char *text, const char *const *parts)
{
	for (; *parts; parts++)
		if (!strstr(text, *parts))
			fail_msg("no %s in %s", *parts, text);
}

static void test_config(void **state)
{
	static const char *const parts[] = {
		"\"env\":[\"A=spec\",\"B=b\",\"ALL=1\"]",
		"\"additionalGids\":[44]",
		"\"mounts\":[{\"destination\":\"/g\",\"type\":\"bind\",\"source\":\"/lib/g\","
		"\"options\":[\"ro\",\"nosuid\",\"rbind\"]}]",
		"\"resources\":{\"devices\":["
		"{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":3,\"access\":\"rw\"},",
		"{\"allow\":true,\"type\":\"c\",\"major\":1,\"minor\":5,\"access\":\"rwm\"},"
		"{\"allow\":true,\"type\":\"c\",\"major\":9,\"minor\":8,\"access\":\"rwm\"}]",
		"{\"path\":\"/dev/g0\",\"type\":\"c\",\"major\":1,\"minor\":3,\"uid\":1000,"
		"\"gid\":7}",
		"{\"path\":\"/dev/ctl\",\"type\":\"c\",\"major\":9,\"minor\":8,\"fileMode\":416,"
		"\"uid\":1000,\"gid\":5}]",
		"\"hooks\":{\"createContainer\":[{\"path\":\"/bin/h\",\"args\":[\"h\",\"x\"],"
		"\"timeout\":5}]}",
		NULL,
	};
	AUTO_FREE char *text = NULL;

	(void)state;
	put("low/v.yaml", SPEC);
	text = config_with(USERNS_ROOT, 1000);
	expect_parts(text, parts);
}

/* Nodes are shown, not made. */
static void test_config_of_a_user(void **state)
{
	static const char *const parts[] = {
		"{\"destination\":\"/dev/g0\",\"type\":\"bind\",\"source\":\"/dev/null\","
		"\"options\":[\"bind\",\"rprivate\",\"nosuid\",\"noexec\",\"rw\"]}",
		"{\"destination\":\"/dev/g1\"",
		"\"user\":{}",
		"\"linux\":{\"resources\":{\"devices\":[]}}",
		NULL,
	};
	AUTO_FREE char *text = NULL;

	(void)state;
	put("low/v.yaml", SPEC);
	text = config_with(USERNS_MANY, 0);
	expect_parts(text, parts);
}

static void test_gone(void **state)
{
	static const char *const other[] = { "v.com/gpu=7", NULL };
	AUTO_JSON cJSON *edits = NULL;
	struct gpus *g;
	struct error err;

	(void)state;
	put("low/v.yaml", "cdiVersion: 0.6.0\nkind: v.com/gpu\ndevices:\n- {name: '0', " NODE(
				  "not-there") "}\n- {name: '1', containerEdits: {deviceNodes: "
	                                       "[{path: /dev/null, type: b}]}}\n");
	g = find(NULL);
	assert_int_equal(gpus_edits(g, other, &edits, &err), SLUICE_MISSING);
	assert_string_equal(err.msg, "there is no GPU 'v.com/gpu=7' any more");
	assert_int_equal(gpus_edits(g, both, &edits, &err), SLUICE_MISSING);
	assert_non_null(strstr(err.msg, "GPU 'v.com/gpu=0' of /tmp/"));
	assert_non_null(strstr(err.msg, "there is no device '/dev/not-there'"));
	assert_int_equal(gpus_edits(g, both + 1, &edits, &err), SLUICE_MISSING);
	assert_non_null(strstr(err.msg, "'/dev/null' is no device of type 'b'"));
	gpus_free(g);
}

/* --- Docker ----------------------------------------------------------------------------------- */

static int body_with(const char *spec, bool knows_cdi, char **ret_text, struct error *err)
{
	static const char body[] = "{\"Env\":[\"B=b\"],\"HostConfig\":{\"Mounts\":[]}}";
	AUTO_JSON cJSON *doc = NULL;
	struct gpus *g;
	int rc;

	put("low/v.yaml", spec);
	g = find(NULL);
	assert_int_equal(json_parse(body, strlen(body), "b", &doc, err), 0);
	rc = docker_gpus_add(doc, g, both, knows_cdi, err);
	*ret_text = json_print(doc);
	gpus_free(g);
	return rc;
}

#define PLAIN_DEVICE "cdiVersion: 0.6.0\nkind: v.com/gpu\ndevices:\n- name: '0'\n  containerEdits: "

static void test_docker(void **state)
{
	static const char *const cdi[] = {
		"\"DeviceRequests\":[{\"Driver\":\"cdi\",\"DeviceIDs\":[\"v.com/gpu=0\","
		"\"v.com/gpu=1\"]}]",
		NULL,
	};
	static const char *const told[] = {
		"\"Env\":[\"B=b\",\"A=1\"]",
		"\"Devices\":[{\"PathOnHost\":\"/dev/null\",\"PathInContainer\":\"/dev/g0\","
		"\"CgroupPermissions\":\"rwm\"}]",
		"{\"Type\":\"bind\",\"Source\":\"/lib/g\",\"Target\":\"/g\",\"ReadOnly\":true}",
		"\"GroupAdd\":[\"44\"]",
		NULL,
	};
	AUTO_FREE char *text = NULL, *plain = NULL, *none = NULL;
	struct error err;

	(void)state;
	assert_int_equal(body_with(SPEC, true, &text, &err), 0);
	expect_parts(text, cdi);
	assert_int_equal(body_with(SPEC, false, &none, &err), SLUICE_MISSING);
	assert_non_null(strstr(err.msg, "the hook '/bin/h'"));
	assert_int_equal(
		body_with(PLAIN_DEVICE
	                  "{env: [A=1], additionalGids: [44], deviceNodes: [{path: /dev/g0, "
	                  "hostPath: /dev/null}], mounts: [{hostPath: /lib/g, containerPath: /g, "
	                  "options: [ro, bind]}]}\n- name: '1'\n",
	                  false, &plain, &err),
		0);
	expect_parts(plain, told);
}

static void test_docker_nvidia(void **state)
{
	static const char *const names[] = { "nvidia.com/gpu=1", NULL };
	static const char *const parts[] = {
		"\"DeviceRequests\":[{\"Driver\":\"nvidia\",\"DeviceIDs\":[\"1\"],"
		"\"Capabilities\":[[\"gpu\"]]}]",
		NULL,
	};
	AUTO_JSON cJSON *doc = NULL;
	AUTO_FREE char *text = NULL;
	struct gpus *g;
	struct error err;

	(void)state;
	put("dev/nothing", "");
	make_node("nvidia1");
	g = find(NULL);
	assert_int_equal(json_parse("{\"HostConfig\":{}}", 17, "b", &doc, &err), 0);
	assert_int_equal(docker_gpus_add(doc, g, names, true, &err), 0);
	text = json_print(doc);
	expect_parts(text, parts);
	gpus_free(g);
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, make_dir, remove_dir)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good), cmocka_unit_test(test_bad),
		IN_DIR(test_which),          IN_DIR(test_nodes),
		IN_DIR(test_config),         IN_DIR(test_config_of_a_user),
		IN_DIR(test_gone),           IN_DIR(test_docker),
		IN_DIR(test_docker_nvidia),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
