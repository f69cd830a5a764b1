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
      "is the old file, empty when it was removed") \
    X(catalog_unavailable, LOG_WARN, "kind, code, message", \
      "operations and failures are not recorded until the cause is gone; links and lakes are untouched") \
    X(connector_note, LOG_INFO, "note, text", "a note of a connector") \
    X(filesystem_created, LOG_INFO, "filesystem", "the filesystem of a lake did not exist and was made") \
    X(publish_by_rename, LOG_WARN, "kind, code, message", \
      "the blob endpoint of the account cannot be reached; model.json is replaced by renaming, over the dfs endpoint " \
      "alone, which takes three requests more; with publish = rename it is not tried") \
    X(lease_lost, LOG_WARN, "kind, code, message", \
      "the lease on the lake could not be renewed; writes wait until it is acquired again") \
    X(lease_regained, LOG_INFO, "", "the lease on the lake is ours again; writes go on") \
    X(lease_taken, LOG_ERROR, "holder", "another process holds the lease on the lake; this link writes no more") \
    X(lease_broken, LOG_WARN, "holder", "the lease of another process was broken, as asked for with --takeover") \
    X(sas_expires, LOG_WARN, "expires, hours_left, place", \
      "the shared access signature ends soon and nobody but the owner of the account can renew it; put a new one " \
      "there") \
    X(certificate_expires, LOG_WARN, "expires, hours_left, place", \
      "the certificate of the application ends soon; register a new one with the application and put it there") \
    X(source_retains, LOG_WARN, "retained_bytes, beyond_bytes, left_bytes, seconds_behind, text", \
      "the source keeps more of its log for this link than max_retained, or is about to give the link up; text says " \
      "what keeps it; told again whenever it has doubled") \
    X(source_lag_unknown, LOG_WARN, "kind, code, message", \
      "the source does not say what it keeps of its log for this link; the link goes on, status shows what was known " \
      "last " \
      "and how old it is; told once until there is an answer") \
    X(source_waiting, LOG_WARN, "kind, code, message", "the source is busy or out of reach; tried again") \
    X(http_try_failed, LOG_DEBUG, \
      "method, url, attempt, status, reason, client_request_id, request_id, again, delay_ms", \
      "one try of a request had no answer (status 0) or one of 400 and above; again says whether another follows; " \
      "the ids are what the service's support asks for") \
    X(http_slowed, LOG_WARN, "host, status, requests", \
      "a service asks to slow down; at most so many requests run at once, more again as it answers well") \
    X(identity_chosen, LOG_INFO, "identity", "the identity \"default\" has found out who lakefeed is towards Azure") \
    X(token_refresh_failed, LOG_WARN, "kind, code, message, seconds_left", \
      "a new token could not be had ahead of time; the old one serves for as long as given, tried again meanwhile")

#endif
