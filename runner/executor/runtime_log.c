#include "executor/runtime_log.h"

#include <stdbool.h>
#include <string.h>

/* The last line of the log that is an error; crun warns about much else. */
static const char *last_error(const char *log)
{
	static const char level[] = "\"level\":\"error\"";
	const char *found = NULL;

	for (const char *line = log; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = strstr(line, level);

		if (at && at < line + strcspn(line, "\n"))
			found = line;
	}
	return found;
}

void runtime_log_message(const char *log, struct strbuf *ret_message)
{
	static const char member[] = "\"msg\":\"";
	const char *p = last_error(log);

	p = p ? strstr(p, member) : NULL;
	if (!p)
		return;
	for (p += sizeof member - 1; *p && *p != '"' && *p != '\n'; p++) {
		if (*p != '\\') {
			strbuf_addch(ret_message, *p);
			continue;
		}
		p++;
		if (*p == '\0')
			return;
		strbuf_addch(ret_message, *p == 'n' || *p == 't' ? ' ' : *p);
	}
}

void runtime_log_shorten(struct strbuf *message)
{
	enum { BEGIN = 300, END = 200 };
	static const char cut[] = " ... ";
	size_t len = strlen(cut);

	if (message->len <= BEGIN + len + END)
		return;
	memcpy(message->buf + BEGIN, cut, len);
	memmove(message->buf + BEGIN + len, message->buf + message->len - END, END + 1);
	message->len = BEGIN + len + END;
}

int runtime_log_exit_code(const char *message)
{
	static const struct {
		const char *part[2]; /* both must be there */
		int code;
	} known[] = {
		{ { "executable file", "not found in $PATH" }, 127 },
		{ { "open executable", "File name too long" }, 127 },
		{ { "exec", "file name too long" }, 127 },
		{ { "exec", "no such file or directory" }, 127 },
		{ { "exec", "No such file or directory" }, 127 },
		{ { "open executable", "Permission denied" }, 126 },
		{ { "open executable", "Operation not permitted" }, 126 }, /* a directory */
		{ { "exec", "is a directory" }, 126 },
		{ { "exec", "permission denied" }, 126 },
		{ { "exec", "exec format error" }, 126 },
		{ { "exec", "Exec format error" }, 126 },
	};

	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
		if (strstr(message, known[i].part[0]) && strstr(message, known[i].part[1]))
			return known[i].code;
	return 0;
}
