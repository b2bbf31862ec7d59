/* The texts that go to the runtime and come from it, all pure. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "executor/bwrap_config.h"
#include "executor/host_mounts.h"
#include "executor/launch.h"
#include "executor/oci_config.h"
#include "executor/runtime_log.h"
#include "executor/seccomp_filter.h"
#include "executor/shim/ops.h"

static char entrypoint0[] = "/entry", cmd0[] = "from-image", env0[] = "A=image", env1[] = "B=image";
static char *entrypoint[] = { entrypoint0, NULL };
static char *cmd[] = { cmd0, NULL };
static char *env[] = { env0, env1, NULL };
static char user_text[] = "", workdir[] = "";

static const struct user root = { .home = "/root" };

static struct image image(void)
{
	return (struct image){
		.entrypoint = entrypoint,
		.cmd = cmd,
		.env = env,
		.user = user_text,
		.workdir = workdir,
	};
}

static cJSON *config_for(enum userns_kind ids, const struct request *r, const struct image *im,
                         const struct user *user)
{
	const struct oci_config c = {
		.request = r, .image = im, .user = user, .shim = "/shim", .ids = ids
	};
	cJSON *doc = NULL;
	struct error err;

	assert_int_equal(oci_config_make(&c, &doc, &err), 0);
	return doc;
}

static cJSON *config_of(const struct request *r, const struct image *im, const struct user *user)
{
	return config_for(USERNS_ROOT, r, im, user);
}

static void expect_array(const cJSON *arr, const char *want)
{
	struct strbuf got = STRBUF_INIT(1 << 16);
	const cJSON *item;

	cJSON_ArrayForEach(item, arr) strbuf_addf(&got, "%s|", item->valuestring);
	assert_string_equal(strbuf_str(&got), want);
	strbuf_release(&got);
}

static const char *const give_entry[] = { "/own", "-x", NULL };
static const char *const give_args[] = { "one", NULL };
static const char *const give_none[] = { NULL };

static void test_command(void **state)
{
	static const struct {
		const char *const *entrypoint, *const *args;
		const char *want;
	} rules[] = {
		{ NULL, NULL, "/entry|from-image|" },
		{ NULL, give_args, "/entry|one|" },
		{ NULL, give_none, "/entry|" },
		{ give_entry, NULL, "/own|-x|" },
		{ give_entry, give_args, "/own|-x|one|" },
		{ give_none, give_args, "one|" },
	};
	struct image im = image();

	(void)state;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
		const struct request r = { .id = "j-1",
			                   .dir = "/d",
			                   .entrypoint = rules[i].entrypoint,
			                   .args = rules[i].args };
		cJSON *doc = config_of(&r, &im, &root);

		expect_array(json_arr(json_obj(doc, "process"), "args"), rules[i].want);
		cJSON_Delete(doc);
	}
}

static void test_no_command(void **state)
{
	const struct request r = { .id = "j-1", .dir = "/d" };
	struct image im = image();
	const struct oci_config c = { .request = &r, .image = &im, .user = &root };
	cJSON *doc = NULL;
	struct error err;

	(void)state;
	im.entrypoint = NULL;
	im.cmd = NULL;
	assert_int_equal(oci_config_make(&c, &doc, &err), SLUICE_INVALID);
	assert_string_equal(err.msg, "there is no command to run: the job gives none, and its "
	                             "image has neither an entrypoint nor a cmd");
}

static void test_process(void **state)
{
	static const char *const more[] = { "B=request", "C=", "B=last", NULL };
	struct user worker = { .uid = 5, .gid = 6, .groups = { 7 }, .n_groups = 1, .home = "/w" };
	const struct request r = { .id = "j-1", .dir = "/d", .env = more, .cwd = "/here" };
	struct image im = image();
	cJSON *doc = config_of(&r, &im, &worker);
	const cJSON *process = json_obj(doc, "process");
	const cJSON *caps = json_obj(process, "capabilities");

	(void)state;
	expect_array(json_arr(process, "env"),
	             "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin|"
	             "HOSTNAME=j-1|HOME=/w|A=image|B=last|C=|");
	assert_string_equal(json_str(process, "cwd"), "/here");
	assert_int_equal(json_int(json_obj(process, "user"), "uid", -1), 5);
	assert_int_equal(json_int(json_obj(process, "user"), "gid", -1), 6);
	assert_int_equal(json_int(json_obj(process, "user"), "umask", -1), 022);
	assert_int_equal(cJSON_GetArraySize(json_arr(caps, "bounding")), 14);
	assert_int_equal(cJSON_GetArraySize(json_arr(caps, "effective")), 0);
	assert_false(json_bool(process, "noNewPrivileges", true));
	assert_string_equal(json_str(json_obj(doc, "linux"), "cgroupsPath"), "/sluice/j-1");
	assert_string_equal(json_str(doc, "hostname"), "j-1");
	cJSON_Delete(doc);
}

static const cJSON *mount_at(const cJSON *doc, const char *target)
{
	const cJSON *found = NULL, *m;

	cJSON_ArrayForEach(m, json_arr(doc, "mounts"))
	{
		if (strcmp(json_str(m, "destination"), target) == 0)
			found = m;
	}
	return found;
}

static bool has_option(const cJSON *m, const char *option)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, json_arr(m, "options"))
	{
		if (strcmp(item->valuestring, option) == 0)
			return true;
	}
	return false;
}

static void test_mounts(void **state)
{
	const struct request_mount mounts[] = {
		{ MOUNT_VIEW, "/t0", "/inputs/a" },     { MOUNT_TEXT, "text", "/etc/x" },
		{ MOUNT_READONLY, "/ro", "/inputs/b" }, { MOUNT_VIEW, "/t1", "/inputs/c" },
		{ MOUNT_WRITE, "/out", "/outputs" },
	};
	const struct request r = {
		.id = "j-1", .dir = "/d", .script = "true", .mounts = mounts, .n_mounts = 5
	};
	struct image im = image();
	cJSON *doc = config_of(&r, &im, &root);

	(void)state;
	assert_string_equal(json_str(mount_at(doc, "/inputs/a"), "source"), "/d/bundle/view0");
	assert_string_equal(json_str(mount_at(doc, "/inputs/c"), "source"), "/d/bundle/view1");
	assert_string_equal(json_str(mount_at(doc, "/etc/x"), "source"), "/d/bundle/text0");
	assert_string_equal(json_str(mount_at(doc, "/inputs/b"), "source"), "/ro");
	assert_true(has_option(mount_at(doc, "/inputs/b"), "ro"));
	assert_true(has_option(mount_at(doc, "/outputs"), "rw"));
	assert_true(has_option(mount_at(doc, REQUEST_SCRIPT_PATH), "ro"));
	assert_string_equal(json_str(json_obj(doc, "root"), "path"), "/d/bundle/rootfs");
	cJSON_Delete(doc);
}

/* What is sealed at the end is the attempt's own: a job without it pays for no hook. */
static void test_hook(void **state)
{
	static const struct {
		struct request_mount mounts[3];
		const char *args;
	} cases[] = {
		{ { { MOUNT_WRITE, "/d/1/outputs", "/outputs" },
		    { MOUNT_VIEW, "/d/1/v", "/inputs/v" },
		    { MOUNT_WRITE, "/d/1/volumes/w", "/outputs/w" } },
		  "/shim|hook|/d/1/bundle|/outputs|/outputs/w|" },
		{ { { MOUNT_WRITE, "/storage", "/storage" },
		    { MOUNT_WRITE, "/d/10/outputs", "/outputs" },
		    { MOUNT_READONLY, "/d/1/outputs", "/inputs/a" } },
		  NULL },
	};
	struct image im = image();

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct request r = {
			.id = "j-1", .dir = "/d/1", .mounts = cases[i].mounts, .n_mounts = 3
		};
		cJSON *doc = config_of(&r, &im, &root);
		const cJSON *hooks = cJSON_GetObjectItemCaseSensitive(doc, "hooks");
		const cJSON *list = hooks ? json_arr(hooks, "createContainer") : NULL;

		assert_int_equal(hooks != NULL, cases[i].args != NULL);
		if (hooks) {
			assert_string_equal(json_str(cJSON_GetArrayItem(list, 0), "path"), "/shim");
			expect_array(json_arr(cJSON_GetArrayItem(list, 0), "args"), cases[i].args);
		}
		cJSON_Delete(doc);
	}
}

