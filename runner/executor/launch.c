#include "executor/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/strbuf.h"
#include "base/userns.h"
#include "base/wipe.h"
#include "base/xalloc.h"
#include "executor/bundle.h"
#include "executor/bwrap_config.h"
#include "executor/host_mounts.h"
#include "executor/oci_config.h"
#include "executor/shim/ops.h"
#include "executor/user.h"

enum { HOST_FILE_MAX = 1 << 20 };

static void add_number(struct strbuf *sb, const char *key, uint64_t value)
{
	AUTO_FREE char *text = xasprintf("%" PRIu64, value);

	shim_ops_add(sb, key, text);
}

static void add_file(struct strbuf *sb, const char *name, const char *text)
{
	shim_ops_add(sb, SHIM_FILE, name);
	shim_ops_add(sb, SHIM_TEXT, text);
}

void launch_resolv_conf(const char *host_conf, const char *resolver, struct strbuf *ret_text)
{
	for (const char *line = host_conf; *line;) {
		size_t len = strcspn(line, "\n");
		size_t blank = strspn(line, " \t");

		len += line[len] == '\n';
		if (strncmp(line + blank, "nameserver", strlen("nameserver")) != 0)
			strbuf_add(ret_text, line, len);
		line += len;
	}
	if (ret_text->len > 0 && ret_text->buf[ret_text->len - 1] != '\n')
		strbuf_addch(ret_text, '\n');
	strbuf_addf(ret_text, "nameserver %s\n", resolver);
}

/* Private copies: a job may change them, and each has a host name of its own. */
static void add_network_files(struct strbuf *sb, const struct request *r)
{
	AUTO_STRBUF struct strbuf private = STRBUF_INIT(HOST_FILE_MAX);
	AUTO_STRBUF struct strbuf resolv = STRBUF_INIT(HOST_FILE_MAX);
	AUTO_STRBUF struct strbuf hosts = STRBUF_INIT(HOST_FILE_MAX);

	/* A machine without these files gives its containers empty ones. */
	(void)!io_read_file(AT_FDCWD, "/etc/resolv.conf", &resolv);
	(void)!io_read_file(AT_FDCWD, "/etc/hosts", &hosts);
	if (hosts.len > 0 && hosts.buf[hosts.len - 1] != '\n')
		strbuf_addch(&hosts, '\n');
	strbuf_addf(&hosts, "127.0.1.1\t%s\n", r->id);
	if (r->network == NETWORK_PRIVATE)
		launch_resolv_conf(strbuf_str(&resolv), NETWORK_RESOLVER, &private);
	add_file(sb, BUNDLE_RESOLV_CONF,
	         strbuf_str(r->network == NETWORK_PRIVATE ? &private : &resolv));
	add_file(sb, BUNDLE_HOSTS, strbuf_str(&hosts));
}

static void add_mounts(struct strbuf *sb, const struct request *r)
{
	size_t texts = 0;

	for (size_t i = 0; i < r->n_mounts; i++) {
		const struct request_mount *m = &r->mounts[i];
		AUTO_FREE char *name = NULL;

		switch (m->kind) {
		case MOUNT_VIEW:
			shim_ops_add(sb, SHIM_VIEW, m->source);
			break;
		case MOUNT_TEXT:
			name = xasprintf(BUNDLE_TEXT_FMT, texts++);
			add_file(sb, name, m->source);
			break;
		case MOUNT_WRITE:
			if (request_owns(r, m))
				shim_ops_add(sb, SHIM_OWN, m->source);
			break;
		case MOUNT_READONLY:
			break;
		}
	}
}

static void add_root(struct strbuf *sb, const struct launch *l)
{
	if (l->image && !l->machine_without) {
		shim_ops_add(sb, SHIM_UPPER, "disk");
		if (l->targets)
			shim_ops_add(sb, SHIM_LAYER, l->targets);
		for (size_t i = 0; i < l->image->n_layers; i++)
			shim_ops_add(sb, SHIM_LAYER, l->image->layers[i]);
		add_number(sb, SHIM_STOP_SIGNAL,
		           (uint64_t)launch_stop_signal(l->image->stop_signal));
		return;
	}
	/* The root of a built-in step is read-only: what the runtime makes in it fits into memory.
	 */
	shim_ops_add(sb, SHIM_UPPER, l->image ? "disk" : "memory");
	shim_ops_add(sb, SHIM_LAYER, "/");
}

/* As an OCI runtime reads it, or as bwrap is told. */
static int add_config(struct strbuf *sb, const struct launch *l, const cJSON *config,
                      struct error *err)
{
	char *text;

	if (l->init)
		return bwrap_config_add(sb, config, l->init, err);
	text = json_print(config);
	add_file(sb, BUNDLE_CONFIG, text);
	wipe_free(text);
	return 0;
}

