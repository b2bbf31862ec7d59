/* Directories, some of them hostile, become versions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <time.h>

#include "base/xalloc.h"
#include "store/seen.h"
#include "tests/support/store_home.h"

enum { LARGE = (4 << 20) + 1 };

static void assert_list(struct store_home *h, const struct digest *manifest, const char *want)
{
	char *list = store_home_list(h, manifest, "");

	assert_string_equal(list, want);
	free(list);
}

static void assert_verifies(struct store_home *h, const struct digest *manifest)
{
	struct error err;

	if (store_verify(h->store, manifest, &err) != 0)
		fail_msg("%s", err.msg);
}

static void assert_digest(const struct digest *d, const char *want)
{
	char hex[DIGEST_HEX_LEN + 1];

	assert_string_equal(digest_hex(d, hex), want);
}

static struct digest hello(void)
{
	return digest_of("hello\n", 6);
}

static ino_t tree_inode(struct store_home *h, const struct digest *manifest, const char *path)
{
	char hex[DIGEST_HEX_LEN + 1];
	char full[256];

	snprintf(full, sizeof full, "store/trees/%s/%s", digest_hex(manifest, hex), path);
	return store_home_stat(h, full).st_ino;
}

static void an_adopted_file_is_the_object_and_the_directory_is_the_tree(void **state)
{
	struct store_home *h = *state;
	struct digest d = hello();
	struct store_tree_info info;
	char path[160];
	struct stat st;
	ino_t before;

	store_home_write(h, "out/a/hello", "hello\n", 6, 0640);
	before = store_home_stat(h, "out/a/hello").st_ino;
	info = store_home_add(h, "out", STORE_ADOPT);
	assert_int_equal(info.files, 1);
	assert_int_equal(info.bytes, 6);
	assert_false(store_home_has(h, "out"));
	st = store_home_stat(h, store_home_object("objects", &d, "", path));
	assert_int_equal(st.st_ino, before);
	assert_int_equal(st.st_mode & 07777, 0444);
	assert_int_equal(st.st_nlink, 2);
	assert_int_equal(tree_inode(h, &info.manifest, "a/hello"), before);
	assert_string_equal(h->warnings, "");
	assert_verifies(h, &info.manifest);
}

static void a_copied_directory_stays_as_it_was(void **state)
{
	struct store_home *h = *state;
	struct digest d = hello();
	struct store_tree_info copied;
	struct store_tree_info adopted;
	struct stat before;
	struct stat after;
	char path[160];

	store_home_write(h, "out/a/hello", "hello\n", 6, 0640);
	before = store_home_stat(h, "out/a/hello");
	copied = store_home_add(h, "out", 0);
	after = store_home_stat(h, "out/a/hello");
	assert_int_equal(after.st_mode, before.st_mode);
	assert_int_equal(after.st_ino, before.st_ino);
	assert_int_equal(after.st_nlink, 1);
	assert_int_equal(after.st_ctim.tv_nsec, before.st_ctim.tv_nsec);
	assert_true(store_home_stat(h, store_home_object("objects", &d, "", path)).st_ino !=
	            before.st_ino);
	assert_verifies(h, &copied.manifest);

	adopted = store_home_add(h, "out", STORE_ADOPT);
	assert_true(digest_equal(&copied.manifest, &adopted.manifest));
	assert_int_equal(adopted.new_bytes, 0);
}

static void what_others_may_still_write_to_is_copied(void **state)
{
	struct store_home *h = *state;
	struct digest d = hello();
	struct store_tree_info info;
	char path[160];
	int fd, dir;

	store_home_write(h, "out/a/hello", "hello\n", 6, 0640);
	dir = openat(h->dir, "out/a", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = openat(dir, "hello", O_RDWR | O_CLOEXEC);
	info = store_home_add(h, "out", STORE_ADOPT | STORE_COPY);
	assert_int_equal(write(fd, "wrong\n", 6), 6);
	assert_int_equal(faccessat(dir, "hello", F_OK, 0), -1);
	assert_int_equal(close(fd), 0);
	assert_int_equal(close(dir), 0);
	assert_false(store_home_has(h, "out"));
	assert_int_equal(store_home_stat(h, store_home_object("objects", &d, "", path)).st_nlink,
	                 1);
	assert_verifies(h, &info.manifest);
}

static void the_identity_of_a_directory_is_golden(void **state)
{
	struct store_home *h = *state;
	static const char segment[] =
		"f 6 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 a%20b\n"
		"d empty\n"
		"l ../x link\n"
		"x 6 5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03 run\n";
	struct digest d = digest_of(segment, sizeof segment - 1);
	char hex[DIGEST_HEX_LEN + 1];
	char root[256];
	struct digest want;

	snprintf(root, sizeof root, "sluice-manifest 1\ns 3 12 %s a%%20b\n", digest_hex(&d, hex));
	want = digest_of(root, strlen(root));
	store_home_text(h, "out/a b", "hello\n");
	store_home_write(h, "out/run", "hello\n", 6, 0700);
	assert_int_equal(mkdirat(h->dir, "out/empty", 0700), 0);
	assert_int_equal(symlinkat("../x", h->dir, "out/link"), 0);
	struct store_tree_info info = store_home_add(h, "out", STORE_ADOPT);
	assert_true(digest_equal(&info.manifest, &want));
	assert_int_equal(info.files, 3);
	assert_int_equal(info.bytes, 12);
	assert_int_equal(info.new_bytes, 12 + sizeof segment - 1 + strlen(root));
}

static void an_empty_directory_is_a_version_too(void **state)
{
	struct store_home *h = *state;

	assert_int_equal(mkdirat(h->dir, "out", 0755), 0);
	struct store_tree_info info = store_home_add(h, "out", STORE_ADOPT);
	assert_digest(&info.manifest,
	              "9e1f7a26ec4e54be2f0a30e6002d126963e8eab90e18769f6ca1324b31a88bfa");
	assert_int_equal(info.files, 0);
	assert_verifies(h, &info.manifest);
}

static void equal_files_share_one_object(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;

	store_home_text(h, "out/a", "hello\n");
	store_home_text(h, "out/b/c", "hello\n");
	store_home_write(h, "out/x", "hello\n", 6, 0755);
	info = store_home_add(h, "out", STORE_ADOPT);
	assert_list(h, &info.manifest, "f a\nf b/c\nx x\n");
	assert_int_equal(tree_inode(h, &info.manifest, "a"), tree_inode(h, &info.manifest, "b/c"));
	assert_true(tree_inode(h, &info.manifest, "a") != tree_inode(h, &info.manifest, "x"));
	assert_verifies(h, &info.manifest);
}

static void the_same_again_has_no_new_bytes_and_the_same_digest(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info first;
	struct store_tree_info second;

	for (int round = 0; round < 2; round++) {
		store_home_text(h, "out/a", "hello\n");
		store_home_text(h, "out/b", "other\n");
		if (round == 0)
			first = store_home_add(h, "out", STORE_ADOPT);
	}
	second = store_home_add(h, "out", STORE_ADOPT);
	assert_true(digest_equal(&first.manifest, &second.manifest));
	assert_true(first.new_bytes > 0);
	assert_int_equal(second.new_bytes, 0);
	assert_false(store_home_has(h, "out"));
	assert_verifies(h, &second.manifest);
}

static void hard_links_inside_are_one_object_adopted(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;
	ino_t inode;

	store_home_text(h, "out/a", "hello\n");
	assert_int_equal(linkat(h->dir, "out/a", h->dir, "out/b", 0), 0);
	inode = store_home_stat(h, "out/a").st_ino;
	info = store_home_add(h, "out", STORE_ADOPT);
	assert_list(h, &info.manifest, "f a\nf b\n");
	assert_int_equal(tree_inode(h, &info.manifest, "a"), inode);
	assert_int_equal(tree_inode(h, &info.manifest, "b"), inode);
}

static void a_file_with_a_link_outside_is_copied(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;
	struct stat st;

	store_home_text(h, "outside", "hello\n");
	store_home_text(h, "out/other", "other\n");
	assert_int_equal(linkat(h->dir, "outside", h->dir, "out/a", 0), 0);
	assert_int_equal(linkat(h->dir, "outside", h->dir, "out/b", 0), 0);
	info = store_home_add(h, "out", STORE_ADOPT);
	st = store_home_stat(h, "outside");
	assert_int_equal(st.st_nlink, 1);
	assert_int_equal(st.st_mode & 07777, 0644);
	assert_true(tree_inode(h, &info.manifest, "a") != st.st_ino);
	store_home_text(h, "outside", "changed\n");
	assert_verifies(h, &info.manifest);
}

static void a_file_that_is_open_for_writing_is_copied(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;
	AUTO_FD int fd = -1;

	store_home_text(h, "out/a", "hello\n");
	fd = openat(h->dir, "out/a", O_WRONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	info = store_home_add(h, "out", STORE_ADOPT);
	assert_int_equal(pwrite(fd, "EVIL", 4, 0), 4);
	assert_verifies(h, &info.manifest);
}

static void what_is_no_file_is_left_out_with_a_warning(void **state)
{
	struct store_home *h = *state;
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	AUTO_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	store_home_text(h, "out/a", "hello\n");
	assert_int_equal(mkdirat(h->dir, "out/only", 0755), 0);
	assert_int_equal(mkfifoat(h->dir, "out/only/fi\nfo", 0644), 0);
	snprintf(at.sun_path, sizeof at.sun_path, "%s/out/sock", h->path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);

	struct store_tree_info copied = store_home_add(h, "out", 0);
	assert_list(h, &copied.manifest, "f a\nd only\n");
	assert_true(store_home_has(h, "out/sock"));
	assert_non_null(strstr(h->warnings, "'only/fi\\x0afo' is a FIFO: it is left out\n"));
	assert_non_null(strstr(h->warnings, "'sock' is a socket: it is left out\n"));
	struct store_tree_info adopted = store_home_add(h, "out", STORE_ADOPT);
	assert_true(digest_equal(&copied.manifest, &adopted.manifest));
	char hex[DIGEST_HEX_LEN + 1];
	char gone[160];
	snprintf(gone, sizeof gone, "store/trees/%s/sock", digest_hex(&adopted.manifest, hex));
	assert_false(store_home_has(h, gone));
}

static void setuid_bits_are_dropped_with_a_warning(void **state)
{
	struct store_home *h = *state;
	struct digest d = hello();
	char path[160];

	store_home_write(h, "out/su", "hello\n", 6, 06755);
	struct store_tree_info info = store_home_add(h, "out", STORE_ADOPT);
	assert_list(h, &info.manifest, "x su\n");
	assert_string_equal(h->warnings, "'su': its setuid and setgid bits are dropped\n");
	assert_int_equal(store_home_stat(h, store_home_object("objects", &d, ".x", path)).st_mode &
	                         07777,
	                 0555);
}

static void file_capabilities_are_dropped(void **state)
{
	struct store_home *h = *state;
	/* VFS_CAP_REVISION_2, effective; CAP_NET_RAW permitted */
	static const unsigned char cap[20] = { 1, 0, 0, 2, 0, 0x20 };
	struct digest d = hello();
	char path[160];
	char full[256];
	char value[64];

	store_home_write(h, "out/ping", "hello\n", 6, 0755);
	snprintf(full, sizeof full, "%s/out/ping", h->path);
	if (setxattr(full, "security.capability", cap, sizeof cap, 0) != 0)
		skip(); /* not root, or a file system without them */
	store_home_add(h, "out", STORE_ADOPT);
	snprintf(full, sizeof full, "%s/%s", h->path, store_home_object("objects", &d, ".x", path));
	assert_int_equal(getxattr(full, "security.capability", value, sizeof value), -1);
	assert_int_equal(errno, ENODATA);
}

