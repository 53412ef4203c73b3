-- name: load_subscription
SELECT subscription_id, connection_id, organization_id, user_id, username, subject, state, ends_at, version
FROM subscription WHERE subscription_id = %s

-- name: save_subscription
INSERT INTO subscription (
    subscription_id, connection_id, organization_id, user_id, username, subject, state, ends_at, version
)
VALUES (
    %(subscription_id)s, %(connection_id)s, %(organization_id)s, %(user_id)s, %(username)s, %(subject)s, %(state)s,
    %(ends_at)s, %(version)s
)
ON CONFLICT (subscription_id) DO UPDATE SET
    username = excluded.username, state = excluded.state, ends_at = excluded.ends_at, version = excluded.version

-- name: subscriptions_of_connections
-- For whoever is to let them lapse: another who would waits, and then finds none.
SELECT subscription_id, connection_id, organization_id, user_id, username, subject, state, ends_at, version
FROM subscription WHERE connection_id = ANY(%s) AND state = 'SUBSCRIBED'
ORDER BY subscription_id FOR UPDATE

-- name: lapsing_subscriptions_of_user
SELECT subscription_id, connection_id, organization_id, user_id, username, subject, state, ends_at, version
FROM subscription WHERE subject = %s AND user_id = %s AND state = 'LAPSING'
ORDER BY subscription_id FOR UPDATE

-- name: lapsed_subscriptions
-- Those that are to end, as many as fit in one transaction.
SELECT subscription_id, connection_id, organization_id, user_id, username, subject, state, ends_at, version
FROM subscription WHERE state = 'LAPSING' AND ends_at <= %s
ORDER BY ends_at LIMIT 500 FOR UPDATE SKIP LOCKED

-- name: subscribers
SELECT subject, organization_id, connection_id
FROM subscription
WHERE state = 'SUBSCRIBED' AND subject = ANY (%(subject)b::text[])

-- name: others
SELECT connection_id FROM subscription
WHERE subject = %s AND organization_id = %s AND user_id <> %s AND state = 'SUBSCRIBED'

-- name: record_presence
-- A row where what is so differs from what was told; the subject is locked.
WITH found AS (
    SELECT EXISTS (
        SELECT FROM subscription
        WHERE subject = %(subject)s AND user_id = %(user_id)s AND state <> 'UNSUBSCRIBED'
    ) AS present
)
INSERT INTO presence (subject, user_id, present, version)
SELECT %(subject)s, %(user_id)s, present, 1 FROM found
WHERE present OR EXISTS (SELECT FROM presence WHERE subject = %(subject)s AND user_id = %(user_id)s)
ON CONFLICT (subject, user_id) DO UPDATE SET present = excluded.present, version = presence.version + 1
WHERE presence.present <> excluded.present
RETURNING present, version

-- name: told_present
-- Who is there, as subscribers were told.
SELECT user_id, coalesce((
    SELECT max(username) FROM subscription
    WHERE subscription.subject = presence.subject AND subscription.user_id = presence.user_id
        AND state <> 'UNSUBSCRIBED'
), '') AS username
FROM presence WHERE subject = %s AND present
ORDER BY user_id

-- name: list_presence
SELECT user_id, max(username) AS username, count(*) FILTER (WHERE state = 'SUBSCRIBED') AS connections
FROM subscription
WHERE subject = %s AND organization_id = %s AND state <> 'UNSUBSCRIBED'
GROUP BY user_id ORDER BY max(username), user_id

-- name: list_subscriptions
SELECT subscription_id, connection_id, user_id, subject FROM subscription
WHERE subject = %s AND organization_id = %s AND state = 'SUBSCRIBED'
ORDER BY subscription_id

-- name: record_events
-- Locks the subjects: whoever subscribes to one meanwhile waits, and then finds the events in the feed.
WITH event AS (
    SELECT * FROM unnest(%(subject)b::text[], %(event_id)b::uuid[], %(event)b::json[])
    WITH ORDINALITY AS event (subject, event_id, event, place)
), moved AS (
    INSERT INTO subject (subject, cursor)
    SELECT subject, count(*) FROM event GROUP BY subject ORDER BY subject
    ON CONFLICT (subject) DO UPDATE SET cursor = subject.cursor + excluded.cursor
    RETURNING subject, cursor
), placed AS (
    SELECT subject, event_id, event, place,
        moved.cursor + 1 - row_number() OVER (PARTITION BY subject ORDER BY place DESC) AS cursor
    FROM event JOIN moved USING (subject)
), recorded AS (
    INSERT INTO feed (subject, cursor, event_id, event) SELECT subject, cursor, event_id, event FROM placed
)
SELECT cursor FROM placed ORDER BY place

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
