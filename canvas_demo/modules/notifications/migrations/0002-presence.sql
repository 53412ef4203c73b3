-- A subscription whose connection is gone lasts a while: SUBSCRIBED → LAPSING → UNSUBSCRIBED.
ALTER TABLE subscription
    ADD COLUMN username text NOT NULL DEFAULT '',
    -- When it ends; only while it is LAPSING.
    ADD COLUMN ends_at timestamptz;

CREATE INDEX lapsing_subscription ON subscription (ends_at) WHERE state = 'LAPSING';
CREATE INDEX subscription_of_user ON subscription (subject, user_id) WHERE state <> 'UNSUBSCRIBED';

-- Whether the subscribers of a subject were told last that a person is there. version counts the changes.
CREATE TABLE presence (
    subject text NOT NULL REFERENCES subject,
    user_id text NOT NULL,
    present boolean NOT NULL,
    version bigint NOT NULL,
    PRIMARY KEY (subject, user_id)
);
