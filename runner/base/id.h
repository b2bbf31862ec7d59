/*
 * Identifiers: random, lower-case letters and digits.  What does not look like an id is a name,
 * and no name may look like an id.
 */
#ifndef BASE_ID_H
#define BASE_ID_H

#include <stdbool.h>

enum {
	DATASET_ID_LEN = 15, /* "ds" + 13 */
	VERSION_ID_LEN = 7,
	PROVIDER_ID_LEN = 15, /* "sp" + 13 */
	UUID_LEN = 36,
	NAME_MAX_LEN = 128, /* datasets, tags, providers, jobs, inputs, outputs */
};

void id_new_dataset(char ret_id[DATASET_ID_LEN + 1]);
void id_new_version(char ret_id[VERSION_ID_LEN + 1]);
void id_new_provider(char ret_id[PROVIDER_ID_LEN + 1]);
void id_new_uuid(char ret_id[UUID_LEN + 1]); /* version 4 */

bool id_is_dataset(const char *s);
bool id_is_version(const char *s); /* its shape: a tag may not have it */
bool id_is_provider(const char *s);
bool id_is_uuid(const char *s);

/*
 * Names of datasets, tags and storage providers: letters, digits, '.', '_', '-', blanks inside; not
 * "latest" for a tag (the caller checks); 1 to NAME_MAX_LEN bytes; not starting with '.' or '-'.
 */
bool id_is_name(const char *s);

#endif
