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

-- name: make_scratch
-- Debezium's role may read what is in it.
CREATE SCHEMA {schema};
GRANT USAGE ON SCHEMA {schema} TO {reader};
ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT ON TABLES TO {reader}

-- name: make_scratch_outbox
CREATE TABLE {name} (
    position          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id          uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    aggregate_type    text NOT NULL DEFAULT 'order',
    aggregate_id      text NOT NULL,
    aggregate_version int NOT NULL,
    event_type        text NOT NULL,
    payload           jsonb NOT NULL DEFAULT '{}',
    occurred_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (aggregate_type, aggregate_id, aggregate_version)
)

-- name: hosts
-- Who holds websockets: the lease, and how many connections live there.
SELECT
    host.name AS host, grpc_address AS grpc, lease_until, lease_until > clock_timestamp() AS alive,
    (SELECT count(*) FROM websockets.connection WHERE connection.host = host.name AND state = 'CONNECTED')
        AS connections
FROM websockets.host
ORDER BY host.name

-- name: connections
-- Connections, the newest first.
SELECT connection_id, host, state, user_id, organization_id, connected_at, version
FROM websockets.connection
WHERE %(organization_id)s::text IS NULL OR organization_id = %(organization_id)s
ORDER BY connected_at DESC
LIMIT 1000

-- name: positions
-- The end of an outbox; {schema} and {name} are the module's.
SELECT {name} AS module, coalesce(max(position), 0) AS position FROM {schema}.outbox

-- name: newest_events
-- The newest rows of an outbox.
SELECT * FROM (
    SELECT
        {name} AS module, position, event_id::text, aggregate_type, aggregate_id, aggregate_version, event_type,
        schema_version, organization_id, payload, correlation_id, causation_id, occurred_at,
        pg_xact_commit_timestamp(xmin) AS committed_at, xmin::text::bigint AS transaction_id
    FROM {schema}.outbox
    ORDER BY position DESC
    LIMIT %(limit)s
) AS newest

-- name: snapshot
-- Which transactions are visible now.
SELECT pg_current_snapshot()::text AS snapshot

-- name: events_since
-- The rows of an outbox that a snapshot did not see, also those that commit after one with a higher position; those
-- by more than 1000 lower than the position in %(after)s are not looked at. (An xmin has 32 bits: no more transactions.)
SELECT
    {name} AS module, position, event_id::text, aggregate_type, aggregate_id, aggregate_version, event_type,
    schema_version, organization_id, payload, correlation_id, causation_id, occurred_at,
    pg_xact_commit_timestamp(xmin) AS committed_at, xmin::text::bigint AS transaction_id,
    pg_current_snapshot()::text AS snapshot
FROM {schema}.outbox
WHERE
    position > coalesce((%(after)s::jsonb ->> {name})::bigint, 0) - 1000
    AND NOT pg_visible_in_snapshot(xmin::text::xid8, %(snapshot)s::pg_snapshot)

-- name: wal_state
-- Where the log stands, and what all slots together hold back of it.
SELECT
    clock_timestamp() AS at, slot_name, active, restart_lsn::text, confirmed_flush_lsn::text,
    pg_current_wal_lsn()::text AS current_lsn,
    pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint AS retained_bytes,
    pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint AS lag_bytes, wal_status, safe_wal_size
FROM pg_replication_slots
WHERE %(slot)s::text IS NULL OR slot_name = %(slot)s
ORDER BY slot_name

-- name: confirmed
-- How far the stack's connector has confirmed the log.
SELECT pg_wal_lsn_diff(confirmed_flush_lsn, '0/0')::bigint AS bytes
FROM pg_replication_slots WHERE slot_name = 'canvas_demo_outbox'

-- name: stored_parts
-- Where the parts of a file's content lie: bytes of plaintext, and the object that holds them sealed.
SELECT number, start, size, object FROM files.part WHERE file_id = %s ORDER BY number

-- name: plant_event
-- An event after the newest of a canvas; what is not given is as there.
INSERT INTO canvases.outbox (
    event_id, aggregate_type, aggregate_id, aggregate_version, event_type, schema_version, organization_id, payload,
    correlation_id, causation_id, traceparent, occurred_at
)
SELECT
    gen_random_uuid(), aggregate_type, aggregate_id, aggregate_version + 1, %(event_type)s, %(schema_version)s,
    organization_id, %(payload)s, correlation_id, causation_id, traceparent, clock_timestamp()
FROM canvases.outbox
WHERE aggregate_id = %(aggregate_id)s
ORDER BY aggregate_version DESC
LIMIT 1
RETURNING event_id::text
