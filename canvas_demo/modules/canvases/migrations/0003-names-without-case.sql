-- Lists are sorted by name as people look for one: without its case.
DROP INDEX canvas_by_name;
CREATE INDEX canvas_by_name ON canvas (organization_id, archived, lower(name), canvas_id);
