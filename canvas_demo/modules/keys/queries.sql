-- name: lock_key_ring
SELECT pg_advisory_xact_lock(hashtextextended('keys/' || %s, 0))

-- name: load_key_ring
SELECT organization_id, newest, destroyed, version FROM key_ring WHERE organization_id = %s

-- name: save_key_ring
INSERT INTO key_ring (organization_id, newest, destroyed, version, created_at, updated_at)
VALUES (%(organization_id)s, %(newest)s, %(destroyed)s, %(version)s, %(now)s, %(now)s)
ON CONFLICT (organization_id) DO UPDATE SET
    newest = excluded.newest, destroyed = excluded.destroyed, version = excluded.version,
    updated_at = excluded.updated_at

-- name: insert_data_key
INSERT INTO data_key (organization_id, key_version, wrapped, created_at) VALUES (%s, %s, %s, %s)

-- name: delete_data_keys
DELETE FROM data_key WHERE organization_id = %s

-- name: find_data_key
-- Both in one statement, so that a key is never found in a ring that was destroyed meanwhile.
SELECT ring.organization_id, ring.newest, ring.destroyed, data_key.key_version, data_key.wrapped
FROM key_ring AS ring LEFT JOIN data_key
    ON data_key.organization_id = ring.organization_id
    AND data_key.key_version = coalesce(nullif(%(key_version)s::int, 0), ring.newest)
WHERE ring.organization_id = %(organization_id)s

-- name: list_data_keys
SELECT key_version, created_at FROM data_key WHERE organization_id = %s ORDER BY key_version

-- name: first_data_key
SELECT organization_id, key_version, wrapped FROM data_key
ORDER BY created_at, organization_id, key_version LIMIT 1
