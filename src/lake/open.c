/* SPDX-License-Identifier: Apache-2.0 */
#include "lake/open.h"

#include "base/crypto.h"
#include "base/macros.h"
#include "base/random.h"
#include "base/secret.h"
#include "config/settings.h"
#include "lake/adls.h"
#include "lake/local.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct driver {
    enum config_lake_form form;
    const char *what; /* "a folder" */
    const char *example;
    bool (*check)(const struct config_link *settings, struct lf_error *err); /* NULL: nothing to check */
    bool (*open)(const struct lake_open_options *options, struct lake_opened *ret, struct lf_error *err);
    bool (*renew)(struct lake_opened *opened, const struct lake_open_options *options, struct lf_error *err); /* NULL */
};

/* ---- a folder ---- */

static bool folder_path(const struct config_link *settings, const char **ret_path, struct lf_error *err)
{
    const char *path = settings->lake_url + strlen("file:");
    if (path[0] == '\0') {
        return lf_error_set(err, LF_CONFIG, 0, "lake %s names no folder; a folder is file:FOLDER or file:///FOLDER",
                            settings->lake_shown);
    }
    if (strncmp(path, "//", 2) == 0) {
        path = path[2] == '/' ? path + 2 : NULL;
    }
    *ret_path = path;
    return path != NULL ||
           lf_error_set(err, LF_CONFIG, 0, "lake %s names a host; a folder is file:FOLDER or file:///FOLDER",
                        settings->lake_shown);
}

static bool folder_check(const struct config_link *settings, struct lf_error *err)
{
    const char *path = NULL;
    return folder_path(settings, &path, err);
}

static bool folder_open(const struct lake_open_options *options, struct lake_opened *ret, struct lf_error *err)
{
    struct lake_local_options made = {.public_location = options->settings->public_location,
                                      .allow_network = options->settings->allow_network};
    TRY(folder_path(options->settings, &made.path, err));
    return lake_local_open(&made, &ret->lake, err);
}

/* ---- Azure ---- */

/* Which identities take which setting. One that none names is for all. */
static const struct {
    const char *setting, *kinds; /* separated by blanks */
} uses[] = {
    {"account_key", "shared_key"},
    {"sas", "sas"},
    {"client_secret", "client_secret"},
    {"certificate", "client_certificate"},
    {"certificate_password", "client_certificate"},
    {"certificate_chain", "client_certificate"},
    {"assertion", "client_certificate"},
    {"tenant_id", "client_secret client_certificate workload_identity default"},
    {"client_id", "client_secret client_certificate workload_identity managed_identity default"},
    {"object_id", "managed_identity default"},
    {"resource_id", "managed_identity default"},
    {"token_file", "workload_identity default"},
    {"authority", "client_secret client_certificate workload_identity default"},
    {"audience", "client_secret client_certificate workload_identity managed_identity default"},
};

static bool is_listed(const char *words, const char *word)
{
    const size_t len = strlen(word);
    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        const size_t end = strcspn(at, " ");
        if (end == len && memcmp(at, word, len) == 0) {
            return true;
        }
        at += end;
    }
    return false;
}

/* A secret that was not read is given all the same. */
static bool is_given(const struct setting *setting, const struct config_link *settings)
{
    CLEANUP(secret_buf_done) struct buf text = {0};
    const bool any = setting->type != SETTING_OBJECT && settings_get_text(setting, settings, &text);
    return any && (setting->fallback[0] == '\0' || strcmp(buf_text(&text), setting->fallback) != 0);
}

static bool check_use(const struct config_link *settings, const struct setting *setting, const char *kinds,
                      struct lf_error *err)
{
    if (!is_given(setting, settings) || is_listed(kinds, settings->auth.kind)) {
        return true;
    }
    const size_t first = strcspn(kinds, " ");
    return lf_error_set(err, LF_CONFIG, 0,
                        "link %s: lake.auth.%s is not for the kind %s; write \"kind\": \"%.*s\", or take it out",
                        settings->name, setting->name, settings->auth.kind, (int)first, kinds);
}

static bool check_filesystem(const struct config_link *settings, struct lf_error *err)
{
    return settings->filesystem == NULL || !config_lake_has_filesystem(settings->lake_url) ||
           lf_error_set(err, LF_CONFIG, 0,
                        "link %s: lake.filesystem: the URL %s names a filesystem already; take one of them out",
                        settings->name, settings->lake_shown);
}