static void links_are_kept_and_never_followed(void **state)
{
	struct store_home *h = *state;

	store_home_text(h, "secret/key", "hello\n");
	store_home_text(h, "out/a", "other\n");
	assert_int_equal(symlinkat("/etc/passwd", h->dir, "out/l1"), 0);
	assert_int_equal(symlinkat("../secret", h->dir, "out/l2"), 0);
	assert_int_equal(symlinkat("no where\n", h->dir, "out/l3"), 0);
	struct store_tree_info info = store_home_add(h, "out", STORE_ADOPT);
	assert_list(h, &info.manifest,
	            "f a\nl l1 -> /etc/passwd\nl l2 -> ../secret\nl l3 -> no where\n\n");
	assert_int_equal(info.files, 4);
	assert_int_equal(info.bytes, 6);
}

static void a_link_in_place_of_the_directory_is_refused(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;
	struct error err;
	char path[128];

	store_home_text(h, "real/a", "hello\n");
	assert_int_equal(symlinkat("real", h->dir, "out"), 0);
	snprintf(path, sizeof path, "%s/out", h->path);
	assert_int_equal(store_add_tree(h->store, path,
	                                &(struct store_add_how){ .flags = STORE_ADOPT }, &info,
	                                &err),
	                 SLUICE_SYSTEM);
	assert_true(store_home_has(h, "real/a"));
	snprintf(path, sizeof path, "%s/none", h->path);
	assert_int_equal(store_add_tree(h->store, path,
	                                &(struct store_add_how){ .flags = STORE_ADOPT }, &info,
	                                &err),
	                 SLUICE_NOT_FOUND);
}

