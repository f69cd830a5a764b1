/* SPDX-License-Identifier: Apache-2.0 */
#include "source/registry.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/macros.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NAME_CHARACTERS "abcdefghijklmnopqrstuvwxyz0123456789_"
#define NAME_MAX_LEN 64

/* A plug-in built with other headers may have a shorter or a longer descriptor: ours is a copy of the common part. */
struct registry_plugin {
    void *handle;
    struct lf_connector connector;
    struct lf_connector_ops ops;
};

/* The fields that a descriptor of this ABI version has at least. */
#define CONNECTOR_MIN (offsetof(struct lf_connector, ops_size) + sizeof(uint32_t))

struct required_op {
    const char *name;
    size_t offset;
};

/* clang-format off */
#define REQUIRED(op) {#op, offsetof(struct lf_connector_ops, op)}
/* clang-format on */
static const struct required_op required_ops[] = {
    REQUIRED(open),
    REQUIRED(close),
    REQUIRED(stop),
    REQUIRED(identity),
    REQUIRED(discover),
    REQUIRED(register_consumer),
    REQUIRED(unregister_consumer),
    REQUIRED(position),
    REQUIRED(ack),
    REQUIRED(load_plan),
    REQUIRED(load_open),
    REQUIRED(load_asof),
    REQUIRED(load_next),
    REQUIRED(load_close),
    REQUIRED(covers),
    REQUIRED(includes),
    REQUIRED(passed),
    REQUIRED(compare),
    REQUIRED(print),
    REQUIRED(changes_open),
    REQUIRED(changes_next),
    REQUIRED(changes_close),
};

const struct lf_connector *registry_find(const struct registry *registry, const char *scheme_or_name)
{
    for (size_t i = 0; i < registry->nconnectors; i++) {
        const struct lf_connector *connector = registry->connectors[i];
        if (strcmp(connector->name, scheme_or_name) == 0 || strcmp(connector->scheme, scheme_or_name) == 0) {
            return connector;
        }
    }
    return NULL;
}

static bool valid_name(const char *name)
{
    size_t len = strspn(name, NAME_CHARACTERS);
    return len > 0 && len <= NAME_MAX_LEN && name[len] == '\0';
}

static bool op_missing(const struct lf_connector *connector, const struct required_op *op)
{
    void (*function)(void) = NULL;
    memcpy(&function, (const char *)connector->ops + op->offset, sizeof function);
    return function == NULL;
}

static bool check_sizes(const struct lf_connector *connector, const char *origin, struct lf_error *err)
{
    if (connector->abi_version != LF_CONNECTOR_ABI) {
        return lf_error_set(err, LF_UNSUPPORTED, 0,
                            "%s: built for connector ABI %u, this lakefeed has ABI %u; install the matching plug-in",
                            origin, connector->abi_version, LF_CONNECTOR_ABI);
    }
    if (connector->struct_size < CONNECTOR_MIN) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "%s: its descriptor has %u bytes, at least %zu are needed", origin,
                            connector->struct_size, CONNECTOR_MIN);
    }
    return true;
}

static bool check_ops(const struct lf_connector *connector, const char *origin, struct lf_error *err)
{
    if (connector->ops == NULL) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "%s: it has no ops", origin);
    }
    for (size_t i = 0; i < ARRAY_LEN(required_ops); i++) {
        const struct required_op *op = &required_ops[i];
        if (op->offset + sizeof(void (*)(void)) > connector->ops_size) {
            return lf_error_set(err, LF_UNSUPPORTED, 0, "%s: its %u bytes of ops end before the required op %s", origin,
                                connector->ops_size, op->name);
        }
        if (op_missing(connector, op)) {
            return lf_error_set(err, LF_UNSUPPORTED, 0, "%s: the required op %s is missing", origin, op->name);
        }
    }
    return true;
}

bool registry_check(const struct lf_connector *connector, const char *origin, struct lf_error *err)
{
    TRY(check_sizes(connector, origin, err));
    if (connector->name == NULL || !valid_name(connector->name) || connector->scheme == NULL ||
        connector->scheme[0] == '\0' || connector->summary == NULL) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "%s: its descriptor lacks a name, scheme or summary", origin);
    }
    return check_ops(connector, origin, err);
}