static bool azure_place(const struct config_link *settings, struct adls_place *ret_place, struct lf_error *err)
{
    CLEANUP(text_free) char *url = config_lake_url(settings);
    if (adls_place_parse(url, settings->endpoint, ret_place, err)) {
        return true;
    }
    if (strcmp(settings->lake_shown, settings->lake_url) != 0) {
        (void)lf_error_set(err, LF_CONFIG, 0, "%s is wrong once its secret parameters are put in (not shown here)",
                           settings->lake_shown);
    }
    return lf_error_wrap(err, "link %s: lake.url", settings->name);
}

static bool azure_check(const struct config_link *settings, struct lf_error *err)
{
    CLEANUP(adls_place_done) struct adls_place place = {0};
    for (size_t i = 0; i < ARRAY_LEN(uses); i++) {
        TRY(check_use(settings, settings_find(SECTION_AUTH, uses[i].setting), uses[i].kinds, err));
    }
    return check_filesystem(settings, err) && azure_place(settings, &place, err);
}

static bool fill_auth(const struct lake_open_options *options, const struct adls_place *place,
                      struct auth_options *ret_options, struct lf_error *err)
{
    const struct config_auth *auth = &options->settings->auth;
    struct http *http = NULL;
    enum auth_kind kind = AUTH_DEFAULT;
    enum auth_assertion assertion = AUTH_PS256;
    TRY(options->services->http(options->services->context, &http, err));
    const bool known = auth_kind_find(auth->kind, &kind) && auth_assertion_find(auth->assertion, &assertion);
    assert(known); /* the choices of the settings, which a test compares */
    *ret_options = (struct auth_options){
        .kind = kind,
        .http = http,
        .log = options->log,
        .link = options->settings->name,
        .account = place->account,
        .key = auth->account_key,
        .sas = auth->sas,
        .tenant_id = auth->tenant_id,
        .client_id = auth->client_id,
        .client_secret = auth->client_secret,
        .certificate_file = auth->certificate,
        .certificate_password = auth->certificate_password,
        .certificate_chain = auth->certificate_chain,
        .assertion = assertion,
        .object_id = auth->object_id,
        .resource_id = auth->resource_id,
        .token_file = auth->token_file,
        .authority = auth->authority,
        .audience = auth->audience,
        .place = auth->place,
        .patience_ms = options->patience_ms,
        .cancelled = options->cancelled,
        .cancel_context = options->cancel_context,
    };
    return true;
}

/* A GUID of the instance and the link, so that a restart goes on with the lease that it left. */
static bool make_lease_id(const struct lake_open_options *options, char ret_guid[RANDOM_GUID_SIZE],
                          struct lf_error *err)
{
    CLEANUP(text_free) char *instance = NULL;
    char hex[SHA256_HEX_SIZE];
    TRY(options->services->instance(options->services->context, &instance, err));
    CLEANUP(text_free) char *text = text_printf("lakefeed lease\n%s\n%s", instance, options->settings->name);
    sha256_of(text, strlen(text), hex);
    hex[12] = '8'; /* version 8 and the variant of RFC 9562: bits of our own */
    hex[16] = '8';
    (void)snprintf(ret_guid, RANDOM_GUID_SIZE, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12, hex + 16, hex + 20);
    return true;
}

static enum adls_publish publish_of(const char *word)
{
    static const char *const words[] = {
#define PUBLISH_WORD(name, word_, text) [ADLS_##name] = (word_),
        ADLS_PUBLISH_WAYS(PUBLISH_WORD)
#undef PUBLISH_WORD
    };
    size_t i = 0;
    while (i < ARRAY_LEN(words) && strcmp(words[i], word) != 0) {
        i++;
    }
    assert(i < ARRAY_LEN(words)); /* the choices of the settings, which a test compares */
    return (enum adls_publish)i;
}