static void names_are_bytes(void **state)
{
	struct store_home *h = *state;
	static const char *const names[] = { "\x01", " ",    "%41",      "-rf",
		                             "...",  "a\nb", "\xff\xfe", "\xc3\xa9" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[64];

		snprintf(path, sizeof path, "out/%s", names[i]);
		store_home_text(h, path, names[i]);
	}
	struct store_tree_info info = store_home_add(h, "out", STORE_ADOPT);
	assert_list(h, &info.manifest,
	            "f \x01\nf  \nf %41\nf -rf\nf ...\nf a\nb\nf \xc3\xa9\nf \xff\xfe\n");
	assert_verifies(h, &info.manifest);
}

static void large_files_are_named_by_their_chunk_list(void **state)
{
	struct store_home *h = *state;
	char *zeros = xcalloc(1, LARGE);
	char path[160];
	struct digest d;

	store_home_write(h, "out/big", zeros, LARGE, 0644);
	store_home_write(h, "out/big.x", zeros, LARGE, 0755);
	store_home_write(h, "out/small", zeros, LARGE - 1, 0644);
	free(zeros);
	assert_int_equal(linkat(h->dir, "out/big", h->dir, "out/big2", 0), 0);
	struct store_tree_info info = store_home_add(h, "out", STORE_ADOPT);
	assert_list(h, &info.manifest, "c big\nC big.x\nc big2\nf small\n");
	assert_true(digest_parse("0568af446d0a7b057a6ba232bde3c4ef84b20003d6ec324a763558b67934e031",
	                         &d));
	assert_int_equal(store_home_stat(h, store_home_object("large", &d, "", path)).st_size,
	                 LARGE);
	assert_int_equal(store_home_stat(h, store_home_object("large", &d, ".x", path)).st_mode &
	                         07777,
	                 0555);
	/* The chunk list is an object under the same name. */
	assert_int_equal(store_home_stat(h, store_home_object("objects", &d, "", path)).st_size,
	                 16 + 2 * 65 + 13);
	assert_verifies(h, &info.manifest);
}

