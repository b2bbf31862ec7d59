/* How each executor is made, and what it cannot do. */
#include "suite.h"

#include <stdio.h>

#include "executor/executors.h"

#define DOCKER_CURL "curl -sf --unix-socket ${DOCKER_HOST#unix://}"
#define NO_SHIM     "nothing of ours stands between the runner and the daemon"

static int make_host(struct place *place, struct executor **ret_executor, struct error *err)
{
	const struct executor_options options = { .home = place->home };

	return executors_open(&place->loop, place->images, "host", &options, ret_executor, err);
}

static int make_oci(struct place *place, struct executor **ret_executor, struct error *err)
{
	const struct executor_options options = {
		.runtime = place->maker->runtime,
		.rootfs = place->maker->rootfs,
		.home = place->home,
	};

	return executors_open(&place->loop, place->images, "oci", &options, ret_executor, err);
}

static int make_bwrap(struct place *place, struct executor **ret_executor, struct error *err)
{
	const struct executor_options options = {
		.rootfs = place->maker->rootfs,
		.home = place->home,
	};

	return executors_open(&place->loop, place->images, "bwrap", &options, ret_executor, err);
}

#define CGROUPS_LEFT "find /sys/fs/cgroup -path \"*/sluice/$SUITE*\" -type d"

/* The daemon is that of $DOCKER_HOST, which tests/services starts, and gets the images. */
static int make_docker_with(struct place *place, enum docker_transfer transfer,
                            struct executor **ret_executor, struct error *err)
{
	const struct docker_settings settings = { .transfer = transfer };
	const struct executor_options options = { .home = place->home, .docker = &settings };
	AUTO_FREE char *load = xasprintf("tar -C %s/archive -c . | " DOCKER_CURL " -X POST -T - "
	                                 "-H 'Content-Type: application/x-tar' "
	                                 "http://docker/images/load >/dev/null",
	                                 place->home);

	if (!getenv("DOCKER_HOST")) /* NOLINT(concurrency-mt-unsafe): one thread */
		return error_set(err, SLUICE_MISSING,
		                 "there is no $DOCKER_HOST: see tests/services/engine");
	if (system(load) != 0) /* NOLINT(concurrency-mt-unsafe): one thread */
		return error_set(err, SLUICE_MISSING, "the daemon does not take the images");
	return executors_open(&place->loop, place->images, "docker", &options, ret_executor, err);
}

static int make_docker(struct place *place, struct executor **ret_executor, struct error *err)
{
	return make_docker_with(place, TRANSFER_AUTO, ret_executor, err);
}

static int make_copies(struct place *place, struct executor **ret_executor, struct error *err)
{
	return make_docker_with(place, TRANSFER_COPIES, ret_executor, err);
}

#define CONTAINERS_LEFT                                                               \
	DOCKER_CURL " -g 'http://docker/containers/json?all=1&filters={\"name\":[\"'" \
		    "$SUITE'\"]}' | jq -r '.[].Id'; "

#define DOCKER_CANNOT                                                                             \
	{ "the shim is killed", NO_SHIM }, { "a job is adopted whose shim was killed", NO_SHIM }, \
		{ "a job is adopted that has not begun", NO_SHIM },                               \
	{                                                                                         \
		"the machine's root", "the daemon's containers are of images"                     \
	}

/* A container of a daemon takes a second. */
static const char *const docker_brief[] = {
	"exit code",
	"usage is measured",
	"command not found",
	"a mount that is not there",
	"the image's entrypoint and cmd",
	"no command at all",
	"environment",
	"user by name",
	"views are private",
	"read-only inputs",
	"outputs of another user",
	"secrets are masked",
	"a stop reaches all processes",
	"stopped at once",
	"what is left is swept",
	"a running job is adopted",
	"withdrawn",
	NULL,
};

/* What comes to a container and back in another way. */
static const char *const copies_brief[] = {
	"a script",
	"views are private",
	"texts",
	"outputs of another user",
	"views of another user",
	"a volume",
	"what is left is swept",
	"a running job is adopted",
	NULL,
};

#define NOT_READONLY "a copy cannot be read-only"

