-- An organisation's ring of data keys: the fold of its events. version is the number of them.
CREATE TABLE key_ring (
    organization_id text PRIMARY KEY,
    -- Data keys 1 to newest were made.
    newest          int NOT NULL,
    -- false → true, for good
    destroyed       boolean NOT NULL,
    version         int NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);

-- The data keys. Not made from events: a key is never in one, and what was destroyed can't come back
-- by writing the tables anew. Destroying deletes the rows; copies of them in WAL and backups are as
-- safe as the master key.
CREATE TABLE data_key (
    organization_id text NOT NULL,
    key_version     int NOT NULL,
    -- 32 bytes, wrapped with AES-256-GCM by the master key, bound to this organisation and version.
    wrapped         bytea NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, key_version)
);

CREATE INDEX data_key_by_age ON data_key (created_at, organization_id, key_version);
