-- Files that were given up, where nobody wished them away: the request that began one may begin another.
-- Kept as long as the answers to such requests are.
CREATE TABLE given_up (
    file_id text PRIMARY KEY,
    at      timestamptz NOT NULL
);
