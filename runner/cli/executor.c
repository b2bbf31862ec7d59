#include "cli/executor.h"

int cli_open_executor(struct cli *cli, uv_loop_t *loop, const char *name,
                      const struct executor_options *options, struct executor **ret_executor,
                      struct error *err)
{
	struct executor_options all = *options;
	struct images *images = NULL;
	int rc = cli_home(cli, &all.home, err);

	if (rc == 0)
		rc = cli_open_images(cli, &images, err);
	return rc < 0 ? rc : executors_open(loop, images, name, &all, ret_executor, err);
}
