-- An organisation: the fold of its events. version is the number of them.
CREATE TABLE organization (
    organization_id text PRIMARY KEY,
    name            text NOT NULL,
    version         int NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);

-- A user: the fold of its events. (`user` is a word of SQL's own.) An aggregate names another by its
-- id alone, without a foreign key: each can be written anew from its events without the other.
CREATE TABLE account (
    user_id         text PRIMARY KEY,
    organization_id text NOT NULL,
    username        text NOT NULL,
    version         int NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);

-- One user a name, over all organisations, however it is written: Admin, admin and ａｄｍｉｎ are one.
CREATE UNIQUE INDEX account_one_a_username
    ON account (casefold(normalize(username, NFKC) COLLATE pg_unicode_fast));

-- What a user signs in with. Not made from events: a hash is never in one.
CREATE TABLE credential (
    user_id       text PRIMARY KEY,
    -- Argon2id with its parameters and salt, as text.
    password_hash text NOT NULL,
    created_at    timestamptz NOT NULL
);

-- What tokens are signed with; the newest signs.
CREATE TABLE signing_key (
    -- The public key's thumbprint (RFC 7638).
    kid         text PRIMARY KEY,
    -- Ed25519, 32 bytes, sealed with AES-256-GCM under a key derived from CANVAS_DEMO_SECRET.
    private_key bytea NOT NULL,
    created_at  timestamptz NOT NULL
);
