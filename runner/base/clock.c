#include "base/clock.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"

static int64_t read_clock(clockid_t which)
{
	struct timespec ts = { 0 };

	(void)clock_gettime(which, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall_ms(void)
{
	return read_clock(CLOCK_REALTIME);
}

int64_t clock_mono_ms(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

const char *clock_format(int64_t wall_ms, char *buf)
{
	time_t seconds = (time_t)(wall_ms / 1000);
	char day[CLOCK_TEXT_SIZE] = "";
	struct tm tm = { 0 };

	(void)gmtime_r(&seconds, &tm);
	(void)strftime(day, sizeof day, "%Y-%m-%dT%H:%M:%S", &tm);
	if (snprintf(buf, CLOCK_TEXT_SIZE, "%.24s.%03dZ", day, (int)(wall_ms % 1000)) < 0)
		buf[0] = '\0';
	return buf;
}

int64_t clock_parse(const char *text)
{
	struct tm tm = { 0 };
	const char *p = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
	int hours = 0;
	int minutes = 0;
	int64_t s;

	if (!p)
		return 0;
	s = timegm(&tm);
	if (*p == '.')
		p += 1 + strspn(p + 1, "0123456789");
	/* NOLINTNEXTLINE(cert-err34-c): two digits fit */
	if ((*p == '+' || *p == '-') && sscanf(p + 1, "%2d:%2d", &hours, &minutes) == 2)
		s -= (int64_t)(*p == '+' ? 1 : -1) * (hours * 3600 + minutes * 60);
	return s > 0 ? s * 1000 : 0;
}

void clock_boot_id(char ret_id[37])
{
	AUTO_FD int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || read(fd, ret_id, 36) != 36)
		(void)snprintf(ret_id, 37, "unknown");
	ret_id[36] = '\0';
}
