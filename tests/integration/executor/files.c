/* Mounts: inputs, outputs, volumes, texts; and the root file system. */
#include "suite.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"

static void expect_untouched(const struct place *place)
{
	AUTO_FREE char *file = xasprintf("%s/file", place->tree);
	AUTO_FREE char *deep = xasprintf("%s/sub/deep", place->tree);
	struct strbuf text = STRBUF_INIT(4096);

	assert_int_equal(io_read_file(AT_FDCWD, file, &text), 0);
	assert_string_equal(text.buf, "first\n");
	assert_int_equal(access(deep, F_OK), 0);
	strbuf_release(&text);
}

static void test_view(void **state)
{
	struct place *place = *state;
	struct job job;

	job_init(&job, state,
	         "echo more >>/inputs/view/file; cat /inputs/view/file; rm -r /inputs/view/sub; "
	         "mkdir /inputs/view/sub && ls /inputs/view/sub; mkdir /inputs/own; "
	         "cat /inputs/second/file; mv /inputs/second/file /inputs/second/moved; "
	         "ls /inputs/second");
	job_add_mount(&job, MOUNT_VIEW, place->tree, "/inputs/view");
	job_add_mount(&job, MOUNT_VIEW, place->tree, "/inputs/second");
	job_run_for(&job, 0);
	job_expect_log(&job, "first\nmore\nfirst\nmoved\nsub\n");
	expect_untouched(place);
	job_release(&job);
}

static void test_readonly(void **state)
{
	struct place *place = *state;
	AUTO_FREE char *file = xasprintf("%s/file", place->tree);
	struct job job;

	job_init(&job, state,
	         "echo no >>/ro/file; rm /ro/file; mkdir /ro/x; cat /ro/file; cat /one; "
	         "echo no >/one; mount -o remount,rw /ro; echo no >/ro/file; ls /ro");
	job_add_mount(&job, MOUNT_READONLY, place->tree, "/ro");
	job_add_mount(&job, MOUNT_READONLY, file, "/one");
	job_run_for(&job, 0);
	job_expect_log(&job, "first\nfirst\nfile\nsub\n");
	expect_untouched(place);
	job_release(&job);
}

static void test_text(void **state)
{
	static const char *const images[] = { IMAGE_PLAIN, IMAGE_WORKER };

	for (size_t i = 0; i < 2; i++) {
		struct job job;

		job_init(&job, state, "cat /some/text; echo z >>/some/text; cat /some/text");
		job_set_image(&job, images[i]);
		job_add_mount(&job, MOUNT_TEXT, "a text\n", "/some/text");
		job_run_for(&job, 0);
		job_expect_log(&job, "a text\na text\nz\n");
		job_release(&job);
	}
}

static void test_outputs(void **state)
{
	struct job job;
	AUTO_FREE char *out = NULL;
	AUTO_FREE char *text = NULL;
	AUTO_FREE char *model = NULL;

	job_init(&job, state,
	         "echo out >/outputs/x; mkdir /outputs/model/d; echo deep >/outputs/model/d/f; "
	         "ln -s x /outputs/link; chmod 750 /outputs/x");
	out = job_make_dir(&job, "outputs");
	model = job_make_dir(&job, "outputs/model");
	job_add_mount(&job, MOUNT_WRITE, out, "/outputs");
	job_run_for(&job, 0);
	text = job_read(&job, "outputs/model/d/f");
	assert_string_equal(text, "deep\n");
	assert_true(job_has(&job, "outputs/link"));
	job_release(&job);
}

static void test_outputs_of_user(void **state)
{
	struct place *place = *state;
	struct job job;
	AUTO_FREE char *out = NULL;
	AUTO_FREE char *model = NULL;
	AUTO_FREE char *text = NULL;

	job_init(&job, state,
	         "echo x >/outputs/model/f && echo ok; cat /inputs/data/file; "
	         "mkdir /inputs/data/new && echo made");
	job_set_image(&job, IMAGE_WORKER);
	out = job_make_dir(&job, "outputs");
	model = job_make_dir(&job, "outputs/model");
	job_add_mount(&job, MOUNT_WRITE, out, "/outputs");
	job_add_mount(&job, MOUNT_VIEW, place->tree, "/inputs/data");
	job_run_for(&job, 0);
	job_expect_log(&job, "ok\nfirst\nmade\n");
	text = job_read(&job, "outputs/model/f");
	assert_string_equal(text, "x\n");
	job_release(&job);
}

static void test_view_of_user(void **state)
{
	struct place *place = *state;
	struct job job;

	job_init(&job, state,
	         "echo y >>/inputs/data/file && cat /inputs/data/file; "
	         "rm /inputs/data/sub/deep && ls /inputs/data/sub | wc -l");
	job_set_image(&job, IMAGE_WORKER);
	job_add_mount(&job, MOUNT_VIEW, place->tree, "/inputs/data");
	job_run_for(&job, 0);
	job_expect_log(&job, "first\ny\n0\n");
	expect_untouched(place);
	job_release(&job);
}

