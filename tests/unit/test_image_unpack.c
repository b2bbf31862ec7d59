/* Layers, most of them hostile, become directories. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <locale.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/unpack.h"
#include "tests/support/tar_maker.h"

/* DIR/layer is where layers go; DIR/outside must stay what it is. */
struct box {
	char dir[64];
	int dirfd;
	int root;
	struct unpack_limits limits;
	struct error err;
};

static int box_setup(void **state)
{
	struct box *b = xcalloc(1, sizeof *b);

	snprintf(b->dir, sizeof b->dir, "/tmp/sluice-unpack-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->dirfd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(mkdirat(b->dirfd, "layer", 0755), 0);
	assert_int_equal(mkdirat(b->dirfd, "outside", 0755), 0);
	assert_int_equal(io_put_file_fast(b->dirfd, "outside/file", "mine", 4, 0644), 0);
	b->root = openat(b->dirfd, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	b->limits = UNPACK_LIMITS;
	*state = b;
	return 0;
}

static int box_teardown(void **state)
{
	struct box *b = *state;

	close(b->root);
	close(b->dirfd);
	assert_int_equal(io_remove_tree(AT_FDCWD, b->dir), 0);
	free(b);
	return 0;
}

static int unpack_bytes(struct box *b, struct bytes blob, struct digest packed, struct digest tar)
{
	AUTO_FD int fd = openat(b->dirfd, "blob", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(io_write_all(fd, blob.at, blob.len), 0);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	return unpack_layer(&(struct unpack_blob){ .fd = fd, .packed = &packed, .tar = &tar },
	                    b->root, &b->limits, &b->err);
}

static int unpack_as(struct box *b, const struct tar_entry *entries, int filter)
{
	struct bytes tar = tar_make(entries);
	struct bytes blob = tar_pack(tar, filter);
	int rc = unpack_bytes(b, blob, bytes_digest(blob), bytes_digest(tar));

	free(tar.at);
	free(blob.at);
	return rc;
}

static void unpack(struct box *b, const struct tar_entry *entries)
{
	if (unpack_as(b, entries, ARCHIVE_FILTER_GZIP) != 0)
		fail_msg("%s", b->err.msg);
}

static void refuse(struct box *b, const struct tar_entry *entries, int class, const char *why)
{
	assert_int_equal(unpack_as(b, entries, ARCHIVE_FILTER_NONE), class);
	if (!strstr(b->err.msg, why))
		fail_msg("not '%s' but: %s", why, b->err.msg);
}

static struct stat stat_of(struct box *b, const char *path)
{
	struct stat st;

	if (fstatat(b->root, path, &st, AT_SYMLINK_NOFOLLOW) != 0)
		fail_msg("no '%s'", path);
	return st;
}

static void assert_text(struct box *b, const char *path, const char *want)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 20);

	assert_int_equal(io_read_file(b->root, path, &sb), 0);
	assert_string_equal(strbuf_str(&sb), want);
}

static void assert_absent(struct box *b, const char *path)
{
	struct stat st;

	assert_int_equal(fstatat(b->root, path, &st, AT_SYMLINK_NOFOLLOW), -1);
	assert_int_equal(errno, ENOENT);
}

static bool is_opaque(struct box *b, const char *path)
{
	char full[128];
	char value = 0;
	const char *name = geteuid() == 0 ? "trusted.overlay.opaque" : "user.overlay.opaque";

	snprintf(full, sizeof full, "%s/layer/%s", b->dir, path);
	return getxattr(full, name, &value, 1) == 1 && value == 'y';
}

static bool is_whiteout(struct box *b, const char *path)
{
	struct stat st = stat_of(b, path);

	return S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0);
}

static void assert_outside_untouched(struct box *b)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(100);
	struct stat st;

	assert_int_equal(io_read_file(b->dirfd, "outside/file", &sb), 0);
	assert_string_equal(strbuf_str(&sb), "mine");
	assert_int_equal(fstatat(b->dirfd, "outside/file", &st, 0), 0);
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(fstatat(b->dirfd, "outside/new", &st, 0), -1);
	assert_int_equal(fstatat(b->dirfd, "new", &st, 0), -1);
}

