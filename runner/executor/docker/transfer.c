/* Copies of what an attempt reads and writes, to a daemon that does not see this machine's files.
 */
#include <signal.h>

#include "executor/docker/life.h"

static void run_send(struct work *work)
{
	struct attempt *a = container_of(work, struct attempt, work);

	(void)!docker_parcel_send(a->parcel, &a->place->host, a->container, &a->quits, &a->copying);
}

static void on_sent(struct work *work)
{
	struct attempt *a = container_of(work, struct attempt, work);

	a->pending--;
	if (a->stops > 0)
		docker_withdraw(a);
	else if (a->copying.class != 0)
		docker_fail(a, &a->copying, "cannot copy to the container what it reads");
	else
		docker_ready(a);
	docker_settle(a);
}

void docker_send(struct attempt *a)
{
	a->state = DOCKER_SENDING;
	atomic_store(&a->quits, a->stops > 0);
	a->pending++;
	work_start(a->place->loop, &a->work, run_send, on_sent);
}

static void run_fetch(struct work *work)
{
	struct attempt *a = container_of(work, struct attempt, work);

	(void)!docker_fetch(&a->place->host, a->container, a->dir, a->fetch, &a->quits,
	                    &a->copying);
}

/* Who stopped it does not want what is half there. */
static void on_fetched(struct work *work)
{
	struct attempt *a = container_of(work, struct attempt, work);

	a->pending--;
	if (a->copying.class == SLUICE_CANCELED) {
		docker_withdraw(a);
	} else if (a->copying.class != 0) {
		docker_fail(a, &a->copying, "what the container wrote is lost");
	} else {
		a->result.sealed = true;
		docker_finish(a);
	}
	docker_settle(a);
}

void docker_take_back(struct attempt *a)
{
	const struct attempt_result *r = &a->result;

	if (!a->fetch || !a->fetch[0] || r->end != ATTEMPT_EXITED || r->exit_code != 0) {
		docker_finish(a);
		return;
	}
	a->state = DOCKER_FETCHING;
	a->pending++;
	work_start(a->place->loop, &a->work, run_fetch, on_fetched);
}