static bool azure_open(const struct lake_open_options *options, struct lake_opened *ret, struct lf_error *err)
{
    CLEANUP(adls_place_done) struct adls_place place = {0};
    struct auth_options identity;
    char lease_id[RANDOM_GUID_SIZE];
    TRY(azure_check(options->settings, err));
    TRY(azure_place(options->settings, &place, err));
    TRY(make_lease_id(options, lease_id, err));
    TRY(fill_auth(options, &place, &identity, err));
    TRY(auth_new(&identity, &ret->auth, err));
    const struct adls_options made = {
        .place = place,
        .http = identity.http,
        .auth = ret->auth,
        .budget = options->budget,
        .log = options->log,
        .link = options->settings->name,
        .scratch = options->scratch,
        .lease_id = lease_id,
        .takeover = options->takeover,
        .lock_patience_ms = options->lock_patience_ms,
        .public_location = options->settings->public_location,
        .publish = publish_of(options->settings->publish),
        .create_filesystem = options->settings->create_filesystem,
        .cancelled = options->cancelled,
        .cancel_context = options->cancel_context,
        .patience_ms = options->patience_ms,
    };
    return lake_adls_open(&made, &ret->lake, err);
}

static bool azure_renew(struct lake_opened *opened, const struct lake_open_options *options, struct lf_error *err)
{
    CLEANUP(adls_place_done) struct adls_place place = {0};
    struct auth_options identity;
    TRY(azure_place(options->settings, &place, err));
    TRY(fill_auth(options, &place, &identity, err));
    return auth_renew(opened->auth, &identity, err);
}

/* ---- the table ---- */

static const struct driver drivers[] = {
    {CONFIG_LAKE_FOLDER, "a folder", "file:FOLDER", folder_check, folder_open, NULL},
    {CONFIG_LAKE_AZURE, "in Azure", "abfss://FILESYSTEM@ACCOUNT.dfs.core.windows.net/FOLDER", azure_check, azure_open,
     azure_renew},
};

static const struct driver *find_form(enum config_lake_form form)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        if (drivers[i].form == form) {
            return &drivers[i];
        }
    }
    return NULL;
}

void lake_append_examples(struct buf *out)
{
    for (size_t i = 0; i < ARRAY_LEN(drivers); i++) {
        buf_printf(out, "%s%s", i == 0 ? "" : " or ", drivers[i].example);
    }
}

static const struct driver *find_driver(const struct config_link *settings, struct lf_error *err)
{
    const struct driver *driver = find_form(config_lake_form(settings->lake_url));
    if (driver == NULL) {
        CLEANUP(buf_done) struct buf examples = {0};
        lake_append_examples(&examples);
        (void)lf_error_set(err, LF_CONFIG, 0, "no driver for lake %s; a lake is given as %s", settings->lake_shown,
                           buf_text(&examples));
    }
    return driver;
}

/* What another driver would take. */
static bool check_foreign(const struct driver *driver, const struct config_link *settings, struct lf_error *err)
{
    for (const struct setting *setting = settings_table; setting->name != NULL; setting++) {
        const bool foreign = setting->lake != CONFIG_LAKE_ANY && setting->lake != driver->form;
        if (foreign && is_given(setting, settings)) {
            return lf_error_set(err, LF_CONFIG, 0,
                                "link %s: lake.%s%s is for a lake that is %s, and %s is %s; take it out",
                                settings->name, setting->section == SECTION_AUTH ? "auth." : "", setting->name,
                                find_form(setting->lake)->what, settings->lake_shown, driver->what);
        }
    }
    return true;
}

bool lake_check_settings(const struct config_link *settings, struct lf_error *err)
{
    const struct driver *driver = find_driver(settings, err);
    return driver != NULL && check_foreign(driver, settings, err) && driver->check(settings, err);
}

bool lake_open(const struct lake_open_options *options, struct lake_opened *ret_opened, struct lf_error *err)
{
    const struct driver *driver = find_driver(options->settings, err);
    *ret_opened = (struct lake_opened){0};
    if (driver != NULL && check_foreign(driver, options->settings, err) && driver->open(options, ret_opened, err)) {
        return true;
    }
    lake_opened_close(ret_opened);
    return false;
}

bool lake_renew(struct lake_opened *opened, const struct lake_open_options *options, struct lf_error *err)
{
    const struct driver *driver = find_driver(options->settings, err);
    TRY(driver != NULL);
    return driver->renew == NULL || driver->renew(opened, options, err);
}

void lake_opened_close(struct lake_opened *opened)
{
    lake_close(&opened->lake);
    auth_free(&opened->auth);
}

bool lake_describe_identity(struct lake_opened *opened, char *ret_text, size_t size, struct lf_error *err)
{
    ret_text[0] = '\0';
    return opened->auth == NULL || auth_describe(opened->auth, ret_text, size, err);
}
