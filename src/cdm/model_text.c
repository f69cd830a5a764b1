/* SPDX-License-Identifier: Apache-2.0 */
#include "cdm/model_text.h"

const char *const model_notes[MODEL_NOTES] = {
    "lakefeed:format",  "lakefeed:commit",        "lakefeed:commitId", "lakefeed:previousCommit",
    "lakefeed:history", "lakefeed:historySha256", "lakefeed:writer",   "lakefeed:lakeId",
    "lakefeed:cursor",  "lakefeed:cursorText",    "lakefeed:source",   "lakefeed:sourceTime",
    "lakefeed:version",
};

const char *const model_entity_notes[ENTITY_NOTES] = {
    "Athena:PartitionGranularity",
    "Athena:InitialSyncState",
    "Athena:InitialSyncDataCompletedTime",
    "lakefeed:state",
    "lakefeed:reason",
    "lakefeed:standsAt",
    "lakefeed:table",
    "lakefeed:tableId",
    "lakefeed:loadId",
    "lakefeed:key",
    "lakefeed:schemaVersion",
    "lakefeed:mode",
    "lakefeed:rows",
    "lakefeed:nextPartition",
    "lakefeed:loading",
    "lakefeed:loadingSha256",
    "lakefeed:quarantine",
    "lakefeed:quarantineSha256",
    "lakefeed:quarantineRows",
};

const char *const model_partition_notes[PARTITION_NOTES] = {
    "lakefeed:path", "lakefeed:rows", "lakefeed:bytes", "lakefeed:sha256", "lakefeed:firstKey", "lakefeed:since",
};

const char *const model_state_names[MODEL_STATES] = {"Loading", "Completed", "Reloading", "Error"};
