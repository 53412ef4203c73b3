-- Organisations whose keys were destroyed, once the module has forgotten what it knew of their people.
CREATE TABLE forgotten (
    organization_id text PRIMARY KEY
);

-- An instance that still remembers the key for some seconds can write nothing personal any more: the others have
-- written the tables anew already. Forgetting waits for those who were quicker, and lets those who come later wait
-- (kernel/forgetting.py).
CREATE FUNCTION refuse_forgotten() RETURNS trigger LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(
        hashtextextended(TG_TABLE_SCHEMA || '/forgotten/' || NEW.organization_id, 0)
    );
    IF jsonb_path_exists(NEW.payload, '$.** ? (@ starts with "sealed:")')
        AND EXISTS (SELECT FROM forgotten WHERE organization_id = NEW.organization_id)
    THEN
        RAISE EXCEPTION 'the keys of organisation % were destroyed', NEW.organization_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'outbox_not_forgotten';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER outbox_not_forgotten BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION refuse_forgotten();
