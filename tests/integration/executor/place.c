/* The home of the tests, and the images in it. */
#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/io.h"
#include "base/strbuf.h"
#include "image/layout.h"
#include "image/oci_json.h"

#define BUSYBOX "/bin/busybox"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "worker:x:1234:1234:Worker:/home/worker:/bin/sh\n";
static const char group[] = "root:x:0:\nworker:x:1234:\nextra:x:77:root,worker\n";

static const struct {
	const char *name, *config;
} images[] = {
#define USUAL "\"Env\":[\"FROM_IMAGE=yes\",\"KEPT=yes\"],\"WorkingDir\":\"/work dir\""
	{ IMAGE_PLAIN, USUAL },
	{ IMAGE_WORKER, USUAL ",\"User\":\"worker\"" },
	{ IMAGE_NUMBERS, USUAL ",\"User\":\"4321:77\"" },
	{ IMAGE_NOBODY, USUAL ",\"User\":\"somebody\"" },
	{ IMAGE_COMMAND, "\"Entrypoint\":[\"echo\",\"entry\"],\"Cmd\":[\"from\",\"cmd\"],"
	                 "\"StopSignal\":\"SIGUSR1\"" },
	{ IMAGE_EMPTY, "\"Env\":[\"A=b\"]" },
};

static void put(const char *dir, const char *name, const char *text)
{
	AUTO_FREE char *path = xasprintf("%s/%s", dir, name);
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd < 0 || io_write_all(fd, text, strlen(text)) < 0)
		abort();
}

static void run(const char *command)
{
	if (system(command) != 0) /* NOLINT(concurrency-mt-unsafe): one thread */
		abort();
}

/* The layer's tar: a root file system of busybox, with what the tests look for. */
static void make_layer(const struct place *p)
{
	AUTO_FREE char *root = xasprintf("%s/root", p->home);
	AUTO_FREE char *etc = xasprintf("%s/etc", root);
	AUTO_FREE char *command = xasprintf(
		"set -e; umask 022; cd %s; mkdir -p bin etc tmp mnt proc root home/worker var; "
		"chmod 1777 tmp; cp " BUSYBOX " bin/busybox; ln -s ../etc var/link; "
		"for i in $(" BUSYBOX
		" --list); do [ $i = busybox ] || ln -s busybox bin/$i; done; "
		"chmod 751 etc; "
		"tar --numeric-owner --owner=0 --group=0 --exclude=home/worker --exclude=./etc "
		"-cf ../archive/layer.tar .; "
		"tar --numeric-owner --owner=0 --group=77 --no-recursion -rf ../archive/layer.tar ./etc; "
		"tar --numeric-owner --owner=0 --group=0 -rf ../archive/layer.tar ./etc/*; "
		"tar --numeric-owner --owner=1234 --group=1234 -rf ../archive/layer.tar ./home/worker",
		root);

	if (io_mkdirs(etc, 0755) < 0)
		abort();
	put(etc, "plain", "no program\n");
	put(etc, "passwd", passwd);
	put(etc, "group", group);
	run(command);
}

/* Stores bytes in HOME/layout; returns their descriptor. */
static char *put_blob(const struct place *p, const char *type, const char *text, size_t len)
{
	AUTO_FREE char *dir = xasprintf("%s/layout/blobs/sha256", p->home);
	AUTO_FD int fd = -1;
	struct digest d = digest_of(text, len);
	char hex[DIGEST_HEX_LEN + 1];

	if (io_mkdirs(dir, 0755) < 0)
		abort();
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (io_put_file_fast(fd, digest_hex(&d, hex), text, len, 0644) < 0)
		abort();
	return xasprintf("\"mediaType\":\"%s\",\"digest\":\"sha256:%s\",\"size\":%zu", type, hex,
	                 len);
}

