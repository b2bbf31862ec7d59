/* Buckets of S3 servers as storage providers: connected, and changed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/env.h"
#include "base/wipe.h"
#include "base/xalloc.h"
#include "cli/commands.h"
#include "cli/providers/secret.h"
#include "cli/show.h"
#include "dataset/provider.h"

/* --- what is given --------------------------------------------------------------------------- */

/* The server's way to check keys was called so; one that knows version 2 only is long gone. */
static int check_signature(const struct cli_args *args, struct error *err)
{
	static const char *const same[] = { "v4", "s3v4", "4" };
	const char *version = args_get(args, "signature-version");

	for (size_t i = 0; version && i < sizeof same / sizeof *same; i++)
		if (strcasecmp(version, same[i]) == 0)
			return 0;
	return version ? error_set(err, SLUICE_INVALID,
	                           "there is no signature version '%.100s' here: requests are "
	                           "signed by v4 alone, which every S3 server understands",
	                           version)
	               : 0;
}

/* Keys of a session end with it, and datasets must not. */
static int keys_of_environment(struct provider_config *config, struct error *err)
{
	const char *key_id = env_get("AWS_ACCESS_KEY_ID");
	const char *secret = env_get("AWS_SECRET_ACCESS_KEY");

	if (!key_id || !secret || (config->key_id && strcmp(config->key_id, key_id) != 0))
		return 0;
	if (env_get("AWS_SESSION_TOKEN"))
		return error_set(err, SLUICE_INVALID,
		                 "the keys in the environment are those of a session, which ends "
		                 "(AWS_SESSION_TOKEN is set); a storage provider needs keys that "
		                 "last: give them by --access-key and --secret-access-key -");
	config->key_id = key_id;
	config->secret = secret;
	return 0;
}

static const char secret_name[] = "secret access key";

/* *ret_read is what config->secret was read into, to be freed after it, or NULL. */
static int read_config(const struct cli_args *args, struct provider_config *ret_config,
                       char **ret_read, struct error *err)
{
	struct provider_config config = {
		.name = args_get(args, "name"),
		.bucket = args_get(args, "bucket"),
		.prefix = args_get(args, "prefix"),
		.endpoint = args_get(args, "endpoint"),
		.region = args_get(args, "region"),
		.key_id = args_get(args, "access-key"),
	};
	const char *secret = args_get(args, "secret-access-key");
	int rc = check_signature(args, err);

	*ret_read = NULL;
	if (rc == 0 && secret && strcmp(secret, "-") == 0) {
		rc = secret_read(secret_name, ret_read, err);
	} else if (rc == 0 && secret) {
		*ret_read = xstrdup(secret);
		args_hide(secret);
	}
	config.secret = *ret_read;
	*ret_config = config;
	return rc;
}

/* A new one takes its keys from the environment, or the secret one from who sits at the terminal.
 */
