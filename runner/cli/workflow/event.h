/* What `context.event.github.url` and `.ref` stand for on this machine. */
#ifndef CLI_EVENT_H
#define CLI_EVENT_H

#include <stdbool.h>

#include "base/error.h"

struct event {
	char *url, *ref; /* NULL: not known */
	bool dirty;      /* the checkout has changes that are not committed */
};

/* From a JSON file: {"github": {"url", "ref"}}, also inside "event" or
 * "context", also GitHub's own push event ("repository.clone_url", "after"). */
int event_read(const char *path, struct event *ret_event, struct error *err) MUST_USE;

/* From the git checkout in which `file` lies: a file:// URL and the commit that is checked out.
 * Where there is none, both stay NULL. */
void event_from_checkout(const char *file, struct event *ret_event);

/* Where that checkout lies.  Borrowed. */
const char *event_checkout(const struct event *event);

void event_release(struct event *event);

#endif
