/* Images of every form come into a home, are loaded, read and deleted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "image/image.h"
#include "image/layout.h"
#include "tests/support/tar_maker.h"

/* DIR/home is the home, DIR/oci a layout to import. */
struct box {
	char dir[64];
	int fd;
	struct images *images;
	struct error err;
	char name[128], digest[OCI_DIGEST_SIZE]; /* the last that was imported */
	int named;
};

static const char *in_box(const struct box *b, const char *name)
{
	static char path[8][160];
	static unsigned next;
	char *p = path[next++ % 8];

	snprintf(p, sizeof path[0], "%s/%s", b->dir, name);
	return p;
}

static int box_setup(void **state)
{
	struct box *b = xcalloc(1, sizeof *b);

	snprintf(b->dir, sizeof b->dir, "/tmp/sluice-import-XXXXXX");
	assert_non_null(mkdtemp(b->dir));
	b->fd = open(b->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(io_mkdirs(in_box(b, "home"), 0755), 0);
	assert_int_equal(io_mkdirs(in_box(b, "oci/blobs/sha256"), 0755), 0);
	assert_int_equal(images_open(in_box(b, "home"), &b->images, &b->err), 0);
	*state = b;
	return 0;
}

static int box_teardown(void **state)
{
	struct box *b = *state;

	images_close(b->images);
	close(b->fd);
	assert_int_equal(io_remove_tree(AT_FDCWD, b->dir), 0);
	free(b);
	return 0;
}

static void put(struct box *b, const char *name, const char *text, size_t len)
{
	assert_int_equal(io_put_file_fast(b->fd, name, text, len, 0644), 0);
}

/* Stores bytes in DIR/oci; returns their descriptor's text. */
static char *put_blob(struct box *b, const char *type, const char *text, size_t len,
                      const char *more)
{
	struct digest d = digest_of(text, len);
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_FREE char *name = xasprintf("%s", digest_hex(&d, hex));
	AUTO_FD int dir = openat(b->fd, "oci/blobs/sha256", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(io_put_file_fast(dir, name, text, len, 0644), 0);
	return xasprintf("{\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu%s}", type,
	                 hex, len, more);
}

static char *config_text(const struct bytes *layer, size_t n, const char *arch)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 16);
	char hex[DIGEST_HEX_LEN + 1];

	strbuf_addf(&sb,
	            "{\"architecture\":\"%s\",\"os\":\"linux\",\"created\":"
	            "\"2023-11-14T23:13:20.5+01:00\",\"config\":{\"Cmd\":[\"bash\"],"
	            "\"Env\":[\"A=1\",\"B=x y\"],\"User\":\"7:8\",\"WorkingDir\":\"/w\","
	            "\"StopSignal\":\"SIGINT\"},\"rootfs\":{\"type\":\"layers\",\"diff_ids\":[",
	            arch);
	for (size_t i = 0; i < n; i++) {
		struct digest d = bytes_digest(layer[i]);

		strbuf_addf(&sb, "%s\"sha256:%s\"", i ? "," : "", digest_hex(&d, hex));
	}
	strbuf_addstr(&sb, "]}}");
	return strbuf_detach(&sb);
}

/* Stores an image of gzip layers in DIR/oci; returns its manifest's descriptor. */
static char *put_image(struct box *b, const struct bytes *layer, size_t n, const char *arch,
                       const char *more)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 16);
	AUTO_FREE char *config = config_text(layer, n, arch);
	AUTO_FREE char *config_desc = put_blob(b, OCI_TYPE_CONFIG, config, strlen(config), "");

	strbuf_addf(&sb, "{\"schemaVersion\":2,\"config\":%s,\"layers\":[", config_desc);
	for (size_t i = 0; i < n; i++) {
		struct bytes blob = tar_pack(layer[i], ARCHIVE_FILTER_GZIP);
		char *desc = put_blob(b, OCI_TYPE_LAYER "+gzip", blob.at, blob.len, "");

		strbuf_addf(&sb, "%s%s", i ? "," : "", desc);
		free(desc);
		free(blob.at);
	}
	strbuf_addstr(&sb, "]}");
	return put_blob(b, OCI_TYPE_MANIFEST, sb.buf, sb.len, more);
}

