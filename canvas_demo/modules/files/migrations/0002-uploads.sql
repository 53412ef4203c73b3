-- Where contents are, and how far they have come. Not made from events: an event says what a file is,
-- these say where its bytes lie.

-- An upload that is under way: there is one for each PENDING file.
CREATE TABLE upload (
    file_id     text PRIMARY KEY,
    -- Bytes that the content will have; NULL: said at its end.
    size        bigint,
    -- Which data key of the organisation encrypts it, once there is something to encrypt.
    key_version int,
    -- The call that writes: one that finds another here has been taken over.
    attempt     uuid NOT NULL,
    -- What the uploader wants to read again.
    metadata    text NOT NULL,
    expires_at  timestamptz NOT NULL
);

CREATE INDEX upload_by_expiry ON upload (expires_at);

-- A part of a content: segments in an object of the storage.
CREATE TABLE part (
    file_id text NOT NULL,
    number  int NOT NULL,
    -- Bytes of the content before this part, and in it.
    start   bigint NOT NULL,
    size    bigint NOT NULL,
    object  text NOT NULL,
    -- What its segments were sealed with besides the key (see encryption.py).
    header  bytea NOT NULL,
    PRIMARY KEY (file_id, number)
);

-- Bytes that an organisation has stored.
CREATE TABLE usage (
    organization_id text PRIMARY KEY,
    bytes           bigint NOT NULL
);

-- Contents that nobody has any more, but whose objects may be in the storage yet: written in the
-- transaction that ends them, removed once the objects are.
CREATE TABLE removal (
    file_id text PRIMARY KEY,
    folder  text NOT NULL
);
