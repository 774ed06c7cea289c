-- migrate:up
-- 0013 recovery codes, re-enrolment, and an operator's containment of a venue.
-- Safe online: creates, and two functions are taught one more role and a few more events.

-- A recovery code is the seed of a signing key; what is kept is the public half. The code never
-- travels, so whoever relays a request cannot bring a key of his own with it.
CREATE TABLE recovery_code (
    trader_id  uuid NOT NULL,
    code_id    uuid NOT NULL,
    set_number integer NOT NULL CHECK (set_number > 0),   -- only the newest set counts
    root_id    uuid NOT NULL,
    device_id  uuid NOT NULL,                   -- the device that made it
    public_jwk bytea NOT NULL,                  -- canonical JSON of an Ed25519 key
    bound_at   timestamptz NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    mac        bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (trader_id, code_id),
    FOREIGN KEY (trader_id, root_id) REFERENCES token (trader_id, token_id),
    FOREIGN KEY (trader_id, device_id) REFERENCES device
);
CREATE INDEX recovery_code_set ON recovery_code (trader_id, set_number);

-- Wrong tries, to be shown; nothing is locked by them: 128 bits are not guessed. The nil row is
-- of all who have no codes, so that a try costs the same whoever it is about.
CREATE TABLE recovery_state (
    trader_id      uuid PRIMARY KEY,
    failures       integer NOT NULL DEFAULT 0 CHECK (failures >= 0),
    last_failed_at timestamptz
);
INSERT INTO recovery_state (trader_id) VALUES ('00000000-0000-0000-0000-000000000000');

CREATE TABLE re_enrolment (
    trader_id          uuid NOT NULL REFERENCES trader,
    re_enrolment_id    uuid NOT NULL,
    root_id            uuid NOT NULL,           -- the root it puts an end to
    code_id            uuid NOT NULL,
    public_jwk         bytea NOT NULL,          -- of the new device, canonical JSON
    name               text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    push_kind          text CHECK (push_kind IN ('fid', 'token')),
    push_registration  text CHECK (length(push_registration) BETWEEN 1 AND 4096),
    authenticator_lost boolean NOT NULL,
    begun_at           timestamptz NOT NULL,
    not_before         timestamptz NOT NULL,
    expires_at         timestamptz NOT NULL,
    state              text NOT NULL DEFAULT 'waiting'
                       CHECK (state IN ('waiting', 'completed', 'vetoed', 'cancelled', 'expired')),
    ended_at           timestamptz,
    ended_by           uuid,                    -- the device that vetoed, or the one that was made
    version            integer NOT NULL CHECK (version > 0),
    mac                bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (trader_id, re_enrolment_id),
    FOREIGN KEY (trader_id, root_id) REFERENCES token (trader_id, token_id),
    FOREIGN KEY (trader_id, code_id) REFERENCES recovery_code,
    FOREIGN KEY (trader_id, ended_by) REFERENCES device (trader_id, device_id),
    CONSTRAINT a_recovery_code_is_used_once UNIQUE (trader_id, code_id),
    CONSTRAINT old_devices_have_a_day CHECK (not_before >= begun_at + interval '24 hours'),
    CONSTRAINT it_does_not_wait_for_ever
        CHECK (expires_at > not_before AND expires_at <= not_before + interval '7 days'),
    CONSTRAINT an_end_has_its_time CHECK ((state = 'waiting') = (ended_at IS NULL)),
    CONSTRAINT who_ended_it_is_named
        CHECK ((state IN ('completed', 'vetoed')) = (ended_by IS NOT NULL)),
    CONSTRAINT completed_only_in_its_time
        CHECK (state <> 'completed' OR (ended_at >= not_before AND ended_at < expires_at)),
    CONSTRAINT a_push_registration_is_whole
        CHECK ((push_kind IS NULL) = (push_registration IS NULL))
);
CREATE UNIQUE INDEX one_open_re_enrolment ON re_enrolment (trader_id) WHERE state = 'waiting';