static void put_index(struct box *b, const char *descriptors)
{
	AUTO_FREE char *text = xasprintf("{\"schemaVersion\":2,\"manifests\":[%s]}", descriptors);
	AUTO_FD int dir = openat(b->fd, "oci", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	assert_int_equal(io_put_file_fast(dir, "index.json", text, strlen(text), 0644), 0);
	assert_int_equal(io_put_file_fast(dir, "oci-layout", "{}", 2, 0644), 0);
}

#define NAMED(name) ",\"annotations\":{\"" OCI_ANNOTATION_NAME "\":\"" name "\"}"

static const struct tar_entry lower_entries[] = {
	{ .path = "etc/passwd", .data = "root:x:0:0:\n" },
	{ .path = "etc/group", .data = "old\n" },
	{ .path = "etc/gone", .data = "g" },
	{ .path = "opq/old", .data = "o" },
	{ .path = "share/far", .data = "far away" },
	{ .path = "dir/f", .data = "f" },
	{ 0 },
};
static const struct tar_entry upper_entries[] = {
	{ .path = "etc/group", .data = "new\n" },
	{ .path = "etc/.wh.gone" },
	{ .path = "opq/.wh..wh..opq" },
	{ .path = "opq/new", .data = "n" },
	{ .path = "etc/rel", .data = "../share/far", .type = AE_IFLNK },
	{ .path = "etc/abs", .data = "/etc/rel", .type = AE_IFLNK },
	{ .path = "loop", .data = "loop", .type = AE_IFLNK },
	{ .path = "out", .data = "../../../../../../etc/passwd", .type = AE_IFLNK },
	{ .path = "etclink", .data = "etc", .type = AE_IFLNK },
	{ .path = "dir", .data = "a file now" },
	{ 0 },
};

/* DIR/oci holds one image of two layers, "bash:5". */
static void put_two_layers(struct box *b)
{
	struct bytes layer[2] = { tar_make(lower_entries), tar_make(upper_entries) };
	char *desc = put_image(b, layer, 2, layout_arch(), NAMED("bash:5"));

	put_index(b, desc);
	free(desc);
	free(layer[0].at);
	free(layer[1].at);
}

static int on_name(void *arg, const char *name, const char *digest)
{
	struct box *b = arg;

	snprintf(b->name, sizeof b->name, "%s", name);
	snprintf(b->digest, sizeof b->digest, "%s", digest);
	b->named++;
	return 0;
}

static void import(struct box *b, const char *path, const char *name)
{
	if (images_import(b->images, in_box(b, path), name, on_name, b, &b->err) != 0)
		fail_msg("%s", b->err.msg);
}

static void assert_refused(struct box *b, const char *path, const char *name, int class,
                           const char *why)
{
	assert_int_equal(images_import(b->images, in_box(b, path), name, on_name, b, &b->err),
	                 class);
	if (!strstr(b->err.msg, why))
		fail_msg("not '%s' but: %s", why, b->err.msg);
}

static struct image *load(struct box *b, const char *ref)
{
	char digest[72];
	struct image *image = NULL;

	if (images_resolve(b->images, ref, digest, &b->err) != 0 ||
	    images_load(b->images, digest, NULL, &image, &b->err) != 0)
		fail_msg("%s", b->err.msg);
	return image;
}

static size_t count(struct box *b, const char *dir)
{
	AUTO_DIR DIR *d = opendir(in_box(b, dir));
	const struct dirent *e;
	size_t n = 0;

	assert_non_null(d);
	while ((e = readdir(d)) != NULL)
		n += e->d_name[0] != '.';
	return n;
}

static void assert_reads(const struct image *image, const char *path, const char *want)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1000);
	struct error err;

	if (image_read_file(image, path, &sb, &err) != 0)
		fail_msg("%s", err.msg);
	assert_string_equal(strbuf_str(&sb), want);
}

static void assert_no_file(const struct image *image, const char *path)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1000);
	struct error err;

	assert_int_equal(image_read_file(image, path, &sb, &err), SLUICE_NOT_FOUND);
}

