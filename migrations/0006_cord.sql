-- migrate:up
-- 0006 the outbox, the edge's one-time proofs, and the two ways to touch a fence.

-- Doorbells and notices, committed with what they tell of. Nothing secret stands here (P9).
CREATE TABLE outbox (
    trader_id    uuid NOT NULL REFERENCES trader,
    message_id   uuid NOT NULL DEFAULT gen_random_uuid(),
    topic        text NOT NULL CHECK (topic IN ('approval', 'login', 'revoked', 'security')),
    rid          uuid NOT NULL,                 -- names the request; no credential
    device_id    uuid NOT NULL,
    priority     smallint NOT NULL,             -- smaller first
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    due_at       timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    attempts     integer NOT NULL DEFAULT 0,
    leased_until timestamptz,
    state        text NOT NULL DEFAULT 'pending'
                 CHECK (state IN ('pending', 'sent', 'expired', 'undeliverable', 'dead')),
    last_error   text,
    finished_at  timestamptz,
    PRIMARY KEY (trader_id, message_id),
    FOREIGN KEY (trader_id, device_id) REFERENCES device,
    CONSTRAINT finished_at_goes_with_an_end CHECK ((state = 'pending') = (finished_at IS NULL))
);
CREATE INDEX outbox_due ON outbox (priority, due_at) WHERE state = 'pending';

-- One doorbell per device that can still be rung. A revoke rings them all.
CREATE FUNCTION ring_devices(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamptz)
RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    rung integer;
BEGIN
    INSERT INTO outbox (trader_id, topic, rid, device_id, priority, due_at, expires_at)
    SELECT p_trader, p_topic, p_rid, r.device_id,
           CASE p_topic WHEN 'revoked' THEN 0 WHEN 'login' THEN 0 WHEN 'security' THEN 1 ELSE 2 END,
           clock_timestamp(), p_expires_at
      FROM push_registration r
      JOIN token t ON t.trader_id = r.trader_id AND t.token_id = r.device_id
     WHERE r.trader_id = p_trader AND r.disabled_at IS NULL
       AND (p_topic = 'revoked' OR effective_level(p_trader, t.path) < 5);
    GET DIAGNOSTICS rung = ROW_COUNT;
    RETURN rung;
END $$;

-- DPoP and client-assertion identifiers, accepted once by every node (RFC 9449 section 11.1).
-- `scope` is the key they were signed with, so that one client cannot spend another's.
CREATE TABLE spent_proof (
    scope      text NOT NULL,
    proof_hash bytea NOT NULL CHECK (octet_length(proof_hash) = 32),
    expires_at timestamptz NOT NULL,
    PRIMARY KEY (scope, proof_hash)
);
CREATE INDEX spent_proof_expiry ON spent_proof (expires_at);

CREATE TABLE client_token (
    platform_id uuid NOT NULL REFERENCES platform,
    token_id    uuid NOT NULL,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (platform_id, token_id)
);

