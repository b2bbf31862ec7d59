/* What a job sees: environment, user, working directory, and the machine around it. */
#include "suite.h"

static void test_environment(void **state)
{
	static const char *const env[] = { "GREETING=good day", "FROM_IMAGE=no", NULL };
	struct job job;
	AUTO_FREE char *want = NULL;

	job_init(&job, state,
	         "echo $GREETING $FROM_IMAGE $KEPT $HOME $HOSTNAME; hostname; pwd; umask");
	job.request.env = env;
	job_run_for(&job, 0);
	want = xasprintf("good day no yes /root %s\n%s\n/work dir\n0022\n", job.id, job.id);
	job_expect_log(&job, want);
	job_release(&job);
}

static void test_path(void **state)
{
	run_expecting(state, "echo $PATH",
	              "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n");
}

static void test_large_environment(void **state)
{
	enum { LEN = 100000 };
	AUTO_FREE char *large = xmalloc(LEN + 1);
	const char *env[] = { large, "ODD=a\tb\n\"c\\ é=", NULL };
	struct job job;

	memset(large, 'x', LEN);
	memcpy(large, "BIG=", 4);
	large[LEN] = '\0';
	job_init(&job, state, "echo ${#BIG}; printf %s \"$ODD\"");
	job.request.env = env;
	job_run_for(&job, 0);
	job_expect_log(&job, "99996\na\tb\n\"c\\ é=");
	job_release(&job);
}

static void test_no_environment_of_ours(void **state)
{
	assert_int_equal(setenv("SUITE_LEAK", "leaked", 1), 0);
	run_expecting(state, "echo ${SUITE_LEAK:-none}", "none\n");
	assert_int_equal(unsetenv("SUITE_LEAK"), 0);
}

static void test_cwd(void **state)
{
	static const char *const dirs[] = { "/tmp", "/made/for this", "/var/link" };
	static const char *const want[] = { "/tmp\n", "/made/for this\n", "/etc\n" };

	for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
		struct job job;

		job_init(&job, state, "readlink -f .");
		job.request.cwd = dirs[i];
		job_run_for(&job, 0);
		job_expect_log(&job, want[i]);
		job_release(&job);
	}
}

static void test_relative_cwd(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "pwd");
	job.request.cwd = "some/where";
	assert_true(job_try_stage(&job, &err) < 0);
	assert_non_null(strstr(err.msg, "not an absolute path"));
	job_release(&job);
}

static void run_as(void **state, const char *image, const char *command, const char *want)
{
	struct job job;

	job_init(&job, state, command);
	job_set_image(&job, image);
	job_run_for(&job, 0);
	job_expect_log(&job, want);
	job_release(&job);
}

static void test_user(void **state)
{
	run_as(state, IMAGE_WORKER, "id -u; id -g; id -G; echo $HOME; touch /etc/x || echo refused",
	       "1234\n1234\n1234 77\n/home/worker\nrefused\n");
}

static void test_home_of_user(void **state)
{
	run_as(state, IMAGE_WORKER, "echo x >$HOME/f && cat $HOME/f; stat -c %u $HOME /etc/passwd",
	       "x\n1234\n0\n");
}

static void test_numbers(void **state)
{
	run_as(state, IMAGE_NUMBERS, "id -u; id -g; id -G; echo $HOME", "4321\n77\n77\n/\n");
}

static void test_unknown_user(void **state)
{
	struct job job;
	struct error err;

	job_init(&job, state, "true");
	job_set_image(&job, IMAGE_NOBODY);
	assert_true(job_try_stage(&job, &err) < 0);
	assert_non_null(strstr(err.msg, "somebody"));
	job_release(&job);
}

static void test_network_none(void **state)
{
	struct job job;

	job_init(&job, state,
	         "sed -n 's/ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev; "
	         "grep -c $HOSTNAME /etc/hosts; ping -c 1 -W 1 127.0.0.1 >/dev/null && echo lo");
	job.request.network = NETWORK_NONE;
	job_run_for(&job, 0);
	job_expect_log(&job, "lo\n1\nlo\n");
	job_release(&job);
}