/* What a user namespace refuses is not asked for. */
/* The rules, compiled: the very same for all. */
static void test_filter(void **state)
{
	const struct request r = { .id = "j-1", .dir = "/d" };
	const struct image im = image();
	cJSON *doc = config_of(&r, &im, &root);
	const char *text = json_str(json_obj(doc, "annotations"), "run.oci.seccomp_bpf_data");

	(void)state;
	assert_non_null(text);
	assert_int_equal(strlen(text), (seccomp_filter_len * sizeof *seccomp_filter + 2) / 3 * 4);
	assert_int_equal(strncmp(text, "IAAAAAQAAAA", 11), 0); /* it begins with the architecture */
	cJSON_Delete(doc);
}

static void test_ordinary_user(void **state)
{
	struct request r = { .id = "j-1", .dir = "/d", .limits = { .memory_bytes = 1 << 20 } };
	struct image im = image();
	cJSON *doc = config_for(USERNS_MANY, &r, &im, &root);

	(void)state;
	assert_null(json_str(json_obj(doc, "linux"), "cgroupsPath"));
	assert_null(json_obj(json_obj(doc, "linux"), "resources"));
	assert_null(mount_at(doc, "/sys/fs/cgroup"));
	assert_true(has_option(mount_at(doc, "/sys"), "rbind"));
	assert_true(has_option(mount_at(doc, "/dev/pts"), "gid=5"));
	cJSON_Delete(doc);
	r.network = NETWORK_PRIVATE;
	doc = config_for(USERNS_ONE, &r, &im, &root);
	assert_string_equal(json_str(mount_at(doc, "/sys"), "type"), "sysfs");
	assert_false(has_option(mount_at(doc, "/dev/pts"), "gid=5"));
	cJSON_Delete(doc);
}