static void an_object_cut_short_by_a_power_cut_is_written_again(void **state)
{
	struct store_home *h = *state;
	struct digest d = hello();
	char path[160];
	struct store_tree_info first;
	struct store_tree_info second;

	store_home_text(h, "out/a", "hello\n");
	first = store_home_add(h, "out", 0);
	assert_int_equal(unlinkat(h->dir, store_home_object("objects", &d, "", path), 0), 0);
	store_home_write(h, path, "", 0, 0444);
	assert_int_equal(
		unlinkat(h->dir, store_home_object("manifests", &first.manifest, "", path), 0), 0);
	store_home_write(h, path, "", 0, 0444);
	second = store_home_add(h, "out", STORE_ADOPT);
	assert_true(digest_equal(&first.manifest, &second.manifest));
	assert_verifies(h, &second.manifest);
}

static void damage_is_found_and_named(void **state)
{
	struct store_home *h = *state;
	struct digest d = hello();
	struct store_tree_info info;
	struct error err;
	char object[160];
	char want[512];

	store_home_text(h, "out/a", "hello\n");
	store_home_text(h, "out/b", "other\n");
	info = store_home_add(h, "out", 0);
	store_home_object("objects", &d, "", object);
	store_home_write(h, object, "jello\n", 6, 0444);
	assert_int_equal(store_verify(h->store, &info.manifest, &err), SLUICE_CORRUPT);
	snprintf(want, sizeof want,
	         "file 'a': '%s/%s' is damaged: its bytes do not have the digest of its name",
	         h->path, object);
	assert_string_equal(err.msg, want);
	store_home_write(h, object, "hello\n", 6, 0644);
	assert_int_equal(store_verify(h->store, &info.manifest, &err), SLUICE_CORRUPT);
	store_home_write(h, object, "hell", 4, 0444);
	assert_int_equal(store_verify(h->store, &info.manifest, &err), SLUICE_CORRUPT);
	assert_int_equal(unlinkat(h->dir, object, 0), 0);
	assert_int_equal(store_verify(h->store, &info.manifest, &err), SLUICE_CORRUPT);
	snprintf(want, sizeof want, "file 'a': '%s/%s' is missing", h->path, object);
	assert_string_equal(err.msg, want);
}

