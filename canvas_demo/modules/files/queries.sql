-- name: load_file
SELECT file_id, organization_id, status, name, media_type, created_by, attributes, size, sha256, key_version,
    version, created_at, updated_at
FROM file WHERE file_id = %s

-- name: save_file
INSERT INTO file (
    file_id, organization_id, status, name, media_type, created_by, attributes, size, sha256, key_version,
    version, created_at, updated_at
) VALUES (
    %(file_id)s, %(organization_id)s, %(status)s, %(name)s, %(media_type)s, %(created_by)s, %(attributes)s,
    %(size)s, %(sha256)s, %(key_version)s, %(version)s, %(now)s, %(now)s
)
ON CONFLICT (file_id) DO UPDATE SET
    status = excluded.status, name = excluded.name, media_type = excluded.media_type, attributes = excluded.attributes,
    size = excluded.size, sha256 = excluded.sha256, key_version = excluded.key_version, version = excluded.version,
    updated_at = excluded.updated_at

-- name: create_upload
INSERT INTO upload (file_id, size, attempt, metadata, expires_at)
VALUES (%(file_id)s, %(size)s, gen_random_uuid(), %(metadata)s, %(expires_at)s)

-- name: find_upload
SELECT file_id, upload.size, key_version, metadata, expires_at, attempt::text,
    coalesce(sum(part.size), 0)::bigint AS offset, count(part.number) AS parts,
    (array_agg(part.object ORDER BY part.number DESC))[1] AS last_object
FROM upload LEFT JOIN part USING (file_id)
WHERE file_id = %s
GROUP BY upload.file_id

-- name: take_over
-- One of which all has come is only to be finished: whoever is the first may.
UPDATE upload SET attempt = CASE WHEN size = %(finishing_at)s AND attempt IS NOT NULL THEN attempt ELSE %(attempt)s END
WHERE file_id = %(file_id)s AND expires_at IS NOT NULL

-- name: prolong_upload
UPDATE upload SET expires_at = %(expires_at)s, key_version = %(key_version)s
WHERE file_id = %(file_id)s AND attempt = %(attempt)s
RETURNING file_id

-- name: add_part
-- Nothing where the attempt was taken over.
INSERT INTO part (file_id, number, start, size, object, header)
SELECT file_id, %(number)s, %(start)s, %(size)s, %(object)s, %(header)s
FROM upload WHERE file_id = %(file_id)s AND attempt = %(attempt)s

-- name: forget_uploads
-- What uploaders said to read it again, the names of files among it.
UPDATE upload SET metadata = '' FROM file WHERE file.file_id = upload.file_id AND organization_id = %s

-- name: complete_upload
-- What was said of it stays; no attempt can be the one that writes any more.
UPDATE upload SET expires_at = NULL, attempt = gen_random_uuid()
WHERE file_id = %(file_id)s AND attempt = %(attempt)s
RETURNING file_id

-- name: end_upload
DELETE FROM upload WHERE file_id = %s

-- name: give_up
WITH ended AS (
    DELETE FROM upload
    WHERE file_id = %(file_id)s AND expires_at <= coalesce(%(due)s, 'infinity'::timestamptz)
    RETURNING file_id
)
INSERT INTO given_up (file_id, at) SELECT file_id, now() FROM ended
RETURNING file_id

-- name: was_given_up
SELECT FROM given_up WHERE file_id = %s

-- name: forget_given_up
DELETE FROM given_up WHERE at < %s

-- name: drop_parts
DELETE FROM part WHERE file_id = %s RETURNING size, object

-- name: load_parts
SELECT number, start, size, object, header FROM part
WHERE file_id = %(file_id)s AND start < %(end)s AND start + size > %(start)s
ORDER BY number

-- name: use
INSERT INTO usage (organization_id, bytes) VALUES (%s, %s)
ON CONFLICT (organization_id) DO UPDATE SET bytes = usage.bytes + excluded.bytes
RETURNING bytes

-- name: find_usage
SELECT bytes FROM usage WHERE organization_id = %s

-- name: expired_uploads
SELECT file_id, organization_id FROM upload JOIN file USING (file_id)
WHERE expires_at <= %s ORDER BY expires_at LIMIT 100

-- name: next_expiry
SELECT min(expires_at) AS expires_at FROM upload

-- name: add_removal
INSERT INTO removal (file_id, folder) VALUES (%s, %s) ON CONFLICT DO NOTHING

-- name: removals
SELECT file_id, folder FROM removal ORDER BY file_id LIMIT 100

-- name: drop_removal
DELETE FROM removal WHERE file_id = %s