static bool check_owner(int fd, const char *path, bool any_owner, struct lf_error *err)
{
    struct stat status;
    if (fstat(fd, &status) != 0) {
        return file_error(err, errno, "look at", path);
    }
    if (status.st_uid != 0 && !any_owner) {
        return lf_error_set(err, LF_CONFIG, 0, "%s belongs to user %u; plug-ins are loaded only from root's files",
                            path, status.st_uid);
    }
    if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return lf_error_set(err, LF_CONFIG, 0,
                            "%s can be written by group or others; take that right away (chmod go-w)", path);
    }
    return true;
}

/* Once folder and file are root's alone, nobody else can put another file in their place before dlopen. */
static bool check_files(const struct registry_folder *folder, const char *file, const char *path, struct lf_error *err)
{
    CLEANUP(fd_close) int folder_fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder_fd < 0) {
        return file_error(err, errno, "open plug-in folder", folder->path);
    }
    TRY(check_owner(folder_fd, folder->path, folder->any_owner, err));
    CLEANUP(fd_close) int fd = openat(folder_fd, file, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        return file_error(err, errno, "open plug-in", path);
    }
    return check_owner(fd, path, folder->any_owner, err);
}

/* NULL with an error when there is none. */
static const struct lf_connector *find_descriptor(void *handle, const char *path, struct lf_error *err)
{
    lf_connector_function function = NULL;
    void *symbol = dlsym(handle, LF_CONNECTOR_SYMBOL);
    if (symbol == NULL) {
        (void)lf_error_set(err, LF_UNSUPPORTED, 0, "%s: it does not export the function %s", path, LF_CONNECTOR_SYMBOL);
        return NULL;
    }
    memcpy(&function, &symbol, sizeof function);
    const struct lf_connector *connector = function();
    if (connector == NULL) {
        (void)lf_error_set(err, LF_UNSUPPORTED, 0, "%s: %s gave no descriptor", path, LF_CONNECTOR_SYMBOL);
    }
    return connector;
}

static void copy_connector(struct registry_plugin *plugin, const struct lf_connector *from)
{
    size_t size = from->struct_size < sizeof plugin->connector ? from->struct_size : sizeof plugin->connector;
    size_t ops_size = from->ops_size < sizeof plugin->ops ? from->ops_size : sizeof plugin->ops;
    memcpy(&plugin->connector, from, size);
    memcpy(&plugin->ops, from->ops, ops_size);
    plugin->connector.struct_size = sizeof plugin->connector;
    plugin->connector.ops = &plugin->ops;
    plugin->connector.ops_size = sizeof plugin->ops;
}

static bool load_checked(struct registry_plugin *plugin, const char *name, const char *path, struct lf_error *err)
{
    plugin->handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (plugin->handle == NULL) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "%s cannot be loaded: %s", path, dlerror());
    }
    const struct lf_connector *connector = find_descriptor(plugin->handle, path, err);
    if (connector == NULL) {
        return false;
    }
    TRY(registry_check(connector, path, err));
    if (strcmp(connector->name, name) != 0) {
        return lf_error_set(err, LF_UNSUPPORTED, 0, "%s: it calls itself %s, its file name says %s", path,
                            connector->name, name);
    }
    copy_connector(plugin, connector);
    return true;
}

bool registry_load(const struct registry_folder *folder, const char *name, struct registry_plugin **ret_plugin,
                   struct lf_error *err)
{
    if (!valid_name(name)) {
        return lf_error_set(err, LF_CONFIG, 0, "connector %.80s: a name has 1 to %d of a-z, 0-9 and _", name,
                            NAME_MAX_LEN);
    }
    CLEANUP(text_free) char *file = text_printf("lakefeed_%s.so", name);
    CLEANUP(text_free) char *path = text_printf("%s/%s", folder->path, file);
    TRY(check_files(folder, file, path, err));
    CLEANUP(registry_unload) struct registry_plugin *plugin = mem_new(1, sizeof *plugin);
    TRY(load_checked(plugin, name, path, err));
    *ret_plugin = plugin;
    plugin = NULL;
    return true;
}

const struct lf_connector *registry_connector(const struct registry_plugin *plugin)
{
    return &plugin->connector;
}

void registry_unload(struct registry_plugin **plugin)
{
    if (*plugin == NULL) {
        return;
    }
    if ((*plugin)->handle != NULL) {
        (void)dlclose((*plugin)->handle);
    }
    free(*plugin);
    *plugin = NULL;
}
