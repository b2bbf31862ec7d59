#include "executor/exit_record.h"

#include <inttypes.h>
#include <string.h>

/* One table for each record drives both directions. */
enum field_type { FIELD_STR, FIELD_BOOL, FIELD_INT, FIELD_UINT };

struct field {
	const char *name;
	enum field_type type;
	size_t offset;
	size_t size;   /* FIELD_STR: of the array */
	bool is_later; /* earlier programs wrote records without it: it is 0 then */
};

#define FIELD_LATER(record, member, kind, later)                     \
	{                                                            \
#member, kind, offsetof(struct record, member),      \
			sizeof((struct record *)NULL)->member, later \
	}
#define FIELD(record, member, kind) FIELD_LATER(record, member, kind, false)

static const struct field exit_fields[] = {
	FIELD(exit_record, end, FIELD_STR),
	FIELD(exit_record, exit_code, FIELD_INT),
	FIELD(exit_record, signal, FIELD_INT),
	FIELD(exit_record, oom, FIELD_BOOL),
	FIELD_LATER(exit_record, sealed, FIELD_BOOL, true),
	FIELD(exit_record, cpu_ns, FIELD_UINT),
	FIELD(exit_record, peak_bytes, FIELD_UINT),
	FIELD_LATER(exit_record, read_bytes, FIELD_UINT, true),
	FIELD_LATER(exit_record, written_bytes, FIELD_UINT, true),
	FIELD(exit_record, started_ms, FIELD_INT),
	FIELD(exit_record, finished_ms, FIELD_INT),
	FIELD(exit_record, error, FIELD_STR),
};

static const struct field shim_fields[] = {
	FIELD(shim_record, pid, FIELD_UINT),
	FIELD(shim_record, start_time, FIELD_UINT),
	FIELD(shim_record, boot, FIELD_STR),
	FIELD(shim_record, cgroup, FIELD_STR),
};

enum {
	N_EXIT_FIELDS = sizeof exit_fields / sizeof exit_fields[0],
	N_SHIM_FIELDS = sizeof shim_fields / sizeof shim_fields[0],
	NUMBER_SIZE = 24,
};

static void format_str(struct strbuf *sb, const char *s)
{
	strbuf_addch(sb, '"');
	for (; *s; s++) {
		if ((unsigned char)*s < 0x20)
			strbuf_addf(sb, "\\u%04x", (unsigned)(unsigned char)*s);
		else if (*s == '"' || *s == '\\')
			strbuf_addf(sb, "\\%c", *s);
		else
			strbuf_addch(sb, *s);
	}
	strbuf_addch(sb, '"');
}

static void format_value(struct strbuf *sb, const struct field *f, const char *at)
{
	int64_t i;
	uint64_t u;

	switch (f->type) {
	case FIELD_STR:
		format_str(sb, at);
		break;
	case FIELD_BOOL:
		strbuf_addstr(sb, *(const bool *)at ? "true" : "false");
		break;
	case FIELD_INT:
		memcpy(&i, at, sizeof i);
		strbuf_addf(sb, "%" PRId64, i);
		break;
	case FIELD_UINT:
		memcpy(&u, at, sizeof u);
		strbuf_addf(sb, "%" PRIu64, u);
		break;
	}
}

static void format(struct strbuf *sb, const struct field *fields, size_t n, const void *record)
{
	for (size_t i = 0; i < n; i++) {
		strbuf_addf(sb, "%s\"%s\":", i == 0 ? "{" : ",", fields[i].name);
		format_value(sb, &fields[i], (const char *)record + fields[i].offset);
	}
	strbuf_addstr(sb, "}\n");
}

static void skip_blanks(const char **p)
{
	*p += strspn(*p, " \t\r\n");
}

static bool take_char(const char **p, char c)
{
	skip_blanks(p);
	if (**p != c)
		return false;
	(*p)++;
	return true;
}

static bool take_unicode(const char **p, char *ret_c)
{
	unsigned value = 0;

	for (int i = 0; i < 4; i++) {
		static const char digits[] = "0123456789abcdef";
		const char *d = **p ? strchr(digits, **p) : NULL;

		if (!d)
			return false;
		value = value * 16 + (unsigned)(d - digits);
		(*p)++;
	}
	*ret_c = (char)value;
	return value > 0 && value < 0x80;
}