static void files_keep_contents_modes_and_times(void **state)
{
	static const struct tar_entry entries[] = {
		{ .path = "./", .type = AE_IFDIR, .mode = 0750 },
		{ .path = "d", .type = AE_IFDIR, .mode = 0555 },
		{ .path = "d/a", .data = "text", .mode = 0640, .mtime_ns = 500000000 },
		{ .path = "d/setuid", .data = "s", .mode = 04755 },
		{ .path = "secret", .data = "s", .mode = 01000 },
		{ .path = "sticky", .type = AE_IFDIR, .mode = 01777 },
		{ .path = "link", .data = "/d/a", .type = AE_IFLNK },
		{ .path = "fifo", .type = AE_IFIFO, .mode = 0600 },
		{ .path = "hard", .data = "d/a", .type = TAR_HARDLINK },
		{ .path = "implied/deep/x", .data = "x" },
		{ .path = "empty" },
		{ 0 },
	};
	struct box *b = *state;
	struct stat st;
	char target[16] = "";

	unpack(b, entries);
	assert_text(b, "d/a", "text");
	st = stat_of(b, "d/a");
	assert_int_equal(st.st_mode, S_IFREG | 0640);
	assert_int_equal(st.st_mtim.tv_sec, 1600000000);
	assert_int_equal(st.st_mtim.tv_nsec, 500000000);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(st.st_ino, stat_of(b, "hard").st_ino);
	assert_int_equal(stat_of(b, "d/setuid").st_mode, S_IFREG | 04755);
	assert_int_equal(stat_of(b, "d").st_mode, S_IFDIR | 0555);
	assert_int_equal(stat_of(b, "d").st_mtim.tv_sec, 1600000000);
	assert_int_equal(stat_of(b, "sticky").st_mode, S_IFDIR | 01777);
	assert_int_equal(stat_of(b, "implied/deep").st_mode, S_IFDIR | 0755);
	assert_int_equal(stat_of(b, ".").st_mode, S_IFDIR | 0750);
	assert_int_equal(stat_of(b, "fifo").st_mode, S_IFIFO | 0600);
	assert_int_equal(stat_of(b, "secret").st_mode, S_IFREG | 01000);
	assert_int_equal(stat_of(b, "empty").st_size, 0);
	assert_int_equal(readlinkat(b->root, "link", target, sizeof target), 4);
	assert_string_equal(target, "/d/a");
	assert_int_equal(stat_of(b, "link").st_mtim.tv_sec, 1600000000);
	assert_int_equal(fchmodat(b->root, "d", 0755, 0), 0); /* to be removed by anybody */
}

static void every_compression_gives_the_same(void **state)
{
	static const int filters[] = { ARCHIVE_FILTER_NONE, ARCHIVE_FILTER_GZIP,
		                       ARCHIVE_FILTER_ZSTD };
	static const struct tar_entry entries[] = { { .path = "a", .data = "text" }, { 0 } };
	struct box *b = *state;

	for (size_t i = 0; i < sizeof filters / sizeof *filters; i++) {
		assert_int_equal(io_remove_tree(b->root, "a"), 0);
		assert_int_equal(unpack_as(b, entries, filters[i]), 0);
		assert_text(b, "a", "text");
	}
}

/* As `tar --sparse` writes it: data in the middle, a hole before and behind. */
static void sparse_files_keep_their_length(void **state)
{
	struct box *b = *state;
	struct archive_entry *e = archive_entry_new();
	struct bytes tar;
	struct archive *a = tar_maker_open(&tar);
	char *data = xcalloc(1, 1 << 20);
	char got[4] = "";
	AUTO_FD int fd = -1;

	memcpy(data + (512 << 10), "here", 4);
	assert_int_equal(archive_write_set_format_pax(a), ARCHIVE_OK);
	assert_int_equal(archive_write_open_memory(a, tar.at, TAR_ROOM, &tar.len), ARCHIVE_OK);
	archive_entry_set_pathname(e, "sparse");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 0644);
	archive_entry_set_size(e, 1 << 20);
	archive_entry_sparse_add_entry(e, 512 << 10, 4096);
	assert_true(archive_write_header(a, e) >= ARCHIVE_WARN);
	assert_int_equal(archive_write_data(a, data, 1 << 20), 1 << 20);
	archive_entry_free(e);
	tar_maker_close(a, &tar);
	assert_true(tar.len < 64 << 10);
	assert_int_equal(unpack_bytes(b, tar, bytes_digest(tar), bytes_digest(tar)), 0);
	assert_int_equal(stat_of(b, "sparse").st_size, 1 << 20);
	assert_true(stat_of(b, "sparse").st_blocks < 64);
	fd = openat(b->root, "sparse", O_RDONLY | O_CLOEXEC);
	assert_int_equal(pread(fd, got, 4, 512 << 10), 4);
	assert_memory_equal(got, "here", 4);
	free(data);
	free(tar.at);
}