CREATE FUNCTION spend_proof(p_scope text, p_proof_hash bytea, p_expires_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO spent_proof VALUES (p_scope, p_proof_hash, p_expires_at) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

-- Everything the edge must know about a presented token, in one round trip. Absent, foreign and
-- wrong-secret tokens are one answer: no row. The proof is spent whatever the answer.
CREATE FUNCTION admit(
    p_trader uuid, p_token uuid, p_secret_hash bytea, p_proof_scope text, p_proof_hash bytea,
    p_proof_expires_at timestamptz,
    OUT proof_is_fresh boolean, OUT kind text, OUT jkt text, OUT path uuid[], OUT scope text[],
    OUT expires_at timestamptz, OUT level smallint, OUT root_id uuid, OUT platform_id uuid,
    OUT sealed boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    proof_is_fresh := spend_proof(p_proof_scope, p_proof_hash, p_proof_expires_at);
    SELECT t.kind, t.jkt, t.path, t.scope, t.expires_at, effective_level(t.trader_id, t.path),
           r.root_id, r.platform_id,
           t.kind <> 'grant' OR EXISTS (SELECT FROM bot_grant g
                                         WHERE g.trader_id = p_trader AND g.grant_id = p_token)
      INTO kind, jkt, path, scope, expires_at, level, root_id, platform_id, sealed
      FROM token t JOIN trader r USING (trader_id)
     WHERE t.trader_id = p_trader AND t.token_id = p_token AND t.secret_hash = p_secret_hash;
END $$;

-- Tightening: severity only grows, one factor is enough, nothing else is waited for (P1, P7).
-- The imposer follows from the database role, not from an argument.
CREATE FUNCTION tighten(
    p_trader uuid, p_token uuid, p_level smallint, p_reason text, p_actor text, p_device uuid,
    p_address text, p_user_agent text, p_request_digest bytea,
    p_revocation uuid, p_receipt_hash bytea, p_mode text,
    OUT log_position bigint, OUT imposed_at timestamptz, OUT effective smallint,
    OUT cleanup_deadline_at timestamptz
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    imposer text := CASE session_user
        WHEN 'tripcord_api' THEN 'trader' WHEN 'tripcord_cord' THEN 'trader'
        WHEN 'tripcord_courier' THEN 'monitor' WHEN 'tripcord_operator' THEN 'operator' END;
    target token;
    first_revoked_at timestamptz;
BEGIN
    IF imposer IS NULL THEN
        RAISE EXCEPTION '% imposes nothing', session_user USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM lock_trader(p_trader);                                                   -- (1)
    SELECT * INTO target FROM token WHERE trader_id = p_trader AND token_id = p_token;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such token' USING ERRCODE = 'TC002';
    END IF;
    log_position := append_entry(                                                    -- (2)
        p_trader, '00000000-0000-0000-0000-000000000000',
        CASE p_level WHEN 5 THEN 'token.revoked' ELSE 'token.tightened' END, p_actor, p_token,
        target.path, coalesce(p_revocation, p_token), 'ok', NULL, p_request_digest, NULL, NULL,
        p_address, p_user_agent, p_device);
    imposed_at := clock_timestamp();
    -- A second revoke is logged and answered, but opens no new 15 minutes and rings nobody again.
    SELECT min(f.imposed_at) INTO first_revoked_at FROM fence f
     WHERE f.trader_id = p_trader AND f.token_id = ANY (target.path) AND f.level = 5;
    INSERT INTO fence AS f                                                           -- (3)
    VALUES (p_trader, p_token, imposer, p_level, p_reason, imposed_at, log_position)
    ON CONFLICT (trader_id, token_id, imposed_by) DO UPDATE
       SET level = excluded.level, reason = excluded.reason, imposed_at = excluded.imposed_at,
           log_position = excluded.log_position
     WHERE f.level < excluded.level;
    cleanup_deadline_at := coalesce(first_revoked_at, imposed_at) + interval '15 minutes';
    IF p_level = 5 THEN                                                              -- (4)
        INSERT INTO revocation (trader_id, revocation_id, token_id, path, mode, reason, actor,
            revoked_at, log_position, cleanup_deadline_at, receipt_hash, receipt_expires_at)
        VALUES (p_trader, p_revocation, p_token, target.path, p_mode, p_reason, p_actor,
            imposed_at, log_position,
            tighten.cleanup_deadline_at, p_receipt_hash,
            imposed_at + interval '30 days');
        IF first_revoked_at IS NULL THEN
            PERFORM ring_devices(p_trader, 'revoked', p_revocation,
                                 imposed_at + interval '24 hours');
        END IF;
    END IF;
    effective := effective_level(p_trader, target.path);
END $$;

-- Loosening is the signer's alone, after an approval; `revoked` is final.
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

-- migrate:down
DROP FUNCTION lift, tighten, admit, spend_proof, ring_devices;
DROP TABLE client_token, spent_proof, outbox;
