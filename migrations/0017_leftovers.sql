-- migrate:up
-- 0017 leftovers of the tree and the cord: who is refused cannot tell why by the clock.

-- A platform may bind its access token to a key of its own (RFC 9449 section 5). NULL: a bearer's.
ALTER TABLE client_token ADD COLUMN jkt text CHECK (length(jkt) = 43);

DROP FUNCTION issue_client_token(uuid, uuid, bytea, timestamptz, jsonb, text);
CREATE FUNCTION issue_client_token(
    p_platform uuid, p_token uuid, p_secret_hash bytea, p_expires_at timestamptz, p_key jsonb,
    p_key_id text, p_jkt text DEFAULT NULL
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM platform
      WHERE platform_id = p_platform AND disabled_at IS NULL AND jwks -> 'keys' @> p_key
        FOR SHARE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    INSERT INTO client_token (platform_id, token_id, secret_hash, expires_at, key_id, jkt)
    VALUES (p_platform, p_token, p_secret_hash, p_expires_at, p_key_id, p_jkt);
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION issue_client_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION issue_client_token TO tripcord_api;

-- Unknown, revoked, foreign, rotated away and expired are one answer, and now also one amount of
-- work: what a token shows of itself decides nothing about which rows are looked for. Only a living
-- token's bearer, who knows that it lives, gets to the last statement.
CREATE OR REPLACE FUNCTION admit_path(
    p_trader uuid, p_token uuid, p_secret_hash bytea, p_proof_scope text, p_proof_hash bytea,
    p_proof_expires_at timestamptz,
    OUT proof_is_fresh boolean, OUT kind text, OUT jkt text, OUT path uuid[], OUT scope text[],
    OUT expires_at timestamptz, OUT level smallint, OUT root_id uuid, OUT platform_id uuid,
    OUT sealed boolean, OUT networks text[], OUT statement text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
AS $$
DECLARE
    v_path   uuid[];
    v_stored bytea;
    is_next  boolean;
    is_right boolean;
BEGIN
    -- The proof is spent without waiting for the disk (the argument is in 0009).
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO spent_proof VALUES (p_proof_scope, p_proof_hash, p_proof_expires_at)
    ON CONFLICT DO NOTHING;
    proof_is_fresh := FOUND;
    -- (1) The token and its secrets, whether there is one or not.
    SELECT t.path, t.secret_hash, n.is_next,
           t.jkt = p_proof_scope AND t.expires_at > clock_timestamp()
               AND (n.is_next OR t.secret_hash = p_secret_hash AND NOT n.old_is_dead)
      INTO v_path, v_stored, is_next, is_right
      FROM (SELECT coalesce(bool_or(o.secret_hash = p_secret_hash), false) AS is_next,
                   coalesce(bool_or(o.old_dies_at <= clock_timestamp()), false) AS old_is_dead
              FROM token_rotation o
             WHERE o.trader_id = p_trader AND o.token_id = p_token) n
      LEFT JOIN token t ON t.trader_id = p_trader AND t.token_id = p_token;
    -- (2) The fences of its path, or of as many nodes that are nobody's.
    SELECT coalesce(max(x.level), 0)::smallint INTO level FROM fence x
     WHERE x.trader_id = p_trader
       AND x.token_id = ANY (coalesce(v_path, ARRAY[p_token, p_trader]));
    IF is_right IS NOT TRUE OR level = 5 OR NOT proof_is_fresh THEN
        level := NULL;
        RETURN;
    END IF;
    -- (3) A new secret becomes the token's at its first use with the token's own key; of two new
    -- ones that are used at once the first wins.
    IF is_next THEN
        UPDATE token t SET secret_hash = p_secret_hash
         WHERE t.trader_id = p_trader AND t.token_id = p_token
           AND t.secret_hash IN (v_stored, p_secret_hash);
        IF NOT FOUND THEN
            level := NULL;
            RETURN;
        END IF;
        DELETE FROM token_rotation o WHERE o.trader_id = p_trader AND o.token_id = p_token;
    END IF;
    -- (4) What it is; and of the path as a whole its earliest end, and every address list on it.
    SELECT t.kind, t.jkt, t.path, t.scope, r.root_id, r.platform_id, e.expires_at, e.networks,
           t.kind <> 'grant' OR EXISTS (SELECT FROM bot_grant g
                                         WHERE g.trader_id = p_trader AND g.grant_id = p_token)
      INTO kind, jkt, path, scope, root_id, platform_id, expires_at, networks, sealed
      FROM token t JOIN trader r ON r.trader_id = t.trader_id
     CROSS JOIN LATERAL (
        SELECT min(a.expires_at) AS expires_at,
               array_agg(array_to_string(a.networks, ',')) FILTER (WHERE a.networks <> '{}')
                   AS networks
          FROM token a WHERE a.trader_id = p_trader AND a.token_id = ANY (t.path)) e
     WHERE t.trader_id = p_trader AND t.token_id = p_token;
    IF kind = 'platform' THEN
        SELECT p.statement INTO statement FROM platform_token p
         WHERE p.trader_id = p_trader AND p.token_id = p_token;
        -- A platform that an operator disabled is gone, whichever of its tokens it shows.
        sealed := statement IS NOT NULL AND NOT EXISTS (
            SELECT FROM platform o
             WHERE o.platform_id = admit_path.platform_id AND o.disabled_at IS NOT NULL);
    END IF;
END $$;
DROP FUNCTION admit;  -- only `admit_path` ever called it

-- Introspection likewise: what is dead, another's or unknown costs the same look-ups.
CREATE OR REPLACE FUNCTION introspect_batch(
    p_chain uuid, p_platforms uuid[], p_callers uuid[], p_caller_hashes bytea[],
    p_traders uuid[], p_tokens uuid[], p_hashes bytea[], p_addresses text[], p_agents text[]
) RETURNS TABLE (
    is_known boolean, kind text, jkt text, scope text[], path text[], issued_at bigint,
    expires_at bigint, level smallint, limits bytea[], method text
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp
-- One plan a connection, of index look-ups (the argument is in 0014).
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
               AND c.jkt IS NULL        -- one bound to a key is never a bearer's (RFC 9449, 7.1)
            OFFSET 0
          ) p ON true
          -- The same look-ups whatever there is: who asks learns nothing from how long they take.
          LEFT JOIN token t ON t.trader_id = q.trader_id AND t.token_id = q.token_id
          LEFT JOIN trader r ON r.trader_id = q.trader_id
         CROSS JOIN LATERAL (                           -- secret_is_current, spelled out
            SELECT CASE WHEN t.secret_hash = q.secret_hash
                        THEN bool_or(n.old_dies_at <= v_now) IS NOT TRUE
                        ELSE bool_or(n.secret_hash = q.secret_hash) END AS is_right
              FROM token_rotation n
             WHERE n.trader_id = q.trader_id AND n.token_id = q.token_id
            OFFSET 0) n
         CROSS JOIN LATERAL (                           -- effective_level, spelled out as well
            SELECT coalesce(max(x.level), 0)::smallint AS level FROM fence x
             WHERE x.trader_id = q.trader_id
               AND x.token_id = ANY (coalesce(t.path, ARRAY[q.token_id, q.trader_id]))
            OFFSET 0) v
          LEFT JOIN LATERAL (                           -- only of what may be alive for who asks
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
              FROM (                                    -- no node outlives one above it
                SELECT min(a.expires_at) AS expires_at FROM token a
                 WHERE a.trader_id = t.trader_id AND a.token_id = ANY (t.path)) e
              LEFT JOIN bot_grant g ON g.trader_id = t.trader_id AND g.grant_id = t.token_id
             WHERE n.is_right AND r.platform_id = p.platform_id AND v.level < 4
               AND e.expires_at > v_now
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

-- api: shows when a device was last seen, beside what a shorter lease would do.
GRANT SELECT (trader_id, device_id, root_id, seen_at) ON device_heartbeat TO tripcord_api;

-- A platform that cannot be told any more is told of to the people it was not told about: to each
-- trader with an event that died with the webhook an entry on a chain of the webhook's own (the
-- dispatcher holds no trader's lock), and his phones ring. Who had nothing waiting missed nothing.
CREATE OR REPLACE FUNCTION disable_webhook(p_platform uuid, p_webhook uuid, p_reason text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    v_trader uuid;
BEGIN
    UPDATE webhook SET state = 'disabled', disabled_at = clock_timestamp(),
                       disabled_reason = p_reason
     WHERE platform_id = p_platform AND webhook_id = p_webhook AND state IN ('active', 'paused');
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE outbox SET state = 'dead', last_error = 'webhook_disabled',
                      finished_at = clock_timestamp(), leased_until = NULL
     WHERE target_id = p_webhook AND state = 'pending';
    PERFORM append_entry(
        '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000',
        'webhook.disabled', 'dispatcher', NULL, NULL, p_webhook, 'ok', p_reason, NULL, NULL, NULL,
        NULL, NULL, NULL);
    FOR v_trader IN
        SELECT DISTINCT o.trader_id FROM outbox o
         WHERE o.target_id = p_webhook AND o.state = 'dead'
           -- with this webhook, now: the message whose last attempt it was ended just before
           AND o.finished_at >= transaction_timestamp() - interval '10 seconds'
           AND o.trader_id <> '00000000-0000-0000-0000-000000000000'
         ORDER BY o.trader_id       -- one order for all, so that no two wait for each other
         LIMIT 10000                -- about ten seconds of work; the log of the system has it anyway
    LOOP
        PERFORM append_entry(v_trader, p_webhook, 'webhook.disabled', 'dispatcher', NULL, NULL,
                             p_webhook, 'ok', p_reason, NULL, NULL, NULL, NULL, NULL, NULL);
        PERFORM ring_devices(v_trader, 'security', p_webhook,
                             clock_timestamp() + interval '24 hours');
    END LOOP;
    RETURN true;
END $$;

-- What was found in public and acts for nobody: a card, a receipt, an enrolment code. A report never
-- revokes and never takes a way to revoke away at once, because anybody may send one. A card ends
-- in 24 hours, as when its owner removes it; what reads, or enrols, ends now. The phones ring.
CREATE FUNCTION end_leaked(
    p_kind text, p_trader uuid, p_id uuid, p_secret_hash bytea, p_address text, p_user_agent text
) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- Who holds the secret, first: a stranger's guess never stands in a trader's line.
    IF NOT EXISTS (
        SELECT FROM revocation_card WHERE p_kind = 'card'
           AND trader_id = p_trader AND card_id = p_id AND secret_hash = p_secret_hash
        UNION ALL
        SELECT FROM revocation WHERE p_kind = 'receipt'
           AND trader_id = p_trader AND revocation_id = p_id AND receipt_hash = p_secret_hash
        UNION ALL
        SELECT FROM enrolment_code WHERE p_kind = 'enrol'
           AND trader_id = p_trader AND code_id = p_id AND code_hash = p_secret_hash) THEN
        RETURN false;
    END IF;
    PERFORM lock_trader(p_trader);
    CASE p_kind
    WHEN 'card' THEN
        UPDATE revocation_card SET removed_at = clock_timestamp() + interval '24 hours'
         WHERE trader_id = p_trader AND card_id = p_id AND secret_hash = p_secret_hash
           AND removed_at IS NULL;
    WHEN 'receipt' THEN
        UPDATE revocation SET receipt_expires_at = clock_timestamp()
         WHERE trader_id = p_trader AND revocation_id = p_id AND receipt_hash = p_secret_hash
           AND receipt_expires_at > clock_timestamp();
    WHEN 'enrol' THEN
        UPDATE enrolment_code SET expires_at = clock_timestamp()
         WHERE trader_id = p_trader AND code_id = p_id AND code_hash = p_secret_hash
           AND expires_at > clock_timestamp();
    END CASE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM append_entry(
        p_trader, '00000000-0000-0000-0000-000000000000', 'leak.reported', 'leak', NULL, NULL, p_id,
        'ok', p_kind, NULL, NULL, NULL, p_address, p_user_agent, NULL);
    PERFORM ring_devices(p_trader, 'security', p_id, clock_timestamp() + interval '24 hours');
    RETURN true;
END $$;
REVOKE ALL ON FUNCTION end_leaked FROM PUBLIC;
GRANT EXECUTE ON FUNCTION end_leaked TO tripcord_api;

-- migrate:down
DROP FUNCTION end_leaked;
REVOKE SELECT (trader_id, device_id, root_id, seen_at) ON device_heartbeat FROM tripcord_api;
CREATE FUNCTION admit(
    p_trader uuid, p_token uuid, p_secret_hash bytea, p_proof_scope text, p_proof_hash bytea,
    p_proof_expires_at timestamptz,
    OUT proof_is_fresh boolean, OUT kind text, OUT jkt text, OUT path uuid[], OUT scope text[],
    OUT expires_at timestamptz, OUT level smallint, OUT root_id uuid, OUT platform_id uuid,
    OUT sealed boolean
)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO spent_proof VALUES (p_proof_scope, p_proof_hash, p_proof_expires_at)
    ON CONFLICT DO NOTHING;
    proof_is_fresh := FOUND;
    SELECT t.kind, t.jkt, t.path, t.scope, t.expires_at, r.root_id, r.platform_id,
           t.kind <> 'grant' OR EXISTS (SELECT FROM bot_grant g
                                         WHERE g.trader_id = p_trader AND g.grant_id = p_token),
           (SELECT coalesce(max(f.level), 0)::smallint FROM fence f
             WHERE f.trader_id = p_trader AND f.token_id = ANY (t.path))
      INTO kind, jkt, path, scope, expires_at, root_id, platform_id, sealed, level
      FROM token t JOIN trader r USING (trader_id)
     WHERE t.trader_id = p_trader AND t.token_id = p_token AND t.secret_hash = p_secret_hash;
END $$;
REVOKE ALL ON FUNCTION admit FROM PUBLIC;
GRANT EXECUTE ON FUNCTION admit TO tripcord_api, tripcord_cord;
CREATE OR REPLACE FUNCTION admit_path(
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
CREATE OR REPLACE FUNCTION introspect_batch(
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
DROP FUNCTION issue_client_token;
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
ALTER TABLE client_token DROP COLUMN jkt;
CREATE OR REPLACE FUNCTION disable_webhook(p_platform uuid, p_webhook uuid, p_reason text) RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE webhook SET state = 'disabled', disabled_at = clock_timestamp(),
                       disabled_reason = p_reason
     WHERE platform_id = p_platform AND webhook_id = p_webhook AND state IN ('active', 'paused');
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE outbox SET state = 'dead', last_error = 'webhook_disabled',
                      finished_at = clock_timestamp(), leased_until = NULL
     WHERE target_id = p_webhook AND state = 'pending';
    PERFORM append_entry(
        '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000',
        'webhook.disabled', 'dispatcher', NULL, NULL, p_webhook, 'ok', p_reason, NULL, NULL, NULL,
        NULL, NULL, NULL);
    RETURN true;
END $$;
