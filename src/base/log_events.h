/* SPDX-License-Identifier: Apache-2.0
 *
 * Every event that lakefeed logs: X(name, level, meaning and what to do).
 */
#ifndef BASE_LOG_EVENTS_H
#define BASE_LOG_EVENTS_H

#define LOG_EVENTS(X) \
    X(link_started, LOG_INFO, "a link begins to follow its source") \
    X(link_stopped, LOG_INFO, "a link ended on request") \
    X(link_failed, LOG_ERROR, "a link ended with an error; the kind tells what to do") \
    X(link_retry, LOG_WARN, "a run failed and is tried again after the delay given") \
    X(waiting_for_owner, LOG_WARN, "another process holds the lake or the link; this one waits") \
    X(fenced, LOG_ERROR, "another writer has committed to the lake; this link stops") \
    X(resync_required, LOG_ERROR, \
      "the source no longer has the changes after the committed cursor; run lakefeed resync") \
    X(commit_done, LOG_INFO, "model.json was replaced; readers see the new snapshot") \
    X(commit_in_doubt, LOG_WARN, "the answer to the commit was lost; it is repeated until its outcome is known") \
    X(nothing_changed, LOG_INFO, "the lake is already at the position of the source; no commit was made") \
    X(ack_failed, LOG_WARN, "the source could not be told of the commit; repeated at the next one") \
    X(load_started, LOG_INFO, "the first read of an entity begins") \
    X(chunk_loaded, LOG_INFO, "one key range of an entity was read") \
    X(load_finished, LOG_INFO, "an entity is complete and visible to readers") \
    X(entity_added, LOG_INFO, "an entity joins the link") \
    X(entity_removed, LOG_INFO, "an entity leaves the link; its files go by retention") \
    X(entity_skipped, LOG_WARN, "a table is left out; the reason says why and what to do") \
    X(entity_frozen, LOG_ERROR, "an entity stands at its last good snapshot; the reason says why; the others go on") \
    X(entity_reload, LOG_WARN, "an entity is read again; readers keep the old snapshot until that is done") \
    X(schema_changed, LOG_INFO, "the columns of an entity changed") \
    X(collection_done, LOG_INFO, "superseded files and leftovers were removed") \
    X(collection_skipped, LOG_WARN, "nothing was removed, because the history of the lake could not be read") \
    X(connector_note, LOG_INFO, "a note of a connector") \
    X(source_waiting, LOG_WARN, "the source is busy or out of reach; tried again")

#endif
