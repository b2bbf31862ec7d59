#include "base/parse.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool parse_u64(const char *s, uint64_t max, uint64_t *ret_value)
{
	uint64_t v = 0;

	if (!*s)
		return false;
	for (; *s; s++) {
		uint64_t digit = (uint64_t)(*s - '0');

		if (*s < '0' || *s > '9' || digit > max || v > (max - digit) / 10)
			return false;
		v = v * 10 + digit;
	}
	*ret_value = v;
	return true;
}

struct unit {
	const char *name;
	uint64_t value;
};

/* `unit` ends with one without a name. */
static bool parse_with_unit(const char *s, const struct unit *unit, uint64_t *ret_value)
{
	char number[24];
	size_t digits = strspn(s, "0123456789");
	uint64_t value;

	if (digits >= sizeof number)
		return false;
	(void)snprintf(number, sizeof number, "%.*s", (int)digits, s);
	while (unit->name && strcasecmp(unit->name, s + digits) != 0)
		unit++;
	if (!unit->name || !parse_u64(number, (uint64_t)INT64_MAX / unit->value, &value))
		return false;
	*ret_value = value * unit->value;
	return true;
}

bool parse_size(const char *s, uint64_t *ret_bytes)
{
	static const struct unit units[] = {
		{ "", 1 },
		{ "B", 1 },
		{ "K", 1ULL << 10 },
		{ "KiB", 1ULL << 10 },
		{ "kB", 1000 },
		{ "M", 1ULL << 20 },
		{ "MiB", 1ULL << 20 },
		{ "MB", 1000000 },
		{ "G", 1ULL << 30 },
		{ "GiB", 1ULL << 30 },
		{ "GB", 1000000000 },
		{ "T", 1ULL << 40 },
		{ "TiB", 1ULL << 40 },
		{ "TB", 1000000000000 },
		{ NULL, 0 },
	};

	return parse_with_unit(s, units, ret_bytes);
}

bool parse_duration(const char *s, int64_t *ret_ms)
{
	static const struct unit units[] = {
		{ "s", 1000 },     { "m", 60000 },     { "h", 3600000 },
		{ "d", 86400000 }, { "w", 604800000 }, { NULL, 0 },
	};
	uint64_t ms;

	if (!parse_with_unit(s, units, &ms))
		return false;
	*ret_ms = (int64_t)ms;
	return true;
}
