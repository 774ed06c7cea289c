-- migrate:up
-- 0011 the ladder: lifts logged in themselves, notices no path can forget, heartbeats of devices.

-- Loosening is the signer's alone, after an approval, and takes away the trader's own fence only.
-- The approval was made for one step (p_from to p_to) as the log stood at p_asked_position: a
-- fence that is not as it was then, or a pull on this node since, wins. `revoked` is final.
DROP FUNCTION lift(uuid, uuid, smallint);
CREATE FUNCTION lift(
    p_trader uuid, p_token uuid, p_from smallint, p_to smallint, p_asked_position bigint,
    p_approval uuid, p_request_digest bytea, p_actor text, p_device uuid, p_address text,
    p_user_agent text,
    OUT log_position bigint, OUT effective smallint
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    words CONSTANT text[] := ARRAY['active', 'reduce_only', 'cancel_only', 'read_only', 'frozen'];
    target token;
    own    fence;
BEGIN
    IF p_to NOT BETWEEN 0 AND 3 OR p_from NOT BETWEEN 1 AND 4 OR p_to >= p_from THEN
        RAISE EXCEPTION 'a lift goes up' USING ERRCODE = 'check_violation';
    END IF;
    PERFORM lock_trader(p_trader);                                                   -- (1)
    SELECT * INTO target FROM token WHERE trader_id = p_trader AND token_id = p_token;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such token' USING ERRCODE = 'TC002';
    END IF;
    IF effective_level(p_trader, target.path) = 5 THEN                               -- (2)
        RAISE EXCEPTION 'revoked is final' USING ERRCODE = 'TC003';
    END IF;
    SELECT * INTO own FROM fence
     WHERE trader_id = p_trader AND token_id = p_token AND imposed_by = 'trader';
    IF own.level IS DISTINCT FROM p_from OR EXISTS (
        SELECT FROM access_log l
         WHERE l.trader_id = p_trader AND l.chain = '00000000-0000-0000-0000-000000000000'
           AND l.position > p_asked_position AND l.token_id = p_token
           AND l.event IN ('token.tightened', 'token.revoked') AND l.outcome = 'ok') THEN
        RAISE EXCEPTION 'the fence is not the one that was shown' USING ERRCODE = 'TC006';
    END IF;
    log_position := append_entry(                                                    -- (3)
        p_trader, '00000000-0000-0000-0000-000000000000', 'token.lifted', p_actor, p_token,
        target.path, p_approval, 'ok', words[p_from + 1] || '>' || words[p_to + 1],
        p_request_digest, NULL, NULL, p_address, p_user_agent, p_device);
    IF p_to = 0 THEN                                                                 -- (4)
        DELETE FROM fence
         WHERE trader_id = p_trader AND token_id = p_token AND imposed_by = 'trader';
    ELSE
        UPDATE fence SET level = p_to, log_position = lift.log_position
         WHERE trader_id = p_trader AND token_id = p_token AND imposed_by = 'trader';
    END IF;
    PERFORM ring_devices(p_trader, 'security', gen_random_uuid(),
                         clock_timestamp() + interval '24 hours');
    effective := effective_level(p_trader, target.path);
END $$;
REVOKE ALL ON FUNCTION lift FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lift TO tripcord_signer;

-- Whoever tightens, by whatever way: the trader's devices are rung in that commit. A revoke has
-- a doorbell of its own.
CREATE FUNCTION ring_about_fence() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM ring_devices(NEW.trader_id, 'security', gen_random_uuid(),
                         clock_timestamp() + interval '24 hours');
    RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION ring_about_fence FROM PUBLIC;
CREATE TRIGGER a_new_fence_rings AFTER INSERT ON fence
    FOR EACH ROW WHEN (NEW.level < 5) EXECUTE FUNCTION ring_about_fence();
CREATE TRIGGER a_tighter_fence_rings AFTER UPDATE ON fence
    FOR EACH ROW WHEN (NEW.level < 5 AND NEW.level > OLD.level)
    EXECUTE FUNCTION ring_about_fence();

-- Further events that the signer alone can know of; beside the list in `append_entry`.
CREATE FUNCTION refuse_hearsay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% does not tell of %', session_user, NEW.event
        USING ERRCODE = 'insufficient_privilege';
END $$;
REVOKE ALL ON FUNCTION refuse_hearsay FROM PUBLIC;
CREATE TRIGGER only_the_signer_tells_of_loosening BEFORE INSERT ON access_log
    FOR EACH ROW WHEN (NEW.event IN ('token.lifted', 'device.heartbeat') AND NEW.outcome = 'ok'
        AND session_user IN ('tripcord_api', 'tripcord_cord', 'tripcord_courier',
                             'tripcord_operator', 'tripcord_dispatcher'))
    EXECUTE FUNCTION refuse_hearsay();

-- When a person last showed, with a tap, that a device is in their hand. Newest only; leases are
-- computed from it and stored nowhere.
CREATE TABLE device_heartbeat (
    trader_id uuid NOT NULL,
    device_id uuid NOT NULL,
    root_id   uuid NOT NULL,
    issued_at timestamptz NOT NULL,             -- the device's word: orders its heartbeats
    seen_at   timestamptz NOT NULL,             -- the signer's clock: leases count from here
    nonce     bytea NOT NULL CHECK (octet_length(nonce) = 32),
    statement text NOT NULL,
    version   integer NOT NULL CHECK (version > 0),
    mac       bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (trader_id, device_id),
    FOREIGN KEY (trader_id, device_id) REFERENCES device,
    FOREIGN KEY (trader_id, root_id) REFERENCES token (trader_id, token_id)
);
CREATE FUNCTION refuse_time_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.issued_at <= OLD.issued_at OR NEW.seen_at < OLD.seen_at
       OR NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'a heartbeat never goes back' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
REVOKE ALL ON FUNCTION refuse_time_back FROM PUBLIC;
CREATE TRIGGER heartbeat_only_grows BEFORE UPDATE ON device_heartbeat
    FOR EACH ROW EXECUTE FUNCTION refuse_time_back();
GRANT SELECT, INSERT ON device_heartbeat TO tripcord_signer;
GRANT UPDATE (issued_at, seen_at, nonce, statement, version, mac) ON device_heartbeat
    TO tripcord_signer;

-- A subtree is one range of paths: what lies below a node is paged and counted without looking at
-- anything else (measured in reference/db.md: 0.1 ms a page, whatever the size of the tree).
CREATE INDEX token_path ON token (trader_id, path);
-- Which asset a market trades is public; the blast radius needs it to see what is unprotected.
GRANT SELECT ON market_snapshot TO tripcord_api;

-- migrate:down
REVOKE SELECT ON market_snapshot FROM tripcord_api;
DROP INDEX token_path;
DROP TABLE device_heartbeat;
DROP TRIGGER only_the_signer_tells_of_loosening ON access_log;
DROP TRIGGER a_tighter_fence_rings ON fence;
DROP TRIGGER a_new_fence_rings ON fence;
DROP FUNCTION refuse_time_back, refuse_hearsay, ring_about_fence, lift;
CREATE FUNCTION lift(p_trader uuid, p_token uuid, p_level smallint) RETURNS smallint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    target token;
BEGIN
    PERFORM lock_trader(p_trader);
    SELECT * INTO STRICT target FROM token WHERE trader_id = p_trader AND token_id = p_token;
    IF EXISTS (SELECT FROM fence WHERE trader_id = p_trader AND token_id = p_token AND level = 5)
    THEN
        RAISE EXCEPTION 'revoked is final' USING ERRCODE = 'TC003';
    END IF;
    IF p_level = 0 THEN
        DELETE FROM fence
         WHERE trader_id = p_trader AND token_id = p_token AND imposed_by = 'trader';
    ELSE
        UPDATE fence SET level = p_level
         WHERE trader_id = p_trader AND token_id = p_token AND imposed_by = 'trader'
           AND level > p_level;
    END IF;
    RETURN effective_level(p_trader, target.path);
END $$;
REVOKE ALL ON FUNCTION lift FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lift TO tripcord_signer;
