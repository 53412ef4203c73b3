-- Records that this module's consumer has taken in and not handled: those whose reaction failed, and
-- behind each of them, in order, the later ones of the same key. Every one of them has its row in the
-- inbox too: whoever else has the record in hand has no effect.
CREATE TABLE parked (
    -- The order of the records of a key. The first of a key is its head: only a head is tried.
    position      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    consumer      text NOT NULL,
    -- The event's; of a record that is no event of ours, one made from its place.
    event_id      uuid NOT NULL,
    topic         text NOT NULL,
    partition     int NOT NULL,
    record_offset bigint NOT NULL,
    -- NULL: the record has no key, and stands for itself.
    key           text,
    headers       jsonb NOT NULL,
    value         bytea NOT NULL,
    -- Attempts begun; counted before each, so that one that ends the process counts.
    attempts      int NOT NULL DEFAULT 0,
    -- What came of the last attempt.
    reason        text NOT NULL DEFAULT '',
    -- When a head is tried; NULL: not before somebody says so (canvas-demo parked retry).
    due_at        timestamptz,
    parked_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    UNIQUE (consumer, event_id)
);

CREATE INDEX parked_by_key ON parked (consumer, topic, key, position);
