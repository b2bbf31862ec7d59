#include "executor/orders.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"
#include "base/parse.h"
#include "base/xalloc.h"
#include "executor/shim/ops.h"

static void list_add(struct orders_list *list, const char *item)
{
	list->item = xgrow(list->item, list->len, &list->cap, sizeof *list->item);
	list->item[list->len++] = item;
}

static void take_order(struct orders *o, const char *key, const char *value)
{
	const struct {
		const char *key;
		const char **str;
		uint64_t *number;
		struct orders_list *list;
	} known[] = {
		{ SHIM_ID, .str = &o->id },
		{ SHIM_RUNTIME, .str = &o->runtime },
		{ SHIM_CGROUP, .str = &o->cgroup },
		{ SHIM_INIT, .str = &o->init },
		{ SHIM_ROOT, .str = &o->root },
		{ SHIM_STOP_SIGNAL, .number = &o->stop_signal },
		{ SHIM_GRACE_MS, .number = &o->grace_ms },
		{ SHIM_UID, .number = &o->uid },
		{ SHIM_GID, .number = &o->gid },
		{ SHIM_CPU_QUOTA, .number = &o->cpu_quota_us },
		{ SHIM_MEMORY, .number = &o->memory_bytes },
		{ SHIM_LAYER, .list = &o->layers },
		{ SHIM_VIEW, .list = &o->views },
		{ SHIM_OWN, .list = &o->owned },
		{ SHIM_SECRET, .list = &o->secrets },
		{ SHIM_FILE, .list = &o->files },
		{ SHIM_TEXT, .list = &o->texts },
		{ SHIM_OPTION, .list = &o->options },
		{ SHIM_READONLY, .list = &o->readonly },
		{ SHIM_MASK, .list = &o->masks },
		{ SHIM_GROUP, .list = &o->groups },
		{ SHIM_MOUNT, .list = &o->mounts },
		{ SHIM_MOUNT_TYPE, .list = &o->mount_types },
		{ SHIM_MOUNT_FROM, .list = &o->mount_froms },
		{ SHIM_MOUNT_HOW, .list = &o->mount_hows },
	};

	if (strcmp(key, SHIM_UPPER) == 0)
		o->upper_in_memory = strcmp(value, "memory") == 0;
	if (strcmp(key, SHIM_MERGE) == 0)
		(void)merge_parse(value, &o->merge);
	if (strcmp(key, SHIM_NETWORK) == 0) {
		o->network_is_private = strcmp(value, "private") == 0;
		o->network_is_none = strcmp(value, "none") == 0;
	}
	if (strcmp(key, SHIM_USER) == 0)
		o->is_users = true;
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		if (strcmp(known[i].key, key) != 0)
			continue;
		if (known[i].str)
			*known[i].str = value;
		else if (known[i].number)
			(void)parse_u64(value, INT64_MAX, known[i].number);
		else
			list_add(known[i].list, value);
	}
}

static bool is_whole(const struct orders *o)
{
	return o->id && o->runtime && o->cgroup && o->files.len == o->texts.len &&
	       o->mounts.len == o->mount_types.len && o->mounts.len == o->mount_froms.len &&
	       o->mounts.len == o->mount_hows.len && !o->init == !o->root;
}

int orders_read(struct orders *o, struct error *err)
{
	const char *p, *key, *value;
	int rc;

	*o = (struct orders){ .text = STRBUF_INIT(SHIM_ORDERS_MAX), .stop_signal = SIGTERM };
	rc = io_read_all(SHIM_ORDERS_FD, &o->text);
	(void)close(SHIM_ORDERS_FD);
	if (rc < 0)
		return error_sys(err, rc, "the shim cannot read its orders");
	p = strbuf_str(&o->text);
	while (shim_ops_next(&p, o->text.buf + o->text.len, &key, &value))
		take_order(o, key, value);
	list_add(&o->secrets, NULL);
	if (!is_whole(o))
		return error_set(err, SLUICE_INVALID, "the shim's orders are not whole");
	return 0;
}