static void a_layout_keeps_its_name_and_loads(void **state)
{
	struct box *b = *state;
	struct image *image;

	put_two_layers(b);
	import(b, "oci", NULL);
	assert_string_equal(b->name, "docker.io/library/bash:5");
	image = load(b, "bash:5");
	assert_string_equal(image->digest, b->digest);
	assert_int_equal(image->n_layers, 2);
	assert_string_equal(image->cmd[0], "bash");
	assert_null(image->cmd[1]);
	assert_null(image->entrypoint);
	assert_string_equal(image->env[0], "A=1");
	assert_string_equal(image->env[1], "B=x y");
	assert_null(image->env[2]);
	assert_string_equal(image->user, "7:8");
	assert_string_equal(image->workdir, "/w");
	assert_string_equal(image->stop_signal, "SIGINT");
	assert_int_equal(count(b, "home/layers"), 2);
	assert_int_equal(count(b, "home/tmp"), 0);
	image_free(image);
}

static void what_is_unpacked_is_counted_once(void **state)
{
	struct box *b = *state;
	struct progress progress = { 0 };
	struct image *image;
	uint64_t total;

	put_two_layers(b);
	import(b, "oci", NULL);
	assert_int_equal(images_load(b->images, b->digest, &progress, &image, &b->err), 0);
	image_free(image);
	total = atomic_load(&progress.total);
	assert_true(total > 0);
	assert_int_equal(atomic_load(&progress.done), total);
	assert_int_equal(atomic_load(&progress.parts), 2);
	assert_int_equal(atomic_load(&progress.parts_done), 2);
	assert_int_equal(images_load(b->images, b->digest, &progress, &image, &b->err), 0);
	image_free(image);
	assert_int_equal(atomic_load(&progress.total), total);
}

static void files_are_read_as_the_overlay_would_show_them(void **state)
{
	struct box *b = *state;
	struct image *image;

	put_two_layers(b);
	import(b, "oci", NULL);
	image = load(b, "bash:5");
	assert_reads(image, "/etc/passwd", "root:x:0:0:\n");
	assert_reads(image, "etc//./group", "new\n");
	assert_reads(image, "/etc/rel", "far away");
	assert_reads(image, "/etc/abs", "far away");
	assert_reads(image, "/etclink/group", "new\n");
	assert_reads(image, "/etclink/../opq/new", "n");
	assert_reads(image, "/out", "root:x:0:0:\n"); /* the image's own, not this machine's */
	assert_reads(image, "/dir", "a file now");
	assert_no_file(image, "/etc/gone");
	assert_no_file(image, "/opq/old");
	assert_no_file(image, "/dir/f");
	assert_no_file(image, "/etc/passwd/x");
	assert_no_file(image, "/etc");
	assert_no_file(image, "/");
	assert_no_file(image, "/none");
	image_free(image);
}

static void reading_is_bounded(void **state)
{
	struct box *b = *state;
	struct image *image;
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(4);

	put_two_layers(b);
	import(b, "oci", NULL);
	image = load(b, "bash:5");
	assert_int_equal(image_read_file(image, "/etc/passwd", &sb, &b->err), SLUICE_LIMIT);
	assert_int_equal(image_read_file(image, "/loop", &sb, &b->err), SLUICE_SYSTEM);
	image_free(image);
}

/* Puts all of DIR/oci into DIR/NAME, a tar. */
static void tar_of_layout(struct box *b, const char *name, int filter)
{
	struct bytes plain;
	struct bytes packed;
	struct archive *a = tar_maker_open(&plain);
	AUTO_DIR DIR *dir = opendir(in_box(b, "oci/blobs/sha256"));
	const struct dirent *e;

	archive_write_set_format_gnutar(a);
	archive_write_open_memory(a, plain.at, TAR_ROOM, &plain.len);
	while ((e = readdir(dir)) != NULL) {
		AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 20);
		char path[400];

		if (e->d_name[0] == '.')
			continue;
		assert_int_equal(io_read_file(dirfd(dir), e->d_name, &sb), 0);
		snprintf(path, sizeof path, "./blobs/sha256/%s", e->d_name);
		tar_put(a, &(struct tar_entry){ .path = path, .data = strbuf_str(&sb) }, sb.len);
	}
	{
		AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 20);

		assert_int_equal(io_read_file(b->fd, "oci/index.json", &sb), 0);
		tar_put(a, &(struct tar_entry){ .path = "index.json", .data = strbuf_str(&sb) },
		        sb.len);
	}
	tar_maker_close(a, &plain);
	packed = tar_pack(plain, filter);
	put(b, name, packed.at, packed.len);
	free(plain.at);
	free(packed.at);
}