static void expect_resolv_conf(const char *host, const char *want)
{
	struct strbuf sb = STRBUF_INIT(1 << 16);

	launch_resolv_conf(host, "1.2.3.4", &sb);
	assert_string_equal(strbuf_str(&sb), want);
	strbuf_release(&sb);
}

static void test_resolv_conf(void **state)
{
	(void)state;
	expect_resolv_conf("", "nameserver 1.2.3.4\n");
	expect_resolv_conf("# made by\nsearch a b\nnameserver 127.0.0.53\n nameserver ::1\n"
	                   "options edns0",
	                   "# made by\nsearch a b\noptions edns0\nnameserver 1.2.3.4\n");
}

static void test_private_network(void **state)
{
	const struct request r = { .id = "j-1", .dir = "/d", .network = NETWORK_PRIVATE };
	struct image im = image();
	cJSON *doc = config_of(&r, &im, &root);
	const cJSON *caps = json_obj(json_obj(doc, "process"), "capabilities");
	const cJSON *item;

	(void)state;
	/* The shim is in the namespace already; raw sockets would pass its routes by. */
	assert_int_equal(cJSON_GetArraySize(json_arr(json_obj(doc, "linux"), "namespaces")), 4);
	cJSON_ArrayForEach(item, json_arr(caps, "bounding"))
	{
		assert_string_not_equal(item->valuestring, "CAP_NET_RAW");
	}
	cJSON_Delete(doc);
}

static void test_limits(void **state)
{
	struct request r = { .id = "j-1", .dir = "/d" };
	struct image im = image();
	cJSON *doc = config_of(&r, &im, &root);
	const cJSON *resources = json_obj(json_obj(doc, "linux"), "resources");

	(void)state;
	assert_null(json_obj(resources, "cpu"));
	assert_null(json_obj(resources, "memory"));
	assert_false(has_option(mount_at(doc, "/dev/shm"), "size=0"));
	cJSON_Delete(doc);
	r.limits = (struct request_limits){ .cpu_milli = 1500,
		                            .memory_bytes = UINT64_C(5) << 30,
		                            .shm_bytes = 64 << 20 };
	doc = config_of(&r, &im, &root);
	resources = json_obj(json_obj(doc, "linux"), "resources");
	assert_int_equal(json_int(json_obj(resources, "cpu"), "period", 0), 100000);
	assert_int_equal(json_int(json_obj(resources, "cpu"), "quota", 0), 150000);
	assert_true(json_int(json_obj(resources, "memory"), "limit", 0) == INT64_C(5) << 30);
	assert_true(json_int(json_obj(resources, "memory"), "swap", 0) == INT64_C(5) << 30);
	assert_true(has_option(mount_at(doc, "/dev/shm"), "size=67108864"));
	cJSON_Delete(doc);
}

