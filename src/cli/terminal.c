/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/terminal.h"

#include "base/macros.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#define COLUMNS_DEFAULT 80
#define COLUMNS_MIN 20
#define COLUMNS_MAX 1000

static const char ellipsis[] = "…";

static size_t given_columns(void)
{
    const char *text = getenv("COLUMNS");
    long columns = text == NULL ? 0 : strtol(text, NULL, 10);
    return columns > 0 ? (size_t)columns : COLUMNS_DEFAULT;
}

size_t terminal_columns(int fd)
{
    struct winsize size = {0};
    size_t columns = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : given_columns();
    columns = columns < COLUMNS_MIN ? COLUMNS_MIN : columns;
    return columns > COLUMNS_MAX ? COLUMNS_MAX : columns;
}

size_t terminal_result_columns(void)
{
    return isatty(STDOUT_FILENO) ? terminal_columns(STDOUT_FILENO) : SIZE_MAX;
}

size_t terminal_message_columns(void)
{
    return isatty(STDERR_FILENO) ? terminal_columns(STDERR_FILENO) : SIZE_MAX;
}

bool terminal_can_rewrite(int fd)
{
    const char *kind = getenv("TERM");
    return isatty(fd) && kind != NULL && kind[0] != '\0' && strcmp(kind, "dumb") != 0;
}

/* Of a well-formed character of `len` bytes. */
static wchar_t decode(const char *text, size_t len)
{
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    unsigned code = (unsigned char)text[0] & masks[len];
    for (size_t i = 1; i < len; i++) {
        code = code << 6 | ((unsigned char)text[i] & 0x3F);
    }
    return (wchar_t)code;
}

/* wcwidth looks at the locale of the thread. The program runs in "C", which knows ASCII alone, whatever the user's is: what it
 * prints is always UTF-8. Without a UTF-8 locale on the machine each character counts as one column. */
static size_t measure(const char *text, size_t columns_max, size_t *ret_columns)
{
    const char *at = text;
    size_t left = strlen(text);
    size_t columns = 0;
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = uselocale(utf8);
    while (left > 0) {
        size_t len = utf8_char_len(at, left);
        int width = len > 0 ? wcwidth(decode(at, len)) : 1;
        size_t more = width < 0 ? 1 : (size_t)width;
        if (columns + more > columns_max) {
            break;
        }
        columns += more;
        at += len > 0 ? len : 1;
        left -= len > 0 ? len : 1;
    }
    (void)uselocale(before);
    if (utf8 != (locale_t)0) {
        freelocale(utf8);
    }
    *ret_columns = columns;
    return (size_t)(at - text);
}

size_t text_columns(const char *text)
{
    size_t columns = 0;
    (void)measure(text, SIZE_MAX, &columns);
    return columns;
}

size_t text_fit(const char *text, size_t columns)
{
    size_t ignored = 0;
    return measure(text, columns, &ignored);
}

static bool is_control(const char *text, size_t len)
{
    unsigned char c = (unsigned char)text[0];
    return c < 0x20 || c == 0x7F || (len == 2 && c == 0xC2 && (unsigned char)text[1] < 0xA0);
}

void text_append_clean(struct buf *out, const char *text)
{
    size_t left = strlen(text);
    while (left > 0) {
        size_t len = utf8_char_len(text, left);
        if (len == 0 || is_control(text, len)) {
            buf_append_char(out, '?');
        } else {
            buf_append(out, text, len);
        }
        text += len > 0 ? len : 1;
        left -= len > 0 ? len : 1;
    }
}

void text_append_cut(struct buf *out, const char *text, size_t columns)
{
    CLEANUP(buf_done) struct buf clean = {0};
    text_append_clean(&clean, text);
    if (text_columns(buf_text(&clean)) <= columns) {
        buf_append_text(out, buf_text(&clean));
    } else if (columns > 0) {
        buf_append(out, buf_text(&clean), text_fit(buf_text(&clean), columns - 1));
        buf_append_text(out, ellipsis);
    }
}

static bool is_plain(const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:,@%+=";
    return text[0] != '\0' && text[strspn(text, plain)] == '\0';
}

void text_append_quoted(struct buf *out, const char *text)
{
    if (is_plain(text)) {
        buf_append_text(out, text);
        return;
    }
    buf_append_quoted(out, text);
}

void text_print_wrapped(FILE *out, const char *text, size_t used, size_t indent, size_t columns)
{
    bool first = true;
    for (const char *at = text + strspn(text, " "); *at != '\0'; at += strspn(at, " ")) {
        size_t len = strcspn(at, " ");
        CLEANUP(text_free) char *word = text_copy_len(at, len);
        size_t wide = text_columns(word);
        if (!first && used + 1 + wide > columns) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            used = indent;
            first = true;
        }
        (void)fprintf(out, "%s%s", first ? "" : " ", word);
        used += wide + (first ? 0 : 1);
        first = false;
        at += len;
    }
    (void)fputc('\n', out);
}

const char *text_grouped(uint64_t value, char ret_text[32])
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%" PRIu64, value);
    char *to = ret_text;
    for (int i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0) {
            *to++ = ',';
        }
        *to++ = digits[i];
    }
    *to = '\0';
    return ret_text;
}
