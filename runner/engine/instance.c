#include "engine/instance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/xalloc.h"

enum { COUNT_MAX = 64, CPUS_MAX = 65536 };

#define FREE "Free-"

/* As its documentation listed them: cores, GiB, GPUs. */
static const struct row {
	const char *name;
	unsigned cores, gib, gpus;
} rows[] = {
	{ "C1", 1, 1, 0 },          { "C2", 1, 2, 0 },      { "C3", 2, 4, 0 },
	{ "C4", 2, 4, 0 },          { "C5", 4, 8, 0 },      { "C6", 8, 16, 0 },
	{ "C7", 12, 30, 0 },        { "C8", 16, 60, 0 },    { "C9", 24, 120, 0 },
	{ "C10", 32, 244, 0 },      { "CPU", 2, 4, 0 },     { "GPU", 8, 30, 1 },
	{ "GPU+", 8, 30, 1 },       { "M4000", 8, 30, 1 },  { "P4000", 8, 30, 1 },
	{ "P5000", 8, 30, 1 },      { "P6000", 8, 30, 1 },  { "RTX4000", 8, 30, 1 },
	{ "RTX5000", 8, 30, 1 },    { "A4000", 8, 45, 1 },  { "A4000-8C", 8, 45, 1 },
	{ "A5000", 8, 45, 1 },      { "A6000", 8, 45, 1 },  { "V100", 8, 30, 1 },
	{ "V100-32G", 8, 30, 1 },   { "A100", 12, 90, 1 },  { "A100-80G", 12, 90, 1 },
	{ "A100-80GB", 12, 90, 1 }, { "H100", 20, 250, 1 },
};

/* "A100-80GBx4": how many, and where the name ends. */
static uint64_t count_of(const char *name, size_t *ret_len)
{
	const char *x = strrchr(name, 'x');
	uint64_t count;

	*ret_len = strlen(name);
	if (!x || x == name || !parse_u64(x + 1, COUNT_MAX, &count) || count == 0)
		return 1;
	*ret_len = (size_t)(x - name);
	return count;
}

bool instance_find(const char *name, struct instance *ret_instance)
{
	const char *plain = strncmp(name, FREE, strlen(FREE)) == 0 ? name + strlen(FREE) : name;
	size_t len;
	uint64_t count = count_of(plain, &len);

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const struct row *r = &rows[i];

		if (strlen(r->name) != len || memcmp(r->name, plain, len) != 0)
			continue;
		*ret_instance = (struct instance){
			.cpu_milli = count * r->cores * 1000,
			.memory = count * ((uint64_t)r->gib << 30),
			.gpus = count * r->gpus,
		};
		return true;
	}
	return false;
}

bool instance_parse(const char *text, struct instance *ret_instance)
{
	AUTO_FREE char *copy = xstrdup(text);
	char *rest = copy;
	const char *word[4] = { NULL };
	struct instance in = { 0 };
	size_t n = 0;

	while (n < 4 && (word[n] = strsep(&rest, " \t")) != NULL)
		n += word[n][0] != '\0';
	if (n < 2 || n > 3 || !parse_u64(word[0], CPUS_MAX, &in.cpu_milli) ||
	    !parse_size(word[1], &in.memory) || in.cpu_milli == 0 || in.memory == 0 ||
	    (n == 3 && !parse_u64(word[2], COUNT_MAX, &in.gpus)))
		return false;
	in.cpu_milli *= 1000;
	*ret_instance = in;
	return true;
}
