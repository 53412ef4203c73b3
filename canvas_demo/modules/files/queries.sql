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
    status = excluded.status, name = excluded.name, size = excluded.size, sha256 = excluded.sha256,
    key_version = excluded.key_version, version = excluded.version, updated_at = excluded.updated_at
