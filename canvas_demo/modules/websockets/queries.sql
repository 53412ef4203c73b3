-- name: load_connection
SELECT connection_id, organization_id, user_id, host, state, version
FROM connection WHERE connection_id = %s

-- name: save_connection
INSERT INTO connection (connection_id, organization_id, user_id, host, state, connected_at, version)
VALUES (%(connection_id)s, %(organization_id)s, %(user_id)s, %(host)s, %(state)s, %(now)s, %(version)s)
ON CONFLICT (connection_id) DO UPDATE SET state = excluded.state, version = excluded.version

-- name: live_connections_of_host
-- For whoever is to end them: another who would waits, and then finds none.
SELECT connection_id, organization_id, user_id, host, state, version
FROM connection WHERE host = %s AND state = 'CONNECTED'
ORDER BY connection_id FOR UPDATE

-- name: live_connections_among
SELECT connection_id, organization_id, user_id, host, state, version
FROM connection WHERE connection_id = ANY(%s) AND state = 'CONNECTED'
ORDER BY connection_id FOR UPDATE

-- name: list_connections
SELECT connection_id, organization_id, user_id, host, connected_at
FROM connection WHERE organization_id = %s AND user_id = %s AND state = 'CONNECTED'
ORDER BY connected_at, connection_id

-- name: owners
-- Connections that can be spoken to, with their hosts: those named, and all of the people named.
SELECT connection_id, grpc_address
FROM connection JOIN host ON host.name = connection.host
WHERE (connection_id = ANY(%s) OR user_id = ANY(%s)) AND state = 'CONNECTED'
    AND NOT EXISTS (SELECT FROM missed_text WHERE missed_text.connection_id = connection.connection_id)

-- name: mark_missed
-- And forget those that have ended meanwhile.
WITH ended AS (
    DELETE FROM missed_text USING connection
    WHERE connection.connection_id = missed_text.connection_id AND state = 'DISCONNECTED'
)
INSERT INTO missed_text (connection_id)
SELECT connection_id FROM connection WHERE connection_id = ANY(%s) AND state = 'CONNECTED'
ON CONFLICT DO NOTHING

-- name: census_of_host
SELECT connection_id, missed_text.connection_id IS NOT NULL AS missed_text
FROM connection LEFT JOIN missed_text USING (connection_id) WHERE host = %s AND state = 'CONNECTED'

-- name: count_messages
-- What came in over a connection is its stream and nothing else: the state is counted from it.
SELECT organization_id, aggregate_version AS messages FROM outbox
WHERE aggregate_type = 'websocket-message' AND aggregate_id = %s
ORDER BY aggregate_version DESC LIMIT 1

-- name: take_host
-- By force: a process that starts ends an earlier life at its own address. Else only where no other life holds it.
INSERT INTO host (name, grpc_address, epoch, lease_until)
VALUES (%(name)s, %(grpc_address)s, %(epoch)s, clock_timestamp() + %(lease)s)
ON CONFLICT (name) DO UPDATE SET
    grpc_address = excluded.grpc_address, epoch = excluded.epoch, lease_until = excluded.lease_until
WHERE (%(by_force)s AND host.grpc_address = excluded.grpc_address) OR host.lease_until < clock_timestamp()
RETURNING name

-- name: renew_lease
UPDATE host SET lease_until = clock_timestamp() + %(lease)s
WHERE name = %(name)s AND epoch = %(epoch)s
RETURNING name

-- name: hold_lease
-- Until the transaction ends nobody takes the host's name or takes it for dead.
SELECT name FROM host WHERE name = %(name)s AND epoch = %(epoch)s FOR KEY SHARE

-- name: leave_host
DELETE FROM host WHERE name = %(name)s AND epoch = %(epoch)s RETURNING name

-- name: bury_hosts
-- The hosts that are taken for dead.
DELETE FROM host WHERE name IN (
    SELECT name FROM host WHERE lease_until < clock_timestamp() FOR UPDATE SKIP LOCKED
)
RETURNING name
