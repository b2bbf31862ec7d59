#include "cli/executor.h"

#include <string.h>

static enum docker_transfer transfer_of(const char *name)
{
	if (name && strcmp(name, "mounts") == 0)
		return TRANSFER_MOUNTS;
	return name && strcmp(name, "copies") == 0 ? TRANSFER_COPIES : TRANSFER_AUTO;
}

int cli_open_executor(struct cli *cli, uv_loop_t *loop, const char *name,
                      const struct executor_options *options, struct executor **ret_executor,
                      struct error *err)
{
	struct executor_options all = *options;
	struct docker_settings docker;
	const struct config *config = NULL;
	struct images *images = NULL;

	if (cli_home(cli, &all.home, err) < 0 || cli_config(cli, &config, err) < 0 ||
	    cli_open_images(cli, &images, err) < 0 || cli_gpus(cli, &all.gpus, err) < 0)
		return err->class;
	docker = (struct docker_settings){
		.host = config->docker_host,
		.tls_ca = config->docker_ca,
		.tls_cert = config->docker_cert,
		.tls_key = config->docker_key,
		.transfer = transfer_of(config->docker_transfer),
	};
	all.docker = &docker;
	all.rootfs = config->rootfs;
	return executors_open(loop, images, name, &all, ret_executor, err);
}
