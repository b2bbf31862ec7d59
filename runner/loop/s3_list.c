/* The answer to ListObjectsV2, by libxml2's reader: no document is built, no entity is loaded. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <libxml/xmlreader.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "base/xalloc.h"
#include "loop/s3.h"

struct listed {
	char *key, *size, *put; /* as they stand there */
};

/* What is read.  Whether keys are encoded may stand behind them. */
struct listing {
	xmlTextReaderPtr reader;
	struct listed *object;
	size_t n, cap;
	char *next;
	bool is_encoded, is_truncated;
	struct error *err;
};

static int invalid(const struct listing *l, const char *what)
{
	return error_set(l->err, SLUICE_REMOTE, "the server's list of objects %s", what);
}

/* In place: %XX as its byte, and '+' as a space, as forms have it. */
static bool decode(char *text)
{
	char *to = text;

	for (const char *c = text; *c; c++) {
		char hex[3] = { *c == '%' ? c[1] : '\0', c[1] && *c == '%' ? c[2] : '\0', '\0' };
		char *end;

		if (*c != '%') {
			*to++ = *c == '+' ? ' ' : *c;
			continue;
		}
		*to = (char)strtoul(hex, &end, 16);
		if (end != hex + 2 || *to == '\0')
			return false;
		to++;
		c += 2;
	}
	*to = '\0';
	return true;
}

/* The text of the element that the reader stands at. */
static int take_text(struct listing *l, char **to)
{
	xmlChar *text = xmlTextReaderReadString(l->reader);

	free(*to);
	*to = xstrdup(text ? (const char *)text : "");
	xmlFree(text);
	return 0;
}

static int take_flag(struct listing *l, const char *yes, bool *to)
{
	char *text = NULL;
	int rc = take_text(l, &text);

	*to = rc == 0 && strcmp(text, yes) == 0;
	free(text);
	return rc;
}

static struct listed *in_hand(struct listing *l)
{
	return &l->object[l->n - 1];
}

static int begin_object(struct listing *l)
{
	l->object = xgrow(l->object, l->n, &l->cap, sizeof *l->object);
	l->object[l->n++] = (struct listed){ .key = NULL };
	return 0;
}

/* An element begins at `depth`: 0 is the root. */
static int begin_element(struct listing *l, const char *name, int depth)
{
	if (depth == 0)
		return strcmp(name, "ListBucketResult") == 0 ? 0 : invalid(l, "is something else");
	if (depth == 1 && strcmp(name, "EncodingType") == 0)
		return take_flag(l, "url", &l->is_encoded);
	if (depth == 1 && strcmp(name, "IsTruncated") == 0)
		return take_flag(l, "true", &l->is_truncated);
	if (depth == 1 && strcmp(name, "NextContinuationToken") == 0)
		return take_text(l, &l->next);
	if (depth == 1 && strcmp(name, "Contents") == 0)
		return begin_object(l);
	if (depth == 2 && l->n > 0 && strcmp(name, "Key") == 0)
		return take_text(l, &in_hand(l)->key);
	if (depth == 2 && l->n > 0 && strcmp(name, "Size") == 0)
		return take_text(l, &in_hand(l)->size);
	if (depth == 2 && l->n > 0 && strcmp(name, "LastModified") == 0)
		return take_text(l, &in_hand(l)->put);
	return 0;
}

static int read_all(struct listing *l)
{
	int more;

	while ((more = xmlTextReaderRead(l->reader)) == 1) {
		const char *name = (const char *)xmlTextReaderConstLocalName(l->reader);
		int type = xmlTextReaderNodeType(l->reader);
		int rc = 0;

		if (type == XML_READER_TYPE_ELEMENT)
			rc = begin_element(l, name, xmlTextReaderDepth(l->reader));
		else if (type == XML_READER_TYPE_DOCUMENT_TYPE)
			rc = invalid(l, "declares a document type");
		if (rc != 0)
			return rc;
	}
	if (more < 0)
		return invalid(l, "is no whole XML");
	return l->is_truncated && !l->next ? invalid(l, "ends without the rest's token") : 0;
}

static int hand_on(const struct listing *l, const struct listed *o, s3_object_fn *fn, void *arg)
{
	struct s3_object object = { .key = o->key, .put_ms = clock_parse(o->put) };

	if (!o->key || !o->key[0] || !o->size || !parse_u64(o->size, INT64_MAX, &object.size))
		return invalid(l, "has one without a key or a size");
	if (l->is_encoded && !decode(o->key))
		return invalid(l, "has a key that is encoded wrongly");
	return fn(arg, &object, l->err);
}

static void release(struct listing *l)
{
	for (size_t i = 0; i < l->n; i++) {
		free(l->object[i].key);
		free(l->object[i].size);
		free(l->object[i].put);
	}
	free(l->object);
	free(l->next);
	xmlFreeTextReader(l->reader);
}

int s3_parse_list(const char *xml, size_t len, s3_object_fn *fn, void *arg, char **ret_next,
                  struct error *err)
{
	struct listing l = { .err = err };
	int rc;

	*ret_next = NULL;
	if (len > INT32_MAX)
		return invalid(&l, "is too long");
	l.reader = xmlReaderForMemory(xml, (int)len, NULL, NULL,
	                              XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	if (!l.reader)
		return error_sys(err, ENOMEM, "cannot read the list of objects");
	rc = read_all(&l);
	for (size_t i = 0; rc == 0 && i < l.n; i++)
		rc = hand_on(&l, &l.object[i], fn, arg);
	if (rc == 0 && l.is_truncated) {
		*ret_next = l.next;
		l.next = NULL;
	}
	release(&l);
	return rc;
}
