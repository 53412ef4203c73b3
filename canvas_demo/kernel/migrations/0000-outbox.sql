-- The tables that every module has. The schema, and the role that may use it, bear the module's name.

-- The event store and the outbox in one: appended in the transaction that changes the state,
-- read from the WAL by Debezium, never updated.
CREATE TABLE outbox (
    position          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id          uuid NOT NULL UNIQUE,
    aggregate_type    text NOT NULL,
    aggregate_id      text NOT NULL,
    -- 1 for the first event of an aggregate, then without a gap.
    aggregate_version int NOT NULL CHECK (aggregate_version > 0),
    event_type        text NOT NULL,
    schema_version    int NOT NULL,
    organization_id   text NOT NULL,
    payload           jsonb NOT NULL,
    correlation_id    text NOT NULL,
    -- The event that led to this one, or the conversation itself.
    causation_id      text NOT NULL,
    traceparent       text NOT NULL,
    occurred_at       timestamptz NOT NULL,
    -- What CloudEvents 1.0 asks for besides; Debezium makes headers of columns.
    specversion       text GENERATED ALWAYS AS ('1.0') STORED,
    subject           text GENERATED ALWAYS AS (aggregate_type || '/' || aggregate_id) STORED,
    -- Two writers of one aggregate: one of them violates this.
    CONSTRAINT outbox_one_writer_a_version UNIQUE (aggregate_type, aggregate_id, aggregate_version)
);

-- Events that a consumer has handled: a second delivery of one finds its row here.
CREATE TABLE inbox (
    consumer   text NOT NULL,
    event_id   uuid NOT NULL,
    handled_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (consumer, event_id)
);

DO $$
BEGIN
    EXECUTE format(
        'ALTER TABLE outbox ADD COLUMN source text GENERATED ALWAYS AS (%L) STORED',
        '/canvas-demo/' || current_schema()
    );
    -- Append only: not even the module may rewrite what happened.
    EXECUTE format('REVOKE UPDATE, DELETE ON outbox FROM %I', current_schema());
    IF EXISTS (SELECT FROM pg_publication WHERE pubname = 'canvas_demo_outbox') THEN
        ALTER PUBLICATION canvas_demo_outbox ADD TABLE outbox;
    ELSE
        CREATE PUBLICATION canvas_demo_outbox FOR TABLE outbox
            WITH (publish = 'insert', publish_generated_columns = stored);
    END IF;
END
$$;
