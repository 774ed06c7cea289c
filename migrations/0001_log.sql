-- migrate:up
-- 0001 platforms, traders and the access log. Safe online: creates only.

CREATE TABLE platform (
    platform_id uuid PRIMARY KEY,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    jwks        jsonb NOT NULL,                 -- public keys of private_key_jwt, never a secret
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at timestamptz
);

-- The trader row is the shard key and the per-trader lock: every hot transaction touches one.
CREATE TABLE trader (
    trader_id   uuid PRIMARY KEY,
    platform_id uuid NOT NULL REFERENCES platform,
    root_id     uuid,                           -- the root token, once a first device is bound
    frozen_empty boolean NOT NULL DEFAULT false,-- a second key answered the enrolment code
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A statement of its own, always: later statements of the same READ COMMITTED transaction then
-- see every revoke that committed before the lock was granted. Merged into the statement that
-- reads fences it would keep a snapshot from before the wait and sign after a revoke.
CREATE FUNCTION lock_trader(p_trader uuid) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM trader WHERE trader_id = p_trader FOR NO KEY UPDATE;
    RETURN FOUND;
END $$;

-- Chains: the nil uuid is the trader's `locked` chain (state changes and signatures, in their own
-- transaction); any other is the `read` chain of one writer process. The nil trader is the system.
CREATE TABLE access_log (
    trader_id      uuid NOT NULL,
    chain          uuid NOT NULL,
    position       bigint NOT NULL CHECK (position > 0),
    at             timestamptz NOT NULL,
    event          text NOT NULL,
    actor          text NOT NULL,               -- public half of who
    token_id       uuid,
    path           uuid[],
    subject_id     uuid,
    outcome        text NOT NULL CHECK (outcome IN ('ok', 'refused', 'failed')),
    rule           text,
    request_digest bytea,
    answer_digest  bytea,
    venue_outcome  text,
    address        text,
    user_agent     text,
    device_id      uuid,
    previous_hash  bytea NOT NULL CHECK (octet_length(previous_hash) = 32),
    content_hash   bytea NOT NULL CHECK (octet_length(content_hash) = 32),
    entry_hash     bytea NOT NULL CHECK (octet_length(entry_hash) = 32),
    PRIMARY KEY (trader_id, chain, position),
    -- So that two paths never hash alike.
    CONSTRAINT a_path_is_a_plain_list
        CHECK (path IS NULL OR (array_ndims(path) = 1 AND array_position(path, NULL) IS NULL))
);

-- Locked head and read heads alike; the locked one changes only under the trader lock.
CREATE TABLE access_log_head (
    trader_id             uuid NOT NULL,
    chain                 uuid NOT NULL,
    position              bigint NOT NULL,
    head_hash             bytea NOT NULL CHECK (octet_length(head_hash) = 32),
    checkpointed_position bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (trader_id, chain)
);
CREATE INDEX access_log_head_changed ON access_log_head (trader_id, chain)
    WHERE position <> checkpointed_position;

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER access_log_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON access_log
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- 4-byte length and bytes; ff ff ff ff for NULL. Never a delimiter.
CREATE FUNCTION log_field(value bytea) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS
$$ SELECT coalesce(int4send(octet_length(value)) || value, '\xffffffff'::bytea) $$;

CREATE FUNCTION log_content_hash(e access_log) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT sha256(
        '\x74726970636f72642f6c6f672d656e7472792f763100'::bytea      -- tripcord/log-entry/v1 NUL
        || log_field(uuid_send(e.trader_id)) || log_field(uuid_send(e.chain))
        || log_field(int8send(e.position))
        || log_field(int8send((extract(epoch FROM e.at) * 1000000)::bigint))
        || log_field(convert_to(e.event, 'UTF8')) || log_field(convert_to(e.actor, 'UTF8'))
        || log_field(uuid_send(e.token_id))
        || log_field(decode(replace(array_to_string(e.path, ''), '-', ''), 'hex'))
        || log_field(uuid_send(e.subject_id)) || log_field(convert_to(e.outcome, 'UTF8'))
        || log_field(convert_to(e.rule, 'UTF8')) || log_field(e.request_digest)
        || log_field(e.answer_digest) || log_field(convert_to(e.venue_outcome, 'UTF8'))
        || log_field(convert_to(e.address, 'UTF8')) || log_field(convert_to(e.user_agent, 'UTF8'))
        || log_field(uuid_send(e.device_id)))
