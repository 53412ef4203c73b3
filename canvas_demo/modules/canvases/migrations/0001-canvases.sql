-- A canvas: the fold of its events. version is the number of them.
CREATE TABLE canvas (
    canvas_id       text PRIMARY KEY,
    organization_id text NOT NULL,
    name            text NOT NULL,
    created_by      text NOT NULL,
    -- false → true
    archived        boolean NOT NULL,
    version         int NOT NULL,
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL
);

CREATE INDEX canvas_of_organization ON canvas (organization_id, created_at DESC);

-- An item: which file lies where on which canvas.
CREATE TABLE item (
    canvas_id  text NOT NULL REFERENCES canvas ON DELETE CASCADE,
    item_id    text NOT NULL,
    file_id    text NOT NULL,
    x          double precision NOT NULL,
    y          double precision NOT NULL,
    -- What is known of the file: PENDING → UPLOADED; an item whose file was deleted is removed.
    status     text NOT NULL,
    name       text NOT NULL,
    media_type text NOT NULL,
    size       bigint NOT NULL,
    PRIMARY KEY (canvas_id, item_id)
);

CREATE INDEX item_of_file ON item (file_id);
