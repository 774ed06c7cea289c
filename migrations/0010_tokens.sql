-- migrate:up
-- 0010 tokens: address lists, narrowing, rotation, platform tokens. Safe online: adds columns with
-- constant defaults; `mint_token` gets one more argument that has a default.

ALTER TABLE token
    ADD COLUMN networks cidr[] NOT NULL DEFAULT '{}',   -- empty: from anywhere
    ADD COLUMN version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    ADD CONSTRAINT networks_are_a_plain_list CHECK (
        cardinality(networks) <= 32 AND coalesce(array_ndims(networks), 1) = 1
        AND array_position(networks, NULL) IS NULL),
    -- Root, credential, its grant, and eight sub-grants beneath that.
    DROP CONSTRAINT depth_is_bounded,
    ADD CONSTRAINT depth_is_bounded CHECK (cardinality(path) BETWEEN 1 AND 11);

-- Secrets that were handed out and not used yet. The first one that is used becomes the token's
-- secret and the others go; the old one is good until then, and at most until `old_dies_at`.
CREATE TABLE token_rotation (
    trader_id   uuid NOT NULL,
    token_id    uuid NOT NULL,
    secret_hash bytea NOT NULL CHECK (octet_length(secret_hash) = 32),
    issued_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    old_dies_at timestamptz NOT NULL,
    PRIMARY KEY (trader_id, token_id, secret_hash),
    FOREIGN KEY (trader_id, token_id) REFERENCES token
);

-- What a platform may do for this trader. `statement` is the signer's own word (a JWS by the HSM's
-- identity key over key, scope, addresses and expiry): the edge, which has no MAC key, verifies it
-- at each use, so that nobody who only writes rows gives a platform more than was approved.
CREATE TABLE platform_token (
    trader_id   uuid NOT NULL,
    token_id    uuid NOT NULL,
    approval_id uuid NOT NULL,
    statement   text NOT NULL,
    version     integer NOT NULL CHECK (version > 0),
    sealed_at   timestamptz NOT NULL,
    PRIMARY KEY (trader_id, token_id),
    FOREIGN KEY (trader_id, token_id) REFERENCES token,
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval
);

CREATE FUNCTION networks_within(p_inner cidr[], p_outer cidr[]) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    IF cardinality(p_outer) = 0 THEN
        RETURN true;
    END IF;
    RETURN cardinality(p_inner) > 0 AND NOT EXISTS (
        SELECT FROM unnest(p_inner) AS i
         WHERE NOT EXISTS (SELECT FROM unnest(p_outer) AS o WHERE i <<= o));
END $$;

DROP FUNCTION mint_token(uuid, uuid, text, uuid, bytea, text, text[], text, timestamptz);

-- A child never outlives or escapes its parent: path and latest expiry come from the rows above,
-- its addresses lie within theirs, and no child is born under a fenced parent. The caller holds
-- the trader lock.
CREATE FUNCTION mint_token(
    p_trader uuid, p_token uuid, p_kind text, p_parent uuid, p_secret_hash bytea, p_jkt text,
    p_scope text[], p_label text, p_expires_at timestamptz, p_networks text[] DEFAULT '{}'
) RETURNS token
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    parent     token;
    child      token;
    nets       cidr[] := p_networks::cidr[];
    ends_at    timestamptz;
    lists_hold boolean;
BEGIN
    -- The edge makes only what is dead until a person approved it.
    IF session_user = 'tripcord_api' AND p_kind NOT IN ('grant', 'session', 'platform') THEN
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
       OR (p_kind IN ('platform', 'device', 'session') AND parent.kind <> 'trader') THEN
        RAISE EXCEPTION 'parent cannot bear children' USING ERRCODE = 'TC001';
    END IF;
    SELECT min(t.expires_at), bool_and(networks_within(nets, t.networks))
      INTO ends_at, lists_hold
      FROM token t WHERE t.trader_id = p_trader AND t.token_id = ANY (parent.path);
    IF ends_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'parent cannot bear children' USING ERRCODE = 'TC001';
    END IF;
    -- What is not named is the parent's (sessions and devices name nothing).
    IF NOT lists_hold AND cardinality(nets) > 0
       OR parent.kind = 'grant' AND NOT p_scope <@ parent.scope THEN
        RAISE EXCEPTION 'the child is wider than its parent' USING ERRCODE = 'TC005';
    END IF;
    INSERT INTO token (trader_id, token_id, kind, parent_id, path, secret_hash, jkt, scope, label,
                       expires_at, networks)
    VALUES (p_trader, p_token, p_kind, p_parent, parent.path || p_token, p_secret_hash, p_jkt,
            p_scope, p_label, least(p_expires_at, ends_at), nets)
    RETURNING * INTO child;
    RETURN child;
