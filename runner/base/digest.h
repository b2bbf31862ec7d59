/* SHA-256, by libcrypto (the processor's own instructions where it has them). */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

enum { DIGEST_SIZE = 32, DIGEST_HEX_LEN = 64 };

struct digest {
	uint8_t b[DIGEST_SIZE];
};

/*
 * A running computation: init, then any number of (update..., final), then release.  final makes
 * it ready for the next, because making one costs more than hashing a small file.
 */
struct digest_ctx {
	struct evp_md_ctx_st *evp;
};

void digest_init(struct digest_ctx *ctx);
void digest_update(struct digest_ctx *ctx, const void *data, size_t len);
struct digest digest_final(struct digest_ctx *ctx);
void digest_release(struct digest_ctx *ctx);

/* Of all bytes of a file, wherever its offset is; -errno if it cannot be read. */
int digest_of_fd(int fd, struct digest *ret_digest) MUST_USE;
struct digest digest_of(const void *data, size_t len);

/* 64 lower-case hex digits and NUL; returns `hex`. */
const char *digest_hex(const struct digest *d, char hex[DIGEST_HEX_LEN + 1]);

/* Reads exactly 64 lower-case hex digits; what follows is not looked at. */
bool digest_parse(const char *hex, struct digest *ret_digest);

bool digest_equal(const struct digest *a, const struct digest *b);

#endif