/* Reads a string into BUF; what does not fit is cut off. */
static bool take_str(const char **p, char *buf, size_t size)
{
	size_t n = 0;

	if (!take_char(p, '"'))
		return false;
	while (**p && **p != '"') {
		char c = *(*p)++;

		if (c == '\\') {
			c = *(*p)++;
			if (c == 'u' && !take_unicode(p, &c))
				return false;
			if (c == '\0')
				return false;
		}
		if (n + 1 < size)
			buf[n++] = c;
	}
	buf[n] = '\0';
	return *(*p)++ == '"';
}

/* A number, true or false, as text. */
static bool take_word(const char **p, char *buf, size_t size)
{
	size_t len;

	skip_blanks(p);
	len = strspn(*p, "-0123456789abcdefghijklmnopqrstuvwxyz");
	if (len == 0 || len >= size)
		return false;
	memcpy(buf, *p, len);
	buf[len] = '\0';
	*p += len;
	return true;
}

static bool parse_uint(const char *word, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!*word)
		return false;
	for (; *word; word++) {
		if (*word < '0' || *word > '9' || __builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*word - '0'), &value))
			return false;
	}
	*ret_value = value;
	return true;
}

static bool parse_word(const struct field *f, const char *word, char *at)
{
	bool negative = word[0] == '-';
	uint64_t u;
	int64_t i;

	if (f->type == FIELD_BOOL) {
		*(bool *)at = strcmp(word, "true") == 0;
		return *(bool *)at || strcmp(word, "false") == 0;
	}
	if (!parse_uint(word + negative, &u))
		return false;
	if (f->type == FIELD_UINT) {
		memcpy(at, &u, sizeof u);
		return !negative;
	}
	if (u > INT64_MAX)
		return false;
	i = negative ? -(int64_t)u : (int64_t)u;
	memcpy(at, &i, sizeof i);
	return true;
}

static const struct field *find(const struct field *fields, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(fields[i].name, name) == 0)
			return &fields[i];
	return NULL;
}

/* Reads one value; FIELD is NULL for a member that is not known. */
static bool take_value(const char **p, const struct field *f, char *record)
{
	char word[NUMBER_SIZE];
	char dropped[1];
	char *at = f ? record + f->offset : dropped;

	skip_blanks(p);
	if (**p == '"')
		return (!f || f->type == FIELD_STR) && take_str(p, at, f ? f->size : 1);
	if (!take_word(p, word, sizeof word))
		return false;
	return !f || (f->type != FIELD_STR && parse_word(f, word, at));
}

static int parse(const char *text, const struct field *fields, size_t n, void *record)
{
	const char *p = text;
	size_t needed = 0, seen = 0;

	for (size_t i = 0; i < n; i++)
		needed += !fields[i].is_later;
	if (!take_char(&p, '{'))
		return -1;
	do {
		const struct field *f;
		char name[32];

		if (!take_str(&p, name, sizeof name) || !take_char(&p, ':'))
			return -1;
		f = find(fields, n, name);
		if (!take_value(&p, f, record))
			return -1;
		seen += f && !f->is_later;
	} while (take_char(&p, ','));
	if (!take_char(&p, '}') || seen != needed)
		return -1;
	skip_blanks(&p);
	return *p ? -1 : 0;
}

void exit_record_format(const struct exit_record *r, struct strbuf *ret_text)
{
	format(ret_text, exit_fields, N_EXIT_FIELDS, r);
}

int exit_record_parse(const char *text, struct exit_record *ret_r, struct error *err)
{
	struct exit_record r = { 0 };

	if (parse(text, exit_fields, N_EXIT_FIELDS, &r) < 0)
		return error_set(err, SLUICE_CORRUPT, "not the record of an attempt's end");
	*ret_r = r;
	return 0;
}

void shim_record_format(const struct shim_record *r, struct strbuf *ret_text)
{
	format(ret_text, shim_fields, N_SHIM_FIELDS, r);
}

int shim_record_parse(const char *text, struct shim_record *ret_r, struct error *err)
{
	struct shim_record r = { 0 };

	if (parse(text, shim_fields, N_SHIM_FIELDS, &r) < 0)
		return error_set(err, SLUICE_CORRUPT, "not the record of a shim");
	*ret_r = r;
	return 0;
}
