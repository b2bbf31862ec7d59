#include "executor/docker/image.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/wipe.h"
#include "base/xalloc.h"
#include "executor/docker/api.h"
#include "executor/docker/config.h"
#include "image/credentials.h"
#include "image/endpoint.h"
#include "image/reference.h"

enum { ID_SIZE = 72, LINE_MAX_LEN = 1 << 20, FILE_MAX = 4 << 20, THROW_AWAY_S = 600 };

static int inspect(const struct docker_host *host, const char *name, cJSON **ret_doc,
                   struct error *err)
{
	AUTO_FREE char *escaped = docker_escape(name);
	AUTO_FREE char *path = xasprintf("/images/%s/json", escaped);
	int rc = docker_do(host, &(struct docker_ask){ .path = path }, ret_doc, err);

	if (rc == 0 && !json_str(*ret_doc, "Id")) {
		cJSON_Delete(take_ptr(ret_doc));
		return error_set(err, SLUICE_REMOTE, "Docker at %s: no id of the image '%s'",
		                 host->name, name);
	}
	return rc;
}

static int find(const struct docker_host *host, const char *name, char ret_id[ID_SIZE],
                cJSON **ret_doc, struct error *err)
{
	AUTO_JSON cJSON *doc = NULL;
	int rc = inspect(host, name, &doc, err);
	const char *id = rc == 0 ? json_str(doc, "Id") : "";

	if (rc < 0)
		return rc;
	/* Podman before 4.0 leaves the kind of digest away. */
	if (snprintf(ret_id, ID_SIZE, "%s%s", strchr(id, ':') ? "" : "sha256:", id) >= ID_SIZE)
		return error_set(err, SLUICE_REMOTE, "Docker at %s: '%.100s' is no id of an image",
		                 host->name, id);
	*ret_doc = take_ptr(&doc);
	return 0;
}

/* --- pulling ---------------------------------------------------------------------------------- */

