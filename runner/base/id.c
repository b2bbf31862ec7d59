#include "base/id.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789";
enum { ALPHABET = sizeof alphabet - 1 };

static void random_bytes(void *buf, size_t len)
{
	/* Up to 256 bytes come whole, and only before the first seeding can it block. */
	if (getrandom(buf, len, 0) != (ssize_t)len)
		abort();
}

/* Takes only bytes below the largest multiple of 36, so that each character is as likely. */
static void random_chars(char *to, size_t len)
{
	size_t n = 0;

	while (n < len) {
		uint8_t raw[32];

		random_bytes(raw, sizeof raw);
		for (size_t i = 0; i < sizeof raw && n < len; i++)
			if (raw[i] < 256 / ALPHABET * ALPHABET)
				to[n++] = alphabet[raw[i] % ALPHABET];
	}
	to[len] = '\0';
}

void id_new_dataset(char ret_id[DATASET_ID_LEN + 1])
{
	ret_id[0] = 'd';
	ret_id[1] = 's';
	random_chars(ret_id + 2, DATASET_ID_LEN - 2);
}

void id_new_provider(char ret_id[PROVIDER_ID_LEN + 1])
{
	ret_id[0] = 's';
	ret_id[1] = 'p';
	random_chars(ret_id + 2, PROVIDER_ID_LEN - 2);
}

void id_new_version(char ret_id[VERSION_ID_LEN + 1])
{
	random_chars(ret_id, VERSION_ID_LEN);
}

void id_new_uuid(char ret_id[UUID_LEN + 1])
{
	static const char hex[] = "0123456789abcdef";
	uint8_t b[16];
	char *p = ret_id;

	random_bytes(b, sizeof b);
	b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
	b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof b; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		*p++ = hex[b[i] >> 4];
		*p++ = hex[b[i] & 15];
	}
	*p = '\0';
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool all_plain(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_plain(s[i]))
			return false;
	return s[len] == '\0';
}

bool id_is_dataset(const char *s)
{
	return s[0] == 'd' && s[1] == 's' && all_plain(s + 2, DATASET_ID_LEN - 2);
}

bool id_is_provider(const char *s)
{
	return s[0] == 's' && s[1] == 'p' && all_plain(s + 2, PROVIDER_ID_LEN - 2);
}

bool id_is_version(const char *s)
{
	return all_plain(s, VERSION_ID_LEN);
}

bool id_is_uuid(const char *s)
{
	for (size_t i = 0; i < UUID_LEN; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		bool hex = (s[i] >= '0' && s[i] <= '9') || (s[i] >= 'a' && s[i] <= 'f');

		if (dash ? s[i] != '-' : !hex)
			return false;
	}
	return s[UUID_LEN] == '\0';
}

bool id_is_name(const char *s)
{
	size_t len = strlen(s);

	if (len == 0 || len > NAME_MAX_LEN || s[0] == '.' || s[0] == '-' || s[0] == ' ')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_plain(s[i]) && !(s[i] >= 'A' && s[i] <= 'Z') && !strchr("._- ", s[i]))
			return false;
	return s[len - 1] != ' ' && !id_is_dataset(s);
}