static void test_isolation(void **state)
{
	run_expecting(
		state,
		"echo $$; ls /dev | grep -c vda; mount -t tmpfs x /mnt 2>/dev/null || echo no mount; "
		"echo 1 2>/dev/null >/proc/sys/kernel/panic || echo read-only; "
		"unshare -m true 2>/dev/null || echo refused; grep Seccomp: /proc/self/status",
		"1\n0\nno mount\nread-only\nrefused\nSeccomp:\t2\n");
}

/* Docker's default set, and none beyond it. */
static void test_capabilities(void **state)
{
	run_expecting(state, "grep -E 'Cap(Eff|Bnd|Prm|Inh|Amb)' /proc/self/status",
	              "CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\n"
	              "CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n"
	              "CapAmb:\t0000000000000000\n");
	run_as(state, IMAGE_WORKER, "grep -E 'Cap(Eff|Prm|Inh|Amb)' /proc/self/status",
	       "CapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
	       "CapEff:\t0000000000000000\nCapAmb:\t0000000000000000\n");
}

static void test_devices(void **state)
{
	run_expecting(state,
	              "for d in null zero full random urandom; do [ -c /dev/$d ] || echo no $d; "
	              "done; echo x >/dev/null; head -c 3 /dev/zero | wc -c; "
	              "echo y >/dev/shm/f && cat /dev/shm/f; stat -c %a /dev/shm; "
	              "ls -d /dev/pts /dev/mqueue /dev/fd",
	              "3\ny\n1777\n/dev/fd\n/dev/mqueue\n/dev/pts\n");
}

static void test_descriptors(void **state)
{
	run_expecting(state, "ls /proc/self/fd | tr '\\n' ' '; cat; readlink /proc/$$/fd/0",
	              "0 1 2 3 /dev/null\n");
}

static void test_processes(void **state)
{
	run_expecting(state, "echo /proc/[0-9]*; cat /proc/1/comm; true", "/proc/1\nsh\n");
}

static void test_names(void **state)
{
	run_expecting(state,
	              "grep -c . /etc/resolv.conf >/dev/null; [ -f /etc/hosts ] && echo h; "
	              "echo '10.1.2.3 mine' >>/etc/hosts && grep -c mine /etc/hosts",
	              "h\n1\n");
}

/* ... and the directory in which they are is the image's, which the next job sees as it was. */
static void test_etc(void **state)
{
#define LIST "ls group hosts mine passwd plain resolv.conf 2>/dev/null | tr '\\n' ' '"
	for (int i = 0; i < 2; i++)
		run_expecting(state,
		              "cd /etc; stat -c '%a %u:%g' .; " LIST
		              "; chmod 700 .; rm plain; echo x >mine; " LIST,
		              "751 0:77\ngroup hosts passwd plain resolv.conf "
		              "group hosts mine passwd resolv.conf ");
}

static void test_signals(void **state)
{
	run_expecting(state, "grep SigBlk /proc/self/status", "SigBlk:\t0000000000000000\n");
}

static void test_setuid_program(void **state)
{
	run_as(state, IMAGE_WORKER, "grep NoNewPrivs /proc/self/status", "NoNewPrivs:\t0\n");
}

const struct behaviour sees_behaviours[] = {
	{ "environment", test_environment, true },
	{ "the usual PATH", test_path, false },
	{ "a large environment", test_large_environment, false },
	{ "no variable of sluice's own", test_no_environment_of_ours, true },
	{ "working directory", test_cwd, true },
	{ "a relative working directory", test_relative_cwd, false },
	{ "user by name", test_user, true },
	{ "files of the image's user", test_home_of_user, true },
	{ "user by number", test_numbers, true },
	{ "an unknown user", test_unknown_user, false },
	{ "no network", test_network_none, true },
	{ "isolation", test_isolation, true },
	{ "capabilities", test_capabilities, true },
	{ "devices", test_devices, true },
	{ "descriptors", test_descriptors, true },
	{ "processes", test_processes, false },
	{ "names", test_names, true },
	{ "/etc of the image", test_etc, true },
	{ "no signal is blocked", test_signals, false },
	{ "setuid programs may gain rights", test_setuid_program, false },
	{ 0 },
};
