/* SPDX-License-Identifier: Apache-2.0
 *
 * Why a try had no answer. libcurl's own texts may name a proxy with its password: only those that tell of hosts and
 * certificates are taken over.
 */
#include "base/macros.h"
#include "net/http_internal.h"

struct cause {
    CURLcode code;
    enum lf_error_kind kind;
    bool has_detail; /* what libcurl adds is safe and worth reading */
    const char *text;
};

static const struct cause causes[] = {
    {CURLE_URL_MALFORMAT, LF_CONFIG, false, "it is no URL; check how the place is written"},
    {CURLE_UNSUPPORTED_PROTOCOL, LF_CONFIG, false, "only http and https can be used; check how the place is written"},
    {CURLE_COULDNT_RESOLVE_PROXY, LF_TRANSIENT, false, "the name of the proxy cannot be resolved; check proxy and DNS"},
    {CURLE_COULDNT_RESOLVE_HOST, LF_TRANSIENT, false,
     "the name of the host cannot be resolved; check its spelling, DNS and private endpoints"},
    {CURLE_COULDNT_CONNECT, LF_TRANSIENT, false,
     "there is no connection; check that the service runs, and firewalls and proxies on the way"},
    {CURLE_PROXY, LF_TRANSIENT, false, "the proxy does not work; check it"},
    {CURLE_SSL_CONNECT_ERROR, LF_TRANSIENT, true, "TLS could not be agreed on"},
    /* Mended by those who run the server or the machine, without anything changed here: so AUTH, which a daemon waits for. */
    {CURLE_PEER_FAILED_VERIFICATION, LF_AUTH, true,
     "the certificate of the server is not accepted; if it has run out, it has to be renewed there, and if its CA is a "
     "private one, set ca_file"},
    {CURLE_SSL_CACERT_BADFILE, LF_AUTH, true,
     "the certificates to check the server with cannot be read; check ca_file"},
    {CURLE_SSL_CIPHER, LF_AUTH, true, "TLS could not be agreed on"},
    {CURLE_OPERATION_TIMEDOUT, LF_TRANSIENT, false, "the time ran out"},
    {CURLE_GOT_NOTHING, LF_TRANSIENT, false, "the connection was closed without an answer"},
    {CURLE_SEND_ERROR, LF_TRANSIENT, false, "the connection broke while the request was sent"},
    {CURLE_RECV_ERROR, LF_TRANSIENT, false, "the connection broke before the answer was whole"},
    {CURLE_PARTIAL_FILE, LF_TRANSIENT, false, "the answer broke off"},
    {CURLE_SEND_FAIL_REWIND, LF_TRANSIENT, false, "the connection broke while the request was sent"},
    {CURLE_ABORTED_BY_CALLBACK, LF_TRANSIENT, false, "the connection had been kept and was closed by the server"},
    {CURLE_WEIRD_SERVER_REPLY, LF_TRANSIENT, false, "what answers does not speak HTTP; check host and port"},
    {CURLE_UNRECOVERABLE_POLL, LF_TRANSIENT, false, "the connection broke"},
};

/* libcurl names an answer that is not HTTP like a URL that is not. */
static CURLcode code_of(const struct http_transfer *transfer)
{
    return transfer->code == CURLE_UNSUPPORTED_PROTOCOL && transfer->starts > 0 ? CURLE_WEIRD_SERVER_REPLY
                                                                                : transfer->code;
}

static const struct cause *cause_of(const struct http_transfer *transfer)
{
    CURLcode code = code_of(transfer);
    for (size_t i = 0; i < ARRAY_LEN(causes); i++) {
        if (causes[i].code == code) {
            return &causes[i];
        }
    }
    return NULL;
}

/* Of a proxy that answers a CONNECT itself. */
static bool is_refused_by_proxy(const struct http_transfer *transfer)
{
    return transfer->starts == 0 && transfer->proxy_status >= 400 && transfer->proxy_status < 500;
}

bool http_is_hopeless(const struct http_transfer *transfer)
{
    const struct cause *cause = cause_of(transfer);
    return transfer->failure.kind != LF_NONE || is_refused_by_proxy(transfer) || cause == NULL ||
           cause->kind != LF_TRANSIENT;
}

static const char *of_time(const struct http_transfer *transfer)
{
    if (transfer->is_stalled) {
        return "nothing came or went for too long";
    }
    return transfer->starts == 0 ? "no connection came about in time; check firewalls and proxies on the way"
                                 : "the answer did not come in time";
}

static bool fill(const struct http_transfer *transfer, int code, struct lf_error *err)
{
    const struct cause *cause = cause_of(transfer);
    if (transfer->failure.kind != LF_NONE) {
        *err = transfer->failure;
        err->code = code;
        return false;
    }
    if (is_refused_by_proxy(transfer)) {
        return lf_error_set(err, LF_AUTH, code, "the proxy refuses the connection with status %ld; check its rights",
                            transfer->proxy_status);
    }
    if (cause == NULL) {
        return lf_error_set(err, LF_INTERNAL, code, "%s", curl_easy_strerror(transfer->code));
    }
    if (transfer->code == CURLE_OPERATION_TIMEDOUT) {
        return lf_error_set(err, LF_TRANSIENT, code, "%s", of_time(transfer));
    }
    if (cause->has_detail && transfer->curl_text[0] != '\0') {
        return lf_error_set(err, cause->kind, code, "%s (%s)", cause->text, transfer->curl_text);
    }
    return lf_error_set(err, cause->kind, code, "%s", cause->text);
}

bool http_explain(const struct http_ticket *ticket, struct lf_error *err)
{
    CLEANUP(buf_done) struct buf url = {0};
    http_url_show(ticket->request.url, &url);
    (void)fill(&ticket->transfer, ticket->was_ever_sent ? 0 : HTTP_CODE_NOT_SENT, err);
    const char *method = http_method_name(ticket->request.method);
    return ticket->tries > 1 ? lf_error_wrap(err, "%s %.512s, try %u", method, buf_text(&url), ticket->tries)
                             : lf_error_wrap(err, "%s %.512s", method, buf_text(&url));
}

bool http_was_sent(const struct lf_error *err)
{
    return err->code != HTTP_CODE_NOT_SENT;
}
