-- migrate:up
-- 0014 introspection in one call, keys of platforms that come and go, and server nonces.

-- One link of a chain, as a window aggregate: what `append_entry` does for one entry.
CREATE FUNCTION log_link_step(p_previous bytea, p_head bytea, p_content bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN sha256(coalesce(p_previous, p_head) || p_content);
END $$;
CREATE AGGREGATE log_link(bytea, bytea) (SFUNC = log_link_step, STYPE = bytea);
REVOKE ALL ON FUNCTION log_link_step, log_link(bytea, bytea) FROM PUBLIC;

-- RFC 7662 for many callers in one statement: its snapshot is taken after every question arrived,
-- and its answers leave only after its commit, which holds their log entries (P6). An answer goes
-- to the read chain of its trader; a miss to the system's, because it belongs to nobody's tree.
-- `p_chain` is the writer's own: no other transaction may append to it at the same time (the
-- primary key of the log would refuse the second). The hash is spelled out here, byte for byte as
-- in `log_content_hash`, because calls of functions are what a row costs; a test compares them.
CREATE FUNCTION introspect_batch(
    p_chain uuid, p_platforms uuid[], p_callers uuid[], p_caller_hashes bytea[],
    p_traders uuid[], p_tokens uuid[], p_hashes bytea[], p_addresses text[], p_agents text[]
) RETURNS TABLE (
    is_known boolean, kind text, jkt text, scope text[], path text[], issued_at bigint,
    expires_at bigint, level smallint, limits bytea[], method text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
-- Planning it took longer than running it (5 ms), and whoever plans while the tables are small would
-- scan them for good: one plan a connection, of index look-ups.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off SET enable_hashjoin = off
SET enable_mergejoin = off SET enable_material = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    v_now   timestamptz := clock_timestamp();
    v_at    bytea := int8send((extract(epoch FROM v_now) * 1000000)::bigint);
    v_chain bytea := uuid_send(p_chain);
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT q.*
          FROM unnest(p_platforms, p_callers, p_caller_hashes, p_traders, p_tokens, p_hashes,
                      p_addresses, p_agents) WITH ORDINALITY
               AS q(platform_id, caller_id, caller_hash, trader_id, token_id, secret_hash,
                    address, agent, number)
    ), answered AS MATERIALIZED (
        SELECT q.number, q.platform_id, q.caller_id, q.token_id AS asked_id, q.address, q.agent,
               p.platform_id IS NOT NULL AS is_known,
               coalesce(f.trader_id, '00000000-0000-0000-0000-000000000000') AS owner, f.*
          FROM asked q
          LEFT JOIN LATERAL (
            SELECT o.platform_id
              FROM client_token c JOIN platform o ON o.platform_id = c.platform_id
             WHERE c.platform_id = q.platform_id AND c.token_id = q.caller_id
               AND c.secret_hash = q.caller_hash AND c.expires_at > v_now
               AND o.disabled_at IS NULL
            OFFSET 0
          ) p ON true
          LEFT JOIN LATERAL (
            SELECT t.trader_id, t.kind, t.jkt, t.scope, t.path, t.created_at,
                   e.expires_at, v.level,
                   -- A grant's own, or of every grant on the path where there are several (P5).
                   CASE WHEN g.grant_id IS NULL THEN NULL
                        WHEN cardinality(t.path) = 3 THEN ARRAY[g.limits]
                        ELSE ARRAY(SELECT b.limits FROM bot_grant b
                                    WHERE b.trader_id = t.trader_id AND b.grant_id = ANY (t.path)
                                    ORDER BY cardinality(b.path)) END AS limits,
                   CASE WHEN t.kind = 'session' THEN
                       (SELECT d.method FROM session s
                          JOIN decision d ON d.trader_id = s.trader_id
                                         AND d.approval_id = s.approval_id
                         WHERE s.trader_id = t.trader_id AND s.session_id = t.token_id)
                   END AS method
              FROM token t
              JOIN trader r ON r.trader_id = t.trader_id
              LEFT JOIN bot_grant g ON g.trader_id = t.trader_id AND g.grant_id = t.token_id
             CROSS JOIN LATERAL (                       -- effective_level, spelled out as well
                SELECT coalesce(max(f.level), 0)::smallint AS level FROM fence f
                 WHERE f.trader_id = t.trader_id AND f.token_id = ANY (t.path)) v
             CROSS JOIN LATERAL (                       -- no node outlives one above it
                SELECT min(a.expires_at) AS expires_at FROM token a
                 WHERE a.trader_id = t.trader_id AND a.token_id = ANY (t.path)) e
             WHERE t.trader_id = q.trader_id AND t.token_id = q.token_id
               AND CASE WHEN t.secret_hash = q.secret_hash     -- secret_is_current, spelled out
                        THEN NOT EXISTS (SELECT FROM token_rotation n
                                          WHERE n.trader_id = t.trader_id
                                            AND n.token_id = t.token_id AND n.old_dies_at <= v_now)
                        ELSE EXISTS (SELECT FROM token_rotation n
                                      WHERE n.trader_id = t.trader_id AND n.token_id = t.token_id
                                        AND n.secret_hash = q.secret_hash) END
               AND r.platform_id = p.platform_id AND e.expires_at > v_now AND v.level < 4
               AND (t.kind <> 'grant' OR g.grant_id IS NOT NULL)
               AND (t.kind <> 'platform' OR EXISTS (
                    SELECT FROM platform_token s
                     WHERE s.trader_id = t.trader_id AND s.token_id = t.token_id))
            OFFSET 0           -- a look-up per question, never the whole tree joined to all of them
          ) f ON true
    ), placed AS MATERIALIZED (
        SELECT a.number, a.owner, a.address, a.agent,
               coalesce(h.position, 0)
                   + row_number() OVER (PARTITION BY a.owner ORDER BY a.number) AS position,
               coalesce(h.head_hash, decode(repeat('00', 32), 'hex')) AS head_hash,
               CASE WHEN a.is_known THEN 'token.introspected' ELSE 'request.refused' END AS event,
               CASE WHEN a.is_known THEN 'platform:' || a.platform_id ELSE 'anyone' END AS actor,
               CASE WHEN a.is_known THEN a.caller_id END AS token_id,
               CASE WHEN a.is_known THEN a.asked_id ELSE a.caller_id END AS subject_id,
               CASE WHEN a.is_known THEN 'ok' ELSE 'refused' END AS outcome,
               CASE WHEN NOT a.is_known THEN 'client_rejected'
                    WHEN a.trader_id IS NULL THEN 'inactive' ELSE 'active' END AS rule
          FROM answered a
          LEFT JOIN access_log_head h ON h.trader_id = a.owner AND h.chain = p_chain
    ), hashed AS MATERIALIZED (
        SELECT e.*, sha256(
            '\x74726970636f72642f6c6f672d656e7472792f763100'::bytea  -- tripcord/log-entry/v1 NUL
            || '\x00000010'::bytea || uuid_send(e.owner) || '\x00000010'::bytea || v_chain
            || '\x00000008'::bytea || int8send(e.position) || '\x00000008'::bytea || v_at
            || int4send(octet_length(e.event)) || convert_to(e.event, 'UTF8')
            || int4send(octet_length(e.actor)) || convert_to(e.actor, 'UTF8')
            || coalesce('\x00000010'::bytea || uuid_send(e.token_id), '\xffffffff'::bytea)
            || '\xffffffff'::bytea                                                     -- path
            || coalesce('\x00000010'::bytea || uuid_send(e.subject_id), '\xffffffff'::bytea)
            || int4send(octet_length(e.outcome)) || convert_to(e.outcome, 'UTF8')
            || int4send(octet_length(e.rule)) || convert_to(e.rule, 'UTF8')
            || '\xffffffffffffffffffffffff'::bytea       -- both digests and the venue's outcome
            || coalesce(int4send(octet_length(e.address)) || convert_to(e.address, 'UTF8'),
                        '\xffffffff'::bytea)
            || coalesce(int4send(octet_length(e.agent)) || convert_to(e.agent, 'UTF8'),
                        '\xffffffff'::bytea)
            || '\xffffffff'::bytea) AS content_hash                                    -- device
          FROM placed e
    ), linked AS MATERIALIZED (
        SELECT e.*, log_link(e.head_hash, e.content_hash) OVER (
                   PARTITION BY e.owner ORDER BY e.position ROWS UNBOUNDED PRECEDING) AS entry_hash
          FROM hashed e
    ), written AS (
        INSERT INTO access_log (trader_id, chain, position, at, event, actor, token_id, subject_id,
            outcome, rule, address, user_agent, previous_hash, content_hash, entry_hash)
        SELECT e.owner, p_chain, e.position, v_now, e.event, e.actor, e.token_id, e.subject_id,
               e.outcome, e.rule, e.address, e.agent,
               lag(e.entry_hash, 1, e.head_hash) OVER (PARTITION BY e.owner ORDER BY e.position),
               e.content_hash, e.entry_hash
          FROM linked e
    ), moved AS (
        INSERT INTO access_log_head AS h (trader_id, chain, position, head_hash)
        SELECT DISTINCT ON (e.owner) e.owner, p_chain, e.position, e.entry_hash
          FROM linked e ORDER BY e.owner, e.position DESC
        ON CONFLICT (trader_id, chain) DO UPDATE
           SET position = excluded.position, head_hash = excluded.head_hash
    )
    SELECT a.is_known, a.kind, a.jkt, a.scope, a.path::text[],
           extract(epoch FROM a.created_at)::bigint, extract(epoch FROM a.expires_at)::bigint,
           a.level, a.limits, a.method
      FROM answered a ORDER BY a.number;