CREATE FUNCTION refuse_other_re_enrolment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ROW(NEW.trader_id, NEW.re_enrolment_id, NEW.root_id, NEW.code_id, NEW.public_jwk, NEW.name,
           NEW.push_kind, NEW.push_registration, NEW.authenticator_lost, NEW.begun_at,
           NEW.not_before, NEW.expires_at)
       IS DISTINCT FROM
       ROW(OLD.trader_id, OLD.re_enrolment_id, OLD.root_id, OLD.code_id, OLD.public_jwk, OLD.name,
           OLD.push_kind, OLD.push_registration, OLD.authenticator_lost, OLD.begun_at,
           OLD.not_before, OLD.expires_at)
       OR NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'what was begun never changes' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> 'waiting' AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 're-enrolment cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER re_enrolment_ends_once BEFORE UPDATE ON re_enrolment
    FOR EACH ROW EXECUTE FUNCTION refuse_other_re_enrolment();
CREATE FUNCTION refuse_begun_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what begins is waiting' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER re_enrolment_begins_waiting BEFORE INSERT ON re_enrolment
    FOR EACH ROW WHEN (NEW.state <> 'waiting' OR NEW.version <> 1)
    EXECUTE FUNCTION refuse_begun_ended();

-- One doorbell per device that was ever enrolled here, whatever became of its token, because a
-- re-enrolment is what a stolen account looks like. One reported lost is in other hands.
CREATE FUNCTION ring_every_device(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    rung integer;
BEGIN
    INSERT INTO outbox (trader_id, topic, rid, device_id, priority, due_at, expires_at)
    SELECT p_trader, p_topic, p_rid, r.device_id, 0, clock_timestamp(), p_expires_at
      FROM push_registration r
     WHERE r.trader_id = p_trader AND r.disabled_at IS NULL
       AND NOT EXISTS (SELECT FROM lost_device l
                        WHERE l.trader_id = r.trader_id AND l.device_id = r.device_id);
    GET DIAGNOSTICS rung = ROW_COUNT;
    RETURN rung;
END $$;

-- The one way in which the signer revokes: the root that a re-enrolment ends, once its time has
-- come by this clock, in the transaction that makes the next one.
CREATE FUNCTION revoke_old_root(
    p_trader uuid, p_re_enrolment uuid, p_actor text, p_address text, p_user_agent text,
    p_revocation uuid, p_receipt_hash bytea
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    old_root uuid;
BEGIN
    PERFORM lock_trader(p_trader);
    SELECT r.root_id INTO old_root FROM re_enrolment r
     WHERE r.trader_id = p_trader AND r.re_enrolment_id = p_re_enrolment AND r.state = 'waiting'
       AND r.not_before <= clock_timestamp() AND r.expires_at > clock_timestamp();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no re-enrolment is due' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN (SELECT t.log_position FROM tighten(
        p_trader, old_root, 5::smallint, 're-enrolment', p_actor, NULL, p_address, p_user_agent,
        NULL, p_revocation, p_receipt_hash, NULL) AS t);
END $$;

-- One row per act on a venue; `told_up_to` is how far its traders have been rung.
CREATE TABLE venue_containment (
    venue_id       text NOT NULL REFERENCES venue,
    containment_id uuid NOT NULL,
    level          smallint NOT NULL CHECK (level BETWEEN 1 AND 4),
    reason         text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    actor          text NOT NULL,
    imposed_at     timestamptz NOT NULL,
    log_position   bigint NOT NULL,
    told_up_to     uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    told_at        timestamptz,                 -- all of them
    PRIMARY KEY (venue_id, containment_id)
);
CREATE INDEX exchange_credential_venue ON exchange_credential (venue_id, trader_id);

-- Signing holds its venue shared to its commit. An advisory lock and not the row's: those who
-- share a row let each other in past whoever waits to change it (measured behind 32 transactions
-- of 20 ms: 1.9 s against 0.1 s), and each writes to the one row of all; this lock has a queue.
CREATE OR REPLACE FUNCTION shared_venue_level(p_venue text) RETURNS smallint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(13, hashtext(p_venue));
    -- A statement of its own: its snapshot is from after the wait.
    RETURN (SELECT v.level FROM venue v WHERE v.venue_id = p_venue);
END $$;