static const struct cannot copies_cannot[] = {
	DOCKER_CANNOT,
	{ "read-only inputs", NOT_READONLY },
	{ "a target behind a link", NOT_READONLY },
	{ "a mount that is not there", NOT_READONLY },
	{ NULL, NULL },
};

static const struct cannot docker_cannot[] = {
	DOCKER_CANNOT,
	{ NULL, NULL },
};

static const struct cannot podman_cannot[] = {
	DOCKER_CANNOT,
	{ "out of memory", "Podman 4.3 does not tell of it on cgroup v1" },
	{ NULL, NULL },
};

static const struct cannot nothing[] = { { NULL, NULL } };

#define NO_CGROUP "an ordinary user has no cgroup"
#define NO_IDMAP  "only root makes id-mapped mounts: another user than root can but read inputs"
#define ONE_USER  "without subordinate ids root is the only user"

#define USER_CANNOT                                                                 \
	{ "out of memory", NO_CGROUP }, { "a limit of processor time", NO_CGROUP }, \
	{                                                                           \
		"views of another user", NO_IDMAP                                   \
	}

static const struct cannot user_cannot[] = {
	USER_CANNOT,
	{ NULL, NULL },
};

#define LONE_USER_CANNOT                                                                 \
	{ "out of memory", NO_CGROUP }, { "a limit of processor time", NO_CGROUP },      \
		{ "user by name", ONE_USER }, { "user by number", ONE_USER },            \
		{ "capabilities", ONE_USER }, { "files of the image's user", ONE_USER }, \
		{ "a script for another user", ONE_USER },                               \
	{                                                                                \
		"/etc of the image", ONE_USER                                            \
	}

static const struct cannot lone_user_cannot[] = {
	LONE_USER_CANNOT,
	{ NULL, NULL },
};

#define BWRAP_CANNOT                                                                \
	{                                                                           \
		"setuid programs may gain rights", "bwrap lets no program gain any" \
	}

static const struct cannot bwrap_cannot[] = {
	BWRAP_CANNOT,
	{ NULL, NULL },
};

static const struct cannot bwrap_user_cannot[] = {
	BWRAP_CANNOT,
	USER_CANNOT,
	{ NULL, NULL },
};

static const struct cannot bwrap_lone_user_cannot[] = {
	BWRAP_CANNOT,
	LONE_USER_CANNOT,
	{ NULL, NULL },
};

#define NO_IMAGE "needs what the image says or holds, and no image is used"

static const struct cannot host_cannot[] = {
	{ "command not executable", NO_IMAGE },
	{ "the image's entrypoint and cmd", NO_IMAGE },
	{ "arguments replace cmd", NO_IMAGE },
	{ "a script for another user", NO_IMAGE },
	{ "environment", NO_IMAGE },
	{ "working directory", NO_IMAGE },
	{ "user by name", NO_IMAGE },
	{ "files of the image's user", NO_IMAGE },
	{ "user by number", NO_IMAGE },
	{ "an unknown user", NO_IMAGE },
	{ "/etc of the image", NO_IMAGE },
	{ "capabilities", NO_IMAGE },
	{ "the root is thrown away", NO_IMAGE },
	{ "a target behind a link", NO_IMAGE },
	{ "stopped by the image's signal", NO_IMAGE },
	{ "no network", "needs ping, which a machine may not have" },
	{ NULL, NULL },
};

/* What depends on how a root is made; without it the variant is its executor. */
static const char *const roots_brief[] = {
	"exit code",
	"files of the image's user",
	"/etc of the image",
	"views are private",
	"read-only inputs",
	"outputs of another user",
	"views of another user",
	"a volume",
	"the root is thrown away",
	"a target behind a link",
	"the machine's root",
	"the shim is killed",
	"staged, then gone",
	NULL,
};

const char *const kernel_brief[] = {
	"usage is measured",
	"isolation",
	"devices",
	"views are private",
	"outputs of another user",
	"views of another user",
	"the root is thrown away",
	"the machine's root",
	"a stop reaches all processes",
	"out of memory",
	"a limit of processor time",
	"the size of /dev/shm",
	"the shim is killed",
	"what is left is swept",
	"a running job is adopted",
	NULL,
};

