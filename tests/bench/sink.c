/* SPDX-License-Identifier: Apache-2.0 */
#include "sink.h"

#include "base/macros.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)256 << 10)

struct sink {
    struct sink_options options;
    SSL_CTX *tls; /* NULL: plain */
};

struct sink_connection {
    const struct sink *sink;
    int fd;
    SSL *ssl;
    char *block; /* for bytes on their way */
    char *piece; /* what has come: from `start`, `have` bytes */
    size_t start, have;
};

void sink_need(bool ok, const char *what)
{
    if (!ok) {
        (void)fprintf(stderr, "bench: %s failed\n", what);
        exit(1);
    }
}

/* ---- bytes ---- */

static int receive(struct sink_connection *connection, void *to, size_t len)
{
    return connection->ssl != NULL ? SSL_read(connection->ssl, to, (int)len) : (int)recv(connection->fd, to, len, 0);
}

static bool send_all(struct sink_connection *connection, const char *ptr, size_t len)
{
    while (len > 0) {
        const int n = connection->ssl != NULL ? SSL_write(connection->ssl, ptr, (int)len)
                                              : (int)send(connection->fd, ptr, len, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        ptr += n;
        len -= (size_t)n;
    }
    return true;
}

size_t sink_read(struct sink_call *call, void *ret, size_t size)
{
    struct sink_connection *connection = call->connection;
    size_t len = call->body_bytes < size ? (size_t)call->body_bytes : size;
    if (len > 0 && connection->have > 0) {
        len = len < connection->have ? len : connection->have;
        memcpy(ret, connection->piece + connection->start, len);
        connection->start += len;
        connection->have -= len;
    } else if (len > 0) {
        const int n = receive(connection, ret, len);
        len = n > 0 ? (size_t)n : 0;
    }
    call->body_bytes -= len;
    return len;
}

const char *sink_header(const struct sink_call *call, const char *name_and_colon)
{
    const char *at = strcasestr(call->head, name_and_colon);
    return at != NULL ? at + strlen(name_and_colon) + strspn(at + strlen(name_and_colon), " ") : NULL;
}

/* ---- one request ---- */

/* The head, which ends in `piece`; NULL: the client is gone. What follows stays. */
static char *read_head(struct sink_connection *connection)
{
    if (connection->have > 0) {
        memmove(connection->piece, connection->piece + connection->start, connection->have);
    }
    connection->start = 0;
    for (;;) {
        connection->piece[connection->have] = '\0';
        char *end = connection->have > 0 ? strstr(connection->piece, "\r\n\r\n") : NULL;
        if (end != NULL) {
            const size_t len = (size_t)(end + 4 - connection->piece);
            connection->start = len;
            connection->have -= len;
            return text_copy_len(connection->piece, len);
        }
        const int n = receive(connection, connection->piece + connection->have, PIECE_BYTES - 1 - connection->have);
        if (n <= 0) {
            return NULL;
        }
        connection->have += (size_t)n;
    }
}

static bool send_answer(struct sink_call *call)
{
    CLEANUP(buf_done) struct buf text = {0};
    char date[64];
    struct tm parts;
    const time_t now = time(NULL);
    (void)strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&now, &parts));
    buf_printf(&text, "HTTP/1.1 %u X\r\nDate: %s\r\n%s", call->status, date, buf_text(&call->headers));
    buf_printf(&text, "Content-Length: %llu\r\n\r\n", (unsigned long long)call->body_length);
    if (!send_all(call->connection, text.ptr, text.len)) {
        return false;
    }
    char *block = call->connection->block;
    while (call->body_fd >= 0 && call->body_length > 0 && strcmp(call->method, "HEAD") != 0) {
        const size_t want = call->body_length < PIECE_BYTES ? (size_t)call->body_length : PIECE_BYTES;
        const ssize_t n = pread(call->body_fd, block, want, (off_t)call->body_offset);
        if (n <= 0 || !send_all(call->connection, block, (size_t)n)) {
            return false;
        }
        call->body_offset += (uint64_t)n;
        call->body_length -= (uint64_t)n;
    }
    return true;
}

