-- The records that wait in `parked`; search_path is the module's schema.

-- name: blocked_keys
-- Read after the claim, by a statement of its own: what another member parked meanwhile is seen.
SELECT DISTINCT parked.topic, parked.key
FROM parked JOIN unnest(%(topics)b::text[], %(keys)b::text[]) AS asked (topic, key)
    ON parked.topic = asked.topic AND parked.key = asked.key
WHERE parked.consumer = %(consumer)s

-- name: park
INSERT INTO parked (
    consumer, event_id, topic, partition, record_offset, key, headers, value, attempts, reason, due_at
) VALUES (
    %(consumer)s, %(event_id)s, %(topic)s, %(partition)s, %(offset)s, %(key)s, %(headers)s, %(value)s,
    %(attempts)s, %(reason)s, clock_timestamp() + make_interval(secs => %(due_in)s)
)

-- name: announce
-- Wakes whoever waits for a change in what is parked, when the transaction commits.
SELECT pg_notify(%s, '')

-- name: begin_attempt
-- A head that is due, those first that were tried least. What is written here stands if the attempt ends the process.
UPDATE parked SET
    attempts = attempts + 1,
    reason = %(ended)s,
    due_at = CASE WHEN attempts + 1 < %(limit)s THEN
        clock_timestamp() + make_interval(secs => least(%(last)s, %(first)s * 2 ^ attempts) * (0.5 + random() / 2))
    END
WHERE position = (
    SELECT position FROM parked AS head
    WHERE consumer = %(consumer)s AND due_at <= clock_timestamp() AND NOT EXISTS (
        SELECT FROM parked AS before
        WHERE before.consumer = head.consumer AND before.topic = head.topic AND before.key = head.key
            AND before.position < head.position
    )
    ORDER BY attempts, position LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING position, attempts, event_id::text, topic, partition, record_offset, key, headers, value

-- name: hold
-- The record while its attempt lasts: another member passes it over.
SELECT FROM parked WHERE position = %(position)s AND attempts = %(attempts)s FOR UPDATE

-- name: done
DELETE FROM parked WHERE position = %s

-- name: begin_together
-- Those that now come first of a key and that nobody has tried, up to one that somebody has. What is written here
-- stands if they end the process: after it each of them is tried alone.
UPDATE parked SET reason = %(together)s WHERE position IN (
    SELECT position FROM parked WHERE consumer = %(consumer)s AND topic = %(topic)s AND key = %(key)s
        AND position < coalesce((
            SELECT min(position) FROM parked WHERE consumer = %(consumer)s AND topic = %(topic)s AND key = %(key)s
                AND (attempts > 0 OR due_at IS NULL OR reason <> ALL (%(untried)s))
        ), %(last)s)
    ORDER BY position LIMIT %(limit)s
)
RETURNING position, topic, partition, record_offset, key, headers, value

-- name: hold_together
SELECT FROM parked WHERE position = ANY (%(positions)s) AND reason = %(together)s AND attempts = 0 FOR UPDATE

-- name: done_together
DELETE FROM parked WHERE position = ANY (%s)

-- name: interrupted_together
-- The surroundings failed: they are as untried as before.
UPDATE parked SET reason = %(behind)s
WHERE position = ANY (%(positions)s) AND reason = %(together)s AND attempts = 0

-- name: failed
UPDATE parked SET reason = %(reason)s WHERE position = %(position)s AND attempts = %(attempts)s

-- name: failed_for_good
UPDATE parked SET reason = %(reason)s, due_at = NULL WHERE position = %(position)s AND attempts = %(attempts)s

-- name: interrupted
-- The surroundings failed: the attempt does not count.
UPDATE parked SET
    attempts = attempts - 1, reason = %(reason)s, due_at = clock_timestamp() + make_interval(secs => %(due_in)s)
WHERE position = %(position)s AND attempts = %(attempts)s

-- name: seconds_to_next
-- Until a head is due; NULL where nothing waits for its time.
SELECT extract(epoch FROM min(due_at) - clock_timestamp())::float8 AS seconds FROM parked AS head
WHERE consumer = %(consumer)s AND due_at IS NOT NULL AND NOT EXISTS (
    SELECT FROM parked AS before
    WHERE before.consumer = head.consumer AND before.topic = head.topic AND before.key = head.key
        AND before.position < head.position
)

-- name: list
-- Heads first to last, each with what waits behind it.
SELECT
    position, consumer, event_id::text, topic, partition, record_offset, key, headers, value, attempts, reason,
    due_at, parked_at,
    first_value(position) OVER (PARTITION BY consumer, topic, coalesce(key, position::text) ORDER BY position) AS head
FROM parked WHERE consumer = coalesce(%(consumer)s, consumer) ORDER BY consumer, head, position

-- name: outcome
SELECT due_at, reason FROM parked WHERE position = %s

-- name: retry
-- One attempt more, now.
UPDATE parked SET
    attempts = CASE WHEN due_at IS NULL THEN greatest(attempts - 1, 0) ELSE attempts END,
    due_at = clock_timestamp()
WHERE position = %s

-- name: drop
-- Waits for an attempt that is being made; its row in the inbox stays.
DELETE FROM parked WHERE position = %s

-- name: measure
SELECT (SELECT coalesce(max(position), 0) FROM outbox) AS outbox, (SELECT count(*) FROM parked) AS parked