/* base64 with the alphabet for URLs. */
static char *encode(const char *text)
{
	size_t len = strlen(text);
	char *out = xmalloc(len / 3 * 4 + 5);

	(void)EVP_EncodeBlock((unsigned char *)out, (const unsigned char *)text, (int)len);
	for (char *p = out; *p; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	return out;
}

/* Fills *ret_auth, which stays NULL for who is nobody there. */
static int find_auth(const struct endpoint *e, char **ret_auth, struct error *err)
{
	AUTO_CREDENTIALS struct credentials known = { .user = NULL };
	AUTO_JSON cJSON *doc = json_new_obj();
	AUTO_WIPE char *text = NULL;
	const char *user = e->user, *password = e->password;
	int rc = user ? 0 : credentials_find(e->registry, e->repository, &known, err);

	if (rc < 0 || !(user || known.user || known.identity))
		return rc;
	if (known.identity) {
		json_add_str(doc, "identitytoken", known.identity);
	} else {
		json_add_str(doc, "username", user ? user : known.user);
		json_add_str(doc, "password", user ? password : known.password);
	}
	json_add_str(doc, "serveraddress", e->registry);
	text = json_print(doc);
	*ret_auth = encode(text);
	return 0;
}

/* What the daemon says of a pull: one JSON document per line. */
struct telling {
	struct strbuf line;
	struct strbuf failure; /* "" : none */
	struct progress *progress;
	struct map have; /* layer -> bytes that were counted (uint64_t *) */
};

static void count(struct telling *t, const cJSON *doc)
{
	const cJSON *detail = json_obj(doc, "progressDetail");
	const char *layer = json_str(doc, "id");
	const char *status = json_str(doc, "status");
	uint64_t now = (uint64_t)json_int(detail, "current", 0);
	uint64_t *had;

	if (!layer || !status || strcmp(status, "Downloading") != 0)
		return;
	had = map_find(&t->have, layer);
	if (!had) {
		had = xcalloc(1, sizeof *had);
		(void)map_set(&t->have, layer, had);
		progress_expect(t->progress, (uint64_t)json_int(detail, "total", 0));
	}
	if (now > *had) {
		progress_add(t->progress, now - *had);
		*had = now;
	}
}

static void hear(struct telling *t)
{
	AUTO_JSON cJSON *doc = NULL;
	struct error ignored; /* of a line that is none nothing depends */
	const char *failure;

	if (json_parse(strbuf_str(&t->line), t->line.len, "answer", &doc, &ignored) < 0)
		return;
	count(t, doc);
	failure = json_str(doc, "error");
	if (failure) {
		strbuf_clear(&t->failure);
		strbuf_addprintable(&t->failure, failure, 512);
	}
}

static int on_told(void *arg, const void *data, size_t len, struct error *err)
{
	struct telling *t = arg;

	for (const char *p = data; len > 0; p++, len--) {
		if (*p != '\n') {
			strbuf_addch(&t->line, *p);
			continue;
		}
		hear(t);
		strbuf_clear(&t->line);
	}
	return t->line.failed ? error_set(err, SLUICE_REMOTE, "what comes is no progress") : 0;
}

static int pull_from(const struct docker_host *host, const struct endpoint *e, const char *tag,
                     const struct image_order *order, struct error *err)
{
	struct telling t = {
		.line = STRBUF_INIT(LINE_MAX_LEN),
		.failure = STRBUF_INIT(LINE_MAX_LEN),
		.progress = order->progress,
	};
	AUTO_FREE char *path =
		xasprintf("/images/create?fromImage=%s/%s&tag=%s", e->registry, e->repository, tag);
	AUTO_WIPE char *auth = NULL;
	int rc = find_auth(e, &auth, err);

	if (rc == 0)
		rc = docker_stream(
			host,
			&(struct docker_ask){
				.method = "POST", .path = path, .auth = auth, .is_long = true },
			on_told, &t, order->stop, err);
	if (rc == 0)
		hear(&t);
	if (rc == 0 && t.failure.len > 0)
		rc = error_set(err, SLUICE_REMOTE, "Docker at %s: %s", host->name, t.failure.buf);
	strbuf_release(&t.line);
	strbuf_release(&t.failure);
	map_release(&t.have, free);
	return rc;
}

/* Of the places where it is to be had, in their order. */
static int pull(const struct docker_host *host, const struct reference *ref,
                const struct config_registries *registries, const struct image_order *order,
                char ret_id[ID_SIZE], cJSON **ret_doc, struct error *err)
{
	AUTO_ENDPOINTS struct endpoints places = { .n = 0 };
	const char *tag = ref->digest ? ref->digest : ref->tag;
	int rc = endpoints_find(ref, registries, &places, err);

	for (size_t i = 0; i < places.n; i++) {
		const struct endpoint *e = &places.at[i];
		AUTO_FREE char *name = xasprintf("%s/%s%s%s", e->registry, e->repository,
		                                 ref->digest ? "@" : ":", tag);

		rc = pull_from(host, e, tag, order, err);
		if (rc == 0)
			return find(host, name, ret_id, ret_doc, err);
		(void)error_wrap(err, "cannot pull '%s'", name);
		if (rc == SLUICE_CANCELED)
			break;
	}
	return rc;
}

int docker_image_resolve(const struct docker_host *host, const char *name,
                         enum images_pull_when when, const struct config_registries *registries,
                         const struct image_order *order, char ret_id[ID_SIZE], cJSON **ret_doc,
                         struct error *err)
{
	static const struct config_registries none = { .n = 0 };
	AUTO_REFERENCE struct reference ref = { .registry = NULL };
	AUTO_FREE char *full = NULL;
	int rc = reference_parse(name, &ref, err);

	if (rc < 0)
		return rc;
	full = reference_format(&ref);
	if (when != PULL_ALWAYS) {
		rc = find(host, full, ret_id, ret_doc, err);
		if (rc != SLUICE_NOT_FOUND || when == PULL_NEVER)
			return rc;
	}
	return pull(host, &ref, registries ? registries : &none, order, ret_id, ret_doc, err);
}

/* --- giving ----------------------------------------------------------------------------------- */

static int keep_bytes(void *arg, const void *data, size_t len, struct error *err)
{
	struct strbuf *sb = arg;

	strbuf_add(sb, data, len);
	return sb->failed ? error_set(err, SLUICE_LIMIT, "it is larger than %d MiB", FILE_MAX >> 20)
	                  : 0;
}

/* "Loaded image ID: sha256:..." of Docker, and of Podman "Loaded image: sha256:...", or a name. */
static int loaded_id(const struct docker_host *host, const char *told, char ret_id[ID_SIZE],
                     struct error *err)
{
	static const char by_name[] = "Loaded image: ";
	const char *id = strstr(told, "sha256:");
	const char *name = strstr(told, by_name);
	AUTO_FREE char *full = NULL;
	AUTO_JSON cJSON *doc = NULL;

	if (id && strspn(id + 7, "0123456789abcdef") == DIGEST_HEX_LEN) {
		(void)snprintf(ret_id, ID_SIZE, "%.*s", 7 + DIGEST_HEX_LEN, id);
		return 0;
	}
	if (!name)
		return error_set(err, SLUICE_REMOTE, "Docker at %s does not say what it loaded",
		                 host->name);
	name += strlen(by_name);
	full = xstrndup(name, strcspn(name, "\\\"\n, "));
	return find(host, full, ret_id, &doc, err);
}

int docker_image_give(const struct docker_host *host, struct images *images, const char *name,
                      const char *home, char ret_id[ID_SIZE], struct error *err)
{
	AUTO_STRBUF struct strbuf told = STRBUF_INIT(FILE_MAX);
	AUTO_FREE char *dir = xasprintf("%s/tmp", home);
	AUTO_FD int fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	const struct images_export_how how = { .form = IMAGES_DOCKER_ARCHIVE, .fd = fd };
	int rc;

	if (fd < 0)
		return error_sys(err, errno, "cannot make a file in '%s'", dir);
	rc = images_export(images, name, &how, err);
	if (rc == 0 && lseek(fd, 0, SEEK_SET) != 0)
		rc = error_sys(err, errno, "cannot read what was written to '%s'", dir);
	if (rc == 0)
		rc = docker_stream(host,
		                   &(struct docker_ask){ .method = "POST",
		                                         .path = "/images/load?quiet=1",
		                                         .is_long = true,
		                                         .tar_fd = fd },
		                   keep_bytes, &told, NULL, err);
	return rc < 0 ? error_wrap(err, "cannot give the image '%s' to the daemon", name)
	              : loaded_id(host, strbuf_str(&told), ret_id, err);
}

/* --- its user --------------------------------------------------------------------------------- */

/* The first plain file of a tar. */
static void untar(const struct strbuf *tar, struct strbuf *ret_text)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;

	(void)archive_read_support_format_tar(a);
	if (archive_read_open_memory(a, strbuf_str(tar), tar->len) == ARCHIVE_OK &&
	    archive_read_next_header(a, &entry) == ARCHIVE_OK) {
		char buf[4096];
		la_ssize_t n;

		while ((n = archive_read_data(a, buf, sizeof buf)) > 0)
			strbuf_add(ret_text, buf, (size_t)n);
	}
	(void)archive_read_free(a);
}

