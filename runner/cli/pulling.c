#include "cli/pulling.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "cli/meter.h"

enum { LOOK_MS = 50 };

struct pulling {
	struct images *images;
	const char *ref;
	struct images_pull_how how;
	struct progress progress;
	char digest[72];
	struct error *err;
	int rc;
	atomic_bool over;
};

static void *work(void *arg)
{
	struct pulling *p = arg;

	p->rc = images_pull(p->images, p->ref, &p->how, p->digest, p->err);
	atomic_store(&p->over, true);
	return NULL;
}

static void watch(struct cli *cli, struct pulling *p)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000000L };
	struct meter meter;

	meter_begin(&meter, cli, p->ref);
	while (!atomic_load(&p->over)) {
		(void)nanosleep(&pause, NULL);
		meter.layers = atomic_load(&p->progress.parts);
		meter.layers_done = atomic_load(&p->progress.parts_done);
		meter_show(&meter, atomic_load(&p->progress.done), atomic_load(&p->progress.total));
	}
	meter_end(&meter);
}

int pulling(struct cli *cli, const char *ref, enum images_pull_when when, char ret_digest[72],
            struct error *err)
{
	struct pulling p = { .ref = ref, .err = err };
	const struct config *config;
	pthread_t thread;
	int rc = cli_config(cli, &config, err);

	if (rc == 0)
		rc = cli_open_images(cli, &p.images, err);
	if (rc != 0)
		return rc;
	p.how = (struct images_pull_how){
		.when = when,
		.registries = &config->registries,
		.progress = &p.progress,
	};
	rc = pthread_create(&thread, NULL, work, &p);
	if (rc != 0)
		return error_sys(err, rc, "cannot start a thread");
	watch(cli, &p);
	(void)pthread_join(thread, NULL);
	if (p.rc == 0)
		memcpy(ret_digest, p.digest, sizeof p.digest);
	return p.rc;
}