static bool answer(struct sink_connection *connection, char *head)
{
    struct sink_call call = {.connection = connection, .status = 200, .body_fd = -1};
    CLEANUP(text_free) char *line = text_copy_len(head, strcspn(head, "\r"));
    char *rest = NULL;
    call.head = head;
    call.context = connection->sink->options.context;
    call.method = strtok_r(line, " ", &rest);
    call.target = strtok_r(NULL, " ", &rest);
    const char *length = sink_header(&call, "\r\nContent-Length:");
    call.body_bytes = length != NULL ? strtoull(length, NULL, 10) : 0;
    if (call.method == NULL || call.target == NULL) {
        return false;
    }
    if (sink_header(&call, "\r\nExpect: 100") != NULL) {
        static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
        (void)send_all(connection, go_on, sizeof go_on - 1);
    }
    connection->sink->options.handle(&call);
    while (call.body_bytes > 0) {
        if (sink_read(&call, connection->block, PIECE_BYTES) == 0) {
            buf_done(&call.headers);
            return false;
        }
    }
    const bool sent = send_answer(&call);
    buf_done(&call.headers);
    return sent;
}

static void *serve(void *context)
{
    struct sink_connection *connection = context;
    const int on = 1;
    (void)setsockopt(connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connection->block = mem_new(1, PIECE_BYTES);
    connection->piece = mem_new(1, PIECE_BYTES);
    if (connection->sink->tls != NULL) {
        connection->ssl = SSL_new(connection->sink->tls);
        (void)SSL_set_fd(connection->ssl, connection->fd);
    }
    bool open = connection->ssl == NULL || SSL_accept(connection->ssl) == 1;
    while (open) {
        CLEANUP(text_free) char *head = read_head(connection);
        open = head != NULL && answer(connection, head);
    }
    SSL_free(connection->ssl);
    (void)close(connection->fd);
    free(connection->block);
    free(connection->piece);
    free(connection);
    return NULL;
}

/* ---- the server ---- */

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509V3_CTX context;
    (void)X509_set_version(certificate, X509_VERSION_3);
    (void)ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    (void)X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    (void)X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    (void)X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"bench", -1, -1, 0);
    (void)X509_set_issuer_name(certificate, name);
    (void)X509_set_pubkey(certificate, key);
    X509V3_set_ctx(&context, certificate, certificate, NULL, NULL, 0);
    X509_EXTENSION *names = X509V3_EXT_conf_nid(NULL, &context, NID_subject_alt_name, "IP:127.0.0.1");
    sink_need(names != NULL && X509_add_ext(certificate, names, -1) == 1 &&
                  X509_sign(certificate, key, EVP_sha256()) > 0,
              "a certificate");
    X509_EXTENSION_free(names);
    return certificate;
}

static SSL_CTX *make_tls(const char *ca_path)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = make_certificate(key);
    FILE *file = fopen(ca_path, "w");
    sink_need(file != NULL && PEM_write_X509(file, certificate) == 1 && fclose(file) == 0, "to write the certificate");
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    sink_need(tls != NULL && SSL_CTX_use_certificate(tls, certificate) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1,
              "TLS");
    X509_free(certificate);
    EVP_PKEY_free(key);
    return tls;
}

struct sink *sink_new(const struct sink_options *options)
{
    struct sink *sink = mem_new(1, sizeof *sink);
    *sink = (struct sink){.options = *options, .tls = options->ca_path != NULL ? make_tls(options->ca_path) : NULL};
    return sink;
}

int sink_listen(unsigned *ret_port)
{
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    sink_need(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 64) == 0 &&
                  getsockname(listener, (struct sockaddr *)&address, &len) == 0,
              "to listen");
    *ret_port = ntohs(address.sin_port);
    return listener;
}

void sink_serve(struct sink *sink, int listener)
{
    (void)signal(SIGPIPE, SIG_IGN);
    for (;;) {
        struct sink_connection *connection = mem_new(1, sizeof *connection);
        *connection = (struct sink_connection){.sink = sink, .fd = accept(listener, NULL, NULL)};
        pthread_t thread;
        sink_need(pthread_create(&thread, NULL, serve, connection) == 0 && pthread_detach(thread) == 0, "a thread");
    }
}
