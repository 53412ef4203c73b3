-- Which of a user's tokens hold: those of this generation, which a change of the password ends.
ALTER TABLE account ADD COLUMN generation int NOT NULL DEFAULT 0;
ALTER TABLE account ALTER COLUMN generation DROP DEFAULT;

-- For the list of tokens that ended, which every module asks for again and again.
CREATE INDEX account_with_ended_tokens ON account (updated_at) WHERE generation > 0;

-- From when on a key signs: later than it is shown, so that everyone knows it by then.
ALTER TABLE signing_key ADD COLUMN signs_from timestamptz;
UPDATE signing_key SET signs_from = created_at;
ALTER TABLE signing_key ALTER COLUMN signs_from SET NOT NULL;

-- Sign-ins that failed, or are under way. An attempt moves free_at on by its cost; one that would move
-- it too far ahead of now has to wait (the generic cell rate algorithm, ITU-T I.371).
CREATE TABLE attempt (
    -- HMAC-SHA-256 of an account's name or of an address: neither is kept.
    subject bytea PRIMARY KEY,
    free_at timestamptz NOT NULL
);

CREATE INDEX attempt_by_age ON attempt (free_at);
