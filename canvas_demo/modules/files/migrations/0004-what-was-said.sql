-- What was said of a content that was to come is told again when it is there: its row stays as long as its
-- file, with no time at which it is given up. (Of those that were complete before, the rows are gone: they are files,
-- and no longer uploads.)
ALTER TABLE upload ALTER COLUMN expires_at DROP NOT NULL;