static void a_tar_of_a_layout_is_the_same_image(void **state)
{
	struct box *b = *state;
	char digest[OCI_DIGEST_SIZE];

	put_two_layers(b);
	import(b, "oci", NULL);
	memcpy(digest, b->digest, sizeof digest);
	tar_of_layout(b, "plain.tar", ARCHIVE_FILTER_NONE);
	tar_of_layout(b, "packed.tar.gz", ARCHIVE_FILTER_GZIP);
	import(b, "plain.tar", "other:1");
	assert_string_equal(b->name, "docker.io/library/other:1");
	assert_string_equal(b->digest, digest);
	import(b, "packed.tar.gz", NULL);
	assert_string_equal(b->name, "docker.io/library/bash:5");
	assert_string_equal(b->digest, digest);
	assert_int_equal(count(b, "home/tmp"), 0);
}

/* DIR/save.tar as `docker save` writes it; layer 1 of it is a link, as for equal layers. */
static void put_saved(struct box *b, const char *names, const char *diff_of)
{
	struct bytes lower = tar_make(lower_entries);
	struct bytes upper = tar_make(upper_entries);
	struct bytes said[3] = { lower, upper, lower };
	struct bytes lie = { xstrdup(diff_of), strlen(diff_of) };
	AUTO_FREE char *config = NULL;
	AUTO_FREE char *manifest =
		xasprintf("[{\"Config\":\"c.json\",\"RepoTags\":%s,"
	                  "\"Layers\":[\"1/layer.tar\",\"2/layer.tar\",\"3/layer.tar\"]}]",
	                  names);
	struct bytes out;
	struct archive *a = tar_maker_open(&out);

	if (*diff_of)
		said[1] = lie;
	config = config_text(said, 3, layout_arch());
	archive_write_set_format_ustar(a);
	archive_write_open_memory(a, out.at, TAR_ROOM, &out.len);
	tar_put(a, &(struct tar_entry){ .path = "1/layer.tar", .data = lower.at }, lower.len);
	tar_put(a, &(struct tar_entry){ .path = "2/layer.tar", .data = upper.at }, upper.len);
	tar_put(a,
	        &(struct tar_entry){
			.path = "3/layer.tar", .data = "../1/layer.tar", .type = AE_IFLNK },
	        0);
	tar_put(a, &(struct tar_entry){ .path = "c.json", .data = config }, strlen(config));
	tar_put(a, &(struct tar_entry){ .path = "manifest.json", .data = manifest },
	        strlen(manifest));
	tar_maker_close(a, &out);
	put(b, "save.tar", out.at, out.len);
	free(out.at);
	free(lower.at);
	free(upper.at);
	free(lie.at);
}

static void docker_save_brings_its_names(void **state)
{
	struct box *b = *state;
	struct image *image;
	char digest[OCI_DIGEST_SIZE];

	put_saved(b, "[\"bash:5\",\"bash:latest\"]", "");
	import(b, "save.tar", NULL);
	assert_int_equal(b->named, 2);
	assert_string_equal(b->name, "docker.io/library/bash:latest");
	memcpy(digest, b->digest, sizeof digest);
	image = load(b, "bash");
	/* the lowest layer comes again as the topmost: overlayfs must not get it twice */
	assert_int_equal(image->n_layers, 2);
	assert_reads(image, "/etc/group", "old\n");
	assert_reads(image, "/opq/new", "n");
	image_free(image);
	import(b, "save.tar", "again:1"); /* the same bytes make the same manifest */
	assert_int_equal(b->named, 3);
	assert_string_equal(b->digest, digest);
}

static void docker_save_without_a_name_needs_one(void **state)
{
	struct box *b = *state;

	put_saved(b, "null", "");
	assert_refused(b, "save.tar", NULL, SLUICE_INVALID, "give it a name with --name");
	import(b, "save.tar", "x:1");
	assert_string_equal(b->name, "docker.io/library/x:1");
}