static void test_relative_paths(void **state)
{
	const struct request_mount mounts[] = { { MOUNT_READONLY, "/ro", "inputs" } };
	struct request r = { .id = "j-1", .dir = "/d", .mounts = mounts, .n_mounts = 1 };
	struct image im = image();
	const struct oci_config c = { .request = &r, .image = &im, .user = &root };
	cJSON *doc = NULL;
	struct error err;

	(void)state;
	assert_int_equal(oci_config_make(&c, &doc, &err), SLUICE_INVALID);
	r.n_mounts = 0;
	r.cwd = "here";
	assert_int_equal(oci_config_make(&c, &doc, &err), SLUICE_INVALID);
}

static void test_host_root(void **state)
{
	static const char *const host[] = { "/data", NULL };
	const struct request r = { .id = "j-1",
		                   .dir = "/d",
		                   .root = ROOT_HOST,
		                   .args = give_args,
		                   .network = NETWORK_NONE };
	const struct oci_config c = {
		.request = &r, .user = &root, .host_mounts = host, .hide = "/home/sluice"
	};
	cJSON *doc = NULL;
	const cJSON *process;
	struct error err;

	(void)state;
	assert_int_equal(oci_config_make(&c, &doc, &err), 0);
	process = json_obj(doc, "process");
	assert_true(json_bool(json_obj(doc, "root"), "readonly", false));
	assert_true(json_bool(process, "noNewPrivileges", false));
	assert_int_equal(
		cJSON_GetArraySize(json_arr(json_obj(process, "capabilities"), "bounding")), 0);
	assert_true(has_option(mount_at(doc, "/data"), "ro"));
	assert_string_equal(json_str(mount_at(doc, "/home/sluice"), "type"), "tmpfs");
	assert_int_equal(cJSON_GetArraySize(json_arr(json_obj(doc, "linux"), "namespaces")), 5);
	cJSON_Delete(doc);
}

static void test_machine_as_image(void **state)
{
	static const char *const host[] = { "/data", NULL };
	const struct request r = { .id = "j-1", .dir = "/d", .args = give_args };
	const struct image im = { .digest = "host", .user = user_text, .workdir = workdir };
	const struct oci_config c = { .request = &r,
		                      .image = &im,
		                      .user = &root,
		                      .host_mounts = host,
		                      .hide = "/home/sluice" };
	cJSON *doc = NULL;
	struct error err;

	(void)state;
	assert_int_equal(oci_config_make(&c, &doc, &err), 0);
	assert_false(json_bool(json_obj(doc, "root"), "readonly", true));
	assert_true(has_option(mount_at(doc, "/data"), "ro"));
	assert_string_equal(json_str(mount_at(doc, "/home/sluice"), "type"), "tmpfs");
	assert_string_equal(json_str(mount_at(doc, "/run"), "type"), "tmpfs");
	assert_string_equal(json_str(mount_at(doc, "/tmp"), "type"), "tmpfs");
	cJSON_Delete(doc);
}

/* All values of a key, in order. */
static void expect_orders(const struct strbuf *orders, const char *key, const char *want)
{
	struct strbuf got = STRBUF_INIT(1 << 16);
	const char *p = orders->buf, *k, *value;

	while (shim_ops_next(&p, orders->buf + orders->len, &k, &value))
		if (strcmp(k, key) == 0)
			strbuf_addf(&got, "%s|", value);
	assert_string_equal(strbuf_str(&got), want);
	strbuf_release(&got);
}

#define CAPS                                                                                  \
	"--cap-add|CAP_CHOWN|--cap-add|CAP_DAC_OVERRIDE|--cap-add|CAP_FSETID|--cap-add|"      \
	"CAP_FOWNER|--cap-add|CAP_MKNOD|--cap-add|CAP_SETGID|--cap-add|CAP_SETUID|--cap-add|" \
	"CAP_SETPCAP|--cap-add|CAP_SETFCAP|--cap-add|CAP_NET_BIND_SERVICE|--cap-add|"         \
	"CAP_SYS_CHROOT|--cap-add|CAP_KILL|--cap-add|CAP_AUDIT_WRITE|--cap-add|CAP_NET_RAW|"

