/*
 * The behaviours that every executor must have, tried with real containers through executor.h.
 *
 *	suite_executor oci:crun          a quick pick of them (of a slow executor a brief one);
 *	                                 with SLUICE_CAMPAIGN=1 all
 *	suite_executor oci:crun all      all of them
 *	suite_executor oci:crun kernel   what depends on the kernel
 *	suite_executor oci:crun ends     those whose name has this word
 *
 * A theme is a file with a table of behaviours.  makers.c knows how each executor is made, and
 * what it cannot do.
 */
#ifndef TESTS_EXECUTOR_SUITE_H
#define TESTS_EXECUTOR_SUITE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "base/cleanup.h"
#include "base/xalloc.h"
#include "executor/executor.h"
#include "image/image.h"

enum { LOG_MAX = 256 << 20, SKIPPED = 77 };

struct place;

/* Who runs it: an ordinary user is made for the test, and removed after it. */
enum account {
	ACCOUNT_ROOT,
	ACCOUNT_USER,      /* with subordinate ids */
	ACCOUNT_LONE_USER, /* without */
};

/* An executor under test. */
struct maker {
	const char *name;
	enum account account;
	const char *runtime; /* for the OCI executor */
	const char *rootfs;  /* see executors.h */
	int (*make)(struct place *place, struct executor **ret_executor, struct error *err);
	/* Prints a line for each container, cgroup or the like that is left of what began with
	 * $SUITE; processes are looked for anyway.  NULL: there is nothing else. */
	const char *left;
	/* Each attempt has a shim of ours, whose record is in its directory. */
	bool has_shim;
	const char *const *brief; /* names, ended by NULL; NULL: it is quick */
	const struct cannot {
		const char *behaviour, *why;
	} * cannot; /* ended by one without a name */
};

/* Names, ended by NULL: what another kernel does in another way. */
extern const char *const kernel_brief[];

const struct maker *maker_find(const char *name);

/* Calls TEST, which gets the path of the shim, as that user in a process of its own; returns what
 * it returns, or SKIPPED. */
int account_run(enum account account, int (*test)(const char *shim));

/* One for the whole program: what all tests run in. */
struct place {
	const struct maker *maker;
	uv_loop_t loop;
	char home[64]; /* its last component is the mark of all that is ours */
	char *tree;    /* a directory with the files "file" and "sub/deep" */
	struct images *images;
	struct executor *executor;
	unsigned count; /* of attempts so far */
};

/* NULL, or what is missing here. */
const char *place_open(struct place *place, const struct maker *maker);
/* False: something was left in the loop. */
bool place_close(struct place *place);

/* The images: all of one layer, a static busybox (see place.c). */
#define IMAGE_PLAIN   "suite/plain:1"   /* env FROM_IMAGE, KEPT; working directory "/work dir" */
#define IMAGE_WORKER  "suite/worker:1"  /* ... and user worker (1234), group extra (77) */
#define IMAGE_NUMBERS "suite/numbers:1" /* ... and user 4321:77 */
#define IMAGE_NOBODY  "suite/nobody:1"  /* ... and a user that is not in its passwd */
#define IMAGE_COMMAND "suite/command:1" /* entrypoint "echo entry", cmd "from cmd", stop USR1 */
#define IMAGE_EMPTY   "suite/empty:1"   /* neither */

struct job {
	struct place *place;
	struct request request;
	struct attempt *attempt;
	struct attempt_result result;
	bool ended;
	char *id, *dir, digest[72];
	const char *args[4];
	struct request_mount mounts[8];
};

/* `sh -c COMMAND` in IMAGE_PLAIN; change job->request before it starts. */
void job_init(struct job *job, void **state, const char *command);
void job_set_image(struct job *job, const char *image);
void job_add_mount(struct job *job, enum mount_kind kind, const char *source, const char *target);
/* Makes DIR/NAME to be mounted; the caller frees it. */
char *job_make_dir(const struct job *job, const char *name);
int job_try_stage(struct job *job, struct error *err);
void job_stage(struct job *job);
void job_start(struct job *job);
void job_go(struct job *job);
void job_stop(struct job *job, bool now);
int job_adopt(struct job *job, struct error *err);
/* The result comes first; when the loop is empty its scratch is gone too. */
void job_wait(struct job *job);
/* Every attempt, however it ends, leaves its log and its records and nothing else. */
void job_release(struct job *job);

/* In another process, which is gone when this returns. */
void job_do_and_die(struct job *job, void (*what)(struct job *job));

bool job_has(const struct job *job, const char *name);
char *job_read(const struct job *job, const char *name);
/* The texts of one stream's lines, each part of a cut one joined to the next. */
char *job_log(const struct job *job, const char *stream);

void job_expect_log(const struct job *job, const char *want);
void job_expect_exit(const struct job *job, int code);
void job_expect_signal(const struct job *job, int sig);
void job_expect_error(const struct job *job, const char *part);
/* Runs a command to its end, which must be an exit with this code. */
void job_run_for(struct job *job, int code);
void run_expecting(void **state, const char *command, const char *want);

/* Until the log has this text; until the attempt's directory has this file. */
void job_wait_for_log(struct job *job, const char *text);
void job_wait_for_file(const struct job *job, const char *name);

/* Processes, containers, cgroups of this program's attempts. */
size_t count_left(const struct place *place);
size_t count_mounts(const char *dir);

/* --- behaviours ------------------------------------------------------------------------------- */

struct behaviour {
	const char *name;
	void (*test)(void **state);
	bool quick; /* belongs to the pick */
};

extern const struct behaviour ends_behaviours[], command_behaviours[], sees_behaviours[],
	files_behaviours[], log_behaviours[], stop_behaviours[], death_behaviours[],
	stage_behaviours[];

#endif
