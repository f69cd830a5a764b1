/* SPDX-License-Identifier: Apache-2.0
 *
 * The first byte chooses the document: model.json, load list or history. What is read must be printed, and read again.
 */
#include "base/macros.h"
#include "cdm/history.h"
#include "cdm/model.h"

#include <stdlib.h>
#include <string.h>

struct input {
    const char *text;
    size_t len;
};

static bool next_block(void *context, char *ret_bytes, size_t size, size_t *ret_len, UNUSED struct lf_error *err)
{
    struct input *input = context;
    const size_t n = input->len < size ? input->len : size;
    if (n > 0) {
        memcpy(ret_bytes, input->text, n);
    }
    input->text += n;
    input->len -= n;
    *ret_len = n;
    return true;
}

static bool append(void *context, struct buf *text, UNUSED struct lf_error *err)
{
    buf_append(context, text->ptr, text->len);
    return true;
}

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void locate(struct model *model)
{
    for (size_t i = 0; i < model->nentities; i++) {
        for (size_t j = 0; j < model->entities[i].npartitions; j++) {
            model->entities[i].partitions[j].location = text_copy("/x");
        }
    }
}

static void fuzz_model(const char *text, size_t len)
{
    CLEANUP(model_free) struct model *model = NULL;
    CLEANUP(model_free) struct model *again = NULL;
    CLEANUP(buf_done) struct buf printed = {0};
    struct lf_error err = {0};
    struct input input = {text, len};
    if (!model_parse(next_block, &input, &model, &err)) {
        return;
    }
    locate(model);
    must(model_print(model, append, &printed, &err));
    struct input second = {printed.ptr, printed.len};
    must(model_parse(next_block, &second, &again, &err));
}

static void fuzz_load(const char *text, size_t len)
{
    CLEANUP(model_load_free) struct model_load *load = NULL;
    CLEANUP(model_load_free) struct model_load *again = NULL;
    CLEANUP(buf_done) struct buf printed = {0};
    struct lf_error err = {0};
    if (model_load_parse(text, len, &load, &err)) {
        must(model_load_print(load, &printed, &err));
        must(model_load_parse(printed.ptr, printed.len, &again, &err));
    }
}

static void fuzz_history(const char *text, size_t len)
{
    CLEANUP(history_free) struct history *history = NULL;
    CLEANUP(history_free) struct history *again = NULL;
    CLEANUP(buf_done) struct buf printed = {0};
    struct lf_error err = {0};
    if (history_parse(text, len, &history, &err)) {
        must(history_print(history, &printed, &err));
        must(history_parse(printed.ptr, printed.len, &again, &err));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *text = (const char *)data + 1;
    switch (data[0] % 3) {
    case 0:
        fuzz_model(text, size - 1);
        break;
    case 1:
        fuzz_load(text, size - 1);
        break;
    default:
        fuzz_history(text, size - 1);
        break;
    }
    return 0;
}
