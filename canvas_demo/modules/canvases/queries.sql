-- name: load_canvas
SELECT canvas_id, organization_id, name, created_by, archived, version, created_at, updated_at
FROM canvas WHERE canvas_id = %s

-- name: load_items
SELECT item_id, file_id, x, y, status, name, media_type, size
FROM item WHERE canvas_id = %s ORDER BY item_id

-- name: list_canvases
SELECT canvas_id, organization_id, name, created_by, archived, version, created_at, updated_at
FROM canvas WHERE organization_id = %s AND NOT archived
ORDER BY created_at DESC, canvas_id

-- name: canvases_of_file
SELECT DISTINCT canvas_id FROM item WHERE file_id = %s ORDER BY canvas_id

-- name: save_canvas
INSERT INTO canvas (canvas_id, organization_id, name, created_by, archived, version, created_at, updated_at)
VALUES (%(canvas_id)s, %(organization_id)s, %(name)s, %(created_by)s, %(archived)s, %(version)s, %(now)s, %(now)s)
ON CONFLICT (canvas_id) DO UPDATE SET
    name = excluded.name, archived = excluded.archived, version = excluded.version, updated_at = excluded.updated_at

-- name: save_item
INSERT INTO item (canvas_id, item_id, file_id, x, y, status, name, media_type, size)
VALUES (%(canvas_id)s, %(item_id)s, %(file_id)s, %(x)s, %(y)s, %(status)s, %(name)s, %(media_type)s, %(size)s)
ON CONFLICT (canvas_id, item_id) DO UPDATE SET
    x = excluded.x, y = excluded.y, status = excluded.status, name = excluded.name,
    media_type = excluded.media_type, size = excluded.size

-- name: delete_item
DELETE FROM item WHERE canvas_id = %(canvas_id)s AND item_id = %(item_id)s