/* One that is not there is empty. */
static int read_file(const struct docker_host *host, const char *container, const char *file,
                     struct strbuf *ret_text, struct error *err)
{
	AUTO_STRBUF struct strbuf tar = STRBUF_INIT(FILE_MAX);
	AUTO_FREE char *path = xasprintf("/containers/%s/archive?path=%s", container, file);
	int rc = docker_stream(host, &(struct docker_ask){ .path = path }, keep_bytes, &tar, NULL,
	                       err);

	if (rc == SLUICE_NOT_FOUND)
		return 0;
	if (rc == 0)
		untar(&tar, ret_text);
	return rc < 0 ? error_wrap(err, "cannot read '%s' of the image", file) : 0;
}

/* A container that never starts: to look into one that shall would mount its root too early. */
static int make_throw_away(const struct docker_host *host, const char *id, const char *home,
                           char **ret_container, struct error *err)
{
	AUTO_JSON cJSON *body = json_new_obj();
	AUTO_JSON cJSON *doc = NULL;
	cJSON *labels = json_new_obj();
	AUTO_FREE char *text = NULL;
	int rc;

	json_add_str(labels, DOCKER_LABEL_HOME, home);
	json_add(body, "Labels", labels);
	json_add_str(body, "Image", id);
	json_add(body, "Cmd", json_new_arr());
	json_push_str(cJSON_GetObjectItemCaseSensitive(body, "Cmd"), "never");
	text = json_print(body);
	rc = docker_do(host,
	               &(struct docker_ask){
			       .method = "POST", .path = "/containers/create", .body = text },
	               &doc, err);
	if (rc == 0 && !json_str(doc, "Id"))
		rc = error_set(err, SLUICE_REMOTE, "Docker at %s: no id of a container",
		               host->name);
	if (rc == 0)
		*ret_container = xstrdup(json_str(doc, "Id"));
	return rc;
}