static void an_empty_tar_is_an_empty_layer(void **state)
{
	static const struct tar_entry none[] = { { 0 } };
	struct box *b = *state;
	struct bytes nothing = { xstrdup(""), 0 };

	assert_int_equal(unpack_as(b, none, ARCHIVE_FILTER_NONE), 0);
	assert_int_equal(unpack_as(b, none, ARCHIVE_FILTER_GZIP), 0);
	assert_int_equal(unpack_bytes(b, nothing, bytes_digest(nothing), bytes_digest(nothing)), 0);
	free(nothing.at);
}

static void owners_and_capabilities_are_kept(void **state)
{
	static const char cap[] = "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00"
				  "\x00\x00\x00\x00\x00\x00\x00\x00";
	struct box *b = *state;
	struct bytes tar;
	struct archive *a;
	struct archive_entry *e = archive_entry_new();
	char value[32];

	if (geteuid() != 0) {
		archive_entry_free(e);
		skip();
	}
	a = tar_maker_open(&tar);
	archive_write_set_format_pax_restricted(a);
	archive_write_open_memory(a, tar.at, TAR_ROOM, &tar.len);
	archive_entry_set_pathname(e, "ping");
	archive_entry_set_filetype(e, AE_IFREG);
	archive_entry_set_perm(e, 04755);
	archive_entry_set_uid(e, 1000);
	archive_entry_set_gid(e, 3000000);
	archive_entry_set_size(e, 0);
	archive_entry_xattr_add_entry(e, "security.capability", cap, 20);
	archive_write_header(a, e);
	archive_entry_free(e);
	tar_maker_close(a, &tar);
	assert_int_equal(unpack_bytes(b, tar, bytes_digest(tar), bytes_digest(tar)), 0);
	free(tar.at);
	assert_int_equal(stat_of(b, "ping").st_uid, 1000);
	assert_int_equal(stat_of(b, "ping").st_gid, 3000000);
	assert_int_equal(stat_of(b, "ping").st_mode, S_IFREG | 04755);
	assert_int_equal(fchdir(b->root), 0);
	assert_int_equal(getxattr("ping", "security.capability", value, sizeof value), 20);
	assert_memory_equal(value, cap, 20);
}

static void overlay_xattrs_are_not_taken_from_layers(void **state)
{
	static const struct tar_entry entries[] = {
		{ .path = "a", .data = "", .xattr = "user.note", .value = "hello" },
		{ .path = "b",
		  .type = AE_IFDIR,
		  .xattr = "trusted.overlay.redirect",
		  .value = "/e" },
		{ .path = "c", .type = AE_IFDIR, .xattr = "user.overlay.redirect", .value = "/e" },
		{ .path = "d", .xattr = "trusted.other", .value = "x" },
		{ 0 },
	};
	struct box *b = *state;
	char value[16] = "";

	unpack(b, entries);
	assert_int_equal(fchdir(b->root), 0);
	assert_int_equal(getxattr("a", "user.note", value, sizeof value), 5);
	assert_memory_equal(value, "hello", 5);
	assert_int_equal(listxattr("b", NULL, 0), 0);
	assert_int_equal(listxattr("c", NULL, 0), 0);
	assert_int_equal(listxattr("d", NULL, 0), 0);
}

static void whiteouts_become_what_overlayfs_takes(void **state)
{
	static const struct tar_entry entries[] = {
		{ .path = "d", .type = AE_IFDIR },
		{ .path = "d/.wh.gone" },
		{ .path = "opq/.wh..wh..opq" },
		{ .path = "opq/new", .data = "n" },
		{ .path = ".wh..wh.plnk" },
		{ .path = ".wh.dir" },
		{ .path = "dir", .type = AE_IFDIR, .mode = 0700 },
		{ .path = ".wh.file" },
		{ .path = "file", .data = "back" },
		{ .path = "mine", .data = "stays" },
		{ .path = ".wh.mine" },
		{ .path = "mydir/f", .data = "stays" },
		{ .path = ".wh.mydir" },
		{ .path = ".wh.tree" },
		{ .path = "tree/below", .data = "b" },
		{ 0 },
	};
	struct box *b = *state;

	unpack(b, entries);
	assert_true(is_whiteout(b, "d/gone"));
	assert_absent(b, "d/.wh.gone");
	assert_true(is_opaque(b, "opq"));
	assert_false(is_opaque(b, "d"));
	assert_text(b, "opq/new", "n");
	assert_absent(b, ".wh.plnk");
	assert_absent(b, ".wh..wh.plnk");
	assert_true(is_opaque(b, "dir")); /* nothing of the lower directory shows through */
	assert_int_equal(stat_of(b, "dir").st_mode, S_IFDIR | 0700);
	assert_text(b, "file", "back");
	assert_text(b, "mine", "stays"); /* whiteouts hide lower layers only */
	assert_text(b, "mydir/f", "stays");
	assert_true(is_opaque(b, "mydir"));
	assert_text(b, "tree/below", "b");
	assert_true(is_opaque(b, "tree"));
}

