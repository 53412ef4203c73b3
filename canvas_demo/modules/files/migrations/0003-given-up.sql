-- Files that were given up, where nobody wished them away: the request that began one may begin another.
-- Kept for longer than the answers to such requests are.
CREATE TABLE given_up (
    file_id text PRIMARY KEY,
    at      timestamptz NOT NULL
);
-- So far, that could not be told from what somebody deleted before it was there.
INSERT INTO given_up (file_id, at) SELECT file_id, now() FROM file WHERE status = 'DELETED' AND sha256 = '';
