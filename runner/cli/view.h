/*
 * What a person sees of a run: plain lines, each log line behind its job's name, and a closing
 * summary.  Log lines, ends of jobs and the summary go to standard output; notices to standard
 * error.  With --quiet only the versions made (one NAME:VERSION a line) and what went wrong.
 */
#ifndef CLI_VIEW_H
#define CLI_VIEW_H

#include <stdbool.h>
#include <uv.h>

#include "cli/cli.h"
#include "engine/run.h"

struct view;

struct view *view_new(uv_loop_t *loop, const struct cli *cli);
void view_free(struct view *view);

/* The run's hooks: fill them into run_new(); then view_begin() before run_start(). */
struct run_hooks view_hooks(struct view *view);
void view_begin(struct view *view, struct run *run, const char *workflow);

/* A sentence before the run exists. */
void view_notice(void *view, const char *text);

/* --dry-run: the plan with resolved versions and images. */
void view_plan(struct run *run, const char *workflow);

#endif
