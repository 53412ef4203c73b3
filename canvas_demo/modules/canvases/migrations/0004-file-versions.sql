-- Which version of its file's descriptor an item knows; 0: its events were before that was told. NULL: a note.
ALTER TABLE item ADD COLUMN file_version int;
UPDATE item SET file_version = 0 WHERE status IS NOT NULL;