END $$;

-- Tighter only, one version further: the signer's, after a device signed for exactly this.
CREATE FUNCTION narrow_token(
    p_trader uuid, p_token uuid, p_version integer, p_scope text[], p_networks text[],
    p_expires_at timestamptz
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE token t
       SET scope = p_scope, networks = p_networks::cidr[], expires_at = p_expires_at,
           version = t.version + 1
     WHERE t.trader_id = p_trader AND t.token_id = p_token AND t.version = p_version
       AND p_scope <@ t.scope AND networks_within(p_networks::cidr[], t.networks)
       AND p_expires_at <= t.expires_at;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not narrower, or another version' USING ERRCODE = 'TC005';
    END IF;
    RETURN p_version + 1;
END $$;

-- Another address list, wider perhaps, never beyond what stands above: the signer's, after a
-- person approved it.
CREATE FUNCTION change_networks(
    p_trader uuid, p_token uuid, p_version integer, p_networks text[]
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE token t SET networks = p_networks::cidr[], version = t.version + 1
     WHERE t.trader_id = p_trader AND t.token_id = p_token AND t.version = p_version
       AND NOT EXISTS (
           SELECT FROM token a
            WHERE a.trader_id = p_trader AND a.token_id = ANY (t.path) AND a.token_id <> p_token
              AND NOT networks_within(p_networks::cidr[], a.networks));
    IF NOT FOUND THEN
        RAISE EXCEPTION 'wider than what is above, or another version' USING ERRCODE = 'TC005';
    END IF;
    RETURN p_version + 1;
END $$;

-- One more secret for a living token; the caller holds the trader lock and tells nobody but who
-- holds the key. A reply that got lost is asked for again: up to four answers are good at once,
-- until the first of them is used. The overlap begins with the first and is never prolonged.
CREATE FUNCTION rotate_secret(
    p_trader uuid, p_token uuid, p_secret_hash bytea, p_overlap interval
) RETURNS timestamptz
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    target  token;
    ends_at timestamptz;
BEGIN
    SELECT * INTO target FROM token
     WHERE trader_id = p_trader AND token_id = p_token AND secret_hash IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such token' USING ERRCODE = 'TC002';
    END IF;
    IF effective_level(p_trader, target.path) > 0 OR target.expires_at <= clock_timestamp() THEN
        RAISE EXCEPTION 'contained or expired' USING ERRCODE = 'TC001';
    END IF;
    SELECT min(r.old_dies_at) INTO ends_at FROM token_rotation r
     WHERE r.trader_id = p_trader AND r.token_id = p_token;
    ends_at := coalesce(ends_at, clock_timestamp() + least(p_overlap, interval '1 hour'));
    DELETE FROM token_rotation r
     WHERE r.trader_id = p_trader AND r.token_id = p_token AND r.secret_hash IN (
        SELECT q.secret_hash FROM token_rotation q
         WHERE q.trader_id = p_trader AND q.token_id = p_token
         ORDER BY q.issued_at DESC OFFSET 3);
    INSERT INTO token_rotation (trader_id, token_id, secret_hash, old_dies_at)
    VALUES (p_trader, p_token, p_secret_hash, ends_at);
    RETURN ends_at;
END $$;

-- Whether a presented secret is one of the token's: the old one until it dies, or a new one.
CREATE FUNCTION secret_is_current(
    p_trader uuid, p_token uuid, p_stored bytea, p_presented bytea
) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF p_stored = p_presented THEN
        RETURN NOT EXISTS (SELECT FROM token_rotation
                            WHERE trader_id = p_trader AND token_id = p_token
                              AND old_dies_at <= clock_timestamp());
    END IF;
    RETURN EXISTS (SELECT FROM token_rotation
                    WHERE trader_id = p_trader AND token_id = p_token
                      AND secret_hash = p_presented);
END $$;

-- `admit`, and what depends on the path as a whole: the earliest end and every address list on it.
-- A new secret becomes the token's at its first use with the token's own key.
CREATE FUNCTION admit_path(
    p_trader uuid, p_token uuid, p_secret_hash bytea, p_proof_scope text, p_proof_hash bytea,
    p_proof_expires_at timestamptz,
    OUT proof_is_fresh boolean, OUT kind text, OUT jkt text, OUT path uuid[], OUT scope text[],
    OUT expires_at timestamptz, OUT level smallint, OUT root_id uuid, OUT platform_id uuid,
    OUT sealed boolean, OUT networks text[], OUT statement text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    spent boolean;
BEGIN
    SELECT a.proof_is_fresh, a.kind, a.jkt, a.path, a.scope, a.level, a.root_id, a.platform_id,
           a.sealed
      INTO proof_is_fresh, kind, jkt, path, scope, level, root_id, platform_id, sealed
      FROM admit(p_trader, p_token, p_secret_hash, p_proof_scope, p_proof_hash,
                 p_proof_expires_at) a;
    IF kind IS NULL AND proof_is_fresh THEN
        UPDATE token t SET secret_hash = p_secret_hash
         WHERE t.trader_id = p_trader AND t.token_id = p_token AND t.jkt = p_proof_scope
           AND EXISTS (SELECT FROM token_rotation r
                        WHERE r.trader_id = p_trader AND r.token_id = p_token
                          AND r.secret_hash = p_secret_hash);
        IF FOUND THEN
            DELETE FROM token_rotation r WHERE r.trader_id = p_trader AND r.token_id = p_token;
            SELECT a.proof_is_fresh, a.kind, a.jkt, a.path, a.scope, a.level, a.root_id,
                   a.platform_id, a.sealed
              INTO spent, kind, jkt, path, scope, level, root_id, platform_id, sealed
              FROM admit(p_trader, p_token, p_secret_hash, p_proof_scope, p_proof_hash,
                         p_proof_expires_at) a;
        END IF;
    END IF;
    IF kind IS NULL THEN
        RETURN;
    END IF;
    IF NOT secret_is_current(p_trader, p_token, p_secret_hash, p_secret_hash) THEN
        kind := NULL;
        RETURN;
    END IF;
    SELECT min(t.expires_at),
           array_agg(array_to_string(t.networks, ',')) FILTER (WHERE t.networks <> '{}')
      INTO expires_at, networks
      FROM token t WHERE t.trader_id = p_trader AND t.token_id = ANY (admit_path.path);
    IF kind = 'platform' THEN
        SELECT p.statement INTO statement FROM platform_token p
         WHERE p.trader_id = p_trader AND p.token_id = p_token;
        -- A platform that an operator disabled is gone, whichever of its tokens it shows.
        sealed := statement IS NOT NULL AND NOT EXISTS (
            SELECT FROM platform o
             WHERE o.platform_id = admit_path.platform_id AND o.disabled_at IS NOT NULL);
    END IF;
END $$;

REVOKE ALL ON FUNCTION networks_within, mint_token, narrow_token, change_networks, rotate_secret,
    secret_is_current, admit_path FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mint_token TO tripcord_api, tripcord_signer;
GRANT EXECUTE ON FUNCTION narrow_token, change_networks TO tripcord_signer;
GRANT EXECUTE ON FUNCTION rotate_secret, secret_is_current TO tripcord_api;
GRANT EXECUTE ON FUNCTION admit_path TO tripcord_api, tripcord_cord;
GRANT SELECT ON platform_token TO tripcord_api, tripcord_signer;
GRANT INSERT ON platform_token TO tripcord_signer;
GRANT UPDATE (statement, version, sealed_at) ON platform_token TO tripcord_signer;
-- A narrowed grant is another version of the same evidence.
GRANT UPDATE (limits, expires_at, version, mac) ON bot_grant TO tripcord_signer;
GRANT SELECT ON platform TO tripcord_signer;

-- migrate:down
DROP FUNCTION admit_path, secret_is_current, rotate_secret, change_networks, narrow_token,
    mint_token;
DROP FUNCTION networks_within;
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
REVOKE ALL ON FUNCTION mint_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION mint_token TO tripcord_api, tripcord_signer;
REVOKE UPDATE (limits, expires_at, version, mac) ON bot_grant FROM tripcord_signer;
REVOKE SELECT ON platform FROM tripcord_signer;
DROP TABLE platform_token, token_rotation;
ALTER TABLE token
    DROP CONSTRAINT depth_is_bounded,
    ADD CONSTRAINT depth_is_bounded CHECK (cardinality(path) BETWEEN 1 AND 10),
    DROP CONSTRAINT networks_are_a_plain_list, DROP COLUMN networks, DROP COLUMN version;
