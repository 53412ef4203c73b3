-- A subscription: the fold of its events. version is the number of them.
CREATE TABLE subscription (
    -- Made of the connection and the subject, so there is one of each.
    subscription_id text PRIMARY KEY,
    connection_id   text NOT NULL,
    organization_id text NOT NULL,
    user_id         text NOT NULL,
    subject         text NOT NULL,
    -- SUBSCRIBED ⇄ UNSUBSCRIBED
    state           text NOT NULL,
    version         int NOT NULL,
    UNIQUE (connection_id, subject)
);

CREATE INDEX subscriber_of_subject ON subscription (subject) WHERE state = 'SUBSCRIBED';

-- Where the feed of a subject stands. Its row lock puts the subject's events and new subscriptions in one order.
CREATE TABLE subject (
    subject text PRIMARY KEY,
    cursor  bigint NOT NULL
);

-- What happened to a subject lately, for subscribers that come back.
CREATE TABLE feed (
    subject  text NOT NULL REFERENCES subject,
    -- 1, 2, … without a gap; the oldest are deleted.
    cursor   bigint NOT NULL,
    event_id uuid NOT NULL UNIQUE,
    -- The CloudEvent as it is sent: json keeps it to the letter.
    event    json NOT NULL,
    PRIMARY KEY (subject, cursor)
);