static void docker_save_with_a_wrong_layer_is_refused(void **state)
{
	struct box *b = *state;
	char digest[72];

	put_saved(b, "[\"bash:5\"]", "something else");
	assert_refused(b, "save.tar", NULL, SLUICE_CORRUPT, "does not match its digest");
	assert_int_equal(images_resolve(b->images, "bash:5", digest, &b->err), SLUICE_MISSING);
}

static void spoil(struct box *b, const char *path)
{
	AUTO_FD int fd = openat(b->fd, path, O_WRONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "!", 1, 40), 1);
}

/* The names of the blobs in DIR/oci: read at once, for the directory may change afterwards. */
static size_t blob_names(struct box *b, char name[][DIGEST_HEX_LEN + 1], size_t room)
{
	AUTO_DIR DIR *dir = opendir(in_box(b, "oci/blobs/sha256"));
	const struct dirent *e;
	size_t n = 0;

	assert_non_null(dir);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		assert_true(n < room);
		assert_int_equal(strlen(e->d_name), DIGEST_HEX_LEN);
		memcpy(name[n++], e->d_name, DIGEST_HEX_LEN + 1);
	}
	return n;
}

static void home_anew(struct box *b)
{
	assert_int_equal(io_remove_tree(b->fd, "home"), 0);
	images_close(b->images);
	assert_int_equal(mkdirat(b->fd, "home", 0755), 0);
	assert_int_equal(images_open(in_box(b, "home"), &b->images, &b->err), 0);
}

/* One after the other, each blob of the layout gets one wrong byte. */
static void any_wrong_byte_is_refused(void **state)
{
	struct box *b = *state;
	char name[8][DIGEST_HEX_LEN + 1];
	size_t n;

	put_two_layers(b);
	n = blob_names(b, name, 8);
	assert_int_equal(n, 4);
	for (size_t i = 0; i < n; i++) {
		char path[1024];
		char digest[72];

		put_two_layers(b);
		snprintf(path, sizeof path, "oci/blobs/sha256/%s", name[i]);
		spoil(b, path);
		assert_refused(b, "oci", NULL, SLUICE_CORRUPT, "does not match its digest");
		tar_of_layout(b, "spoiled.tar", ARCHIVE_FILTER_NONE);
		assert_refused(b, "spoiled.tar", NULL, SLUICE_CORRUPT, "does not match its digest");
		snprintf(path, sizeof path, "home/images/blobs/sha256/%s", name[i]);
		assert_int_equal(faccessat(b->fd, path, F_OK, 0), -1);
		assert_int_equal(images_resolve(b->images, "bash:5", digest, &b->err),
		                 SLUICE_MISSING);
		home_anew(b);
	}
}

static void what_is_no_image_is_refused(void **state)
{
	static const struct tar_entry other[] = { { .path = "a", .data = "x" }, { 0 } };
	struct box *b = *state;
	static const char zeros[10240]; /* a tar of no members */
	struct bytes tar = tar_make(other);

	put(b, "other.tar", tar.at, tar.len);
	put(b, "text", "no archive", 10);
	free(tar.at);
	assert_refused(b, "other.tar", NULL, SLUICE_INVALID, "is no image");
	assert_refused(b, "text", NULL, SLUICE_INVALID, "neither an OCI layout nor an archive");
	put(b, "nothing", "", 0);
	assert_refused(b, "nothing", NULL, SLUICE_INVALID, "is empty");
	put(b, "no-members", zeros, sizeof zeros);
	assert_refused(b, "no-members", NULL, SLUICE_INVALID, "is empty");
	assert_refused(b, "oci/blobs", NULL, SLUICE_INVALID, "is no image");
	assert_refused(b, "absent", NULL, SLUICE_NOT_FOUND, "No such file");
	put_two_layers(b);
	assert_refused(b, "oci", "Bad:5", SLUICE_INVALID, "must be lower case");
	assert_refused(b, "oci",
	               "x@sha256:"
	               "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
	               SLUICE_INVALID, "without a digest");
	assert_int_equal(count(b, "home/images/blobs/sha256"), 0);
	assert_int_equal(count(b, "home/tmp"), 0);
}