END $$;
REVOKE ALL ON FUNCTION introspect_batch FROM PUBLIC;
GRANT EXECUTE ON FUNCTION introspect_batch TO tripcord_api;

-- Which of a platform's keys an access token came from, so that it ends with the key. NULL: made
-- before this migration (ten minutes at most).
ALTER TABLE client_token ADD COLUMN key_id text;
-- Names and thumbprints of keys that were removed: none comes back.
ALTER TABLE platform ADD COLUMN retired_key_ids text[] NOT NULL DEFAULT '{}';

-- The platform's row is locked shared, so that a key cannot be removed between the look at it and
-- the token it leads to: whoever removes it waits, and then sees the token.
CREATE FUNCTION issue_client_token(
    p_platform uuid, p_token uuid, p_secret_hash bytea, p_expires_at timestamptz, p_key jsonb,
    p_key_id text
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM platform
      WHERE platform_id = p_platform AND disabled_at IS NULL AND jwks -> 'keys' @> p_key
        FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO client_token (platform_id, token_id, secret_hash, expires_at, key_id)
    VALUES (p_platform, p_token, p_secret_hash, p_expires_at, p_key_id);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION issue_client_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION issue_client_token TO tripcord_api;
GRANT UPDATE (retired_key_ids) ON platform TO tripcord_operator;
GRANT SELECT (platform_id, token_id, key_id), DELETE ON client_token TO tripcord_operator;

-- What DPoP nonces are derived from (RFC 9449 section 8), shared by every node of the edge. Random
-- bits of two UUIDs, hashed: 244 of them.
CREATE TABLE nonce_secret (
    made_at timestamptz PRIMARY KEY,
    secret  bytea NOT NULL CHECK (octet_length(secret) = 32)
);

-- The newest secrets, newest first; makes one a day and forgets those that count no more.
CREATE FUNCTION nonce_secrets() RETURNS SETOF nonce_secret
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM nonce_secret
                    WHERE made_at > clock_timestamp() - interval '1 day') THEN
        PERFORM pg_advisory_xact_lock(hashtext('nonce_secret'));
        IF NOT EXISTS (SELECT FROM nonce_secret
                        WHERE made_at > clock_timestamp() - interval '1 day') THEN
            INSERT INTO nonce_secret
            VALUES (clock_timestamp(), sha256(uuid_send(gen_random_uuid())
                                              || uuid_send(gen_random_uuid())));
            DELETE FROM nonce_secret WHERE made_at < clock_timestamp() - interval '2 days';
        END IF;
    END IF;
    RETURN QUERY SELECT * FROM nonce_secret ORDER BY made_at DESC LIMIT 2;
END $$;
REVOKE ALL ON FUNCTION nonce_secrets FROM PUBLIC;
GRANT EXECUTE ON FUNCTION nonce_secrets TO tripcord_api;

-- migrate:down
DROP FUNCTION nonce_secrets;
DROP TABLE nonce_secret;
REVOKE SELECT (platform_id, token_id, key_id), DELETE ON client_token FROM tripcord_operator;
REVOKE UPDATE (retired_key_ids) ON platform FROM tripcord_operator;
DROP FUNCTION issue_client_token;
ALTER TABLE platform DROP COLUMN retired_key_ids;
ALTER TABLE client_token DROP COLUMN key_id;
DROP FUNCTION introspect_batch;
DROP AGGREGATE log_link(bytea, bytea);
DROP FUNCTION log_link_step;