/* Adds one image's manifest to the index, and its line to what `docker load` reads. */
static void add_image(const struct place *p, size_t i, const struct strbuf *layer,
                      struct strbuf *index, struct strbuf *archive)
{
	AUTO_FREE char *name = xasprintf("%zu.json", i);
	AUTO_FREE char *dir = xasprintf("%s/archive", p->home);
	struct digest d = digest_of(layer->buf, layer->len);
	char hex[DIGEST_HEX_LEN + 1];
	AUTO_FREE char *layer_desc = put_blob(p, OCI_TYPE_LAYER, layer->buf, layer->len);
	AUTO_FREE char *config =
		xasprintf("{\"architecture\":\"%s\",\"os\":\"linux\",\"config\":{%s},\"rootfs\":"
	                  "{\"type\":\"layers\",\"diff_ids\":[\"sha256:%s\"]}}",
	                  layout_arch(), images[i].config, digest_hex(&d, hex));
	AUTO_FREE char *config_desc = put_blob(p, OCI_TYPE_CONFIG, config, strlen(config));
	AUTO_FREE char *manifest = xasprintf("{\"schemaVersion\":2,\"mediaType\":\"%s\","
	                                     "\"config\":{%s},\"layers\":[{%s}]}",
	                                     OCI_TYPE_MANIFEST, config_desc, layer_desc);
	AUTO_FREE char *desc = put_blob(p, OCI_TYPE_MANIFEST, manifest, strlen(manifest));

	strbuf_addf(index, "%s{%s,\"annotations\":{\"%s\":\"%s\"}}", i > 0 ? "," : "", desc,
	            OCI_ANNOTATION_NAME, images[i].name);
	put(dir, name, config);
	strbuf_addf(archive,
	            "%s{\"Config\":\"%s\",\"RepoTags\":[\"docker.io/%s\"],"
	            "\"Layers\":[\"layer.tar\"]}",
	            i > 0 ? "," : "[", name, images[i].name);
}

static int ignore_name(void *arg, const char *name, const char *digest)
{
	(void)arg;
	(void)name;
	(void)digest;
	return 0;
}

static int make_images(struct place *p, struct error *err)
{
	AUTO_STRBUF struct strbuf layer = STRBUF_INIT(64 << 20);
	AUTO_STRBUF struct strbuf index = STRBUF_INIT(1 << 20);
	AUTO_STRBUF struct strbuf loaded = STRBUF_INIT(1 << 20);
	AUTO_FREE char *archive = xasprintf("%s/archive", p->home);
	AUTO_FREE char *tar = xasprintf("%s/layer.tar", archive);
	AUTO_FREE char *layout = xasprintf("%s/layout", p->home);
	int rc;

	if (io_mkdirs(archive, 0755) < 0)
		abort();
	make_layer(p);
	if (io_read_file(AT_FDCWD, tar, &layer) < 0)
		abort();
	strbuf_addstr(&index, "{\"schemaVersion\":2,\"manifests\":[");
	for (size_t i = 0; i < sizeof images / sizeof *images; i++)
		add_image(p, i, &layer, &index, &loaded);
	strbuf_addstr(&index, "]}");
	strbuf_addstr(&loaded, "]");
	put(archive, "manifest.json", loaded.buf);
	put(layout, "index.json", index.buf);
	put(layout, "oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
	rc = images_open(p->home, &p->images, err);
	return rc < 0 ? rc : images_import(p->images, layout, NULL, ignore_name, NULL, err);
}

static void make_tree(struct place *p)
{
	AUTO_FREE char *sub = xasprintf("%s/tree/sub", p->home);

	p->tree = xasprintf("%s/tree", p->home);
	if (io_mkdirs(sub, 0755) < 0)
		abort();
	put(p->tree, "file", "first\n");
	put(sub, "deep", "deep\n");
}

const char *place_open(struct place *p, const struct maker *maker)
{
	static struct error err;

	p->maker = maker;
	(void)uv_loop_init(&p->loop);
	if (access(BUSYBOX, X_OK) != 0)
		return "there is no static busybox: install busybox-static";
	(void)snprintf(p->home, sizeof p->home, "/var/tmp/sluice-suite-XXXXXX");
	if (!mkdtemp(p->home) || chmod(p->home, 0755) != 0)
		return "cannot make a directory in /var/tmp";
	make_tree(p);
	if (make_images(p, &err) < 0 || maker->make(p, &p->executor, &err) < 0)
		return err.msg;
	return NULL;
}

bool place_close(struct place *p)
{
	bool is_clean;

	executor_free(p->executor);
	images_close(p->images);
	(void)uv_run(&p->loop, UV_RUN_DEFAULT);
	is_clean = uv_loop_close(&p->loop) == 0;
	if (p->home[0])
		(void)!io_remove_tree(AT_FDCWD, p->home);
	free(p->tree);
	return is_clean;
}
