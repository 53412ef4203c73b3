-- Requests that came with an Idempotency-Key, and what was answered: a second one of them has no
-- effect and gets the first answer. Written in the transaction that does the work.
CREATE TABLE request (
    -- Whose key it is: a user's id or a module's name; of those who are not signed in, what they ask.
    scope           text NOT NULL,
    key             text NOT NULL,
    -- HMAC-SHA-256 of what was asked: the same key with another request is a mistake.
    fingerprint     bytea NOT NULL,
    -- The answer, sealed; NULL only while the work is being done.
    answer          bytea,
    -- Whose keys, when destroyed, take the answer with them.
    organization_id text NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (scope, key)
);

CREATE INDEX request_by_age ON request (created_at);
