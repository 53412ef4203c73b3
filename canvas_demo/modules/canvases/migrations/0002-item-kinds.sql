-- An item says what it is; before, one without a file was a note.
ALTER TABLE item ADD COLUMN kind text;
UPDATE item SET kind = CASE WHEN file_id <> '' THEN 'FILE' ELSE 'NOTE' END;
ALTER TABLE item ALTER COLUMN kind SET NOT NULL;