static void the_later_of_two_entries_wins(void **state)
{
	static const struct tar_entry entries[] = {
		{ .path = "a", .data = "first", .mode = 0600 },
		{ .path = "./a", .data = "second", .mode = 0644 },
		{ .path = "d", .type = AE_IFDIR, .mode = 0700 },
		{ .path = "d/x", .data = "x" },
		{ .path = "d", .type = AE_IFDIR, .mode = 0711 },
		{ .path = "wasdir", .type = AE_IFDIR },
		{ .path = "wasdir/sub/x", .data = "x" },
		{ .path = "wasdir", .data = "file" },
		{ .path = "waslink", .data = "d", .type = AE_IFLNK },
		{ .path = "waslink", .type = AE_IFDIR },
		{ .path = "self", .data = "s" },
		{ .path = "self", .data = "self", .type = TAR_HARDLINK },
		{ 0 },
	};
	struct box *b = *state;

	unpack(b, entries);
	assert_text(b, "a", "second");
	assert_int_equal(stat_of(b, "a").st_mode, S_IFREG | 0644);
	assert_text(b, "d/x", "x");
	assert_int_equal(stat_of(b, "d").st_mode, S_IFDIR | 0711);
	assert_text(b, "wasdir", "file");
	assert_true(S_ISDIR(stat_of(b, "waslink").st_mode));
	assert_text(b, "self", "s");
	assert_absent(b, "waslink/x");
}

static void links_are_followed_inside_the_layer_only(void **state)
{
	static const struct tar_entry entries[] = {
		{ .path = "usr/lib", .type = AE_IFDIR },
		{ .path = "lib", .data = "usr/lib", .type = AE_IFLNK },
		{ .path = "lib/x", .data = "in usr" },
		{ .path = "abs", .data = "/usr/lib", .type = AE_IFLNK },
		{ .path = "abs/y", .data = "in usr too" },
		{ .path = "up", .data = "../../../..", .type = AE_IFLNK },
		{ .path = "up/new", .data = "in the root" },
		{ .path = "lib/made/z", .data = "z" },
		{ .path = "hard", .data = "lib/x", .type = TAR_HARDLINK },
		{ 0 },
	};
	struct box *b = *state;

	unpack(b, entries);
	assert_text(b, "usr/lib/x", "in usr");
	assert_text(b, "usr/lib/y", "in usr too");
	assert_text(b, "new", "in the root");
	assert_text(b, "usr/lib/made/z", "z");
	assert_text(b, "hard", "in usr");
	assert_true(S_ISLNK(stat_of(b, "lib").st_mode));
	assert_outside_untouched(b);
}

static void absolute_names_are_below_the_root(void **state)
{
	static const struct tar_entry entries[] = {
		{ .path = "/etc/x", .data = "x" },
		{ .path = "//etc//./y", .data = "y" },
		{ 0 },
	};
	struct box *b = *state;

	unpack(b, entries);
	assert_text(b, "etc/x", "x");
	assert_text(b, "etc/y", "y");
}

