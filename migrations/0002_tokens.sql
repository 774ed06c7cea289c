-- migrate:up
-- 0002 the token tree, its fences, and the cord. Safe online: creates only.

CREATE TABLE token (
    trader_id   uuid NOT NULL REFERENCES trader,
    token_id    uuid NOT NULL,
    kind        text NOT NULL
                CHECK (kind IN ('trader', 'device', 'session', 'platform', 'credential', 'grant')),
    parent_id   uuid,
    path        uuid[] NOT NULL,                -- ancestors from the root, itself last
    secret_hash bytea CHECK (octet_length(secret_hash) = 32),
    jkt         text,                           -- RFC 9449: the key that must prove possession
    scope       text[] NOT NULL,
    label       text NOT NULL CHECK (length(label) BETWEEN 1 AND 64),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    expires_at  timestamptz NOT NULL,
    PRIMARY KEY (trader_id, token_id),
    FOREIGN KEY (trader_id, parent_id) REFERENCES token,
    CONSTRAINT only_the_root_has_no_parent CHECK ((kind = 'trader') = (parent_id IS NULL)),
    -- NOT DISTINCT, because a CHECK passes on NULL and there is no element 0.
    CONSTRAINT path_ends_in_itself CHECK (path[cardinality(path)] IS NOT DISTINCT FROM token_id),
    CONSTRAINT path_goes_through_the_parent
        CHECK (path[cardinality(path) - 1] IS NOT DISTINCT FROM parent_id),
    CONSTRAINT depth_is_bounded CHECK (cardinality(path) BETWEEN 1 AND 10),
    CONSTRAINT a_bearer_form_is_sender_constrained CHECK ((secret_hash IS NULL) = (jkt IS NULL))
);
CREATE INDEX token_children ON token (trader_id, parent_id, token_id);

-- 0 active, 1 reduce_only, 2 cancel_only, 3 read_only, 4 frozen, 5 revoked
CREATE TABLE fence (
    trader_id    uuid NOT NULL,
    token_id     uuid NOT NULL,
    imposed_by   text NOT NULL CHECK (imposed_by IN ('trader', 'operator', 'monitor')),
    level        smallint NOT NULL CHECK (level BETWEEN 1 AND 5),
    reason       text NOT NULL,
    imposed_at   timestamptz NOT NULL,
    log_position bigint NOT NULL,
    PRIMARY KEY (trader_id, token_id, imposed_by),
    FOREIGN KEY (trader_id, token_id) REFERENCES token
);

CREATE FUNCTION effective_level(p_trader uuid, p_path uuid[]) RETURNS smallint
LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(level), 0)::smallint FROM fence
     WHERE trader_id = p_trader AND token_id = ANY (p_path)
$$;

-- A child never outlives or escapes its parent: path and expiry come from the parent's row, and
-- no child is born under a fenced parent. The caller holds the trader lock.
CREATE FUNCTION mint_token(
    p_trader uuid, p_token uuid, p_kind text, p_parent uuid, p_secret_hash bytea, p_jkt text,
    p_scope text[], p_label text, p_expires_at timestamptz
) RETURNS token
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent token;
    child  token;
BEGIN
    -- The edge makes only what is dead until a person approved it.
    IF session_user = 'tripcord_api' AND p_kind NOT IN ('grant', 'session') THEN
        RAISE EXCEPTION '% mints no %', session_user, p_kind
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF p_kind = 'trader' THEN
        -- One living root: a second would stand outside every fence of the first.
        IF EXISTS (SELECT FROM trader WHERE trader_id = p_trader AND root_id IS NOT NULL
                      AND effective_level(p_trader, ARRAY[root_id]) < 5) THEN
            RAISE EXCEPTION 'the trader has a root' USING ERRCODE = 'TC001';
        END IF;
        INSERT INTO token (trader_id, token_id, kind, path, scope, label, expires_at)
        VALUES (p_trader, p_token, 'trader', ARRAY[p_token], p_scope, p_label, p_expires_at)
        RETURNING * INTO child;
        UPDATE trader SET root_id = p_token WHERE trader_id = p_trader;
        RETURN child;
    END IF;
    SELECT * INTO parent FROM token WHERE trader_id = p_trader AND token_id = p_parent;
    IF NOT FOUND OR effective_level(p_trader, parent.path) > 0
       OR parent.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'parent cannot bear children' USING ERRCODE = 'TC001';
    END IF;
    INSERT INTO token (trader_id, token_id, kind, parent_id, path, secret_hash, jkt, scope, label,
                       expires_at)
    VALUES (p_trader, p_token, p_kind, p_parent, parent.path || p_token, p_secret_hash, p_jkt,
            p_scope, p_label, least(p_expires_at, parent.expires_at))
    RETURNING * INTO child;
    RETURN child;
END $$;

CREATE TABLE enrolment_code (
    trader_id  uuid NOT NULL REFERENCES trader,
    code_id    uuid NOT NULL,
    code_hash  bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    expires_at timestamptz NOT NULL,
    redeemed_by_jkt text,                       -- the same key gets the same answer again
    PRIMARY KEY (trader_id, code_id)
);

CREATE TABLE revocation_card (
    trader_id   uuid NOT NULL REFERENCES trader,
    card_id     uuid NOT NULL,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    root_id     uuid NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (trader_id, card_id),
    FOREIGN KEY (trader_id, root_id) REFERENCES token
);

CREATE TABLE revocation (
    trader_id           uuid NOT NULL,
    revocation_id       uuid NOT NULL,
    token_id            uuid NOT NULL,
    path                uuid[] NOT NULL,
    mode                text NOT NULL CHECK (mode IN ('cancel_entries', 'cancel_all')),
    reason              text NOT NULL,
    actor               text NOT NULL,
    revoked_at          timestamptz NOT NULL,
    log_position        bigint NOT NULL,
    cleanup_deadline_at timestamptz NOT NULL,
    cleanup_state       text NOT NULL DEFAULT 'pending'
                        CHECK (cleanup_state IN ('pending', 'running', 'done')),
    receipt_hash        bytea NOT NULL CHECK (octet_length(receipt_hash) = 32),
    receipt_expires_at  timestamptz NOT NULL,
    PRIMARY KEY (trader_id, revocation_id),
    FOREIGN KEY (trader_id, token_id) REFERENCES token,
    CONSTRAINT clean_up_ends_within_15_minutes
        CHECK (cleanup_deadline_at <= revoked_at + interval '15 minutes')
);
CREATE INDEX revocation_open ON revocation (revoked_at) WHERE cleanup_state <> 'done';

CREATE FUNCTION refuse_reopening() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF array_position(ARRAY['pending', 'running', 'done'], NEW.cleanup_state)
       < array_position(ARRAY['pending', 'running', 'done'], OLD.cleanup_state) THEN
        RAISE EXCEPTION 'clean-up goes forward only' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER revocation_goes_forward BEFORE UPDATE ON revocation
    FOR EACH ROW EXECUTE FUNCTION refuse_reopening();

-- migrate:down
DROP TABLE revocation, revocation_card, enrolment_code;
DROP FUNCTION refuse_reopening, mint_token, effective_level;
DROP TABLE fence, token;
