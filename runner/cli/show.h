/* How datasets are named on the command line and shown, shared by the dataset commands. */
#ifndef CLI_SHOW_H
#define CLI_SHOW_H

#include "base/json.h"
#include "cli/cli.h"
#include "dataset/dataset.h"

/* Room for "DS:VER" and "DS:NAME". */
enum { DS_REF_LEN = DATASET_ID_LEN + 1 + NAME_MAX_LEN + 1 };

#define OPTION_JSON                                                \
	{                                                          \
		.name = "json", .help = "Print JSON, not a table." \
	}

/* --id: a dataset, a version that is named or the latest, one that is named, one that is open. */
#define OPTION_ID(value_, help_, complete_)                                         \
	{                                                                           \
		.name = "id", .value = (value_), .required = true, .help = (help_), \
		.complete = (complete_)                                             \
	}
#define OPTION_DATASET OPTION_ID("ID", "The dataset: its id or name.", COMPLETE_DATASET)
#define OPTION_VERSION                                                                        \
	OPTION_ID("ID:VERSION",                                                               \
	          "The version, as DATASET:VERSION or DATASET:TAG; without one, the latest.", \
	          COMPLETE_VERSION)
#define OPTION_EXACT_VERSION \
	OPTION_ID("ID:VERSION", "The version, as DATASET:VERSION or DATASET:TAG.", COMPLETE_VERSION)
#define OPTION_OPEN_VERSION \
	OPTION_ID("ID:VERSION", "The open version, as DATASET:VERSION.", COMPLETE_OPEN_VERSION)

/* --message of what makes or changes a version. */
#define OPTION_MESSAGE                                                                     \
	{                                                                                  \
		.name = "message", .value = "TEXT", .help = "What is new in this version." \
	}

/* The dataset of --id, which must have no version or tag, and no namespace but that of the public
 * ones. */
int show_find_dataset(struct datasets *datasets, const struct cli_args *args,
                      struct dataset *ret_dataset, struct error *err) MUST_USE;

/* The version of --id.  With `exact` it must name a version or tag, else none means latest. */
int show_find_version(struct datasets *datasets, const struct cli_args *args, bool exact,
                      struct dataset_version *ret_version, struct error *err) MUST_USE;

/* How many versions of a dataset are not committed. */
int show_count_open(struct datasets *datasets, const struct dataset *dataset, size_t *ret_n,
                    struct error *err) MUST_USE;

/* "DS:VER"; returns the buffer. */
const char *show_ref(const struct dataset_version *version, char buf[DS_REF_LEN]);

/* The tags of one dataset. */
struct show_tag {
	char name[NAME_MAX_LEN + 1];
	char version[VERSION_ID_LEN + 1];
	char message[256];
};
struct show_tags {
	struct show_tag *tag;
	size_t n, cap;
};
int show_tags_load(struct datasets *datasets, const struct dataset *dataset,
                   struct show_tags *ret_tags, struct error *err) MUST_USE;
/* Those of one version, "a, b"; the caller frees it. */
char *show_tags_of(const struct show_tags *tags, const char *version);
void show_tags_release(struct show_tags *tags);

/* A dataset's storage provider. */
struct show_provider {
	char id[PROVIDER_ID_LEN + 1];
	char name[NAME_MAX_LEN + 1]; /* "": its record is lost or damaged */
};
enum { SHOW_PROVIDER_SIZE = NAME_MAX_LEN + PROVIDER_ID_LEN + 4 };
/* *at is zero at first, or of another dataset: nothing is read where it is of the same one. */
void show_provider_find(struct datasets *datasets, const struct dataset *dataset,
                        struct show_provider *at);
/* "NAME (ID)"; returns the buffer. */
const char *show_provider_text(const struct show_provider *p, char buf[SHOW_PROVIDER_SIZE]);

/* The official API's objects. */
cJSON *show_json_dataset(const struct dataset *dataset, const struct show_provider *p);
cJSON *show_json_version(const struct dataset_version *version, const struct show_tags *tags);
void show_json_add_time(cJSON *obj, const char *name, int64_t ms);

#endif
