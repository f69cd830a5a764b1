/* SPDX-License-Identifier: Apache-2.0
 *
 * The promises of lake.h, kept by the ADLS driver in both ways of publishing.
 */
#include "adls_bench.h"
#include "fakes/lake_contract.h"

struct place {
    struct adls_server *server;
    const char *prefix;
    struct adls_options options;
};

static void begin(void *context)
{
    adls_server_next_filesystem(((struct place *)context)->server, true);
}

static void end(UNUSED void *context)
{
}

static struct lake *open_lake(void *context)
{
    struct place *place = context;
    return adls_server_open(place->server, place->prefix, &place->options);
}

static void run(void **state, const char *name, const char *prefix, enum adls_publish publish)
{
    struct place place = {.server = *state, .prefix = prefix, .options = {.publish = publish}};
    lake_contract_run(&(struct lake_contract){name, &place, begin, open_lake, end});
}

static void adls_lake_keeps_the_contract_by_put_blob(void **state)
{
    run(state, "put blob", "", ADLS_PUT_BLOB);
}

static void adls_lake_keeps_the_contract_by_rename(void **state)
{
    run(state, "rename", "deep/prefix", ADLS_RENAME);
}

static void adls_lake_keeps_the_contract_when_it_chooses(void **state)
{
    run(state, "auto", "an odd prefix/\xC3\xA4", ADLS_AUTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(adls_lake_keeps_the_contract_by_put_blob),
        cmocka_unit_test(adls_lake_keeps_the_contract_by_rename),
        cmocka_unit_test(adls_lake_keeps_the_contract_when_it_chooses),
    };
    return cmocka_run_group_tests(tests, bench_start, bench_stop);
}