static void add_all(struct strbuf *sb, const struct launch *l, const struct user *user)
{
	const struct request *r = l->request;
	AUTO_FREE char *cgroup = xasprintf(CGROUP_PARENT "/%s", r->id);

	shim_ops_add(sb, SHIM_ID, r->id);
	shim_ops_add(sb, SHIM_RUNTIME, l->runtime);
	shim_ops_add(sb, SHIM_CGROUP, cgroup);
	add_number(sb, SHIM_GRACE_MS, r->grace_ms);
	add_number(sb, SHIM_UID, user->uid);
	add_number(sb, SHIM_GID, user->gid);
	if (!userns_is_root())
		shim_ops_add(sb, SHIM_USER, "ordinary");
	if (l->merge != MERGE_OVERLAY)
		shim_ops_add(sb, SHIM_MERGE, merge_name(l->merge));
	add_root(sb, l);
	if (r->script)
		add_file(sb, BUNDLE_SCRIPT, r->script);
	add_network_files(sb, r);
	if (l->network)
		shim_ops_add(sb, SHIM_NETWORK, "private");
	add_mounts(sb, r);
	for (size_t i = 0; r->secrets && r->secrets[i]; i++)
		shim_ops_add(sb, SHIM_SECRET, r->secrets[i]);
}

static int make_config(const struct launch *l, const struct user *user, cJSON **ret_config,
                       struct error *err)
{
	AUTO_STRBUF struct strbuf mountinfo = STRBUF_INIT(STRBUF_BIG);
	struct oci_config config = {
		.request = l->request,
		.image = l->image,
		.user = user,
		.shim = l->init ? NULL : l->shim, /* bwrap runs no hooks */
		.ids = userns_kind(),
		.shows_nodes = l->init || !userns_is_root(),
		.hide = l->machine_without,
	};
	AUTO_JSON cJSON *gpus = NULL;
	char **mounts = NULL;
	int rc;

	if (l->gpus) {
		rc = gpus_edits(l->gpus, l->request->gpus, &gpus, err);
		if (rc < 0)
			return rc;
		config.gpus = gpus;
	}
	/* An ordinary user's root has all of the machine's mounts, see rootfs.c. */
	if (l->machine_without && userns_is_root()) {
		rc = io_read_file(AT_FDCWD, "/proc/self/mountinfo", &mountinfo);
		if (rc < 0)
			return error_sys(err, rc, "cannot read the machine's mounts");
		mounts = host_mounts_find(strbuf_str(&mountinfo));
		config.host_mounts = (const char *const *)mounts;
	}
	rc = oci_config_make(&config, ret_config, err);
	host_mounts_free(mounts);
	return rc;
}

static void wipe(struct strbuf *sb)
{
	if (sb->buf)
		explicit_bzero(sb->buf, sb->cap);
	strbuf_release(sb);
}

static int to_memfd(const struct strbuf *sb, int *ret_fd, struct error *err)
{
	AUTO_FD int fd = memfd_create("sluice-orders", MFD_CLOEXEC);
	int rc = fd < 0 ? -errno : io_write_all(fd, sb->buf, sb->len);

	if (rc == 0 && lseek(fd, 0, SEEK_SET) != 0)
		rc = -errno;
	if (rc < 0)
		return error_sys(err, rc, "cannot write the shim's orders");
	*ret_fd = take_fd(&fd);
	return 0;
}

/* With one id there is nobody but root, whose all the image's files are then. */
static void stay_in_namespace(struct user *user)
{
	size_t n = 0;

	if (!userns_has_id(user->uid))
		user->uid = 0;
	if (!userns_has_id(user->gid))
		user->gid = 0;
	for (size_t i = 0; i < user->n_groups; i++)
		if (userns_kind() != USERNS_ONE && userns_has_id(user->groups[i]))
			user->groups[n++] = user->groups[i];
	user->n_groups = n;
}

int launch_orders(const struct launch *l, int *ret_fd, struct error *err)
{
	struct strbuf orders = STRBUF_INIT(SHIM_ORDERS_MAX);
	struct user user = { .home = "/" };
	AUTO_JSON cJSON *config = NULL;
	int rc = 0;

	if (l->image)
		rc = user_find(l->image->user, l->passwd, l->group, &user, err);
	if (rc == 0 && !userns_is_root())
		stay_in_namespace(&user);
	if (rc == 0)
		rc = make_config(l, &user, &config, err);
	if (rc != 0)
		return rc;
	add_all(&orders, l, &user);
	rc = add_config(&orders, l, config, err);
	if (rc == 0 && orders.failed)
		rc = error_set(err, SLUICE_LIMIT,
		               "the texts of '%s' are larger than %d MiB together", l->request->id,
		               SHIM_ORDERS_MAX >> 20);
	if (rc == 0)
		rc = to_memfd(&orders, ret_fd, err);
	wipe(&orders);
	return rc;
}

int launch_stop_signal(const char *name)
{
	static const char rtmin[] = "RTMIN+";
	uint64_t number;

	if (!name)
		return SIGTERM;
	if (strncmp(name, "SIG", 3) == 0)
		name += 3;
	if (parse_u64(name, (uint64_t)SIGRTMAX, &number))
		return number > 0 ? (int)number : SIGTERM;
	if (strncmp(name, rtmin, sizeof rtmin - 1) == 0 &&
	    parse_u64(name + sizeof rtmin - 1, (uint64_t)(SIGRTMAX - SIGRTMIN), &number))
		return SIGRTMIN + (int)number;
	for (int sig = 1; sig < NSIG; sig++) {
		const char *abbreviation = sigabbrev_np(sig);

		if (abbreviation && strcmp(abbreviation, name) == 0)
			return sig;
	}
	return SIGTERM;
}