static void the_image_of_this_machine_is_chosen(void **state)
{
	static const struct tar_entry ours[] = { { .path = "arch", .data = "ours" }, { 0 } };
	static const struct tar_entry theirs[] = { { .path = "arch", .data = "theirs" }, { 0 } };
	struct box *b = *state;
	struct bytes layer[2] = { tar_make(theirs), tar_make(ours) };
	AUTO_FREE char *ours_more = xasprintf(
		",\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}", layout_arch());
	AUTO_FREE char *far =
		put_image(b, &layer[0], 1, "vax",
	                  ",\"platform\":{\"os\":\"linux\",\"architecture\":\"vax\"}");
	AUTO_FREE char *near = put_image(b, &layer[1], 1, layout_arch(), ours_more);
	AUTO_FREE char *inner = xasprintf("{\"schemaVersion\":2,\"manifests\":[%s,%s]}", far, near);
	AUTO_FREE char *desc = put_blob(b, OCI_TYPE_INDEX, inner, strlen(inner), NAMED("multi:1"));
	struct image *image;

	put_index(b, desc);
	import(b, "oci", NULL);
	image = load(b, "multi:1");
	assert_reads(image, "arch", "ours");
	image_free(image);
	put_index(b, far);
	assert_refused(b, "oci", "x:1", SLUICE_NOT_FOUND, "is for linux/vax");
	free(layer[0].at);
	free(layer[1].at);
}

static void an_image_for_another_machine_is_refused(void **state)
{
	struct box *b = *state;
	struct bytes layer = tar_make(lower_entries);
	AUTO_FREE char *desc = put_image(b, &layer, 1, "vax", NAMED("old:1"));

	put_index(b, desc);
	assert_refused(b, "oci", NULL, SLUICE_NOT_FOUND, "is for linux/vax");
	free(layer.at);
}

static void indexes_within_indexes_are_bounded(void **state)
{
	struct box *b = *state;
	struct bytes layer = tar_make(lower_entries);
	char *desc = put_image(b, &layer, 1, layout_arch(), "");

	for (int depth = 1; depth <= 5; depth++) {
		AUTO_FREE char *text = xasprintf("{\"schemaVersion\":2,\"manifests\":[%s]}", desc);

		free(desc);
		desc = put_blob(b, OCI_TYPE_INDEX, text, strlen(text), "");
		put_index(b, desc);
		if (depth == 4)
			import(b, "oci", "deep:1");
	}
	assert_refused(b, "oci", "deeper:1", SLUICE_LIMIT, "more than 4 deep");
	free(desc);
	free(layer.at);
}

/* Two images in DIR/oci that share their lower layer: "one:1" and "two:1". */
static void put_two_images(struct box *b)
{
	static const struct tar_entry other[] = { { .path = "other", .data = "x" }, { 0 } };
	struct bytes layer[2] = { tar_make(lower_entries), tar_make(upper_entries) };
	struct bytes two[2] = { layer[0], tar_make(other) };
	AUTO_FREE char *first = put_image(b, layer, 2, layout_arch(), NAMED("one:1"));
	AUTO_FREE char *second = put_image(b, two, 2, layout_arch(), NAMED("two:1"));
	AUTO_FREE char *both = xasprintf("%s,%s", first, second);

	put_index(b, both);
	free(layer[0].at);
	free(layer[1].at);
	free(two[1].at);
}

static void delete_removes_what_nothing_else_needs(void **state)
{
	struct box *b = *state;
	struct image *image;

	put_two_images(b);
	import(b, "oci", NULL);
	assert_int_equal(b->named, 2);
	image_free(load(b, "one:1"));
	image_free(load(b, "two:1"));
	assert_int_equal(count(b, "home/layers"), 3);
	assert_int_equal(count(b, "home/images/blobs/sha256"), 7);
	assert_int_equal(images_delete(b->images, "one:1", &b->err), 0);
	assert_int_equal(count(b, "home/layers"), 2);
	assert_int_equal(count(b, "home/images/blobs/sha256"), 4);
	image = load(b, "two:1");
	assert_reads(image, "other", "x");
	image_free(image);
	assert_int_equal(images_delete(b->images, "one:1", &b->err), SLUICE_NOT_FOUND);
	assert_int_equal(images_delete(b->images, "docker.io/library/two:1", &b->err), 0);
	assert_int_equal(count(b, "home/layers"), 0);
	assert_int_equal(count(b, "home/images/blobs/sha256"), 0);
	assert_int_equal(count(b, "home/tmp"), 0);
}

