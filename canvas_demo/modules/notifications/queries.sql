-- name: load_subscription
SELECT subscription_id, connection_id, organization_id, user_id, subject, state, version
FROM subscription WHERE subscription_id = %s

-- name: save_subscription
INSERT INTO subscription (subscription_id, connection_id, organization_id, user_id, subject, state, version)
VALUES (
    %(subscription_id)s, %(connection_id)s, %(organization_id)s, %(user_id)s, %(subject)s, %(state)s, %(version)s
)
ON CONFLICT (subscription_id) DO UPDATE SET state = excluded.state, version = excluded.version

-- name: subscriptions_of_connections
-- For whoever is to end them: another who would waits, and then finds none.
SELECT subscription_id, connection_id, organization_id, user_id, subject, state, version
FROM subscription WHERE connection_id = ANY(%s) AND state = 'SUBSCRIBED'
ORDER BY subscription_id FOR UPDATE

-- name: subscribers
SELECT connection_id FROM subscription
WHERE subject = %s AND organization_id = %s AND state = 'SUBSCRIBED'

-- name: list_subscriptions
SELECT subscription_id, connection_id, user_id, subject FROM subscription
WHERE subject = %s AND organization_id = %s AND state = 'SUBSCRIBED'
ORDER BY subscription_id

-- name: record_event
-- Locks the subject: whoever subscribes meanwhile waits, and then finds the event in the feed.
WITH next AS (
    INSERT INTO subject (subject, cursor) VALUES (%(subject)s, 1)
    ON CONFLICT (subject) DO UPDATE SET cursor = subject.cursor + 1
    RETURNING subject, cursor
), recorded AS (
    INSERT INTO feed (subject, cursor, event_id, event)
    SELECT subject, cursor, %(event_id)s, %(event)s FROM next
)
SELECT cursor FROM next

-- name: lock_subject
-- No event of the subject gets a cursor until the transaction ends.
INSERT INTO subject (subject, cursor) VALUES (%s, 0)
ON CONFLICT (subject) DO UPDATE SET cursor = subject.cursor
RETURNING cursor

-- name: cursor_of_subject
SELECT cursor FROM subject WHERE subject = %s

-- name: oldest_cursor
SELECT min(cursor) AS oldest FROM feed WHERE subject = %s

-- name: missed_events
SELECT cursor, event::text AS event FROM feed WHERE subject = %s AND cursor > %s ORDER BY cursor LIMIT %s

-- name: trim_feed
DELETE FROM feed WHERE subject = %s AND cursor <= %s