/* What one job writes into a volume the next one finds. */
static void test_volume(void **state)
{
	struct place *place = *state;
	AUTO_FREE char *volume = xasprintf("%s/volume", place->home);
	struct job job;

	assert_int_equal(mkdir(volume, 0777), 0);
	assert_int_equal(chmod(volume, 0777), 0);
	job_init(&job, state, "echo kept >/volumes/v/f");
	job_add_mount(&job, MOUNT_WRITE, volume, "/volumes/v");
	job_run_for(&job, 0);
	job_release(&job);
	job_init(&job, state, "cat /volumes/v/f; echo x >/volumes/v/g && rm /volumes/v/g");
	job_set_image(&job, IMAGE_WORKER);
	job_add_mount(&job, MOUNT_WRITE, volume, "/volumes/v");
	job_run_for(&job, 0);
	job_expect_log(&job, "kept\n");
	job_release(&job);
}

static void test_view_of_a_link(void **state)
{
	static const char *const images[] = { IMAGE_PLAIN, IMAGE_WORKER };

	for (size_t i = 0; i < 2; i++) {
		struct job job;
		struct error err;
		AUTO_FREE char *link = NULL;

		job_init(&job, state, "cat /inputs/data/passwd");
		job_set_image(&job, images[i]);
		link = xasprintf("%s/volume", job.dir);
		assert_int_equal(symlink("/etc", link), 0);
		job_add_mount(&job, MOUNT_VIEW, link, "/inputs/data");
		if (job_try_stage(&job, &err) == 0) {
			job_go(&job);
			job_wait(&job);
			assert_int_equal(job.result.end, ATTEMPT_ERROR);
		}
		job_release(&job);
	}
}

/* The root is the job's own: it may change all of it, and the next one sees nothing of that. */
static void test_root_is_thrown_away(void **state)
{
	run_expecting(state, "echo x >/new; rm -r /etc/plain /mnt; mkdir /var/d; ls /new",
	              "/new\n");
	run_expecting(state, "ls /new 2>/dev/null; ls /etc/plain; ls /var", "/etc/plain\nlink\n");
}

/* A link of the image on the way to a target stays inside the image. */
static void test_target_behind_a_link(void **state)
{
	struct place *place = *state;
	struct job job;

	job_init(&job, state, "cat /etc/inside/file");
	job_add_mount(&job, MOUNT_READONLY, place->tree, "/var/link/inside");
	job_run_for(&job, 0);
	job_expect_log(&job, "first\n");
	assert_int_not_equal(access("/etc/inside", F_OK), 0);
	job_release(&job);
}

static void test_relative_target(void **state)
{
	struct place *place = *state;
	struct job job;
	struct error err;

	job_init(&job, state, "true");
	job_add_mount(&job, MOUNT_READONLY, place->tree, "some/where");
	assert_true(job_try_stage(&job, &err) < 0);
	assert_non_null(strstr(err.msg, "not an absolute path"));
	job_release(&job);
}

static void test_host_root(void **state)
{
	struct place *place = *state;
	AUTO_FREE char *command = xasprintf(
		"touch /etc/x 2>/dev/null || echo read-only; ls %s | wc -l; echo o >/outputs/f; "
		"echo t >$TMPDIR/t && cat $TMPDIR/t; grep CapEff /proc/self/status; cat /in/file",
		place->home);
	AUTO_FREE char *out = NULL;
	struct job job;

	job_init(&job, state, command);
	job.request.root = ROOT_HOST;
	out = job_make_dir(&job, "out");
	job_add_mount(&job, MOUNT_WRITE, out, "/outputs");
	job_add_mount(&job, MOUNT_VIEW, place->tree, "/in");
	job_run_for(&job, 0);
	job_expect_log(&job, "read-only\n0\nt\nCapEff:\t0000000000000000\nfirst\n");
	assert_true(job_has(&job, "out/f"));
	job_release(&job);
}

const struct behaviour files_behaviours[] = {
	{ "views are private", test_view, true },
	{ "read-only inputs", test_readonly, true },
	{ "texts", test_text, true },
	{ "outputs", test_outputs, true },
	{ "outputs of another user", test_outputs_of_user, true },
	{ "views of another user", test_view_of_user, true },
	{ "a volume", test_volume, true },
	{ "a view of a link", test_view_of_a_link, true },
	{ "the root is thrown away", test_root_is_thrown_away, true },
	{ "a target behind a link", test_target_behind_a_link, true },
	{ "a relative target", test_relative_target, false },
	{ "the machine's root", test_host_root, true },
	{ 0 },
};