static const struct maker makers[] = {
	{
		.name = "oci:crun",
		.runtime = "crun",
		.make = make_oci,
		.left = CGROUPS_LEFT,
		.has_shim = true,
		.cannot = nothing,
	},
	{
		.name = "oci:runc",
		.runtime = "runc",
		.make = make_oci,
		.left = CGROUPS_LEFT,
		.has_shim = true,
		.cannot = nothing,
	},
	{
		.name = "docker",
		.make = make_docker,
		.left = CONTAINERS_LEFT CGROUPS_LEFT,
		.brief = docker_brief,
		.cannot = docker_cannot,
	},
	{
		.name = "docker:copies",
		.make = make_copies,
		.left = CONTAINERS_LEFT CGROUPS_LEFT,
		.brief = copies_brief,
		.cannot = copies_cannot,
	},
	{
		.name = "podman:copies",
		.make = make_copies,
		.left = CONTAINERS_LEFT CGROUPS_LEFT,
		.brief = copies_brief,
		.cannot = copies_cannot,
	},
	{
		.name = "podman",
		.make = make_docker,
		.left = CONTAINERS_LEFT CGROUPS_LEFT,
		.brief = docker_brief,
		.cannot = podman_cannot,
	},
	{
		.name = "oci:crun@user",
		.account = ACCOUNT_USER,
		.runtime = "crun",
		.make = make_oci,
		.has_shim = true,
		.cannot = user_cannot,
	},
	{
		.name = "oci:runc@user",
		.account = ACCOUNT_USER,
		.runtime = "runc",
		.make = make_oci,
		.has_shim = true,
		.cannot = user_cannot,
	},
	{
		.name = "oci:crun@lone-user",
		.account = ACCOUNT_LONE_USER,
		.runtime = "crun",
		.make = make_oci,
		.has_shim = true,
		.cannot = lone_user_cannot,
	},
	{
		.name = "bwrap",
		.make = make_bwrap,
		.left = CGROUPS_LEFT,
		.has_shim = true,
		.cannot = bwrap_cannot,
	},
	{
		.name = "bwrap@user",
		.account = ACCOUNT_USER,
		.make = make_bwrap,
		.has_shim = true,
		.cannot = bwrap_user_cannot,
	},
	{
		.name = "bwrap@lone-user",
		.account = ACCOUNT_LONE_USER,
		.make = make_bwrap,
		.has_shim = true,
		.cannot = bwrap_lone_user_cannot,
	},
	{
		.name = "oci:crun+fuse-overlayfs",
		.runtime = "crun",
		.rootfs = "fuse-overlayfs",
		.make = make_oci,
		.left = CGROUPS_LEFT,
		.has_shim = true,
		.brief = roots_brief,
		.cannot = nothing,
	},
	{
		.name = "oci:crun+copy",
		.runtime = "crun",
		.rootfs = "copy",
		.make = make_oci,
		.left = CGROUPS_LEFT,
		.has_shim = true,
		.brief = roots_brief,
		.cannot = nothing,
	},
	{
		.name = "oci:runc@user+fuse-overlayfs",
		.account = ACCOUNT_USER,
		.runtime = "runc",
		.rootfs = "fuse-overlayfs",
		.make = make_oci,
		.has_shim = true,
		.brief = roots_brief,
		.cannot = user_cannot,
	},
	{
		.name = "bwrap@lone-user+copy",
		.account = ACCOUNT_LONE_USER,
		.rootfs = "copy",
		.make = make_bwrap,
		.has_shim = true,
		.brief = roots_brief,
		.cannot = bwrap_lone_user_cannot,
	},
	{
		.name = "host",
		.make = make_host,
		.left = CGROUPS_LEFT,
		.has_shim = true,
		.cannot = host_cannot,
	},
};

const struct maker *maker_find(const char *name)
{
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		if (strcmp(makers[i].name, name) == 0)
			return &makers[i];
	(void)fprintf(stderr, "no executor '%s'; there are:", name);
	for (size_t i = 0; i < sizeof makers / sizeof *makers; i++)
		(void)fprintf(stderr, " %s", makers[i].name);
	(void)fputc('\n', stderr);
	return NULL;
}
