/* SPDX-License-Identifier: Apache-2.0
 *
 * What printer and parser of model.json share: the names of members and annotations, in the order of the text.
 */
#ifndef CDM_MODEL_TEXT_H
#define CDM_MODEL_TEXT_H

#include <stddef.h>

/* The text of one entity: what the printer refuses to write and, with room for another way of escaping, the parser to read. */
#define MODEL_ENTITY_PRINT_MAX ((size_t)48 << 20)
#define MODEL_PIECE_MAX ((size_t)64 << 20)

#define MODEL_VERSION "1.0"
#define MODEL_MODE "snapshot"
#define MODEL_GRANULARITY "Year"
#define MODEL_SYNC_DONE "Completed"
#define MODEL_SYNC_RUNNING "InProgress"

enum model_note {
    MODEL_NOTE_FORMAT,
    MODEL_NOTE_COMMIT,
    MODEL_NOTE_COMMIT_ID,
    MODEL_NOTE_PREVIOUS,
    MODEL_NOTE_HISTORY,
    MODEL_NOTE_HISTORY_SHA256,
    MODEL_NOTE_WRITER,
    MODEL_NOTE_LAKE_ID,
    MODEL_NOTE_CURSOR,
    MODEL_NOTE_CURSOR_TEXT,
    MODEL_NOTE_SOURCE,
    MODEL_NOTE_SOURCE_TIME,
    MODEL_NOTE_VERSION,
    MODEL_NOTES
};
extern const char *const model_notes[MODEL_NOTES];

enum model_entity_note {
    ENTITY_NOTE_GRANULARITY,
    ENTITY_NOTE_SYNC_STATE,
    ENTITY_NOTE_SYNC_TIME,
    ENTITY_NOTE_STATE,
    ENTITY_NOTE_REASON,
    ENTITY_NOTE_STANDS_AT,
    ENTITY_NOTE_TABLE,
    ENTITY_NOTE_TABLE_ID,
    ENTITY_NOTE_LOAD_ID,
    ENTITY_NOTE_KEY,
    ENTITY_NOTE_SCHEMA_VERSION,
    ENTITY_NOTE_MODE,
    ENTITY_NOTE_ROWS,
    ENTITY_NOTE_NEXT_PARTITION,
    ENTITY_NOTE_LOADING,
    ENTITY_NOTE_LOADING_SHA256,
    ENTITY_NOTE_QUARANTINE,
    ENTITY_NOTE_QUARANTINE_SHA256,
    ENTITY_NOTE_QUARANTINE_ROWS,
    ENTITY_NOTES
};
extern const char *const model_entity_notes[ENTITY_NOTES];

enum model_partition_note {
    PARTITION_NOTE_PATH,
    PARTITION_NOTE_ROWS,
    PARTITION_NOTE_BYTES,
    PARTITION_NOTE_SHA256,
    PARTITION_NOTE_FIRST_KEY,
    PARTITION_NOTE_SINCE,
    PARTITION_NOTES
};
extern const char *const model_partition_notes[PARTITION_NOTES];

#define MODEL_STATES 4
extern const char *const model_state_names[MODEL_STATES]; /* by enum model_state */

#endif
