/*
 * Which job has which of the machine's GPUs.  A job that outlives its runner keeps what it was
 * given: the names stand in its attempt's directory, one a line.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "base/xalloc.h"
#include "engine/internal.h"

#define GPUS_NAME "gpus"

enum { TEXT_MAX = 64 * 1024 };

static int record(const struct run_job *job, const struct strbuf *text, struct error *err)
{
	AUTO_FD int fd = open(job->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int rc = fd < 0 ? -errno : io_put_file_fast(fd, GPUS_NAME, text->buf, text->len, 0644);

	return rc < 0 ? error_sys(err, rc, "cannot write '%s/" GPUS_NAME "'", job->dir) : 0;
}

int gpus_take(const struct run_job *job, struct error *err)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX);
	const struct run_machine *m = &job->run->options->machine;
	size_t left = job->run->shares[job->spec->index].n_gpus;

	for (size_t i = 0; i < m->n_gpus && left > 0; i++) {
		if (job->run->gpu_users[i])
			continue;
		job->run->gpu_users[i] = job;
		strbuf_addf(&text, "%s\n", m->gpus[i]);
		left--;
	}
	return text.len > 0 ? record(job, &text, err) : 0;
}

void gpus_restore(const struct run_job *job)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(TEXT_MAX);
	const struct run_machine *m = &job->run->options->machine;
	AUTO_FD int fd = open(job->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || io_read_file(fd, GPUS_NAME, &text) < 0)
		return;
	for (char *rest = text.buf, *line; (line = strsep(&rest, "\n"));)
		for (size_t i = 0; i < m->n_gpus; i++)
			if (strcmp(m->gpus[i], line) == 0)
				job->run->gpu_users[i] = job;
}

void gpus_give_back(const struct run_job *job)
{
	for (size_t i = 0; i < job->run->options->machine.n_gpus; i++)
		if (job->run->gpu_users[i] == job)
			job->run->gpu_users[i] = NULL;
}

const char **gpus_of(const struct run_job *job)
{
	const struct run_machine *m = &job->run->options->machine;
	const char **names = xcalloc(m->n_gpus + 1, sizeof *names);
	size_t n = 0;

	for (size_t i = 0; i < m->n_gpus; i++)
		if (job->run->gpu_users[i] == job)
			names[n++] = m->gpus[i];
	if (n == 0)
		free(take_ptr(&names));
	return names;
}
