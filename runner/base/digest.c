#include "base/digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/xalloc.h"

enum { READ_SIZE = 64 << 10 };

/* libcrypto fails here only when memory is gone or it was built without SHA-256. */
static void must(int ok)
{
	if (ok != 1)
		abort();
}

void digest_init(struct digest_ctx *ctx)
{
	ctx->evp = EVP_MD_CTX_new();
	must(ctx->evp && EVP_DigestInit_ex(ctx->evp, EVP_sha256(), NULL));
}

void digest_update(struct digest_ctx *ctx, const void *data, size_t len)
{
	must(EVP_DigestUpdate(ctx->evp, data, len));
}

struct digest digest_final(struct digest_ctx *ctx)
{
	struct digest d;

	must(EVP_DigestFinal_ex(ctx->evp, d.b, NULL));
	must(EVP_DigestInit_ex(ctx->evp, NULL, NULL));
	return d;
}

void digest_release(struct digest_ctx *ctx)
{
	EVP_MD_CTX_free(ctx->evp);
	ctx->evp = NULL;
}

struct digest digest_of(const void *data, size_t len)
{
	struct digest_ctx ctx;
	struct digest d;

	digest_init(&ctx);
	digest_update(&ctx, data, len);
	d = digest_final(&ctx);
	digest_release(&ctx);
	return d;
}

const char *digest_hex(const struct digest *d, char hex[DIGEST_HEX_LEN + 1])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		hex[2 * i] = digits[d->b[i] >> 4];
		hex[2 * i + 1] = digits[d->b[i] & 15];
	}
	hex[DIGEST_HEX_LEN] = '\0';
	return hex;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool digest_parse(const char *hex, struct digest *ret_digest)
{
	struct digest d = { 0 };

	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		int high = nibble(hex[2 * i]);
		int low = high < 0 ? -1 : nibble(hex[2 * i + 1]);

		if (low < 0)
			return false;
		d.b[i] = (uint8_t)(high << 4 | low);
	}
	*ret_digest = d;
	return true;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return memcmp(a->b, b->b, DIGEST_SIZE) == 0;
}

int digest_of_fd(int fd, struct digest *ret_digest)
{
	AUTO_FREE char *buf = xmalloc(READ_SIZE);
	struct digest_ctx ctx;
	ssize_t n;
	off_t at = 0;

	digest_init(&ctx);
	while ((n = pread(fd, buf, READ_SIZE, at)) > 0 || (n < 0 && errno == EINTR))
		if (n > 0) {
			digest_update(&ctx, buf, (size_t)n);
			at += n;
		}
	*ret_digest = digest_final(&ctx);
	digest_release(&ctx);
	return n < 0 ? -errno : 0;
}
