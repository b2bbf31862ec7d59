/* The tables of the catalog, and how an older file comes to have them. */
#ifndef CATALOG_SCHEMA_H
#define CATALOG_SCHEMA_H

#include <stdbool.h>

#include "base/error.h"

struct catalog;

/* Brings the file to the newest schema.  Refuses a file that is another program's or a newer
 * sluice's.  The caller keeps other openers away. */
int schema_migrate(struct catalog *c, struct error *err) MUST_USE;

/* Is it a catalog with exactly the schema that this program makes? */
int schema_is_ours(struct catalog *c, bool *ret_ours, struct error *err) MUST_USE;

#endif