static void directories_may_be_256_deep_and_no_deeper(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;
	struct error err;
	char path[2 * 257 + 8] = "out";

	for (int i = 0; i < 255; i++)
		strcat(path, "/d");
	strcat(path, "/f");
	store_home_text(h, path, "hello\n");
	info = store_home_add(h, "out", 0);
	assert_int_equal(info.files, 1);
	path[strlen(path) - 1] = 'd';
	assert_int_equal(mkdirat(h->dir, path, 0755), 0);
	info = store_home_add(h, "out", 0); /* an empty directory is an entry of 256 components */
	strcat(path, "/f");
	store_home_text(h, path, "hello\n");
	char full[128];
	snprintf(full, sizeof full, "%s/out", h->path);
	assert_int_equal(store_add_tree(h->store, full, NULL, &info, &err), SLUICE_LIMIT);
	assert_non_null(strstr(err.msg, "' has more than 256 components"));
}

static bool is_campaign(void)
{
	return getenv("SLUICE_CAMPAIGN") != NULL;
}

static void make_output(struct store_home *h, int n)
{
	char path[64];
	char text[64];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "out/d%d/f%d", i % 7, i);
		snprintf(text, sizeof text, "%d\n", i / 2); /* each content twice */
		store_home_write(h, path, text, strlen(text), i % 5 ? 0644 : 0755);
	}
	assert_int_equal(linkat(h->dir, "out/d1/f1", h->dir, "out/link", 0), 0);
}

