-- A process that holds sockets. Its row is its lease: who can't renew it in time is taken for dead.
CREATE TABLE host (
    name         text PRIMARY KEY,
    -- host:port at which it answers for its own connections.
    grpc_address text NOT NULL,
    -- Another for each life of the host. Unique, so that a new life waits for what the old one is
    -- writing (FOR KEY SHARE), and what the old one writes later finds no row.
    epoch        uuid NOT NULL UNIQUE,
    lease_until  timestamptz NOT NULL
);

-- A connection: the fold of its events. version is the number of them.
CREATE TABLE connection (
    connection_id   text PRIMARY KEY,
    organization_id text NOT NULL,
    user_id         text NOT NULL,
    host            text NOT NULL,
    -- CONNECTED → DISCONNECTED
    state           text NOT NULL,
    -- A text could not be handed to its host: it gets no more, and its host closes it.
    missed_text     boolean NOT NULL DEFAULT false,
    connected_at    timestamptz NOT NULL,
    version         int NOT NULL
);

CREATE INDEX live_connection_of_host ON connection (host) WHERE state = 'CONNECTED';
CREATE INDEX live_connection_of_user ON connection (user_id) WHERE state = 'CONNECTED';
