/*
 * What a job makes for others: a dataset output is a version that is open from the run's start; a
 * string or a volume is what lies in the attempt's directory.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "engine/internal.h"
#include "spec/utf8.h"

enum { STRING_MAX = 1 << 20 }; /* bytes of a string output: it is "small UTF-8 text" */

/* --- versions ------------------------------------------------------------------------------- */

void job_list_outputs(struct run_job *job)
{
	size_t n = 0;

	for (size_t i = 0; i < job->spec->n_outputs; i++)
		n += job->spec->outputs[i].type == SPEC_DATASET;
	job->outputs = n ? xcalloc(n, sizeof *job->outputs) : NULL;
	for (size_t i = 0; i < job->spec->n_outputs; i++)
		if (job->spec->outputs[i].type == SPEC_DATASET)
			job->outputs[job->n_outputs++].spec = &job->spec->outputs[i];
}

struct dataset_maker job_maker(const struct run_job *job)
{
	return (struct dataset_maker){ .run = job->run->uuid,
		                       .job = job->spec->id,
		                       .attempt = job->attempt > 0 ? job->attempt : 1 };
}

int job_open_outputs(struct run_job *job, struct error *err)
{
	struct run *run = job->run;
	const struct dataset_maker maker = job_maker(job);

	for (size_t i = 0; i < job->n_outputs; i++) {
		struct run_output *o = &job->outputs[i];
		const struct target *target = map_find(&run->targets, o->spec->ref.text);

		if (o->version.id[0])
			continue;
		history_flush(run);
		if (datasets_open_version(run->datasets, &target->dataset, "", &maker, &o->version,
		                          err) < 0)
			return error_wrap(err, "output '%s' of job '%s'", o->spec->name,
			                  job->spec->id);
		history_link(job, true, o->spec->name, &o->version);
	}
	return 0;
}

int job_hand_over_outputs(struct run_job *job, struct error *err)
{
	const struct dataset_maker maker = job_maker(job);

	history_flush(job->run);
	for (size_t i = 0; i < job->n_outputs; i++)
		if (datasets_hand_over(job->run->datasets, &job->outputs[i].version, &maker, err) <
		    0)
			return error_wrap(err, "output '%s'", job->outputs[i].spec->name);
	return 0;
}

const struct run_output *job_output(const struct run_job *job, const struct spec_output *output)
{
	for (size_t i = 0; i < job->n_outputs; i++)
		if (job->outputs[i].spec == output)
			return &job->outputs[i];
	return NULL;
}

bool job_outputs_are_taken(const struct run_job *job)
{
	bool all = job->n_outputs > 0;

	for (size_t i = 0; i < job->n_outputs; i++)
		all &= job->outputs[i].version.committed ||
		       datasets_is_taken(job->run->datasets, &job->outputs[i].version);
	return all;
}

void job_drop_outputs(const struct run_job *job)
{
	for (size_t i = 0; i < job->n_outputs; i++) {
		const struct dataset_version *v = &job->outputs[i].version;
		struct error err;

		if (v->id[0] && !v->committed &&
		    datasets_drop_version(job->run->datasets, v, &err) < 0)
			run_notice(job->run, "cannot drop version '%s:%s': %s", v->dataset, v->id,
			           err.msg);
	}
}

/* --- files --------------------------------------------------------------------------------- */

static int check_text(const struct strbuf *sb, const char *name, struct error *err)
{
	size_t size;

	if (memchr(strbuf_str(sb), '\0', sb->len))
		return error_set(err, SLUICE_INVALID,
		                 "/outputs/%s is not text: it holds a NUL byte", name);
	for (size_t at = 0; at < sb->len; at += size)
		if (utf8_decode(strbuf_str(sb) + at, sb->len - at, &size) == UINT32_MAX)
			return error_set(err, SLUICE_INVALID,
			                 "/outputs/%s is not UTF-8 text: its byte %zu is wrong; a "
			                 "dataset or a volume holds any bytes",
			                 name, at + 1);
	return 0;
}

int job_read_string(const struct run_job *job, const struct spec_output *output, char **ret_text,
                    struct error *err)
{
	AUTO_STRBUF struct strbuf sb = STRBUF_INIT(STRING_MAX);
	AUTO_FREE char *dir = xasprintf("%s/outputs", job->dir);
	AUTO_FD int dirfd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	AUTO_FD int fd = -1;
	struct stat st;
	int rc;

	if (dirfd < 0)
		return error_sys(err, errno, "cannot open '%s'", dir);
	fd = io_open_beneath(dirfd, output->name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW, 0);
	if (fd == -ENOENT)
		return error_set(err, SLUICE_NOT_FOUND, "it did not write /outputs/%s",
		                 output->name);
	if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))
		return error_set(err, SLUICE_INVALID, "/outputs/%s is not a plain file",
		                 output->name);
	rc = io_read_all(fd, &sb);
	if (rc == -EFBIG)
		return error_set(err, SLUICE_LIMIT,
		                 "/outputs/%s is larger than 1 MiB: a string is small text, use a "
		                 "dataset or a volume",
		                 output->name);
	if (rc < 0)
		return error_sys(err, rc, "cannot read /outputs/%s", output->name);
	rc = check_text(&sb, output->name, err);
	if (rc == 0)
		*ret_text = strbuf_detach(&sb);
	return rc;
}

static int check_directory(const struct run_job *job, const struct spec_output *output,
                           struct error *err)
{
	AUTO_FREE char *path = xasprintf("%s/outputs/%s", job->dir, output->name);
	struct stat st;

	if (lstat(path, &st) != 0)
		return error_set(err, SLUICE_NOT_FOUND, "it removed /outputs/%s: write into it",
		                 output->name);
	if (!S_ISDIR(st.st_mode))
		return error_set(err, SLUICE_INVALID,
		                 "/outputs/%s is no longer a directory: write into it",
		                 output->name);
	return 0;
}

static int check_output(const struct run_job *job, const struct spec_output *output,
                        struct error *err)
{
	AUTO_FREE char *text = NULL;

	return output->type == SPEC_STRING ? job_read_string(job, output, &text, err)
	                                   : check_directory(job, output, err);
}

int job_check_outputs(const struct run_job *job, struct error *err)
{
	for (size_t i = 0; i < job->spec->n_outputs; i++)
		if (check_output(job, &job->spec->outputs[i], err) < 0)
			return err->class;
	return 0;
}

void job_notice_undeclared(const struct run_job *job)
{
	AUTO_FREE char *path = xasprintf("%s/outputs", job->dir);
	AUTO_DIR DIR *dir = opendir(path);
	const struct dirent *e;

	while (dir && (e = readdir(dir)) != NULL) {
		bool declared = !io_is_component(e->d_name);

		for (size_t i = 0; i < job->spec->n_outputs; i++)
			declared |= strcmp(job->spec->outputs[i].name, e->d_name) == 0;
		if (!declared) {
			AUTO_FREE char *name = job_masked(job, e->d_name);

			run_notice(job->run,
			           "job '%s' wrote to /outputs/%.200s, which is none of its "
			           "outputs: it is not kept",
			           job->spec->id, name);
		}
	}
}
