-- Live connections that a text could not be handed to: each gets no more, and its host closes it.
-- No part of what the events say, so that the table of connections is their fold and nothing else.
CREATE TABLE missed_text (
    connection_id text PRIMARY KEY
);

INSERT INTO missed_text SELECT connection_id FROM connection WHERE missed_text AND state = 'CONNECTED';
ALTER TABLE connection DROP COLUMN missed_text;
