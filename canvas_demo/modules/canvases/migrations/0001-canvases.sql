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

-- One for each order that a list can have.
CREATE INDEX canvas_by_creation ON canvas (organization_id, archived, created_at, canvas_id);
CREATE INDEX canvas_by_update ON canvas (organization_id, archived, updated_at, canvas_id);
CREATE INDEX canvas_by_name ON canvas (organization_id, archived, name, canvas_id);

-- An item: which file, or which note, lies where on which canvas.
CREATE TABLE item (
    canvas_id  text NOT NULL REFERENCES canvas ON DELETE CASCADE,
    item_id    text NOT NULL,
    -- Empty: a note.
    file_id    text NOT NULL,
    x          double precision NOT NULL,
    y          double precision NOT NULL,
    width      double precision NOT NULL,
    height     double precision NOT NULL,
    layer      int NOT NULL,
    -- What the note says.
    text       text NOT NULL,
    -- What is known of the file: PENDING → UPLOADED; an item whose file was deleted is removed. NULL: a note.
    status     text,
    name       text,
    media_type text,
    size       bigint,
    PRIMARY KEY (canvas_id, item_id)
);

CREATE INDEX item_of_file ON item (file_id) WHERE file_id <> '';
