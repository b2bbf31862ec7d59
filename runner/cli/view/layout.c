#include "cli/view/layout.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/text.h"

enum {
	NAME_LEAST = 8,
	STATE_WIDTH = 10, /* "committing" */
	TIME_WIDTH = 7,   /* "59m 59s" */
	WHAT_LEAST = 8,   /* less of it says nothing */
	LINE_TEXT_MAX = 64 * 1024,
};

size_t layout_rows(unsigned lines)
{
	size_t third = lines / 3;

	return third < 2 ? 1 : third - 1 < LAYOUT_ROWS ? third - 1 : LAYOUT_ROWS;
}

/* A line as it grows; what has no room any more is left out. */
struct line {
	struct strbuf text;
	size_t width, most;
	bool colours;
};

static void line_add(struct line *line, const char *text, size_t most, const char *colour)
{
	size_t room = line->most - line->width;

	if (line->colours && colour[0])
		strbuf_addstr(&line->text, colour);
	line->width += text_add_fit(&line->text, text, most < room ? most : room);
	if (line->colours && colour[0])
		strbuf_addstr(&line->text, "\x1b[0m");
}

/* Blanks up to a column. */
static void line_pad(struct line *line, size_t column)
{
	for (; line->width < column && line->width < line->most; line->width++)
		strbuf_addch(&line->text, ' ');
}

static void line_end(struct line *line, struct layout_line *ret_line)
{
	ret_line->width = line->width;
	ret_line->text = strbuf_detach(&line->text);
}

static struct line line_begin(const struct layout *layout)
{
	return (struct line){
		.text = STRBUF_INIT(LINE_TEXT_MAX),
		.most = layout->columns > 1 ? layout->columns - 1 : 1,
		.colours = layout->colours,
	};
}

/* Whole seconds: tenths would be another picture each time. */
static const char *format_time(int64_t ms, char buf[TEXT_SIZE_LEN])
{
	if (ms >= INT64_C(60) * 1000)
		return text_duration(ms, buf);
	(void)snprintf(buf, TEXT_SIZE_LEN, "%" PRId64 "s", ms / 1000);
	return buf;
}

static const char *state_colour(const struct layout_row *row)
{
	if (row->stopping)
		return "\x1b[33m";
	return row->state == JOB_WAITING ? "\x1b[2m" : row->state == JOB_RUNNING ? "\x1b[32m" : "";
}

/* Names get what the longest needs, but at most two fifths of the line. */
static size_t name_width(const struct layout *layout)
{
	size_t most = layout->columns * 2 / 5;
	size_t width = 0;

	for (size_t i = 0; i < layout->n; i++) {
		size_t own = text_width(layout->row[i].name);

		width = own > width ? own : width;
	}
	if (most < NAME_LEAST)
		most = NAME_LEAST;
	return width < most ? width : most;
}

static void add_row(const struct layout *layout, const struct layout_row *row, size_t names,
                    struct layout_line *ret_line)
{
	struct line line = line_begin(layout);
	size_t column = names + 1 + STATE_WIDTH + 1;
	char time[TEXT_SIZE_LEN];

	line.width =
		text_add_name_fit(&line.text, row->name, names < line.most ? names : line.most);
	line_pad(&line, names + 1);
	line_add(&line, row->stopping ? "stopping" : job_state_name(row->state), STATE_WIDTH,
	         state_colour(row));
	if (row->ms >= 0) {
		const char *text = format_time(row->ms, time);

		line_pad(&line, column + TIME_WIDTH - strlen(text));
		line_add(&line, text, TEXT_SIZE_LEN, "");
		column += TIME_WIDTH + 2;
	}
	if (row->what[0] && column + WHAT_LEAST <= line.most) {
		line_pad(&line, column);
		line_add(&line, row->what, line.most, "\x1b[2m");
	}
	line_end(&line, ret_line);
}

static void add_foot(const struct layout *layout, struct layout_line *ret_line)
{
	AUTO_STRBUF struct strbuf text = STRBUF_INIT(LINE_TEXT_MAX);
	struct line line = line_begin(layout);
	const char *before = layout->n > 0 ? "  + " : "  ";
	char time[TEXT_SIZE_LEN];

	strbuf_addf(&text, "%s", format_time(layout->ms, time));
	for (int s = JOB_WAITING; s <= JOB_SKIPPED; s++) {
		if (layout->rest[s] == 0)
			continue;
		strbuf_addf(&text, "%s%zu %s", before, layout->rest[s],
		            job_state_name((enum job_state)s));
		before = ", ";
	}
	line_add(&line, layout->title, line.most / 3, "\x1b[1m");
	line_pad(&line, line.width + 1);
	line_add(&line, strbuf_str(&text), line.most, "");
	line_end(&line, ret_line);
}

void layout_block(const struct layout *layout, struct layout_line ret_lines[LAYOUT_ROWS + 1])
{
	size_t names = name_width(layout);

	for (size_t i = 0; i < layout->n; i++)
		add_row(layout, &layout->row[i], names, &ret_lines[i]);
	add_foot(layout, &ret_lines[layout->n]);
}
