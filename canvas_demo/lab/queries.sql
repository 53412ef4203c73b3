-- What the lab asks of the tables that every module has; {schema} and {name} are the module's.

-- name: events
-- Events by what is given; the rest of the parameters is null.
SELECT
    {name} AS module, position, event_id::text, aggregate_type, aggregate_id, aggregate_version, event_type,
    schema_version, organization_id, payload, correlation_id, causation_id, traceparent, occurred_at,
    specversion, source, subject,
    pg_xact_commit_timestamp(xmin) AS committed_at, xmin::text::bigint AS transaction_id
FROM {schema}.outbox
WHERE (%(event_id)s::uuid IS NULL OR event_id = %(event_id)s::uuid)
  AND (%(correlation_id)s::text IS NULL OR correlation_id = %(correlation_id)s)
  AND (%(aggregate_id)s::text IS NULL OR aggregate_id = %(aggregate_id)s)
  AND (%(event_type)s::text IS NULL OR event_type = %(event_type)s)

-- name: inbox
-- Who has handled an event: when the handling began, and when its transaction was committed.
SELECT
    {name} AS module, consumer, event_id::text, handled_at, pg_xact_commit_timestamp(xmin) AS committed_at
FROM {schema}.inbox
WHERE event_id = %(event_id)s::uuid

-- name: slots
-- Replication slots, with the bytes of WAL that each holds back.
SELECT
    slot_name, active, active_pid, restart_lsn::text, confirmed_flush_lsn::text,
    pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS retained_bytes
FROM pg_replication_slots
ORDER BY slot_name

-- name: drop_slot
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND NOT active

-- name: peek_changes
-- What pgoutput says of everything committed since the slot's place; the slot stays there.
SELECT lsn::text, xid::text::bigint, data
FROM pg_logical_slot_peek_binary_changes(
    %s, NULL, NULL, 'proto_version', '1', 'publication_names', %s, 'messages', 'true'
)

-- name: confirm_changes
-- The same, and the slot moves on behind it.
SELECT lsn::text, xid::text::bigint, data
FROM pg_logical_slot_get_binary_changes(
    %s, NULL, NULL, 'proto_version', '1', 'publication_names', %s, 'messages', 'true'
)