/* Every one of these ends in an error, and with the outside as it was. */
static void attacks_are_refused(void **state)
{
	static const struct {
		const char *why;
		struct tar_entry entry[4];
	} table[] = {
		{ "'..' in its path", { { .path = "../outside/new", .data = "x" } } },
		{ "'..' in its path", { { .path = "a/../../outside/new", .data = "x" } } },
		{ "'..' in its path", { { .path = "..", .type = AE_IFDIR } } },
		{ "'..' in its path",
		  { { .path = "h", .data = "../outside/file", .type = TAR_HARDLINK } } },
		{ "does not bring", { { .path = "h", .data = "gone", .type = TAR_HARDLINK } } },
		{ "does not bring",
		  { { .path = "h", .data = "/etc/passwd", .type = TAR_HARDLINK } } },
		{ "does not bring",
		  { { .path = "l", .data = "../outside", .type = AE_IFLNK },
		    { .path = "h", .data = "l/file", .type = TAR_HARDLINK } } },
		{ "that is no file",
		  { { .path = "d", .type = AE_IFDIR },
		    { .path = "h", .data = "d", .type = TAR_HARDLINK } } },
		{ "is no directory",
		  { { .path = "f", .data = "x" }, { .path = "f/new", .data = "x" } } },
		{ "is no directory",
		  { { .path = "l", .data = "../outside", .type = AE_IFLNK },
		    { .path = "l/new", .data = "x" } } },
		{ "leads nowhere",
		  { { .path = "l", .data = "l", .type = AE_IFLNK },
		    { .path = "l/new", .data = "x" } } },
		{ "a whiteout of nothing", { { .path = ".wh." } } },
		{ "a whiteout of nothing", { { .path = "d/.wh..." } } },
		{ "the root is no directory", { { .path = ".", .data = "x" } } },
	};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		refuse(b, table[i].entry, SLUICE_INVALID, table[i].why);
		assert_outside_untouched(b);
		assert_int_equal(io_remove_tree(b->dirfd, "layer"), 0);
		assert_int_equal(mkdirat(b->dirfd, "layer", 0755), 0);
		close(b->root);
		b->root = openat(b->dirfd, "layer", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	}
}

static void a_file_does_not_go_through_a_link_of_its_name(void **state)
{
	static const struct tar_entry entries[] = {
		{ .path = "l", .data = "../outside/file", .type = AE_IFLNK },
		{ .path = "l", .data = "not yours", .mode = 0777 },
		{ .path = "m", .data = "../outside", .type = AE_IFLNK },
		{ .path = "m", .type = AE_IFDIR, .mode = 0700 },
		{ 0 },
	};
	struct box *b = *state;

	unpack(b, entries);
	assert_text(b, "l", "not yours");
	assert_true(S_ISDIR(stat_of(b, "m").st_mode));
	assert_outside_untouched(b);
}

static void devices_are_made_as_root_only(void **state)
{
	const struct tar_entry entries[] = {
		{ .path = "null", .type = AE_IFCHR, .mode = 0666, .rdev = makedev(1, 3) },
		{ .path = "disk", .type = AE_IFBLK, .mode = 0600, .rdev = makedev(7, 0) },
		{ 0 },
	};
	struct box *b = *state;

	unpack(b, entries);
	if (geteuid() != 0) {
		assert_absent(b, "null");
		return;
	}
	assert_int_equal(stat_of(b, "null").st_mode, S_IFCHR | 0666);
	assert_int_equal(stat_of(b, "null").st_rdev, makedev(1, 3));
	assert_int_equal(stat_of(b, "disk").st_mode, S_IFBLK | 0600);
}

static void names_are_bytes_in_every_locale(void **state)
{
	static const struct tar_entry entries[] = {
		{ .path = "e\xcc\x81", .data = "decomposed" },
		{ .path = "\xc3\xa9", .data = "composed" },
		{ .path = "\xff\xfe", .data = "no UTF-8" },
		{ .path = "new\nline", .data = "x" },
		{ 0 },
	};
	struct box *b = *state;
	locale_t utf8 = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0);
	locale_t before;

	assert_non_null(utf8);
	before = uselocale(utf8);
	unpack(b, entries);
	assert_ptr_equal(uselocale(before), utf8);
	freelocale(utf8);
	assert_text(b, "e\xcc\x81", "decomposed");
	assert_text(b, "\xc3\xa9", "composed");
	assert_text(b, "\xff\xfe", "no UTF-8");
	assert_text(b, "new\nline", "x");
}

static const struct tar_entry two_files[] = {
	{ .path = "a", .data = "0123456789" },
	{ .path = "b", .data = "0123456789" },
	{ 0 },
};

