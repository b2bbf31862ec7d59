/*
 * A tar that is made while it is sent: whoever sends asks for bytes, and what is next in it is done
 * until there are some.
 */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/byte_names.h"
#include "base/cleanup.h"
#include "base/strbuf.h"
#include "base/xalloc.h"
#include "executor/docker/api.h"
#include "executor/docker/copies.h"

enum { CHUNK = 64 * 1024, PIECE = 8 * 1024 };

/* A directory alone, a file with a text, or all that is in a directory of this machine. */
struct item {
	enum { ITEM_DIR, ITEM_TEXT, ITEM_TREE } kind;
	char *target; /* without the first '/' */
	char *source; /* the text, or the directory */
	mode_t mode;
	uid_t uid;
	gid_t gid;
};

struct docker_parcel {
	struct item *item;
	size_t n, cap, at;
	struct archive *tar;
	struct archive *disk; /* the tree that is being walked, or NULL */
	struct stat top;      /* the tree's own directory */
	bool in_file;         /* its next bytes are to be sent */
	bool over;
	struct strbuf out; /* what was made and not sent yet, but for the first `sent` bytes */
	size_t sent;
	struct error *err; /* of the sending */
};

/* --- what is in it ---------------------------------------------------------------------------- */

static void add_item(struct docker_parcel *p, struct item item, const char *target,
                     const char *source)
{
	p->item = xgrow(p->item, p->n, &p->cap, sizeof *p->item);
	item.target = xstrdup(target + 1);
	item.source = source ? xstrdup(source) : NULL;
	p->item[p->n++] = item;
}

/* The directory above is made with rights of its own; the daemon would give it all of them. */
static void add_above(struct docker_parcel *p, const char *target)
{
	AUTO_FREE char *above = xstrdup(target);

	*strrchr(above, '/') = '\0';
	for (size_t i = 0; i < p->n; i++)
		if (strcmp(p->item[i].target, above + (above[0] == '/')) == 0)
			return;
	if (above[0])
		add_item(p, (struct item){ .kind = ITEM_DIR, .mode = 0755 }, above, NULL);
}

static void add_mount(struct docker_parcel *p, const struct request *r,
                      const struct request_mount *m, const struct user *user)
{
	struct item item = { .kind = ITEM_TREE, .uid = user->uid, .gid = user->gid };

	if (m->kind == MOUNT_WRITE && !request_owns(r, m))
		item = (struct item){ .kind = ITEM_DIR, .mode = 01777 }; /* a volume */
	if (m->kind == MOUNT_TEXT) {
		item.kind = ITEM_TEXT;
		item.mode = 0644;
	}
	add_above(p, m->target);
	add_item(p, item, m->target, m->source);
}

struct docker_parcel *docker_parcel_new(const struct request *r, const struct user *user)
{
	struct docker_parcel *p = xcalloc(1, sizeof *p);

	p->out = STRBUF_INIT(STRBUF_BIG);
	if (r->script) {
		add_above(p, REQUEST_SCRIPT_PATH);
		add_item(p, (struct item){ .kind = ITEM_TEXT, .mode = 0444 }, REQUEST_SCRIPT_PATH,
		         r->script);
	}
	for (size_t i = 0; i < r->n_mounts; i++)
		add_mount(p, r, &r->mounts[i], user);
	return p;
}

void docker_parcel_free(struct docker_parcel *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n; i++) {
		free(p->item[i].target);
		free(p->item[i].source);
	}
	free(p->item);
	strbuf_release(&p->out);
	free(p);
}

/* --- making it -------------------------------------------------------------------------------- */

static la_ssize_t on_write(struct archive *a, void *arg, const void *data, size_t len)
{
	struct docker_parcel *p = arg;

	(void)a;
	strbuf_add(&p->out, data, len);
	return (la_ssize_t)len;
}

static int tar_failed(struct docker_parcel *p, struct archive *a)
{
	const char *why = archive_error_string(a);

	return error_set(p->err, SLUICE_SYSTEM, "cannot read '%s': %s", p->item[p->at].source,
	                 why ? why : "no reason is given");
}

static int put_header(struct docker_parcel *p, struct archive_entry *e)
{
	return archive_write_header(p->tar, e) < ARCHIVE_WARN ? tar_failed(p, p->tar) : 0;
}

static int put_alone(struct docker_parcel *p, const struct item *item)
{
	struct archive_entry *e = archive_entry_new();
	size_t len = item->kind == ITEM_TEXT ? strlen(item->source) : 0;
	int rc;

	archive_entry_copy_pathname(e, item->target);
	archive_entry_set_filetype(e, item->kind == ITEM_TEXT ? AE_IFREG : AE_IFDIR);
	archive_entry_set_perm(e, item->mode);
	archive_entry_set_uid(e, item->uid);
	archive_entry_set_gid(e, item->gid);
	archive_entry_set_size(e, (la_int64_t)len);
	rc = put_header(p, e);
	archive_entry_free(e);
	if (rc == 0 && len > 0 && archive_write_data(p->tar, item->source, len) != (la_ssize_t)len)
		rc = tar_failed(p, p->tar);
	p->at++;
	return rc;
}

