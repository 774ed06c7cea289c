-- migrate:up
-- 0021 who asks how often, many asked as one, and what is taken back. Safe online: adds only.

-- The governor counts these rows, under the trader lock, so its counters are the same on every node
-- (DESIGN sections 6 and 10). Rows from before are of no lineage and count for nobody.
ALTER TABLE approval
    ADD COLUMN lineage text NOT NULL DEFAULT '',         -- whose caps and strikes these are
    ADD COLUMN intent  text NOT NULL DEFAULT '',         -- cool-down key: type, venue, market, side
    ADD COLUMN prompt  text NOT NULL DEFAULT 'rang'
        CONSTRAINT a_prompt_rang_or_not CHECK (prompt IN ('rang', 'silent', 'gathered'));
CREATE INDEX approval_of_lineage ON approval (trader_id, lineage, created_at);
CREATE INDEX approval_rang ON approval (trader_id, created_at) WHERE prompt = 'rang';
GRANT INSERT (lineage, intent, prompt) ON approval TO tripcord_api, tripcord_signer;

CREATE OR REPLACE FUNCTION refuse_illegal_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ROW(NEW.trader_id, NEW.approval_id, NEW.requester, NEW.action_type, NEW.action, NEW.digest,
           NEW.nonce, NEW.required_strength, NEW.subject_id, NEW.created_at, NEW.expires_at,
           NEW.lineage, NEW.intent, NEW.prompt)
       IS DISTINCT FROM
       ROW(OLD.trader_id, OLD.approval_id, OLD.requester, OLD.action_type, OLD.action, OLD.digest,
           OLD.nonce, OLD.required_strength, OLD.subject_id, OLD.created_at, OLD.expires_at,
           OLD.lineage, OLD.intent, OLD.prompt) THEN
        RAISE EXCEPTION 'what is asked never changes' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
           (OLD.state = 'pending' AND NEW.state IN
               ('approved', 'denied', 'fraud', 'expired', 'cancelled', 'superseded'))
        OR (OLD.state = 'approved' AND NEW.state IN
               ('consumed', 'expired', 'cancelled', 'superseded'))) THEN
        RAISE EXCEPTION 'approval cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

-- After `fraud` nobody is asked anything by that lineage for a while, whatever token it uses.
CREATE TABLE muted_lineage (
    trader_id   uuid NOT NULL REFERENCES trader,
    lineage     text NOT NULL CHECK (lineage <> ''),
    approval_id uuid NOT NULL,
    until       timestamptz NOT NULL,
    PRIMARY KEY (trader_id, lineage),
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval
);
GRANT SELECT ON muted_lineage TO tripcord_api, tripcord_signer;
GRANT INSERT ON muted_lineage TO tripcord_signer;
GRANT UPDATE (approval_id, until) ON muted_lineage TO tripcord_signer;

-- Each action of a batch is carried out at most once: by this key, and never again.
CREATE TABLE batch_leaf (
    trader_id   uuid NOT NULL,
    approval_id uuid NOT NULL,
    leaf_no     smallint NOT NULL CHECK (leaf_no BETWEEN 0 AND 49),
    consumed_at timestamptz NOT NULL,
    PRIMARY KEY (trader_id, approval_id, leaf_no),
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval
);
CREATE TRIGGER batch_leaf_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON batch_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
GRANT SELECT ON batch_leaf TO tripcord_signer;
GRANT INSERT ON batch_leaf TO tripcord_signer;

-- Held orders of a burst are pointed at the batch that asks for them together.
GRANT UPDATE (approval_id) ON bot_order TO tripcord_signer;

-- Who asked may take it back while nobody has decided. The api moves an approval in no other way.
CREATE FUNCTION cancel_asked(p_trader uuid, p_approval uuid, p_requester text, p_now timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE approval SET state = 'cancelled', decided_at = p_now
     WHERE trader_id = p_trader AND approval_id = p_approval AND requester = p_requester
       AND state = 'pending' AND expires_at > p_now;
    RETURN FOUND;
END $$;
REVOKE ALL ON FUNCTION cancel_asked FROM PUBLIC;
GRANT EXECUTE ON FUNCTION cancel_asked TO tripcord_api;

-- `fraud` contains whoever asked, in the commit of the decision. The signer imposes nothing else:
-- not on another rung, and nothing that no device called a fraud.
CREATE FUNCTION freeze_asker(
    p_trader uuid, p_token uuid, p_approval uuid, p_actor text, p_device uuid, p_address text,
    p_user_agent text)
RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    asked approval;
BEGIN
    SELECT * INTO asked FROM approval WHERE trader_id = p_trader AND approval_id = p_approval;
    IF NOT FOUND OR asked.state NOT IN ('fraud', 'cancelled') THEN
        RAISE EXCEPTION 'nobody called it a fraud' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN (SELECT t.log_position FROM tighten(p_trader, p_token, 4::smallint, 'called a fraud',
        p_actor, p_device, p_address, p_user_agent, asked.digest, NULL, NULL, NULL) t);
END $$;
REVOKE ALL ON FUNCTION freeze_asker FROM PUBLIC;
GRANT EXECUTE ON FUNCTION freeze_asker TO tripcord_signer;

-- What the signer alone can know of.
CREATE TRIGGER only_the_signer_tells_of_redeeming BEFORE INSERT ON access_log
    FOR EACH ROW WHEN (NEW.event IN ('approval.redeemed', 'approvals.batched', 'approval.expired')
        AND NEW.outcome = 'ok'
        AND session_user IN ('tripcord_api', 'tripcord_cord', 'tripcord_courier',
                             'tripcord_operator', 'tripcord_dispatcher'))
    EXECUTE FUNCTION refuse_hearsay();

-- migrate:down
DROP TRIGGER only_the_signer_tells_of_redeeming ON access_log;
DROP FUNCTION freeze_asker, cancel_asked;
REVOKE UPDATE (approval_id) ON bot_order FROM tripcord_signer;
DROP TABLE batch_leaf, muted_lineage;
CREATE OR REPLACE FUNCTION refuse_illegal_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ROW(NEW.trader_id, NEW.approval_id, NEW.requester, NEW.action_type, NEW.action, NEW.digest,
           NEW.nonce, NEW.required_strength, NEW.subject_id, NEW.created_at, NEW.expires_at)
       IS DISTINCT FROM
       ROW(OLD.trader_id, OLD.approval_id, OLD.requester, OLD.action_type, OLD.action, OLD.digest,
           OLD.nonce, OLD.required_strength, OLD.subject_id, OLD.created_at, OLD.expires_at) THEN
        RAISE EXCEPTION 'what is asked never changes' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND NOT (
           (OLD.state = 'pending' AND NEW.state IN
               ('approved', 'denied', 'fraud', 'expired', 'cancelled', 'superseded'))
        OR (OLD.state = 'approved' AND NEW.state IN
               ('consumed', 'expired', 'cancelled', 'superseded'))) THEN
        RAISE EXCEPTION 'approval cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
DROP INDEX approval_rang, approval_of_lineage;
ALTER TABLE approval DROP COLUMN prompt, DROP COLUMN intent, DROP COLUMN lineage;
