/*
 * The names that the home holds, for the shells to complete.  Only looks: makes nothing, changes
 * nothing, waits for nobody.  What is not there or cannot be read has no names, and nothing is
 * said.
 */
#ifndef CLI_NAMES_H
#define CLI_NAMES_H

#include <stdbool.h>

struct names;

struct names *names_open(void); /* never NULL */
void names_close(struct names *n);

/* Gets each name with a word on it, which may be "". */
typedef void names_fn(void *arg, const char *name, const char *note);

void names_each_dataset(struct names *n, names_fn *fn, void *arg);
/* Ids, newest first.  `dataset` is a name or an id. */
void names_each_version(struct names *n, const char *dataset, bool committed, names_fn *fn,
                        void *arg);
void names_each_tag(struct names *n, const char *dataset, names_fn *fn, void *arg);
/* What lies in a directory ("" or with a '/' at its end) of a committed version, which is named
 * DATASET[:POINT]; directories again with a '/'. */
void names_each_path(struct names *n, const char *version, const char *dir, names_fn *fn,
                     void *arg);
/* WORKFLOW/NUMBER, newest first. */
void names_each_run(struct names *n, bool unfinished, names_fn *fn, void *arg);
/* Of the newest runs; one may come several times. */
void names_each_workflow(struct names *n, names_fn *fn, void *arg);
void names_each_job(struct names *n, const char *run, names_fn *fn, void *arg);
void names_each_provider(struct names *n, names_fn *fn, void *arg);
/* As a person would type them. */
void names_each_image(struct names *n, names_fn *fn, void *arg);

#endif
