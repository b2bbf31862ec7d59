#include "cli/view/pull.h"

#include "base/clock.h"
#include "cli/text.h"

static void say_end(const struct cli *cli, const struct run_pull *pull)
{
	int64_t ms = clock_mono_ms() - pull->since_ms;
	char size[TEXT_SIZE_LEN];
	char took[TEXT_SIZE_LEN];
	char rate[TEXT_SIZE_LEN];

	cli_note(cli, "pulled %s in %s (%s/s)", text_size(pull->done, size),
	         text_duration(ms, took),
	         text_size(pull->done * 1000 / (uint64_t)(ms > 0 ? ms : 1), rate));
}

void pull_show(struct pull_shown *shown, const struct cli *cli, const struct run_pull *pull)
{
	char size[TEXT_SIZE_LEN];

	if (!shown->begun) {
		if (cli->err_cursor)
			meter_begin(&shown->meter, cli, "pulling images");
		else
			cli_note(cli, "pulling images: %s", text_size(pull->total, size));
	}
	shown->begun = true;
	meter_show(&shown->meter, pull->done, pull->total);
	if (!pull->over)
		return;
	meter_end(&shown->meter);
	say_end(cli, pull);
}
