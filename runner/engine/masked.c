/* A job may call its files by the value of a secret, and messages name files. */
#include <stdlib.h>
#include <string.h>

#include "base/mask.h"
#include "base/xalloc.h"
#include "engine/internal.h"

static void add_text(void *arg, const char *data, size_t len)
{
	strbuf_add(arg, data, len);
}

/* Those that it was given; of a run that was left, those that were given again. */
static struct mask *mask_of(const struct run_job *job)
{
	const char **secrets = xcalloc(job->spec->n_env + 1, sizeof *secrets);
	struct mask *mask;
	size_t n = 0;

	for (size_t i = 0; i < job->spec->n_env; i++) {
		const char *name = spec_secret_name(job->spec->env[i].value);
		const char *value = name ? map_find(job->run->options->secrets, name) : NULL;

		if (value)
			secrets[n++] = value;
	}
	mask = mask_new(secrets);
	free(secrets);
	return mask;
}

char *job_masked(const struct run_job *job, const char *text)
{
	struct strbuf sb = STRBUF_INIT(STRBUF_BIG);
	struct mask *mask = mask_of(job);
	struct mask_stream stream = MASK_STREAM_INIT(mask, add_text, &sb);

	mask_feed(&stream, text, strlen(text));
	mask_end(&stream);
	mask_free(mask);
	return strbuf_detach(&sb);
}