/* In a child, so that it can be killed.  tests/faults kills at each call, this at any instant. */
static void add_and_be_killed(struct store_home *h, long after_us)
{
	struct timespec t = { .tv_nsec = after_us * 1000 };
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		store_home_add(h, "out", STORE_ADOPT);
		_exit(0);
	}
	nanosleep(&t, NULL);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void a_commit_killed_at_any_instant_can_be_done_again(void **state)
{
	struct store_home *h = *state;
	struct digest want = { 0 };
	const int n = is_campaign() ? 1500 : 150;
	const long until = is_campaign() ? 60000 : 8000;
	char tree[160];
	char hex[DIGEST_HEX_LEN + 1];

	for (long us = 500; us < until; us = us * 5 / 4) {
		struct store_tree_info info;

		/* A new store each time, so that each part of a first commit is hit. */
		assert_int_equal(io_remove_tree(h->dir, "store"), 0);
		store_close(h->store);
		struct error err;
		assert_int_equal(store_open(h->path, &h->store, &err), 0);
		make_output(h, n);
		add_and_be_killed(h, us);
		if (us == 500) {
			info = store_home_add(h, "out", STORE_ADOPT);
			want = info.manifest;
			assert_int_equal(info.files, n + 1);
		} else if (store_home_has(h, "out")) {
			info = store_home_add(h, "out", STORE_ADOPT);
			assert_true(digest_equal(&info.manifest, &want));
		}
		assert_false(store_home_has(h, "out"));
		snprintf(tree, sizeof tree, "store/trees/%s", digest_hex(&want, hex));
		assert_true(store_home_has(h, tree));
		assert_verifies(h, &want);
	}
}

static void all_bytes_are_counted(void **state)
{
	struct store_home *h = *state;
	struct progress progress = { 0 };
	const struct store_watch watch = { .progress = &progress };
	AUTO_FREE char *large = xcalloc(1, LARGE);
	struct store_tree_info info;
	struct error err;
	char path[128];
	char link_path[128];

	store_home_write(h, "out/large", large, LARGE, 0644);
	store_home_write(h, "out/small", "hello\n", 6, 0644);
	store_home_write(h, "out/empty", "", 0, 0644);
	snprintf(path, sizeof path, "%s/out/small", h->path);
	snprintf(link_path, sizeof link_path, "%s/out/link", h->path);
	assert_int_equal(link(path, link_path), 0);
	snprintf(path, sizeof path, "%s/out", h->path);
	assert_int_equal(
		store_add_tree(h->store, path,
	                       &(struct store_add_how){ .flags = STORE_ADOPT, .watch = &watch },
	                       &info, &err),
		0);
	assert_int_equal(info.bytes, LARGE + 12);
	assert_int_equal(atomic_load(&progress.total), info.bytes);
	assert_int_equal(atomic_load(&progress.done), info.bytes);
}

static void what_is_stopped_ends_soon_and_can_be_done_again(void **state)
{
	struct store_home *h = *state;
	char path[160];
	struct store_tree_info info;
	atomic_bool stop = false;
	const struct store_watch watch = { .stop = &stop };
	struct error err;

	store_home_write(h, "out/a/hello", "hello\n", 6, 0640);
	(void)snprintf(path, sizeof path, "%s/out", h->path);
	atomic_store(&stop, true);
	assert_int_equal(store_add_tree(h->store, path, &(struct store_add_how){ .watch = &watch },
	                                &info, &err),
	                 SLUICE_CANCELED);
	assert_non_null(strstr(err.msg, "was stopped"));
	atomic_store(&stop, false);
	assert_int_equal(store_add_tree(h->store, path, &(struct store_add_how){ .watch = &watch },
	                                &info, &err),
	                 0);
	assert_int_equal(info.files, 1);
}

/* Makes all that lies below `name` as old as it must be to be noted: a ctime cannot be set. */
static void let_settle(void)
{
	(void)usleep(2100 * 1000);
}

/* The note of the one file of HOME/in. */
static struct seen_fixed note_of(struct store_home *h, size_t *ret_n)
{
	char path[160];
	struct seen seen;
	struct seen_fixed fixed = { .kind = 0 };
	size_t at;

