-- name: slot
-- One row, also where there is no such slot.
SELECT
    slot_name IS NOT NULL AS there,
    coalesce(active, false) AS active,
    coalesce(wal_status, 'missing') AS wal_status,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::bigint AS retained,
    coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn), 0)::bigint AS lag,
    (SELECT CASE WHEN setting::bigint < 0 THEN -1 ELSE setting::bigint * 1024 * 1024 END
     FROM pg_settings WHERE name = 'max_slot_wal_keep_size') AS limit
FROM (VALUES (%s)) AS asked (name) LEFT JOIN pg_replication_slots ON slot_name = asked.name

-- name: drop_slot
SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND NOT active

-- name: note_stopped
-- A slot of another kind as a note that outlives its process: this role may make one, and it keeps no WAL.
SELECT pg_create_physical_replication_slot(noted.name) FROM (VALUES (%s)) AS noted (name)
WHERE NOT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = noted.name)

-- name: is_noted
SELECT FROM pg_replication_slots WHERE slot_name = %s