/* What stands in the tree's place is not looked behind. */
static int begin_tree(struct docker_parcel *p, const struct item *item)
{
	if (lstat(item->source, &p->top) != 0)
		return error_sys(p->err, errno, "cannot read '%s'", item->source);
	if (!S_ISDIR(p->top.st_mode) && !S_ISREG(p->top.st_mode))
		return error_sys(p->err, ENOTDIR, "cannot read '%s'", item->source);
	p->disk = archive_read_disk_new();
	(void)archive_read_disk_set_symlink_physical(p->disk);
	(void)archive_read_disk_set_behavior(p->disk, ARCHIVE_READDISK_NO_XATTR |
	                                                      ARCHIVE_READDISK_NO_ACL |
	                                                      ARCHIVE_READDISK_NO_FFLAGS);
	return archive_read_disk_open(p->disk, item->source) < ARCHIVE_WARN ? tar_failed(p, p->disk)
	                                                                    : 0;
}

static void end_tree(struct docker_parcel *p)
{
	(void)archive_read_free(p->disk);
	p->disk = NULL;
	p->in_file = false;
}

/* What its owner has in it becomes the user's; another's stays his. */
static void set_owner(const struct docker_parcel *p, struct archive_entry *e)
{
	const struct item *item = &p->item[p->at];

	if (archive_entry_uid(e) == p->top.st_uid)
		archive_entry_set_uid(e, item->uid);
	if (archive_entry_gid(e) == p->top.st_gid)
		archive_entry_set_gid(e, item->gid);
}

static int put_entry(struct docker_parcel *p, struct archive_entry *e)
{
	const struct item *item = &p->item[p->at];
	mode_t type = archive_entry_filetype(e);
	const char *below = archive_entry_pathname(e) + strlen(item->source);
	AUTO_FREE char *path = xasprintf("%s%s", item->target, below);
	int rc;

	if (type != AE_IFREG && type != AE_IFDIR && type != AE_IFLNK && type != AE_IFIFO)
		return 0;
	archive_entry_copy_pathname(e, path);
	set_owner(p, e);
	rc = put_header(p, e);
	if (rc == 0 && type == AE_IFDIR && archive_read_disk_can_descend(p->disk))
		rc = archive_read_disk_descend(p->disk) < ARCHIVE_WARN ? tar_failed(p, p->disk) : 0;
	p->in_file = type == AE_IFREG && archive_entry_size(e) > 0;
	return rc;
}

static int put_bytes(struct docker_parcel *p)
{
	char piece[PIECE];
	la_ssize_t n = archive_read_data(p->disk, piece, sizeof piece);

	if (n < 0)
		return tar_failed(p, p->disk);
	p->in_file = n > 0;
	return archive_write_data(p->tar, piece, (size_t)n) < 0 ? tar_failed(p, p->tar) : 0;
}

static int walk(struct docker_parcel *p)
{
	struct archive_entry *e = archive_entry_new();
	int got = archive_read_next_header2(p->disk, e);
	int rc = 0;

	if (got == ARCHIVE_EOF) {
		end_tree(p);
		p->at++;
	} else {
		rc = got < ARCHIVE_WARN ? tar_failed(p, p->disk) : put_entry(p, e);
	}
	archive_entry_free(e);
	return rc;
}

static int step(struct docker_parcel *p)
{
	if (p->in_file)
		return put_bytes(p);
	if (p->disk)
		return walk(p);
	if (p->at < p->n && p->item[p->at].kind == ITEM_TREE)
		return begin_tree(p, &p->item[p->at]);
	if (p->at < p->n)
		return put_alone(p, &p->item[p->at]);
	p->over = true;
	return archive_write_close(p->tar) < ARCHIVE_WARN ? tar_failed(p, p->tar) : 0;
}

/* --- sending it ------------------------------------------------------------------------------- */

static int64_t on_send(void *arg, void *buf, size_t room, struct error *err)
{
	struct docker_parcel *p = arg;
	size_t n;

	p->err = err;
	if (p->sent == p->out.len) {
		strbuf_clear(&p->out);
		p->sent = 0;
	}
	while (p->out.len < CHUNK && !p->over) {
		int rc = step(p);

		if (rc < 0)
			return rc;
	}
	n = p->out.len - p->sent < room ? p->out.len - p->sent : room;
	if (n > 0)
		memcpy(buf, p->out.buf + p->sent, n);
	p->sent += n;
	return (int64_t)n;
}

static int ignore_body(void *arg, const void *data, size_t len, struct error *err)
{
	(void)arg;
	(void)data;
	(void)len;
	(void)err;
	return 0;
}

/* GNU's form takes names of any bytes and length. */
static bool open_tar(struct docker_parcel *p)
{
	p->tar = archive_write_new();
	return archive_write_set_format_gnutar(p->tar) == ARCHIVE_OK &&
	       archive_write_set_bytes_per_block(p->tar, 0) == ARCHIVE_OK &&
	       archive_write_open(p->tar, p, NULL, on_write, NULL) == ARCHIVE_OK;
}

int docker_parcel_send(struct docker_parcel *p, const struct docker_host *host,
                       const char *container, const atomic_bool *stop, struct error *err)
{
	locale_t before = byte_names_begin();
	AUTO_FREE char *path = xasprintf("/containers/%s/archive?path=/", container);
	const struct docker_ask ask = {
		.method = "PUT",
		.path = path,
		.is_long = true,
		.on_send = on_send,
		.send_arg = p,
	};
	int rc = open_tar(p) ? docker_stream(host, &ask, ignore_body, NULL, stop, err)
	                     : error_sys(err, ENOMEM, "cannot make a tar");

	if (p->disk)
		end_tree(p);
	(void)archive_write_free(p->tar);
	byte_names_end(before);
	return rc;
}