	(void)snprintf(path, sizeof path, "%s/in", h->path);
	seen_open(h->store, path, &seen);
	at = seen_find(&seen, "file");
	*ret_n = at > 0;
	if (at > 0)
		fixed = seen_at(&seen, at);
	seen_close(&seen);
	return fixed;
}

static void expect_same(struct store_home *h, const struct store_tree_info *info)
{
	struct store_tree_info is = store_home_add(h, "in", 0);

	assert_true(digest_equal(&is.manifest, &info->manifest));
}

static void what_has_not_changed_is_not_read_again(void **state)
{
	struct store_home *h = *state;
	struct seen_writer *w;
	struct store_tree_info info, forged;
	struct seen_fixed note;
	char path[160];
	size_t n;

	store_home_text(h, "other/file", "forged\n");
	forged = store_home_add(h, "other", 0);
	store_home_text(h, "in/file", "hello!\n");
	info = store_home_add(h, "in", 0);
	(void)note_of(h, &n);
	assert_int_equal(n, 0); /* it is too young for a change to show */
	let_settle();
	info = store_home_add(h, "in", 0);
	note = note_of(h, &n);
	assert_int_equal(n, 1);

	/* What the note says is taken, so the file itself is not looked into. */
	note.digest = digest_of("forged\n", 7);
	w = seen_begin(h->store);
	seen_add(w, &note, "file");
	(void)snprintf(path, sizeof path, "%s/in", h->path);
	seen_end(w, path);
	expect_same(h, &forged);

	/* Without the object that it names it is not. */
	(void)store_home_object("objects", &note.digest, "", path);
	assert_int_equal(unlinkat(h->dir, path, 0), 0);
	expect_same(h, &info);
}

static void what_has_changed_in_any_way_is_read_again(void **state)
{
	struct store_home *h = *state;
	const struct timespec past[2] = { { .tv_sec = 1000 }, { .tv_sec = 1000 } };
	struct store_tree_info one, two, exec;

	store_home_text(h, "in/file", "one\n");
	assert_int_equal(utimensat(h->dir, "in/file", past, 0), 0);
	let_settle();
	one = store_home_add(h, "in", 0);
	/* The same size and the same mtime: the ctime tells. */
	store_home_text(h, "in/file", "two\n");
	assert_int_equal(utimensat(h->dir, "in/file", past, 0), 0);
	two = store_home_add(h, "in", 0);
	assert_false(digest_equal(&one.manifest, &two.manifest));
	let_settle();
	two = store_home_add(h, "in", 0);
	assert_int_equal(fchmodat(h->dir, "in/file", 0755, 0), 0);
	exec = store_home_add(h, "in", 0);
	assert_false(digest_equal(&exec.manifest, &two.manifest));
	/* Another file under its name. */
	let_settle();
	exec = store_home_add(h, "in", 0);
	store_home_text(h, "in/new", "new\n");
	assert_int_equal(renameat(h->dir, "in/new", h->dir, "in/file"), 0);
	two = store_home_add(h, "in", 0);
	assert_false(digest_equal(&exec.manifest, &two.manifest));
}

