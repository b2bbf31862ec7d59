/* suite_executor EXECUTOR [all|quick|kernel|WORD]: see suite.h. */
#include "suite.h"

#include <signal.h>
#include <stdio.h>

enum { MANY = 256 };

static struct place place;
static const struct maker *maker;
static const char *pick;

static const struct behaviour *const themes[] = {
	ends_behaviours, command_behaviours, sees_behaviours,  files_behaviours,
	log_behaviours,  stop_behaviours,    death_behaviours, stage_behaviours,
};

static void test_nothing_left(void **state)
{
	struct place *p = *state;

	assert_int_equal(count_left(p), 0);
	assert_int_equal(count_mounts(p->home), 0);
	assert_int_equal(uv_loop_alive(&p->loop), 0);
}

static bool is_among(const char *const *names, const struct behaviour *b)
{
	for (; *names; names++)
		if (strcmp(*names, b->name) == 0)
			return true;
	return false;
}

static bool is_picked(const struct behaviour *b)
{
	if (strcmp(pick, "quick") == 0)
		return maker->brief ? is_among(maker->brief, b) : b->quick;
	if (strcmp(pick, "kernel") == 0)
		return is_among(kernel_brief, b);
	return strcmp(pick, "all") == 0 || strstr(b->name, pick);
}

static const char *cannot(const char *behaviour)
{
	for (const struct cannot *c = maker->cannot; c->behaviour; c++)
		if (strcmp(c->behaviour, behaviour) == 0)
			return c->why;
	return NULL;
}

static size_t choose(struct CMUnitTest *tests)
{
	size_t n = 0;

	for (size_t t = 0; t < sizeof themes / sizeof *themes; t++)
		for (const struct behaviour *b = themes[t]; b->name; b++) {
			const char *why = cannot(b->name);

			if (!is_picked(b))
				continue;
			if (why)
				printf("left out: %s: %s\n", b->name, why);
			else
				tests[n++] = (struct CMUnitTest){
					.name = b->name,
					.test_func = b->test,
					.initial_state = &place,
				};
		}
	tests[n++] = (struct CMUnitTest)cmocka_unit_test_prestate(test_nothing_left, &place);
	return n;
}

static int run(const char *shim)
{
	static struct CMUnitTest tests[MANY];
	const char *missing;
	int failed = SKIPPED;

	(void)setenv("SLUICE_SHIM", shim, 1);
	missing = place_open(&place, maker);
	if (missing) {
		printf("skipped: %s: %s\n", maker->name, missing);
	} else {
		size_t n = choose(tests);

		failed = _cmocka_run_group_tests(maker->name, tests, n, NULL, NULL);
	}
	return place_close(&place) ? failed : 1;
}

int main(int argc, char **argv)
{
	/* As the program does: a shim may be gone before it is told to go. */
	(void)signal(SIGPIPE, SIG_IGN);
	maker = maker_find(argc > 1 ? argv[1] : "oci:crun");
	pick = argc > 2 ? argv[2] : getenv("SLUICE_CAMPAIGN") ? "all" : "quick";
	return maker ? account_run(maker->account, run) : 2;
}