static void one_of_two_names_can_go(void **state)
{
	struct box *b = *state;

	put_two_layers(b);
	import(b, "oci", NULL);
	import(b, "oci", "same:1");
	image_free(load(b, "same:1"));
	assert_int_equal(images_delete(b->images, "same:1", &b->err), 0);
	assert_int_equal(count(b, "home/layers"), 2);
	image_free(load(b, "bash:5"));
}

static void layers_in_use_outlive_their_name(void **state)
{
	struct box *b = *state;
	AUTO_FREE char *targets = xasprintf("%s/home/targets/755-0-0-hosts", b->dir);
	struct image *image;

	put_two_images(b);
	import(b, "oci", NULL);
	image = load(b, "one:1");
	assert_int_equal(io_mkdirs(targets, 0755), 0);
	assert_int_equal(images_delete(b->images, "one:1", &b->err), 0);
	assert_reads(image, "/etc/group", "new\n");
	assert_int_equal(access(targets, F_OK), 0);
	image_free(image);
	assert_int_equal(images_delete(b->images, "two:1", &b->err), 0);
	assert_int_equal(count(b, "home/layers"), 0);
	assert_int_equal(access(targets, F_OK), -1);
}

static void with_a_name_only_one_image_can_be_meant(void **state)
{
	struct box *b = *state;

	put_two_images(b);
	assert_refused(b, "oci", "x:1", SLUICE_INVALID, "holds several images");
}

static int on_info(void *arg, const struct image_info *info)
{
	struct strbuf *sb = arg;

	strbuf_addf(sb, "%s %zu %lld %d\n", info->name, info->layers, (long long)info->created_ms,
	            info->bytes > 100);
	return 0;
}

static void images_are_listed_by_name(void **state)
{
	struct box *b = *state;
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1000);

	put_two_images(b);
	import(b, "oci", NULL);
	put_two_layers(b);
	import(b, "oci", "ghcr.io/a:1");
	assert_int_equal(images_each(b->images, on_info, &sb, &b->err), 0);
	assert_string_equal(strbuf_str(&sb), "docker.io/library/one:1 2 1700000000000 1\n"
	                                     "docker.io/library/two:1 2 1700000000000 1\n"
	                                     "ghcr.io/a:1 2 1700000000000 1\n");
}

static void an_unknown_image_names_the_nearest(void **state)
{
	struct box *b = *state;
	char digest[72];
	AUTO_FREE char *pinned = NULL;

	put_two_layers(b);
	import(b, "oci", "bash:5");
	import(b, "oci", "python:3");
	assert_int_equal(images_resolve(b->images, "bosh:5", digest, &b->err), SLUICE_MISSING);
	assert_string_equal(b->err.msg,
	                    "no image 'bosh:5' in this home; nearest: bash:5; 'sluice images pull "
	                    "bosh:5' gets it from its registry, 'sluice images import' from a "
	                    "file");
	assert_int_equal(images_resolve(b->images, "Bash:5", digest, &b->err), SLUICE_INVALID);
	pinned = xasprintf("bash:9@%s", b->digest);
	assert_int_equal(images_resolve(b->images, pinned, digest, &b->err), 0);
	assert_string_equal(digest, b->digest);
}