static void remove_container(const struct docker_host *host, const char *container)
{
	AUTO_FREE char *path = xasprintf("/containers/%s?force=1&v=1", container);
	struct error ignored; /* the next one finds it by its label */

	(void)!docker_do(host, &(struct docker_ask){ .method = "DELETE", .path = path }, NULL,
	                 &ignored);
}

/* What runners that were killed have left of these: one lives for a moment.  Those of attempts have
 * a label more. */
static void sweep_throw_aways(const struct docker_host *host, const char *home)
{
	AUTO_JSON cJSON *filter = json_new_obj();
	AUTO_JSON cJSON *doc = NULL;
	AUTO_FREE char *label = xasprintf(DOCKER_LABEL_HOME "=%s", home);
	AUTO_FREE char *text = NULL, *escaped = NULL, *path = NULL;
	cJSON *labels = json_new_arr(), *status = json_new_arr();
	struct error ignored;
	const cJSON *item;

	json_push_str(labels, label);
	json_push_str(status, "created");
	json_add(filter, "label", labels);
	json_add(filter, "status", status);
	text = json_print(filter);
	escaped = docker_escape(text);
	path = xasprintf("/containers/json?all=1&filters=%s", escaped);
	if (docker_do(host, &(struct docker_ask){ .path = path }, &doc, &ignored) < 0)
		return;
	cJSON_ArrayForEach(item, doc)
	{
		int64_t age_s = clock_wall_ms() / 1000 - json_int(item, "Created", INT64_MAX / 2);
		const char *id = json_str(item, "Id");

		if (id && age_s > THROW_AWAY_S &&
		    !json_str(json_obj(item, "Labels"), DOCKER_LABEL_ATTEMPT))
			remove_container(host, id);
	}
}

static int find_user(const struct docker_host *host, const char *id, const char *home,
                     const char *spec, struct user *ret_user, struct error *err)
{
	AUTO_STRBUF struct strbuf passwd = STRBUF_INIT(FILE_MAX);
	AUTO_STRBUF struct strbuf group = STRBUF_INIT(FILE_MAX);
	AUTO_FREE char *container = NULL;
	int rc;

	sweep_throw_aways(host, home);
	rc = make_throw_away(host, id, home, &container, err);
	if (rc < 0)
		return rc;
	rc = read_file(host, container, "/etc/passwd", &passwd, err);
	if (rc == 0)
		rc = read_file(host, container, "/etc/group", &group, err);
	remove_container(host, container);
	return rc < 0 ? rc
	              : user_find(spec, strbuf_str(&passwd), strbuf_str(&group), ret_user, err);
}

int docker_image_load(const struct docker_host *host, const char *id, const char *home,
                      struct docker_image *image, struct error *err)
{
	const char *user;
	int rc = image->doc ? 0 : inspect(host, id, &image->doc, err);

	if (rc < 0)
		return rc;
	image->config = json_obj(image->doc, "Config");
	image->user = (struct user){ .home = "/" };
	user = json_str(image->config, "User");
	if (user && user[0] && strcmp(user, "0") != 0)
		rc = find_user(host, id, home, user, &image->user, err);
	image->is_loaded = rc == 0;
	return rc;
}

void docker_image_release(struct docker_image *image)
{
	cJSON_Delete(image->doc);
	*image = (struct docker_image){ .doc = NULL };
}