static void limits_hold_at_one_more(void **state)
{
	static const struct tar_entry deep[] = { { .path = "1/2/3", .data = "x" }, { 0 } };
	struct box *b = *state;
	struct bytes tar = tar_make(two_files);

	b->limits.entries = 2;
	assert_int_equal(unpack_as(b, two_files, ARCHIVE_FILTER_NONE), 0);
	b->limits.entries = 1;
	refuse(b, two_files, SLUICE_LIMIT, "more than 1 entries");
	b->limits = UNPACK_LIMITS;
	b->limits.bytes = tar.len;
	assert_int_equal(unpack_as(b, two_files, ARCHIVE_FILTER_NONE), 0);
	b->limits.bytes = tar.len - 1;
	refuse(b, two_files, SLUICE_LIMIT, "unpacks to more than");
	free(tar.at);
	b->limits = UNPACK_LIMITS;
	b->limits.depth = 3;
	assert_int_equal(unpack_as(b, deep, ARCHIVE_FILTER_NONE), 0);
	b->limits.depth = 2;
	refuse(b, deep, SLUICE_LIMIT, "more than 2 components");
}

static void a_bomb_is_stopped(void **state)
{
	struct box *b = *state;
	struct bytes zeros = { xcalloc(1, 8 << 20), 8 << 20 };
	struct bytes blob = tar_pack(zeros, ARCHIVE_FILTER_ZSTD);

	b->limits.free_bytes = 1 << 20;
	b->limits.ratio = 100;
	assert_int_equal(unpack_bytes(b, blob, bytes_digest(blob), bytes_digest(zeros)),
	                 SLUICE_LIMIT);
	assert_non_null(strstr(b->err.msg, "more than 100 times its size"));
	free(zeros.at);
	free(blob.at);
}

/* A header for a body of SIZE bytes, which do not follow: to promise costs nothing. */
static void put_header(char header[1024], char type, uint64_t size)
{
	unsigned sum = 0;

	memset(header, 0, 1024);
	memcpy(header, "big", 3);
	memcpy(header + 100, "0000644", 8);
	memcpy(header + 108, "0000000", 8);
	memcpy(header + 116, "0000000", 8);
	header[124] = (char)0x80; /* the size as a binary number */
	for (size_t i = 0; i < 8; i++)
		header[128 + i] = (char)(size >> (56 - 8 * i));
	memcpy(header + 136, "00000000000", 12);
	memset(header + 148, ' ', 8);
	header[156] = type;
	memcpy(header + 257, "ustar\00000", 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)header[i];
	snprintf(header + 148, 8, "%06o", sum);
}

/* Of a file; of a long name, a long link, and attributes of what follows and of all. */
static void what_promises_too_much_is_refused(void **state)
{
	static const struct {
		char type;
		uint64_t size;
		int class;
		const char *why;
	} row[] = {
		{ '0', (uint64_t)1 << 60, SLUICE_LIMIT, "its files are larger than" },
		{ 'L', (uint64_t)1 << 40, SLUICE_INVALID, "it is no tar" },
		{ 'K', (uint64_t)1 << 40, SLUICE_INVALID, "it is no tar" },
		{ 'x', (uint64_t)1 << 40, SLUICE_INVALID, "it is no tar" },
		{ 'g', (uint64_t)1 << 40, SLUICE_INVALID, "it is no tar" },
		{ 'x', 2 << 20, SLUICE_INVALID, "it is no tar" },
	};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
		struct bytes tar = { xcalloc(1, 4 << 20), 4 << 20 };

		put_header(tar.at, row[i].type, row[i].size);
		assert_int_equal(unpack_bytes(b, tar, bytes_digest(tar), bytes_digest(tar)),
		                 row[i].class);
		if (!strstr(b->err.msg, row[i].why))
			fail_msg("'%c': %s", row[i].type, b->err.msg);
		assert_int_equal(io_remove_tree(b->root, "big"), 0);
		free(tar.at);
	}
}

static void a_path_that_no_file_system_takes_is_refused(void **state)
{
	struct box *b = *state;
	struct tar_entry entries[2] = { { .data = "x" } };
	char name[300];

	memset(name, 'n', sizeof name);
	name[256] = '\0';
	entries[0].path = name;
	refuse(b, entries, SLUICE_INVALID, "its path is too long");
	name[255] = '\0';
	unpack(b, entries);
	assert_text(b, name, "x");
}