static int complete_keys(struct provider_config *config, char **ret_read, struct error *err)
{
	int rc = config->secret ? 0 : keys_of_environment(config, err);

	if (rc < 0)
		return rc;
	if (!config->key_id)
		return error_set(err, SLUICE_INVALID,
		                 "the access key is missing: give it by --access-key, or both keys "
		                 "in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
	if (config->secret)
		return 0;
	if (isatty(STDIN_FILENO) != 1)
		return error_set(
			err, SLUICE_INVALID,
			"the secret access key is missing: give it by --secret-access-key, "
			"with '-' on standard input, which shows it to nobody");
	rc = secret_read(secret_name, ret_read, err);
	config->secret = *ret_read;
	return rc;
}

/* A new one must be usable, and one that is changed still be. */
static int check(const struct cli_args *args, const struct provider *p, struct error *err)
{
	struct s3_bucket bucket;
	int rc;

	if (args_has(args, "no-check"))
		return 0;
	provider_bucket(p, &bucket);
	rc = s3_check(&bucket, p->prefix, err);
	return rc < 0 ? error_wrap(err, "asking for bucket '%s' (not with --no-check)", p->bucket)
	              : 0;
}

#define OPTIONS_S3                                                                                \
	{ .name = "bucket", .value = "BUCKET", .help = "The bucket, which is there already." },   \
		{ .name = "prefix",                                                               \
		  .value = "PREFIX",                                                              \
		  .help = "A folder in the bucket that everything goes to; without it, the "      \
		          "bucket's root." },                                                     \
		{ .name = "access-key",                                                           \
		  .other = "accessKey",                                                           \
		  .value = "KEY",                                                                 \
		  .help = "The access key's id." },                                               \
		{ .name = "secret-access-key",                                                    \
		  .other = "secretAccessKey",                                                     \
		  .value = "SECRET",                                                              \
		  .secret = true,                                                                 \
		  .help = "Its secret; - reads a line of standard input. Others may see a value " \
		          "while the command starts, and shells note it in their history." },     \
		{ .name = "endpoint",                                                             \
		  .value = "URL",                                                                 \
		  .help = "The server, as https://HOST:PORT; without it, Amazon's." },            \
		{ .name = "region",                                                               \
		  .value = "REGION",                                                              \
		  .help = "The bucket's region; without it, " PROVIDER_REGION "." },              \
		{ .name = "signature-version",                                                    \
		  .other = "signatureVersion",                                                    \
		  .value = "v4",                                                                  \
		  .help = "Requests are signed by v4, and nothing else is taken." },              \
	{                                                                                         \
		.name = "no-check", .other = "noCheck",                                           \
		.help = "Do not ask the server whether bucket and keys are right."                \
	}

/* --- create s3 ------------------------------------------------------------------------------- */

struct tally {
	const char *provider;
	size_t n;
};

static int count_on(void *arg, const struct dataset *dataset)
{
	struct tally *t = arg;

	t->n += strcmp(dataset->provider, t->provider) == 0;
	return 0;
}

/* What others have in the bucket is known from now on. */
static void look_into(const struct cli *cli, struct datasets *datasets, const struct provider *p)
{
	struct tally t = { .provider = p->id };
	struct error err;

	if (providers_refresh(datasets, p->id, NULL, &err) < 0 ||
	    datasets_each(datasets, count_on, &t, &err) < 0)
		cli_note(cli, "%s", err.msg);
	else if (t.n > 0)
		cli_note(cli, "%zu dataset%s there already: 'sluice datasets list' shows %s", t.n,
		         t.n == 1 ? " is" : "s are", t.n == 1 ? "it" : "them");
}

static int create(const struct cli *cli, struct datasets *datasets, const struct cli_args *args,
                  const struct provider_config *config, struct error *err)
{
	AUTO_PROVIDER struct provider wanted = PROVIDER_INIT;
	AUTO_PROVIDER struct provider made = PROVIDER_INIT;
	int rc = provider_configure(&wanted, config, err);

	if (rc == 0)
		rc = provider_check_whole(&wanted, err);
	if (rc == 0)
		rc = check(args, &wanted, err);
	if (rc == 0)
		rc = providers_create(datasets, config, &made, err);
	if (rc < 0)
		return rc;
	(void)printf("Created new storage provider with id: %s\n", made.id);
	if (!args_has(args, "no-check"))
		look_into(cli, datasets, &made);
	return 0;
}

static int run_create(struct cli *cli, const struct cli_args *args)
{
	struct provider_config config;
	struct datasets *datasets = NULL;
	struct error err;
	char *secret;
	int rc = read_config(args, &config, &secret, &err);

	if (rc == 0)
		rc = complete_keys(&config, &secret, &err);
	if (rc == 0)
		rc = cli_open_datasets(cli, &datasets, &err);
	if (rc == 0)
		rc = create(cli, datasets, args, &config, &err);
	wipe_free(secret);
	return rc < 0 ? cli_fail(&err) : CLI_OK;
}

static const struct cli_option create_options[] = {
	{ .name = "name", .value = "NAME", .required = true, .help = "What it is to be called." },
	OPTIONS_S3,
	{ .name = NULL },
};

const struct cli_command cmd_providers_create_s3 = {
	.words = "storageProviders create s3",
	.arguments = "NAME --bucket BUCKET",
	.summary = "Connect a bucket of an S3 server.",
	.help = "Datasets that are made on it with 'sluice datasets create --storageProviderId' keep "
		"their bytes there.  The server is asked whether bucket and keys are right.\n"
		"\n"
		"Without --access-key both keys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; "
		"a secret that is missing is asked for at a terminal.  It is kept in the home, in a file "
		"that only the home's owner may read, and never shown.",
	.first = "name",
	.options = create_options,
	.run = run_create,
};

/* --- update s3 ------------------------------------------------------------------------------- */

static bool says_nothing(const struct provider_config *c)
{
	return !c->name && !c->bucket && !c->prefix && !c->endpoint && !c->region && !c->key_id &&
	       !c->secret;
}

/* What is in the old place stays there, and is missed in the new one. */
static bool moves(const struct provider *a, const struct provider *b)
{
	const char *from = a->endpoint ? a->endpoint : "", *to = b->endpoint ? b->endpoint : "";

	return strcmp(a->bucket, b->bucket) != 0 || strcmp(a->prefix, b->prefix) != 0 ||
	       strcmp(from, to) != 0;
}

static int update(const struct cli *cli, struct datasets *datasets, const struct cli_args *args,
                  const struct provider_config *config, struct error *err)
{
	AUTO_PROVIDER struct provider before = PROVIDER_INIT;
	AUTO_PROVIDER struct provider wanted = PROVIDER_INIT;
	AUTO_PROVIDER struct provider changed = PROVIDER_INIT;
	const char *id = args_get(args, "id");
	int rc = providers_find(datasets_store(datasets), id, &before, err);

	if (rc == 0 && !before.bucket) /* it says why not */
		return providers_update(datasets, before.id, config, &changed, err);
	if (rc == 0)
		rc = providers_find(datasets_store(datasets), before.id, &wanted, err);
	if (rc == 0)
		rc = provider_configure(&wanted, config, err);
	if (rc == 0)
		rc = check(args, &wanted, err);
	if (rc == 0)
		rc = providers_update(datasets, before.id, config, &changed, err);
	if (rc == 0 && moves(&before, &wanted))
		cli_note(cli,
		         "what datasets have at the old place is not moved: copy it, or change "
		         "the storage provider back");
	return rc;
}

static int run_update(struct cli *cli, const struct cli_args *args)
{
	struct provider_config config;
	struct datasets *datasets = NULL;
	struct error err;
	char *secret;
	int rc = read_config(args, &config, &secret, &err);

	if (rc == 0 && says_nothing(&config))
		return cli_usage(args,
		                 "there is nothing to change: give --name, --bucket or another");
	if (rc == 0)
		rc = cli_open_datasets(cli, &datasets, &err);
	if (rc == 0)
		rc = update(cli, datasets, args, &config, &err);
	wipe_free(secret);
	if (rc < 0)
		return cli_fail(&err);
	(void)puts("Updated storage provider");
	return CLI_OK;
}

static const struct cli_option update_options[] = {
	{ .name = "id",
	  .value = "ID",
	  .required = true,
	  .help = "The storage provider: its id or name.",
	  .complete = COMPLETE_PROVIDER },
	{ .name = "name", .value = "NAME", .help = "Its new name." },
	OPTIONS_S3,
	{ .name = NULL },
};

const struct cli_command cmd_providers_update_s3 = {
	.words = "storageProviders update s3",
	.arguments = "PROVIDER",
	.summary = "Change a storage provider's name, place or keys.",
	.help = "What is not given stays; \"\" takes a prefix, an endpoint or a region away.  The server "
		"is asked whether bucket and keys are right.",
	.first = "id",
	.options = update_options,
	.run = run_update,
};
