/* SPDX-License-Identifier: Apache-2.0
 *
 * Every event that lakefeed logs: X(name, level, fields, meaning and what to do). Fields are the event's own ones, in
 * the order in which every call gives them; log_failure gives "kind, code, message" first. Held to the calls by
 * scripts/log_events.py.
 */
#ifndef BASE_LOG_EVENTS_H
#define BASE_LOG_EVENTS_H

#define LOG_EVENTS(X) \
    X(link_started, LOG_INFO, "source, entities, commit", "a link begins to follow its source") \
    X(link_stopped, LOG_INFO, "", "a link ended on request") \
    X(link_failed, LOG_ERROR, "kind, code, message", "a link ended with an error; the kind tells what to do") \
    X(control_unavailable, LOG_WARN, "kind, code, message", \
      "commands cannot reach this daemon for now; it replicates all the same") \
    X(link_disabled, LOG_INFO, "kind, code, message", "a link does not run until lakefeed enable") \
    X(config_reloaded, LOG_INFO, "changes", "another configuration is in force") \
    X(config_refused, LOG_ERROR, "kind, code, message", \
      "the configuration was not reloaded; the old one stays in force") \
    X(link_added, LOG_INFO, "", "a link of the new configuration begins") \
    X(link_removed, LOG_WARN, "", \
      "a link is no longer in the configuration and ends; its source keeps a consumer until lakefeed unlink") \
    X(link_retry, LOG_WARN, "kind, code, message, delay_ms", "a run failed and is tried again after the delay given") \
    X(waiting_for_owner, LOG_WARN, "kind, code, message", \
      "another process holds the lake or the link; this one waits") \
    X(fenced, LOG_ERROR, "kind, code, message", "another writer has committed to the lake; this link stops") \
    X(resync_required, LOG_ERROR, "kind, code, message", \
      "the source no longer has the changes after the committed cursor; run lakefeed resync") \
    X(commit_done, LOG_INFO, \
      "commit, cursor, changes, partitions_written, partitions_kept, bytes_read, bytes_written", \
      "model.json was replaced; readers see the new snapshot") \
    X(commit_in_doubt, LOG_WARN, "commit, kind, message", \
      "the answer to the commit was lost; it is repeated until its outcome is known") \
    X(nothing_changed, LOG_INFO, "cursor", "the lake is already at the position of the source; no commit was made") \
    X(ack_failed, LOG_WARN, "kind, code, message", \
      "the source could not be told of the commit; repeated at the next one") \
    X(load_started, LOG_INFO, "chunks, reason", "the first read of an entity begins") \
    X(chunk_loaded, LOG_INFO, "chunk, rows, bytes", "one key range of an entity was read") \
    X(load_finished, LOG_INFO, "partitions", "an entity is complete and visible to readers") \
    X(entity_added, LOG_INFO, "", "an entity joins the link") \
    X(entity_removed, LOG_INFO, "", "an entity leaves the link; its files go by retention") \
    X(entity_skipped, LOG_WARN, "table, reason", "a table is left out; the reason says why and what to do") \
    X(entity_frozen, LOG_ERROR, "reason", \
      "an entity stands at its last good snapshot; the reason says why; the others go on") \
    X(entity_reload, LOG_WARN, "chunks, reason", \
      "an entity is read again; readers keep the old snapshot until that is done") \
    X(rows_quarantined, LOG_WARN, "rows, rows_in_all, path", \
      "rows cannot be taken; the entity leaves them out and lists them in the file named; correct them in the source") \
    X(rows_replaced, LOG_WARN, "rows", "text that is no UTF-8, or U+0000, was replaced by U+FFFD in that many rows") \
    X(schema_changed, LOG_INFO, "columns", "the columns of an entity changed") \
    X(collection_done, LOG_INFO, "files, failed", "superseded files and leftovers were removed") \
    X(collection_skipped, LOG_WARN, "reason", \
      "nothing was removed, because the history of the lake could not be read") \
    X(catalog_recreated, LOG_WARN, "message, kept", \
      "the history of operations and failures could not be read and begins anew; links and lakes are untouched; kept " \
      "is " \
      "the old file, empty when it was removed") \
    X(catalog_unavailable, LOG_WARN, "kind, code, message", \
      "operations and failures are not recorded until the cause is gone; links and lakes are untouched") \
    X(connector_note, LOG_INFO, "note, text", "a note of a connector") \
    X(source_waiting, LOG_WARN, "kind, code, message", "the source is busy or out of reach; tried again")

#endif
