-- Organisations whose keys were destroyed, once the module has forgotten what it knew of their people.
CREATE TABLE forgotten (
    organization_id text PRIMARY KEY
);

-- An instance that still remembers the key for some seconds can write nothing personal any more: the others have
-- written the tables anew already. Forgetting waits for those who were quicker, and lets those who come later wait
-- (kernel/forgetting.py). Every event passes here: names are spelt out, for a search_path of its own costs each call.
DO $do$
BEGIN
    EXECUTE format($function$
        CREATE FUNCTION refuse_forgotten() RETURNS trigger LANGUAGE plpgsql AS $body$
        DECLARE
            held text := pg_advisory_xact_lock_shared(hashtextextended('%1$s/forgotten/' || NEW.organization_id, 0));
        BEGIN
            IF EXISTS (SELECT FROM %1$I.forgotten WHERE organization_id = NEW.organization_id)
                AND jsonb_path_exists(NEW.payload, '$.** ? (@ starts with "sealed:")')
            THEN
                RAISE EXCEPTION 'the keys of organisation %% were destroyed', NEW.organization_id
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'outbox_not_forgotten';
            END IF;
            RETURN NEW;
        END
        $body$
    $function$, current_schema());
END
$do$;

CREATE TRIGGER outbox_not_forgotten BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION refuse_forgotten();