$$;

-- One entry on one chain. For the locked chain the caller holds the trader lock.
CREATE FUNCTION append_entry(
    p_trader uuid, p_chain uuid, p_event text, p_actor text, p_token uuid, p_path uuid[],
    p_subject uuid, p_outcome text, p_rule text, p_request_digest bytea, p_answer_digest bytea,
    p_venue_outcome text, p_address text, p_user_agent text, p_device uuid
) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    e    access_log;
    head access_log_head;
BEGIN
    -- What only the signer can know happened is told by the signer alone; others may tell of it
    -- that it was refused. The role decides, not an argument.
    IF p_outcome = 'ok' AND session_user IN ('tripcord_api', 'tripcord_cord', 'tripcord_courier',
                                             'tripcord_operator', 'tripcord_dispatcher')
       AND (p_event LIKE ANY (ARRAY['order.released', 'order.held', 'order.refused',
                'order.answered_again', 'device.bound', 'factor.bound', 'grant.sealed',
                'approval.decided', 'change.sealed', 'credential.imported',
                'credential.verifying', 'credential.linked', 'cleanup.released', 'venue.read',
                'session.code', 'sealing_key.opened'])
            OR (session_user = 'tripcord_courier') <> (p_event IN ('order.outcome',
                'cleanup.outcome')) AND p_event NOT LIKE 'token.%') THEN
        RAISE EXCEPTION '% does not tell of %', session_user, p_event
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    INSERT INTO access_log_head (trader_id, chain, position, head_hash)
    VALUES (p_trader, p_chain, 0, decode(repeat('00', 32), 'hex'))
    ON CONFLICT DO NOTHING;
    SELECT * INTO head FROM access_log_head
     WHERE trader_id = p_trader AND chain = p_chain FOR NO KEY UPDATE;
    e.trader_id := p_trader;       e.chain := p_chain;
    e.position := head.position + 1; e.at := clock_timestamp();
    e.event := p_event;            e.actor := p_actor;
    e.token_id := p_token;         e.path := p_path;
    e.subject_id := p_subject;     e.outcome := p_outcome;
    e.rule := p_rule;              e.request_digest := p_request_digest;
    e.answer_digest := p_answer_digest; e.venue_outcome := p_venue_outcome;
    e.address := p_address;        e.user_agent := p_user_agent;
    e.device_id := p_device;       e.previous_hash := head.head_hash;
    e.content_hash := log_content_hash(e);
    e.entry_hash := sha256(e.previous_hash || e.content_hash);
    INSERT INTO access_log SELECT e.*;
    UPDATE access_log_head SET position = e.position, head_hash = e.entry_hash
     WHERE trader_id = p_trader AND chain = p_chain;
    RETURN e.position;
END $$;

CREATE TABLE checkpoint (
    shard  text NOT NULL,
    number bigint NOT NULL CHECK (number > 0),
    jws    text NOT NULL,
    root   bytea NOT NULL CHECK (octet_length(root) = 32),
    size   integer NOT NULL CHECK (size > 0),
    at     timestamptz NOT NULL,
    PRIMARY KEY (shard, number)
);
CREATE TABLE checkpoint_leaf (
    trader_id  uuid NOT NULL,
    chain      uuid NOT NULL,
    shard      text NOT NULL,
    number     bigint NOT NULL,
    leaf_index integer NOT NULL,
    position   bigint NOT NULL,
    head_hash  bytea NOT NULL,
    PRIMARY KEY (trader_id, chain, shard, number),
    FOREIGN KEY (shard, number) REFERENCES checkpoint
);
CREATE UNIQUE INDEX checkpoint_leaf_order ON checkpoint_leaf (shard, number, leaf_index);
CREATE TRIGGER checkpoint_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER checkpoint_leaf_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint_leaf
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- migrate:down
DROP TABLE checkpoint_leaf, checkpoint, access_log_head;
DROP FUNCTION append_entry, log_content_hash, log_field, lock_trader;
DROP TABLE access_log, trader, platform;
DROP FUNCTION refuse_change;