static void wrong_digests_are_told_apart(void **state)
{
	struct box *b = *state;
	struct bytes tar = tar_make(two_files);
	struct bytes blob = tar_pack(tar, ARCHIVE_FILTER_GZIP);
	struct digest other = digest_of("x", 1);

	assert_int_equal(unpack_bytes(b, blob, other, bytes_digest(tar)), SLUICE_CORRUPT);
	assert_non_null(strstr(b->err.msg, "does not match its digest"));
	assert_int_equal(unpack_bytes(b, blob, bytes_digest(blob), other), SLUICE_INVALID);
	assert_non_null(strstr(b->err.msg, "do not match the diff id"));
	free(tar.at);
	free(blob.at);
}

static void truncated_layers_are_refused(void **state)
{
	struct box *b = *state;
	struct bytes tar = tar_make(two_files);
	struct bytes blob = tar_pack(tar, ARCHIVE_FILTER_GZIP);
	struct digest whole = bytes_digest(blob);
	struct digest tar_whole = bytes_digest(tar);
	struct bytes cut = { blob.at, blob.len - 20 };

	/* of a good blob: the digest says it; of a blob that was made so: gzip does */
	assert_int_equal(unpack_bytes(b, cut, whole, tar_whole), SLUICE_CORRUPT);
	assert_int_equal(unpack_bytes(b, cut, bytes_digest(cut), tar_whole), SLUICE_INVALID);
	assert_non_null(strstr(b->err.msg, "runcated"));
	cut = (struct bytes){ tar.at, 700 }; /* in the middle of a file's data */
	assert_int_equal(unpack_bytes(b, cut, bytes_digest(cut), tar_whole), SLUICE_INVALID);
	cut = (struct bytes){ tar.at, 1024 }; /* just before a header */
	assert_int_equal(unpack_bytes(b, cut, bytes_digest(cut), tar_whole), SLUICE_INVALID);
	free(tar.at);
	free(blob.at);
}

static void what_is_no_tar_is_refused(void **state)
{
	struct box *b = *state;
	struct bytes text = { xstrdup("this is no tar, and it is not compressed either"), 47 };

	assert_int_equal(unpack_bytes(b, text, bytes_digest(text), bytes_digest(text)),
	                 SLUICE_INVALID);
	assert_non_null(strstr(b->err.msg, "it is no tar"));
	free(text.at);
}

#define IN_BOX(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

/* --- tars that are no layers ------------------------------------------------------------------ */

struct slow {
	struct bytes tar;
	size_t at;
	bool breaks; /* after its first piece */
};

static int64_t read_slowly(void *arg, const void **ret_data, struct error *err)
{
	enum { PIECE = 1000 };
	struct slow *s = arg;
	size_t n = s->tar.len - s->at < PIECE ? s->tar.len - s->at : PIECE;

	if (s->breaks && s->at > 0)
		return error_set(err, SLUICE_REMOTE, "the line is cut");
	*ret_data = s->tar.at + s->at;
	s->at += n;
	return (int64_t)n;
}

static int unpack_plain(struct box *b, const struct tar_entry *entries, bool breaks)
{
	struct slow slow = { .tar = tar_make(entries), .breaks = breaks };
	const struct unpack_source source = { read_slowly, &slow };
	int rc = unpack_tar(&source, "top", b->root, &b->limits, &b->err);

	free(slow.tar.at);
	return rc;
}

static void a_plain_tar_has_no_marks(void **state)
{
	struct box *b = *state;
	const struct tar_entry entries[] = {
		{ .path = "top/", .type = AE_IFDIR, .mode = 0700 },
		{ .path = "top/.wh.file", .data = "no mark" },
		{ .path = "top/.wh..wh..opq", .data = "" },
		{ .path = "top/sub/file", .data = "deep", .mode = 0600, .uid = 5, .gid = 6 },
		{ .path = "top/same", .data = "top/sub/file", .type = TAR_HARDLINK },
		{ .path = "top/null", .type = AE_IFCHR, .rdev = makedev(1, 3) },
		{ .path = "top/outside", .type = AE_IFDIR },
		{ .path = "top/etc", .type = AE_IFDIR },
		{ .path = "top/out", .data = "../outside", .type = AE_IFLNK },
		{ .path = "top/out/file", .data = "theirs" },
		{ .path = "top/abs", .data = "/etc", .type = AE_IFLNK },
		{ .path = "top/abs/passwd", .data = "x" },
		{ .path = NULL },
	};

	if (unpack_plain(b, entries, false) != 0)
		fail_msg("%s", b->err.msg);
	assert_int_equal(stat_of(b, ".").st_mode & 07777, 0700);
	assert_int_equal(stat_of(b, ".wh.file").st_size, 7);
	assert_true(S_ISREG(stat_of(b, ".wh..wh..opq").st_mode));
	assert_int_equal(stat_of(b, "sub/file").st_mode & 07777, 0600);
	assert_true(stat_of(b, "sub/file").st_ino == stat_of(b, "same").st_ino);
	assert_int_equal(faccessat(b->root, "null", F_OK, AT_SYMLINK_NOFOLLOW), -1);
	/* What the links lead to is beneath the directory. */
	assert_int_equal(stat_of(b, "outside/file").st_size, 6);
	assert_int_equal(stat_of(b, "etc/passwd").st_size, 1);
}

