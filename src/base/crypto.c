/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"

#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdint.h>
#include <stdlib.h>

struct sha256 {
    EVP_MD_CTX *context;
};

/* OpenSSL fails here only without memory or with a broken installation; neither can be answered. */
static void must(int ok)
{
    if (ok != 1) {
        abort();
    }
}

struct sha256 *sha256_new(void)
{
    struct sha256 *hash = mem_new(1, sizeof *hash);
    hash->context = EVP_MD_CTX_new();
    must(hash->context != NULL);
    must(EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL));
    return hash;
}

void sha256_free(struct sha256 **hash)
{
    if (*hash == NULL) {
        return;
    }
    EVP_MD_CTX_free((*hash)->context);
    free(*hash);
    *hash = NULL;
}

void sha256_update(struct sha256 *hash, const void *ptr, size_t len)
{
    must(EVP_DigestUpdate(hash->context, ptr, len));
}

static void to_hex(const unsigned char *bytes, size_t len, char *ret_hex)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < len; i++) {
        ret_hex[2 * i] = digits[bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    ret_hex[2 * len] = '\0';
}

void sha256_finish(struct sha256 *hash, char ret_hex[SHA256_HEX_SIZE])
{
    unsigned char digest[SHA256_BYTES];
    must(EVP_DigestFinal_ex(hash->context, digest, NULL));
    must(EVP_DigestInit_ex(hash->context, EVP_sha256(), NULL));
    to_hex(digest, sizeof digest, ret_hex);
}

void sha256_of(const void *ptr, size_t len, char ret_hex[SHA256_HEX_SIZE])
{
    unsigned char digest[SHA256_BYTES];
    must(EVP_Digest(ptr, len, digest, NULL, EVP_sha256(), NULL));
    to_hex(digest, sizeof digest, ret_hex);
}

void hmac_sha256(const void *key, size_t key_len, const void *ptr, size_t len, unsigned char ret_mac[HMAC_SHA256_BYTES])
{
    unsigned int mac_len = 0;
    must(key_len <= INT_MAX);
    must(HMAC(EVP_sha256(), key, (int)key_len, ptr, len, ret_mac, &mac_len) != NULL);
    must(mac_len == HMAC_SHA256_BYTES);
}

struct md5 {
    EVP_MD_CTX *context;
};

struct md5 *md5_new(void)
{
    struct md5 *hash = mem_new(1, sizeof *hash);
    hash->context = EVP_MD_CTX_new();
    must(hash->context != NULL);
    must(EVP_DigestInit_ex(hash->context, EVP_md5(), NULL));
    return hash;
}

void md5_free(struct md5 **hash)
{
    if (*hash == NULL) {
        return;
    }
    EVP_MD_CTX_free((*hash)->context);
    free(*hash);
    *hash = NULL;
}

void md5_update(struct md5 *hash, const void *ptr, size_t len)
{
    must(EVP_DigestUpdate(hash->context, ptr, len));
}

void md5_finish(struct md5 *hash, unsigned char ret_digest[MD5_BYTES])
{
    must(EVP_DigestFinal_ex(hash->context, ret_digest, NULL));
    must(EVP_DigestInit_ex(hash->context, EVP_md5(), NULL));
}

void md5_of(const void *ptr, size_t len, unsigned char ret_digest[MD5_BYTES])
{
    must(EVP_Digest(ptr, len, ret_digest, NULL, EVP_md5(), NULL));
}

static const char alphabet_standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char alphabet_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(struct buf *out, const unsigned char *bytes, size_t len, const char *alphabet, bool pad)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t group = (uint32_t)bytes[i] << 16;
        group |= n > 1 ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= n > 2 ? bytes[i + 2] : 0;
        char text[4] = {alphabet[group >> 18], alphabet[group >> 12 & 63], alphabet[group >> 6 & 63],
                        alphabet[group & 63]};
        for (size_t k = n + 1; k < sizeof text; k++) {
            text[k] = '=';
        }
        buf_append(out, text, pad ? sizeof text : n + 1);
    }
}

static bool find_digit(const char *alphabet, char c, uint32_t *ret_digit)
{
    const char *at = c != '\0' ? strchr(alphabet, c) : NULL;
    if (at == NULL) {
        return false;
    }
    *ret_digit = (uint32_t)(at - alphabet);
    return true;
}

static void take_back(struct buf *out, size_t len)
{
    out->len = len;
    if (out->ptr != NULL) {
        out->ptr[len] = '\0';
    }
}

/* Decodes digits without padding. Each byte string has exactly one text: bits left over must be zero. */
static bool decode(const char *text, size_t len, const char *alphabet, struct buf *out, struct lf_error *err)
{
    size_t start = out->len;
    uint32_t bits = 0;
    unsigned nbits = 0;
    for (size_t i = 0; i < len; i++) {
        uint32_t digit = 0;
        if (!find_digit(alphabet, text[i], &digit)) {
            take_back(out, start);
            return lf_error_set(err, LF_DATA, 0, "base64 text has a character outside its alphabet at byte %zu", i + 1);
        }
        bits = bits << 6 | digit;
        nbits += 6;
        if (nbits >= 8) {
            nbits -= 8;
            buf_append_char(out, (char)(bits >> nbits));
            bits &= (1U << nbits) - 1;
        }
    }
    if (nbits == 6 || bits != 0) {
        take_back(out, start);
        return lf_error_set(err, LF_DATA, 0, "base64 text of %zu bytes is cut off or altered at its end", len);
    }
    return buf_check(out, "base64 data", err);
}

void base64url_append(struct buf *out, const void *ptr, size_t len)
{
    encode(out, ptr, len, alphabet_url, false);
}

bool base64url_decode(const char *text, size_t len, struct buf *out, struct lf_error *err)
{
    return decode(text, len, alphabet_url, out, err);
}

void base64_append(struct buf *out, const void *ptr, size_t len)
{
    encode(out, ptr, len, alphabet_standard, true);
}

bool base64_decode(const char *text, size_t len, struct buf *out, struct lf_error *err)
{
    if (len % 4 != 0) {
        return lf_error_set(err, LF_DATA, 0, "base64 text of %zu bytes is cut off: its padding is missing", len);
    }
    size_t padding = 0;
    while (padding < 2 && padding < len && text[len - padding - 1] == '=') {
        padding++;
    }
    return decode(text, len - padding, alphabet_standard, out, err);
}
