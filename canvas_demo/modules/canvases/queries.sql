-- name: load_canvas
SELECT canvas_id, organization_id, name, created_by, archived, version, created_at, updated_at
FROM canvas WHERE canvas_id = %s

-- name: load_items
SELECT item_id, kind, file_id, x, y, width, height, layer, text, status, name, media_type, size, file_version
FROM item WHERE canvas_id = %s ORDER BY layer, item_id

-- name: list_canvases
-- {key} is what is sorted by, {after_key} that of the last one seen; {after} is < or >, {direction} is DESC or ASC.
SELECT canvas_id, organization_id, name, created_by, archived, version, created_at, updated_at
FROM canvas
WHERE organization_id = %(organization_id)s AND archived = %(archived)s
    AND (%(after_id)s::text IS NULL OR ({key}, canvas_id) {after} ({after_key}, %(after_id)s))
ORDER BY {key} {direction}, canvas_id {direction}
LIMIT %(limit)s

-- name: hold_file
-- Until the transaction ends, nothing is done here about events of the file.
SELECT pg_advisory_xact_lock_shared(hashtextextended('canvases/file/' || %s, 0))

-- name: hold_files_alone
-- Until the transaction ends, none of the files is placed; who places one is waited for. In one order, for all.
SELECT pg_advisory_xact_lock(key)
FROM (SELECT DISTINCT hashtextextended('canvases/file/' || id, 0) AS key FROM unnest(%b::text[]) AS id ORDER BY key)

-- name: canvases_of_file
SELECT DISTINCT canvas_id FROM item WHERE file_id = %s AND file_id <> '' ORDER BY canvas_id

-- name: save_canvas
INSERT INTO canvas (canvas_id, organization_id, name, created_by, archived, version, created_at, updated_at)
VALUES (%(canvas_id)s, %(organization_id)s, %(name)s, %(created_by)s, %(archived)s, %(version)s, %(now)s, %(now)s)
ON CONFLICT (canvas_id) DO UPDATE SET
    name = excluded.name, archived = excluded.archived, version = excluded.version, updated_at = excluded.updated_at

-- name: save_item
INSERT INTO item (
    canvas_id, item_id, kind, file_id, x, y, width, height, layer, text, status, name, media_type, size,
    file_version
) VALUES (
    %(canvas_id)s, %(item_id)s, %(kind)s, %(file_id)s, %(x)s, %(y)s, %(width)s, %(height)s, %(layer)s, %(text)s,
    %(status)s, %(name)s, %(media_type)s, %(size)s, %(version)s
)
ON CONFLICT (canvas_id, item_id) DO UPDATE SET
    x = excluded.x, y = excluded.y, width = excluded.width, height = excluded.height, layer = excluded.layer,
    text = excluded.text, status = excluded.status, name = excluded.name, media_type = excluded.media_type,
    size = excluded.size, file_version = excluded.file_version

-- name: delete_item
DELETE FROM item WHERE canvas_id = %(canvas_id)s AND item_id = %(item_id)s