static void a_plain_tar_keeps_to_its_directory(void **state)
{
	static const struct {
		struct tar_entry first, then;
		const char *why;
	} rows[] = {
		{ { .path = "top", .data = "/etc", .type = AE_IFLNK },
		  { .path = NULL },
		  "the root" },
		{ { .path = "topfile", .data = "x" }, { .path = NULL }, "not of the directory" },
		{ { .path = "top/../x", .data = "x" }, { .path = NULL }, "'..' in its path" },
		{ { .path = "/etc/x", .data = "x" }, { .path = NULL }, "not of the directory" },
		{ { .path = "top/a", .data = "x" },
		  { .path = "top/b", .data = "etc/passwd", .type = TAR_HARDLINK },
		  "not of the directory" },
		{ { .path = "top/a", .data = "x" },
		  { .path = "top/b", .data = "top/../../x", .type = TAR_HARDLINK },
		  "'..' in its path" },
		{ { .path = "top/a", .data = "x" },
		  { .path = "top/a/b", .data = "x" },
		  "no directory" },
	};
	struct box *b = *state;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct tar_entry entries[] = { rows[i].first,
			                             rows[i].then,
			                             { .path = NULL } };

		assert_int_equal(unpack_plain(b, entries, false), SLUICE_INVALID);
		if (!strstr(b->err.msg, rows[i].why))
			fail_msg("not '%s' but: %s", rows[i].why, b->err.msg);
	}
}

static void a_plain_tar_that_breaks_off_is_refused(void **state)
{
	struct box *b = *state;
	const struct tar_entry entries[] = { { .path = "top/a", .data = "x" }, { .path = NULL } };

	assert_int_equal(unpack_plain(b, entries, true), SLUICE_REMOTE);
	assert_string_equal(b->err.msg, "the line is cut");
}

/* What is unpacked differs: its marks, its owners, its devices. */
static bool become_ordinary(void)
{
	enum { NOBODY = 65534 };

	return geteuid() == 0 && setgroups(0, NULL) == 0 && setgid(NOBODY) == 0 &&
	       setuid(NOBODY) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOX(files_keep_contents_modes_and_times),
		IN_BOX(every_compression_gives_the_same),
		IN_BOX(sparse_files_keep_their_length),
		IN_BOX(an_empty_tar_is_an_empty_layer),
		IN_BOX(owners_and_capabilities_are_kept),
		IN_BOX(overlay_xattrs_are_not_taken_from_layers),
		IN_BOX(whiteouts_become_what_overlayfs_takes),
		IN_BOX(the_later_of_two_entries_wins),
		IN_BOX(links_are_followed_inside_the_layer_only),
		IN_BOX(absolute_names_are_below_the_root),
		IN_BOX(attacks_are_refused),
		IN_BOX(a_file_does_not_go_through_a_link_of_its_name),
		IN_BOX(devices_are_made_as_root_only),
		IN_BOX(names_are_bytes_in_every_locale),
		IN_BOX(limits_hold_at_one_more),
		IN_BOX(a_bomb_is_stopped),
		IN_BOX(what_promises_too_much_is_refused),
		IN_BOX(a_path_that_no_file_system_takes_is_refused),
		IN_BOX(wrong_digests_are_told_apart),
		IN_BOX(truncated_layers_are_refused),
		IN_BOX(what_is_no_tar_is_refused),
		IN_BOX(a_plain_tar_has_no_marks),
		IN_BOX(a_plain_tar_keeps_to_its_directory),
		IN_BOX(a_plain_tar_that_breaks_off_is_refused),
	};

	int failed = cmocka_run_group_tests_name("as who started it", tests, NULL, NULL);

	if (become_ordinary())
		failed += cmocka_run_group_tests_name("as an ordinary user", tests, NULL, NULL);
	return failed;
}