/* A page that is dirty already changes without the times of its file. */
static void what_somebody_writes_to_is_not_noted(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info one, two;
	char *page;
	size_t n;
	int fd;

	store_home_text(h, "in/file", "zero\n");
	fd = openat(h->dir, "in/file", O_RDWR | O_CLOEXEC);
	page = mmap(NULL, 5, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(page, MAP_FAILED);
	close(fd);
	memcpy(page, "one!\n", 5);
	let_settle();
	one = store_home_add(h, "in", 0);
	(void)note_of(h, &n);
	assert_int_equal(n, 0);
	memcpy(page, "two!\n", 5);
	two = store_home_add(h, "in", 0);
	assert_false(digest_equal(&one.manifest, &two.manifest));
	assert_int_equal(munmap(page, 5), 0);
	let_settle();
	two = store_home_add(h, "in", 0);
	(void)note_of(h, &n);
	assert_int_equal(n, 1);
	expect_same(h, &two);
}

static void damaged_notes_say_nothing(void **state)
{
	struct store_home *h = *state;
	struct store_tree_info info;
	char path[160], hex[DIGEST_HEX_LEN + 1], name[200];
	struct digest digest;
	size_t n;

	store_home_text(h, "in/file", "hello\n");
	let_settle();
	info = store_home_add(h, "in", 0);
	(void)snprintf(path, sizeof path, "%s/in", h->path);
	digest = digest_of(path, strlen(path));
	(void)snprintf(name, sizeof name, "store/seen/%s", digest_hex(&digest, hex));
	for (off_t at = 0; at < store_home_stat(h, name).st_size; at += 7) {
		int fd = openat(h->dir, name, O_RDWR | O_CLOEXEC);
		char byte;

		assert_int_equal(pread(fd, &byte, 1, at), 1);
		byte ^= 1;
		assert_int_equal(pwrite(fd, &byte, 1, at), 1);
		close(fd);
		(void)note_of(h, &n);
		assert_int_equal(n, 0);
		expect_same(h, &info);
		(void)note_of(h, &n);
		assert_int_equal(n, 1);
	}
}

static void a_directory_may_come_below_another(void **state)
{
	struct store_home *h = *state;
	const struct store_add_how how = { .below = "a/b" };
	struct store_tree_info info;
	struct error err;
	char path[160];
	char *list;

	store_home_text(h, "in/sub/file", "hello\n");
	store_home_text(h, "in/top", "hello\n");
	(void)snprintf(path, sizeof path, "%s/in", h->path);
	assert_int_equal(store_add_tree(h->store, path, &how, &info, &err), 0);
	list = store_home_list(h, &info.manifest, "");
	assert_string_equal(list, "f a/b/sub/file\nf a/b/top\n");
	free(list);
	assert_int_equal(mkdirat(h->dir, "empty", 0755), 0);
	(void)snprintf(path, sizeof path, "%s/empty", h->path);
	assert_int_equal(store_add_tree(h->store, path, &how, &info, &err), 0);
	list = store_home_list(h, &info.manifest, "");
	assert_string_equal(list, "d a/b\n");
	free(list);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(f) cmocka_unit_test_setup_teardown(f, store_home_setup, store_home_teardown)
		TEST(an_adopted_file_is_the_object_and_the_directory_is_the_tree),
		TEST(a_copied_directory_stays_as_it_was),
		TEST(what_others_may_still_write_to_is_copied),
		TEST(the_identity_of_a_directory_is_golden),
		TEST(an_empty_directory_is_a_version_too),
		TEST(equal_files_share_one_object),
		TEST(the_same_again_has_no_new_bytes_and_the_same_digest),
		TEST(hard_links_inside_are_one_object_adopted),
		TEST(a_file_with_a_link_outside_is_copied),
		TEST(a_file_that_is_open_for_writing_is_copied),
		TEST(what_is_no_file_is_left_out_with_a_warning),
		TEST(setuid_bits_are_dropped_with_a_warning),
		TEST(file_capabilities_are_dropped),
		TEST(links_are_kept_and_never_followed),
		TEST(a_link_in_place_of_the_directory_is_refused),
		TEST(names_are_bytes),
		TEST(large_files_are_named_by_their_chunk_list),
		TEST(an_object_cut_short_by_a_power_cut_is_written_again),
		TEST(damage_is_found_and_named),
		TEST(directories_may_be_256_deep_and_no_deeper),
		TEST(all_bytes_are_counted),
		TEST(what_is_stopped_ends_soon_and_can_be_done_again),
		TEST(what_has_not_changed_is_not_read_again),
		TEST(what_has_changed_in_any_way_is_read_again),
		TEST(what_somebody_writes_to_is_not_noted),
		TEST(damaged_notes_say_nothing),
		TEST(a_directory_may_come_below_another),
		TEST(a_commit_killed_at_any_instant_can_be_done_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
