-- What the kernel asks of the tables that every module has; search_path is the module's schema.

-- name: append_event
INSERT INTO outbox (
    event_id, aggregate_type, aggregate_id, aggregate_version, event_type, schema_version,
    organization_id, payload, correlation_id, causation_id, traceparent, occurred_at
) VALUES (
    %(event_id)s, %(aggregate_type)s, %(aggregate_id)s, %(aggregate_version)s, %(event_type)s, %(schema_version)s,
    %(organization_id)s, %(payload)s, %(correlation_id)s, %(causation_id)s, %(traceparent)s, %(occurred_at)s
)

-- name: read_stream
SELECT
    position, event_id::text, aggregate_type, aggregate_id, aggregate_version, event_type, schema_version,
    organization_id, payload, correlation_id, causation_id, traceparent, occurred_at, source
FROM outbox
WHERE aggregate_type = %s AND aggregate_id = %s
ORDER BY aggregate_version

-- name: read_streams
SELECT
    position, event_id::text, aggregate_type, aggregate_id, aggregate_version, event_type, schema_version,
    organization_id, payload, correlation_id, causation_id, traceparent, occurred_at, source
FROM outbox
WHERE aggregate_type = %s
ORDER BY aggregate_id, aggregate_version

-- name: streams_of_organization
SELECT DISTINCT aggregate_id FROM outbox WHERE aggregate_type = %s AND organization_id = %s ORDER BY aggregate_id

-- name: shadow_table
-- A temporary table like the module's, which hides it until the transaction ends.
CREATE TEMPORARY TABLE {table} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING INDEXES) ON COMMIT DROP

-- name: compare_tables
-- Rows that only one of a module's table and its shadow has.
WITH shadow AS (TABLE pg_temp.{table}), stored AS (TABLE {schema}.{table})
SELECT true AS by_events, to_jsonb(row)::text AS row FROM (TABLE shadow EXCEPT TABLE stored) AS row
UNION ALL
SELECT false, to_jsonb(row)::text FROM (TABLE stored EXCEPT TABLE shadow) AS row
LIMIT %(limit)s

-- name: claim_events
-- The events of a batch that this consumer has not handled yet; from here on it has.
INSERT INTO inbox (consumer, event_id)
SELECT %(consumer)s, event_id FROM unnest(%(event_ids)b::uuid[]) AS event_id
ON CONFLICT DO NOTHING
RETURNING event_id::text

-- name: drop_old_requests
-- A few at a time, with every new one: so there is never a heap of them.
DELETE FROM request WHERE (scope, key) IN (
    SELECT scope, key FROM request WHERE created_at < %(before)s ORDER BY created_at LIMIT 10 FOR UPDATE SKIP LOCKED
)

-- name: claim_request
-- Waits for a transaction that has claimed the same key.
INSERT INTO request (scope, key, fingerprint, organization_id, created_at)
VALUES (%(scope)s, %(key)s, %(fingerprint)s, %(organization_id)s, %(now)s)
ON CONFLICT DO NOTHING
RETURNING key

-- name: keep_answer
UPDATE request SET answer = %(answer)s, organization_id = %(organization_id)s WHERE scope = %(scope)s AND key = %(key)s

-- name: find_answer
SELECT fingerprint, answer FROM request WHERE scope = %(scope)s AND key = %(key)s

-- name: hold_answer
SELECT answer FROM request WHERE scope = %(scope)s AND key = %(key)s FOR UPDATE

-- name: forget_request
DELETE FROM request WHERE scope = %(scope)s AND key = %(key)s

-- name: hold_organization
-- Until the transaction ends, nobody begins to forget the organisation; who has begun is waited for.
SELECT pg_advisory_xact_lock_shared(hashtextextended(current_schema() || '/forgotten/' || %s, 0))

-- name: is_forgotten
SELECT FROM forgotten WHERE organization_id = %s

-- name: forget_organization
-- Once those are done who hold it.
WITH done AS MATERIALIZED (
    SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/forgotten/' || %(organization_id)s, 0))
)
INSERT INTO forgotten SELECT %(organization_id)s FROM done
ON CONFLICT DO NOTHING

-- name: forget_answers
DELETE FROM request WHERE organization_id = %s