-- Severity only grows. Whoever begins to sign after this has committed sees the rung; `drain_venue`
-- then waits for those who began before. Two steps, because the rung must stand even if somebody
-- holds that lock for ever. Nobody is told in here, because telling takes long.
CREATE FUNCTION contain_venue(
    p_venue text, p_containment uuid, p_level smallint, p_reason text, p_actor text,
    OUT previous smallint, OUT imposed_at timestamptz, OUT log_position bigint
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT v.level INTO previous FROM venue v WHERE v.venue_id = p_venue FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such venue' USING ERRCODE = 'TC002';
    END IF;
    IF previous >= p_level THEN
        RETURN;                                 -- log_position stays NULL: nothing was done
    END IF;
    UPDATE venue SET level = p_level WHERE venue_id = p_venue;
    imposed_at := clock_timestamp();
    log_position := append_entry(
        '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000',
        'venue.contained', p_actor, NULL, NULL, p_containment, 'ok', p_venue || ':' || p_level,
        sha256(convert_to(p_reason, 'UTF8')), NULL, NULL, NULL, NULL, NULL);
    INSERT INTO venue_containment (venue_id, containment_id, level, reason, actor, imposed_at,
                                   log_position)
    VALUES (p_venue, p_containment, p_level, p_reason, p_actor, contain_venue.imposed_at,
            contain_venue.log_position);
END $$;

-- Returns when every signature that was under way at the venue has ended.
CREATE FUNCTION drain_venue(p_venue text) RETURNS void
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(13, hashtext(p_venue));
END $$;

-- Ring the next traders with a key at the venue; how many, and 0 once all were. One call is one
-- transaction with its cursor in it, so a stopped command goes on where it was.
CREATE FUNCTION tell_of_containment(p_venue text, p_containment uuid, p_limit integer)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    act  venue_containment;
    told uuid[];
    who  uuid;
BEGIN
    SELECT * INTO act FROM venue_containment
     WHERE venue_id = p_venue AND containment_id = p_containment FOR UPDATE;
    IF NOT FOUND OR act.told_at IS NOT NULL THEN
        RETURN 0;
    END IF;
    told := ARRAY(SELECT DISTINCT c.trader_id FROM exchange_credential c
                   WHERE c.venue_id = p_venue AND c.trader_id > act.told_up_to
                     AND c.state IN ('verifying', 'active')
                   ORDER BY c.trader_id LIMIT p_limit);
    IF cardinality(told) = 0 THEN
        UPDATE venue_containment SET told_at = clock_timestamp()
         WHERE venue_id = p_venue AND containment_id = p_containment;
        RETURN 0;
    END IF;
    FOREACH who IN ARRAY told LOOP
        PERFORM ring_devices(who, 'security', p_containment,
                             clock_timestamp() + interval '24 hours');
    END LOOP;
    UPDATE venue_containment SET told_up_to = told[cardinality(told)]
     WHERE venue_id = p_venue AND containment_id = p_containment;
    RETURN cardinality(told);
END $$;

-- What an act on a venue would meet, counted up to a cap: an operator reads no credential.
CREATE FUNCTION venue_reach(
    p_venue text, p_cap integer,
    OUT traders bigint, OUT credentials bigint, OUT grants bigint, OUT open_orders bigint
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    SELECT count(*) INTO traders FROM (
        SELECT DISTINCT c.trader_id FROM exchange_credential c
         WHERE c.venue_id = p_venue AND c.state IN ('verifying', 'active') LIMIT p_cap) AS t;
    SELECT count(*) INTO credentials FROM (
        SELECT FROM exchange_credential c
         WHERE c.venue_id = p_venue AND c.state IN ('verifying', 'active') LIMIT p_cap) AS c;
    SELECT count(*) INTO grants FROM (
        SELECT FROM bot_grant g
          JOIN exchange_credential c ON c.trader_id = g.trader_id
                                    AND c.credential_id = g.credential_id
         WHERE c.venue_id = p_venue AND g.expires_at > now() LIMIT p_cap) AS g;
    SELECT count(*) INTO open_orders FROM (
        SELECT FROM bot_order o
          JOIN exchange_credential c ON c.trader_id = o.trader_id
                                    AND c.credential_id = o.credential_id
         WHERE c.venue_id = p_venue
           AND o.state IN ('released', 'unknown', 'accepted', 'partially_filled')
         LIMIT p_cap) AS o;
END $$;

-- Two functions of earlier migrations learn a word each. They are changed where they stand and not
-- written out again: whatever else another migration has taught them meanwhile stays.
DO $$
DECLARE
    before text;
    after  text;
BEGIN
    -- Called by `revoke_old_root` it knows who its caller's caller is; the signer may not call it.
    before := pg_get_functiondef('tighten'::regproc);
    after := replace(before, $q$WHEN 'tripcord_cord' THEN 'trader'$q$,
                     $q$WHEN 'tripcord_cord' THEN 'trader' WHEN 'tripcord_signer' THEN 'trader'$q$);
    IF after = before THEN
        RAISE EXCEPTION 'tighten is not as expected';
    END IF;
    EXECUTE after;
    -- Only the signer knows what became of a re-enrolment, and only an operator contains a venue.
    before := pg_get_functiondef('append_entry'::regproc);
    after := replace(before, $q$ARRAY['order.released',$q$,
        $q$ARRAY['re_enrolment.%', 'recovery_codes.bound', 'factor.carried_over', 'order.released',$q$);
    IF after = before THEN
        RAISE EXCEPTION 'append_entry is not as expected';
    END IF;
    before := after;
    after := replace(before, E'\nBEGIN\n', E'\nBEGIN\n'
        || $q$    IF p_event = 'venue.contained' AND session_user LIKE 'tripcord\_%'
       AND session_user <> 'tripcord_operator' THEN
        RAISE EXCEPTION '% does not tell of %', session_user, p_event
            USING ERRCODE = 'insufficient_privilege';
    END IF;
$q$);
    IF after = before THEN
        RAISE EXCEPTION 'append_entry is not as expected';
    END IF;
    EXECUTE after;
END $$;

REVOKE ALL ON recovery_code, recovery_state, re_enrolment, venue_containment
    FROM PUBLIC;
REVOKE ALL ON FUNCTION ring_every_device, revoke_old_root, contain_venue, drain_venue, tell_of_containment, venue_reach,
    refuse_other_re_enrolment, refuse_begun_ended FROM PUBLIC;
GRANT SELECT ON recovery_code, recovery_state, re_enrolment TO tripcord_api;
GRANT SELECT ON recovery_code, recovery_state, re_enrolment TO tripcord_signer;
GRANT INSERT ON recovery_code, re_enrolment TO tripcord_signer;
GRANT INSERT (trader_id) ON recovery_state TO tripcord_signer;
GRANT UPDATE (failures, last_failed_at) ON recovery_state TO tripcord_signer;
GRANT UPDATE (state, ended_at, ended_by, version, mac) ON re_enrolment TO tripcord_signer;
-- A factor survives its root: the row is sealed again under the new one.
GRANT UPDATE (root_id, version, mac) ON totp_factor TO tripcord_signer;
GRANT EXECUTE ON FUNCTION ring_every_device, revoke_old_root TO tripcord_signer;
GRANT SELECT ON venue_containment TO tripcord_operator;
GRANT EXECUTE ON FUNCTION contain_venue, drain_venue, tell_of_containment, venue_reach, ring_devices
    TO tripcord_operator;

-- migrate:down
REVOKE EXECUTE ON FUNCTION ring_devices FROM tripcord_operator;
REVOKE UPDATE (root_id, version, mac) ON totp_factor FROM tripcord_signer;
DO $$
BEGIN
    EXECUTE replace(pg_get_functiondef('tighten'::regproc),
                    $q$ WHEN 'tripcord_signer' THEN 'trader'$q$, '');
    EXECUTE regexp_replace(replace(pg_get_functiondef('append_entry'::regproc),
        $q$'re_enrolment.%', 'recovery_codes.bound', 'factor.carried_over', $q$, ''),
        E'\n    IF p_event = ''venue.contained''.*?END IF;\n', E'\n');
END $$;
DROP FUNCTION venue_reach, tell_of_containment, drain_venue, contain_venue;
CREATE OR REPLACE FUNCTION shared_venue_level(p_venue text) RETURNS smallint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN (SELECT v.level FROM venue v WHERE v.venue_id = p_venue FOR SHARE);
END $$;
DROP INDEX exchange_credential_venue;
DROP TABLE venue_containment;
DROP FUNCTION ring_every_device, revoke_old_root;
DROP TABLE re_enrolment, recovery_state, recovery_code;
DROP FUNCTION refuse_other_re_enrolment, refuse_begun_ended;
