-- A file descriptor: the fold of its events. version is the number of them.
CREATE TABLE file (
    file_id         text PRIMARY KEY,
    organization_id text NOT NULL,
    -- PENDING → UPLOADED → DELETED
    status          text NOT NULL,
    name            text NOT NULL,
    media_type      text NOT NULL,
    created_by      text NOT NULL,
    attributes      jsonb NOT NULL,
    size            bigint NOT NULL,
    sha256          text NOT NULL,
    -- Which data key of the organisation the content is encrypted under.
    key_version     int NOT NULL,
    version         int NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);
