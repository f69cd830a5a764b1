/* SPDX-License-Identifier: Apache-2.0 */
#include "base/crypto.h"
#include "base/macros.h"
#include "source/postgres/slot.h"

#define PREFIX "lakefeed_"
#define HASH_LEN 8
#define LINK_MAX 36 /* 63 less the prefix, two hashes and two separators */

static void hash_text(const char *text, char ret_hex[HASH_LEN + 1])
{
    char hex[SHA256_HEX_SIZE];
    sha256_of(text, strlen(text), hex);
    memcpy(ret_hex, hex, HASH_LEN);
    ret_hex[HASH_LEN] = '\0';
}

static char slot_character(char c)
{
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    static const char lower[] = "abcdefghijklmnopqrstuvwxyz";
    for (size_t i = 0; upper[i] != '\0'; i++) {
        if (c == upper[i] || c == lower[i]) {
            return lower[i];
        }
    }
    if (c >= '0' && c <= '9') {
        return c;
    }
    return '_';
}

/* Two links that differ give different texts: what had to be changed carries its hash. */
static void print_link(const char *link, char ret_text[PG_SLOT_SIZE])
{
    char hash[HASH_LEN + 1];
    size_t len = strlen(link);
    bool plain = len <= LINK_MAX && link[strspn(link, "abcdefghijklmnopqrstuvwxyz0123456789_")] == '\0';
    size_t most = plain ? LINK_MAX : LINK_MAX - HASH_LEN - 1;
    size_t n = len < most ? len : most;
    for (size_t i = 0; i < n; i++) {
        ret_text[i] = slot_character(link[i]);
    }
    ret_text[n] = '\0';
    if (!plain) {
        hash_text(link, hash);
        (void)snprintf(ret_text + n, PG_SLOT_SIZE - n, "_%s", hash);
    }
}

void pg_slot_name_of(const struct lf_consumer *consumer, struct pg_slot_name *ret_name)
{
    print_link(consumer->link, ret_name->link);
    hash_text(consumer->location, ret_name->location);
    hash_text(consumer->lake_id, ret_name->lake);
}

void pg_slot_name_print(const struct pg_slot_name *name, char ret_text[PG_SLOT_SIZE])
{
    (void)snprintf(ret_text, PG_SLOT_SIZE, PREFIX "%.*s_%s_%s", LINK_MAX, name->link, name->location, name->lake);
}

static bool take_hash(const char *text, size_t end, char ret_hash[HASH_LEN + 1])
{
    const char *at = text + end - HASH_LEN;
    memcpy(ret_hash, at, HASH_LEN);
    ret_hash[HASH_LEN] = '\0';
    return strspn(ret_hash, "0123456789abcdef") == HASH_LEN && at[-1] == '_';
}

bool pg_slot_name_parse(const char *text, struct pg_slot_name *ret_name)
{
    size_t len = strlen(text);
    size_t tail = 2 * ((size_t)HASH_LEN + 1);
    size_t head = strlen(PREFIX);
    if (len >= PG_SLOT_SIZE || len <= head + tail || strncmp(text, PREFIX, head) != 0 ||
        !take_hash(text, len, ret_name->lake) || !take_hash(text, len - HASH_LEN - 1, ret_name->location)) {
        return false;
    }
    memcpy(ret_name->link, text + head, len - head - tail);
    ret_name->link[len - head - tail] = '\0';
    return true;
}