static void test_bwrap(void **state)
{
	static const char *const more[] = { "A=x\ny", NULL };
	const struct request_mount mounts[] = { { MOUNT_VIEW, "/t0", "/inputs/a" },
		                                { MOUNT_READONLY, "/ro", "/dev/shm" },
		                                { MOUNT_READONLY, "/x", "/proc/y" } };
	const struct request r = { .id = "j-1",
		                   .dir = "/d",
		                   .env = more,
		                   .cwd = "/here",
		                   .mounts = mounts,
		                   .n_mounts = 3,
		                   .network = NETWORK_NONE,
		                   .limits = { .cpu_milli = 1500, .memory_bytes = 4096 } };
	const struct user worker = { .uid = 5, .gid = 6, .groups = { 7, 8 }, .n_groups = 2 };
	const struct image im = image();
	cJSON *doc = config_of(&r, &im, &worker);
	struct strbuf orders = STRBUF_INIT(1 << 20);
	struct error err;

	(void)state;
	assert_int_equal(bwrap_config_add(&orders, doc, "/init", &err), 0);
	expect_orders(&orders, SHIM_INIT, "/init|");
	expect_orders(&orders, SHIM_ROOT, "/d/bundle/rootfs|");
	expect_orders(&orders, SHIM_ARG, "/entry|from-image|");
	expect_orders(&orders, SHIM_CWD, "/here|");
	expect_orders(&orders, SHIM_GROUP, "7|8|");
	expect_orders(&orders, SHIM_NETWORK, "none|");
	expect_orders(&orders, SHIM_CPU_QUOTA, "150000|");
	expect_orders(&orders, SHIM_MEMORY, "4096|");
	expect_orders(&orders, SHIM_MOUNT,
	              "/dev|/dev/pts|/sys|/sys/fs/cgroup|/dev/shm|/etc/resolv.conf|/etc/hosts|"
	              "/inputs/a|/dev/shm|");
	expect_orders(&orders, SHIM_MOUNT_TYPE,
	              "tmpfs|devpts|sysfs|cgroup|tmpfs|bind|bind|bind|bind|");
	expect_orders(&orders, SHIM_MOUNT_FROM,
	              "tmpfs|devpts|sysfs|cgroup|shm|/d/bundle/resolv.conf|/d/bundle/hosts|"
	              "/d/bundle/view0|/ro|");
	expect_orders(&orders, SHIM_READONLY,
	              "/proc/bus|/proc/fs|/proc/irq|/proc/sys|/proc/sysrq-trigger|");
	expect_orders(&orders, SHIM_OPTION,
	              "--unshare-pid|--unshare-ipc|--unshare-uts|--hostname|j-1|"
	              "--dev-bind|/d/bundle/rootfs|/|--proc|/proc|--mqueue|/dev/mqueue|"
	              "--ro-bind|/x|/proc/y|--cap-drop|ALL|" CAPS);
	/* Hooks are an OCI runtime's. */
	json_add(doc, "hooks", json_new_obj());
	assert_int_equal(bwrap_config_add(&orders, doc, "/init", &err), SLUICE_MISSING);
	cJSON_Delete(doc);
	strbuf_release(&orders);
}

static void test_stop_signal(void **state)
{
	(void)state;
	assert_int_equal(launch_stop_signal(NULL), SIGTERM);
	assert_int_equal(launch_stop_signal("SIGQUIT"), SIGQUIT);
	assert_int_equal(launch_stop_signal("INT"), SIGINT);
	assert_int_equal(launch_stop_signal("10"), 10);
	assert_int_equal(launch_stop_signal("SIGRTMIN+3"), SIGRTMIN + 3);
	assert_int_equal(launch_stop_signal("0"), SIGTERM);
	assert_int_equal(launch_stop_signal("nonsense"), SIGTERM);
	assert_int_equal(launch_stop_signal("SIGRTMIN+99"), SIGTERM);
}

static void test_host_mounts(void **state)
{
	static const char text[] =
		"1 0 8:1 / / rw - ext4 /dev/sda rw\n"
		"2 1 0:5 / /proc rw - proc proc rw\n"
		"3 1 0:6 / /dev rw - devtmpfs d rw\n"
		"4 1 8:2 / /data\\040set rw,relatime shared:1 - xfs /dev/sdb rw\n"
		"5 4 8:3 / /data\\040set/in rw - ext4 /dev/sdc rw\n"
		"6 1 8:2 / /data\\040set rw - xfs /dev/sdb rw\n"
		"7 1 0:7 / /run/user/0 rw - tmpfs t rw\n"
		"8 1 0:8 / /tmp rw - tmpfs t rw\n"
		"9 1 0:9 / /var/lib/x/merged rw - overlay o rw\n"
		"10 9 8:1 / /var/lib/x/merged/etc/hosts rw - ext4 /dev/sda rw\n"
		"a line that is none\n"
		"11 1 8:4 / /process rw - ext4 /dev/sdd rw";
	char **list = host_mounts_find(text);

	(void)state;
	assert_string_equal(list[0], "/data set");
	assert_string_equal(list[1], "/data set/in");
	assert_string_equal(list[2], "/tmp");
	assert_string_equal(list[3], "/process");
	assert_null(list[4]);
	host_mounts_free(list);
	list = host_mounts_find("");
	assert_null(list[0]);
	host_mounts_free(list);
}