/* skopeo names an image as it was typed, and knows nothing of ours. */
static void names_of_other_programs_are_understood(void **state)
{
	struct box *b = *state;
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(1 << 20);
	AUTO_FREE char *edited = NULL;
	char *at;
	char digest[72];
	AUTO_FD int dir = openat(b->fd, "home/images", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	put_two_layers(b);
	import(b, "oci", "bash:5");
	assert_int_equal(io_read_file(dir, "index.json", &sb), 0);
	at = strstr(sb.buf, "docker.io/library/bash:5");
	assert_non_null(at);
	*at = '\0';
	edited = xasprintf("%sbash:6%s", sb.buf, at + strlen("docker.io/library/bash:5"));
	assert_int_equal(io_put_file_fast(dir, "index.json", edited, strlen(edited), 0644), 0);
	assert_int_equal(images_resolve(b->images, "bash:6", digest, &b->err), 0);
	assert_int_equal(images_delete(b->images, "docker.io/bash:6", &b->err), 0);
	assert_int_equal(count(b, "home/images/blobs/sha256"), 0);
}

static void a_layer_spoiled_on_disk_is_not_unpacked(void **state)
{
	struct box *b = *state;
	AUTO_OCI_MANIFEST struct oci_manifest m = { 0 };
	struct image *image = NULL;
	char path[160];

	put_two_layers(b);
	import(b, "oci", NULL);
	assert_int_equal(layout_manifest(b->images, b->digest, &m, &b->err), 0);
	snprintf(path, sizeof path, "home/images/blobs/sha256/%s", m.layer[1].digest + 7);
	spoil(b, path);
	assert_int_equal(images_load(b->images, b->digest, NULL, &image, &b->err), SLUICE_CORRUPT);
	assert_non_null(strstr(b->err.msg, m.layer[1].digest));
	assert_int_equal(count(b, "home/layers"), 0);
	assert_int_equal(count(b, "home/tmp"), 0);
}

static void leftovers_of_the_killed_are_removed(void **state)
{
	struct box *b = *state;
	struct images *second = NULL;

	assert_int_equal(io_mkdirs(in_box(b, "home/tmp/image-dead/usr/bin"), 0755), 0);
	assert_int_equal(io_mkdirs(in_box(b, "home/tmp/others"), 0755), 0);
	assert_int_equal(images_open(in_box(b, "home"), &second, &b->err), 0);
	assert_int_equal(count(b, "home/tmp"), 1);
	images_close(second);
}

static void *load_thread(void *arg)
{
	struct images *own = NULL;
	struct image *image = NULL;
	struct error err;
	char digest[72];

	if (images_open(arg, &own, &err) != 0 || images_resolve(own, "one:1", digest, &err) != 0 ||
	    images_load(own, digest, NULL, &image, &err) != 0)
		return xstrdup(err.msg);
	image_free(image);
	images_close(own);
	return NULL;
}

static void many_may_load_at_once(void **state)
{
	struct box *b = *state;
	pthread_t thread[8];
	char home[160];

	put_two_images(b);
	import(b, "oci", NULL);
	snprintf(home, sizeof home, "%s", in_box(b, "home"));
	for (size_t i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, load_thread, home), 0);
	for (size_t i = 0; i < 8; i++) {
		void *why = NULL;

		assert_int_equal(pthread_join(thread[i], &why), 0);
		if (why)
			fail_msg("%s", (char *)why);
	}
	assert_int_equal(count(b, "home/layers"), 2);
	assert_int_equal(count(b, "home/tmp"), 0);
}

#define IN_BOX(f) cmocka_unit_test_setup_teardown(f, box_setup, box_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		IN_BOX(a_layout_keeps_its_name_and_loads),
		IN_BOX(what_is_unpacked_is_counted_once),
		IN_BOX(files_are_read_as_the_overlay_would_show_them),
		IN_BOX(reading_is_bounded),
		IN_BOX(a_tar_of_a_layout_is_the_same_image),
		IN_BOX(docker_save_brings_its_names),
		IN_BOX(docker_save_without_a_name_needs_one),
		IN_BOX(docker_save_with_a_wrong_layer_is_refused),
		IN_BOX(any_wrong_byte_is_refused),
		IN_BOX(what_is_no_image_is_refused),
		IN_BOX(the_image_of_this_machine_is_chosen),
		IN_BOX(an_image_for_another_machine_is_refused),
		IN_BOX(indexes_within_indexes_are_bounded),
		IN_BOX(delete_removes_what_nothing_else_needs),
		IN_BOX(one_of_two_names_can_go),
		IN_BOX(layers_in_use_outlive_their_name),
		IN_BOX(with_a_name_only_one_image_can_be_meant),
		IN_BOX(images_are_listed_by_name),
		IN_BOX(an_unknown_image_names_the_nearest),
		IN_BOX(names_of_other_programs_are_understood),
		IN_BOX(a_layer_spoiled_on_disk_is_not_unpacked),
		IN_BOX(leftovers_of_the_killed_are_removed),
		IN_BOX(many_may_load_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