static void expect_log(const char *log, const char *message, int code)
{
	struct strbuf sb = STRBUF_INIT(1 << 16);

	runtime_log_message(log, &sb);
	assert_string_equal(strbuf_str(&sb), message);
	assert_int_equal(runtime_log_exit_code(strbuf_str(&sb)), code);
	strbuf_release(&sb);
}

static void test_runtime_log(void **state)
{
	(void)state;
	expect_log("", "", 0);
	expect_log("{\"msg\":\"unknown\",\"level\":\"warning\"}\n", "", 0);
	expect_log("{\"level\":\"warning\",\"msg\":\"w\"}\n{\"level\":\"error\",\"msg\":\"runc run "
	           "failed: exec: \\\"x\\\": executable file not found in $PATH\"}\n",
	           "runc run failed: exec: \"x\": executable file not found in $PATH", 127);
	expect_log("{\"msg\":\"executable file `x` not found in $PATH: No such file or directory\","
	           "\"level\":\"error\"}",
	           "executable file `x` not found in $PATH: No such file or directory", 127);
	expect_log("{\"msg\":\"open executable: Permission denied\",\"level\":\"error\"}",
	           "open executable: Permission denied", 126);
	expect_log("{\"msg\":\"open executable: Operation not permitted\",\"level\":\"error\"}",
	           "open executable: Operation not permitted", 126);
	expect_log("{\"msg\":\"open executable: File name too long\",\"level\":\"error\"}",
	           "open executable: File name too long", 127);
	expect_log("{\"level\":\"error\",\"msg\":\"mount: no space\\nleft\"}",
	           "mount: no space left", 0);
	expect_log("{\"level\":\"error\",\"msg\":\"cut off\\", "cut off", 0);
}

static void test_runtime_log_is_cut(void **state)
{
	struct strbuf sb = STRBUF_INIT(1 << 16);

	(void)state;
	strbuf_addf(&sb, "%0505d", 7);
	runtime_log_shorten(&sb);
	assert_int_equal(sb.len, 505);
	strbuf_addstr(&sb, ": not found");
	runtime_log_shorten(&sb);
	assert_int_equal(sb.len, 505);
	assert_int_equal(strlen(sb.buf), 505);
	assert_non_null(strstr(sb.buf, "00 ... 00"));
	assert_string_equal(sb.buf + 505 - strlen("07: not found"), "07: not found");
	strbuf_release(&sb);
}

static void test_orders(void **state)
{
	struct strbuf sb = STRBUF_INIT(1 << 16);
	const char *p, *key, *value;

	(void)state;
	shim_ops_add(&sb, SHIM_ID, "x");
	shim_ops_add(&sb, SHIM_SECRET, "");
	p = sb.buf;
	assert_true(shim_ops_next(&p, sb.buf + sb.len, &key, &value));
	assert_string_equal(key, SHIM_ID);
	assert_string_equal(value, "x");
	assert_true(shim_ops_next(&p, sb.buf + sb.len, &key, &value));
	assert_string_equal(value, "");
	assert_false(shim_ops_next(&p, sb.buf + sb.len, &key, &value));
	p = sb.buf;
	assert_false(shim_ops_next(&p, sb.buf + 4, &key, &value)); /* cut off */
	strbuf_release(&sb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_command),
		cmocka_unit_test(test_no_command),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_relative_paths),
		cmocka_unit_test(test_host_root),
		cmocka_unit_test(test_stop_signal),
		cmocka_unit_test(test_host_mounts),
		cmocka_unit_test(test_runtime_log),
		cmocka_unit_test(test_runtime_log_is_cut),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_resolv_conf),
		cmocka_unit_test(test_private_network),
		cmocka_unit_test(test_hook),
		cmocka_unit_test(test_ordinary_user),
		cmocka_unit_test(test_machine_as_image),
		cmocka_unit_test(test_bwrap),
		cmocka_unit_test(test_filter),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
