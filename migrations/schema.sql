CREATE TYPE public.signed_order AS (
	trader_id uuid,
	order_id uuid,
	grant_id uuid,
	credential_id uuid,
	sequence bigint,
	jws text,
	jws_digest bytea,
	venue_id text,
	market text,
	side text,
	order_type text,
	quantity numeric,
	price numeric,
	time_in_force text,
	notional numeric,
	quote text,
	client_order_id text,
	approval_id uuid,
	state text,
	rule text,
	request_digest bytea,
	created_at timestamp with time zone,
	released_at timestamp with time zone
);

ALTER TYPE public.signed_order OWNER TO tripcord_owner;

CREATE FUNCTION public.admit_path(p_trader uuid, p_token uuid, p_secret_hash bytea, p_proof_scope text, p_proof_hash bytea, p_proof_expires_at timestamp with time zone, OUT proof_is_fresh boolean, OUT kind text, OUT jkt text, OUT path uuid[], OUT scope text[], OUT expires_at timestamp with time zone, OUT level smallint, OUT root_id uuid, OUT platform_id uuid, OUT sealed boolean, OUT networks text[], OUT statement text) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
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

ALTER FUNCTION public.admit_path(p_trader uuid, p_token uuid, p_secret_hash bytea, p_proof_scope text, p_proof_hash bytea, p_proof_expires_at timestamp with time zone, OUT proof_is_fresh boolean, OUT kind text, OUT jkt text, OUT path uuid[], OUT scope text[], OUT expires_at timestamp with time zone, OUT level smallint, OUT root_id uuid, OUT platform_id uuid, OUT sealed boolean, OUT networks text[], OUT statement text) OWNER TO tripcord_owner;

CREATE FUNCTION public.append_entry(p_trader uuid, p_chain uuid, p_event text, p_actor text, p_token uuid, p_path uuid[], p_subject uuid, p_outcome text, p_rule text, p_request_digest bytea, p_answer_digest bytea, p_venue_outcome text, p_address text, p_user_agent text, p_device uuid) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    e    access_log;
    head access_log_head;
BEGIN
    IF p_event = 'venue.contained' AND session_user LIKE 'tripcord\_%'
       AND session_user <> 'tripcord_operator' THEN
        RAISE EXCEPTION '% does not tell of %', session_user, p_event
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- What only the signer can know happened is told by the signer alone; others may tell of it
    -- that it was refused. The role decides, not an argument.
    IF p_outcome = 'ok' AND session_user IN ('tripcord_api', 'tripcord_cord', 'tripcord_courier',
                                             'tripcord_operator', 'tripcord_dispatcher')
       AND (p_event LIKE ANY (ARRAY['passkey.%', 're_enrolment.%', 'recovery_codes.bound', 'factor.carried_over', 'order.released', 'order.held', 'order.refused',
                'trader.frozen_empty', 'credential.refused',
                'order.answered_again', 'device.bound', 'factor.bound', 'grant.sealed',
                'approval.decided', 'change.sealed', 'credential.imported',
                'credential.verifying', 'credential.linked', 'cleanup.released', 'venue.read',
                'session.code', 'sealing_key.opened'])
            OR (session_user = 'tripcord_courier') <> (p_event IN ('order.outcome',
                'cleanup.outcome')) AND p_event NOT LIKE 'token.%') THEN
        RAISE EXCEPTION '% does not tell of %', session_user, p_event
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT * INTO head FROM access_log_head
     WHERE trader_id = p_trader AND chain = p_chain FOR NO KEY UPDATE;
    IF NOT FOUND THEN                                      -- the first entry of a chain
        INSERT INTO access_log_head (trader_id, chain, position, head_hash)
        VALUES (p_trader, p_chain, 0, decode(repeat('00', 32), 'hex'))
        ON CONFLICT DO NOTHING;
        SELECT * INTO head FROM access_log_head
         WHERE trader_id = p_trader AND chain = p_chain FOR NO KEY UPDATE;
    END IF;
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

ALTER FUNCTION public.append_entry(p_trader uuid, p_chain uuid, p_event text, p_actor text, p_token uuid, p_path uuid[], p_subject uuid, p_outcome text, p_rule text, p_request_digest bytea, p_answer_digest bytea, p_venue_outcome text, p_address text, p_user_agent text, p_device uuid) OWNER TO tripcord_owner;

CREATE TABLE public.bot_grant (
    trader_id uuid NOT NULL,
    grant_id uuid NOT NULL,
    root_id uuid NOT NULL,
    path uuid[] NOT NULL,
    credential_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    model_jwk bytea NOT NULL,
    limits bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    granted_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT bot_grant_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT bot_grant_version_check CHECK ((version > 0))
);

ALTER TABLE public.bot_grant OWNER TO tripcord_owner;

CREATE TABLE public.bot_order (
    trader_id uuid NOT NULL,
    order_id uuid NOT NULL,
    grant_id uuid NOT NULL,
    credential_id uuid NOT NULL,
    sequence bigint NOT NULL,
    jws text NOT NULL,
    jws_digest bytea NOT NULL,
    venue_id text NOT NULL,
    market text,
    side text,
    order_type text,
    quantity numeric,
    price numeric,
    time_in_force text,
    notional numeric,
    quote text,
    client_order_id text NOT NULL,
    approval_id uuid,
    state text NOT NULL,
    rule text,
    request_digest bytea,
    venue_order_id text,
    filled_quantity numeric DEFAULT 0 NOT NULL,
    venue_code text,
    created_at timestamp with time zone NOT NULL,
    released_at timestamp with time zone,
    outcome_at timestamp with time zone,
    CONSTRAINT a_refusal_names_its_rule CHECK (((state <> 'refused'::text) OR (rule IS NOT NULL))),
    CONSTRAINT bot_order_jws_digest_check CHECK ((octet_length(jws_digest) = 32)),
    CONSTRAINT bot_order_order_type_check CHECK ((order_type = ANY (ARRAY['limit'::text, 'market'::text]))),
    CONSTRAINT bot_order_sequence_check CHECK ((sequence > 0)),
    CONSTRAINT bot_order_side_check CHECK ((side = ANY (ARRAY['buy'::text, 'sell'::text]))),
    CONSTRAINT bot_order_state_check CHECK ((state = ANY (ARRAY['refused'::text, 'held'::text, 'released'::text, 'accepted'::text, 'partially_filled'::text, 'filled'::text, 'cancelled'::text, 'rejected'::text, 'expired'::text, 'unknown'::text]))),
    CONSTRAINT held_means_asked CHECK (((state <> 'held'::text) OR (approval_id IS NOT NULL))),
    CONSTRAINT released_means_signed CHECK (((state = ANY (ARRAY['refused'::text, 'held'::text, 'expired'::text])) OR (request_digest IS NOT NULL)))
);

ALTER TABLE public.bot_order OWNER TO tripcord_owner;

CREATE TABLE public.exchange_credential (
    trader_id uuid NOT NULL,
    credential_id uuid NOT NULL,
    root_id uuid NOT NULL,
    path uuid[] NOT NULL,
    device_id uuid NOT NULL,
    venue_id text NOT NULL,
    api_key_id text NOT NULL,
    algorithm text NOT NULL,
    label text NOT NULL,
    envelope_sha256 bytea NOT NULL,
    state text NOT NULL,
    refused_reason text,
    permissions text[],
    attested_at timestamp with time zone,
    approval_id uuid,
    linked_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT a_refusal_has_a_reason CHECK (((state = 'refused'::text) = (refused_reason IS NOT NULL))),
    CONSTRAINT active_means_read_back_and_approved CHECK (((state <> 'active'::text) OR ((attested_at IS NOT NULL) AND (approval_id IS NOT NULL)))),
    CONSTRAINT exchange_credential_api_key_id_check CHECK (((length(api_key_id) >= 1) AND (length(api_key_id) <= 128))),
    CONSTRAINT exchange_credential_envelope_sha256_check CHECK ((octet_length(envelope_sha256) = 32)),
    CONSTRAINT exchange_credential_label_check CHECK (((length(label) >= 1) AND (length(label) <= 64))),
    CONSTRAINT exchange_credential_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT exchange_credential_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'verifying'::text, 'active'::text, 'refused'::text]))),
    CONSTRAINT exchange_credential_version_check CHECK ((version > 0))
);

ALTER TABLE public.exchange_credential OWNER TO tripcord_owner;

CREATE TABLE public.market_price (
    venue_id text NOT NULL,
    market text NOT NULL,
    bid numeric NOT NULL,
    ask numeric NOT NULL,
    as_of timestamp with time zone NOT NULL,
    CONSTRAINT market_price_ask_check CHECK ((ask > (0)::numeric)),
    CONSTRAINT market_price_bid_check CHECK ((bid > (0)::numeric))
);

ALTER TABLE public.market_price OWNER TO tripcord_owner;

CREATE TABLE public.node_usage (
    trader_id uuid NOT NULL,
    token_id uuid NOT NULL,
    day date NOT NULL,
    quote text NOT NULL,
    notional numeric NOT NULL,
    CONSTRAINT node_usage_notional_check CHECK ((notional >= (0)::numeric))
);

ALTER TABLE public.node_usage OWNER TO tripcord_owner;

CREATE TABLE public.trader_policy (
    trader_id uuid NOT NULL,
    root_id uuid NOT NULL,
    version integer NOT NULL,
    change text NOT NULL,
    policy bytea NOT NULL,
    device_id uuid NOT NULL,
    statement text,
    approval_id uuid,
    sealed_at timestamp with time zone NOT NULL,
    effective_at timestamp with time zone NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT loosening_takes_an_approval_and_a_day CHECK (
CASE change
    WHEN 'loosened'::text THEN ((approval_id IS NOT NULL) AND (statement IS NULL) AND (effective_at >= (sealed_at + '24:00:00'::interval)))
    ELSE ((approval_id IS NULL) AND (statement IS NOT NULL) AND (effective_at = sealed_at))
END),
    CONSTRAINT trader_policy_change_check CHECK ((change = ANY (ARRAY['tightened'::text, 'loosened'::text, 'cancelled'::text]))),
    CONSTRAINT trader_policy_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT trader_policy_policy_check CHECK ((octet_length(policy) <= 16384)),
    CONSTRAINT trader_policy_version_check CHECK ((version > 0))
);

ALTER TABLE public.trader_policy OWNER TO tripcord_owner;

CREATE TABLE public.venue_balance (
    trader_id uuid NOT NULL,
    credential_id uuid NOT NULL,
    asset text NOT NULL,
    free numeric NOT NULL,
    locked numeric NOT NULL,
    as_of timestamp with time zone NOT NULL
);

ALTER TABLE public.venue_balance OWNER TO tripcord_owner;

CREATE TABLE public.wrapped_secret (
    trader_id uuid NOT NULL,
    credential_id uuid NOT NULL,
    shard text NOT NULL,
    blob bytea NOT NULL,
    blob_mac bytea NOT NULL,
    CONSTRAINT wrapped_secret_blob_mac_check CHECK ((octet_length(blob_mac) = 32))
);

ALTER TABLE public.wrapped_secret OWNER TO tripcord_owner;

CREATE FUNCTION public.begin_signing(p_trader uuid, p_grant uuid, p_sequence bigint, p_market text, OUT now timestamp with time zone, OUT a_grant public.bot_grant, OUT ancestors public.bot_grant[], OUT credential public.exchange_credential, OUT secret public.wrapped_secret, OUT prior public.bot_order, OUT level smallint, OUT venue_level smallint, OUT usage public.node_usage[], OUT price public.market_price, OUT snapshot text, OUT balances public.venue_balance[], OUT pending_sell numeric, OUT policy public.trader_policy) RETURNS record
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM lock_trader(p_trader);                                   -- waits here, reads nothing
    now := clock_timestamp();
    SELECT g.* INTO a_grant FROM bot_grant g
     WHERE g.trader_id = p_trader AND g.grant_id = p_grant;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    level := effective_level(p_trader, a_grant.path);
    IF cardinality(a_grant.path) > 3 THEN                  -- beneath root, credential and a grant
        ancestors := ARRAY(SELECT g FROM bot_grant g
                            WHERE g.trader_id = p_trader AND g.grant_id = ANY (a_grant.path)
                              AND g.grant_id <> p_grant
                            ORDER BY cardinality(g.path));
    END IF;
    SELECT o.* INTO prior FROM bot_order o
     WHERE o.trader_id = p_trader AND o.grant_id = p_grant AND o.sequence = p_sequence;
    SELECT c.* INTO credential FROM exchange_credential c
     WHERE c.trader_id = p_trader AND c.credential_id = a_grant.credential_id;
    SELECT s.* INTO secret FROM wrapped_secret s
     WHERE s.trader_id = p_trader AND s.credential_id = a_grant.credential_id;
    SELECT t.* INTO policy FROM trader_policy t
     WHERE t.trader_id = p_trader AND t.root_id = a_grant.root_id AND t.effective_at <= now
     ORDER BY t.version DESC LIMIT 1;
    venue_level := shared_venue_level(credential.venue_id);
    usage := ARRAY(SELECT u FROM node_usage u
                    WHERE u.trader_id = p_trader AND u.token_id = ANY (a_grant.path)
                      AND u.day = (now AT TIME ZONE 'UTC')::date);
    SELECT p.* INTO price FROM market_price p
     WHERE p.venue_id = credential.venue_id AND p.market = p_market;
    SELECT m.snapshot::text INTO snapshot FROM market_snapshot m
     WHERE m.venue_id = credential.venue_id AND m.market = p_market;
    IF greatest(level, venue_level) = 1 THEN
        balances := ARRAY(SELECT b FROM venue_balance b
                           WHERE b.trader_id = p_trader
                             AND b.credential_id = a_grant.credential_id);
        -- What our own sells of this base may still take away from the balance as it was read.
        SELECT coalesce(sum(o.quantity), 0) INTO pending_sell
          FROM bot_order o
          JOIN market_snapshot s ON s.venue_id = o.venue_id AND s.market = o.market
          JOIN market_snapshot t ON t.venue_id = o.venue_id AND t.market = p_market
         WHERE o.trader_id = p_trader AND o.credential_id = a_grant.credential_id
           AND o.side = 'sell' AND s.snapshot ->> 'base' = t.snapshot ->> 'base'
           AND (o.state IN ('released', 'unknown', 'accepted', 'partially_filled')
                OR o.outcome_at > (SELECT min(b.as_of) FROM venue_balance b
                                    WHERE b.trader_id = p_trader
                                      AND b.credential_id = a_grant.credential_id));
    END IF;
END $$;

ALTER FUNCTION public.begin_signing(p_trader uuid, p_grant uuid, p_sequence bigint, p_market text, OUT now timestamp with time zone, OUT a_grant public.bot_grant, OUT ancestors public.bot_grant[], OUT credential public.exchange_credential, OUT secret public.wrapped_secret, OUT prior public.bot_order, OUT level smallint, OUT venue_level smallint, OUT usage public.node_usage[], OUT price public.market_price, OUT snapshot text, OUT balances public.venue_balance[], OUT pending_sell numeric, OUT policy public.trader_policy) OWNER TO tripcord_owner;

CREATE FUNCTION public.cancel_asked(p_trader uuid, p_approval uuid, p_requester text, p_now timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    UPDATE approval SET state = 'cancelled', decided_at = p_now
     WHERE trader_id = p_trader AND approval_id = p_approval AND requester = p_requester
       AND state = 'pending' AND expires_at > p_now;
    RETURN FOUND;
END $$;

ALTER FUNCTION public.cancel_asked(p_trader uuid, p_approval uuid, p_requester text, p_now timestamp with time zone) OWNER TO tripcord_owner;

CREATE FUNCTION public.change_networks(p_trader uuid, p_token uuid, p_version integer, p_networks text[]) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.change_networks(p_trader uuid, p_token uuid, p_version integer, p_networks text[]) OWNER TO tripcord_owner;

CREATE FUNCTION public.contain_venue(p_venue text, p_containment uuid, p_level smallint, p_reason text, p_actor text, OUT previous smallint, OUT imposed_at timestamp with time zone, OUT log_position bigint) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.contain_venue(p_venue text, p_containment uuid, p_level smallint, p_reason text, p_actor text, OUT previous smallint, OUT imposed_at timestamp with time zone, OUT log_position bigint) OWNER TO tripcord_owner;

CREATE FUNCTION public.count_below(p_trader uuid, p_top uuid, p_limit integer) RETURNS integer
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    counted integer;
BEGIN
    -- The LIMIT inside keeps the planner from reading the whole table to join it.
    WITH RECURSIVE below (token_id) AS (
        SELECT p_top
        UNION ALL
        SELECT child.token_id FROM below
         CROSS JOIN LATERAL (SELECT t.token_id FROM token t
                              WHERE t.trader_id = p_trader AND t.parent_id = below.token_id
                              ORDER BY t.token_id LIMIT p_limit) AS child
    )
    SELECT count(*) INTO counted FROM (SELECT FROM below LIMIT p_limit) AS counted_nodes;
    RETURN counted;
END $$;

ALTER FUNCTION public.count_below(p_trader uuid, p_top uuid, p_limit integer) OWNER TO tripcord_owner;

CREATE FUNCTION public.disable_webhook(p_platform uuid, p_webhook uuid, p_reason text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.disable_webhook(p_platform uuid, p_webhook uuid, p_reason text) OWNER TO tripcord_owner;

CREATE FUNCTION public.drain_venue(p_venue text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(13, hashtext(p_venue));
END $$;

ALTER FUNCTION public.drain_venue(p_venue text) OWNER TO tripcord_owner;

CREATE FUNCTION public.effective_level(p_trader uuid, p_path uuid[]) RETURNS smallint
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    RETURN (SELECT coalesce(max(f.level), 0)::smallint FROM fence f
             WHERE f.trader_id = p_trader AND f.token_id = ANY (p_path));
END $$;

ALTER FUNCTION public.effective_level(p_trader uuid, p_path uuid[]) OWNER TO tripcord_owner;

CREATE FUNCTION public.end_leaked(p_kind text, p_trader uuid, p_id uuid, p_secret_hash bytea, p_address text, p_user_agent text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.end_leaked(p_kind text, p_trader uuid, p_id uuid, p_secret_hash bytea, p_address text, p_user_agent text) OWNER TO tripcord_owner;

CREATE FUNCTION public.finish_signing(p_order public.signed_order, p_path uuid[], p_event text, p_actor text, p_outcome text, p_address text, p_user_agent text, p_reserve boolean) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO bot_order (trader_id, order_id, grant_id, credential_id, sequence, jws, jws_digest,
        venue_id, market, side, order_type, quantity, price, time_in_force, notional, quote,
        client_order_id, approval_id, state, rule, request_digest, created_at, released_at)
    SELECT p_order.*
    ON CONFLICT (trader_id, order_id) DO UPDATE
       SET state = excluded.state, rule = excluded.rule, request_digest = excluded.request_digest,
           released_at = excluded.released_at, notional = excluded.notional,
           quote = excluded.quote
     WHERE bot_order.state = 'held';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the held order was decided already' USING ERRCODE = 'TC004';
    END IF;
    IF p_reserve THEN
        INSERT INTO node_usage AS u (trader_id, token_id, day, quote, notional)
        SELECT p_order.trader_id, node, (p_order.released_at AT TIME ZONE 'UTC')::date,
               p_order.quote, p_order.notional
          FROM unnest(p_path) AS node
        ON CONFLICT (trader_id, token_id, day, quote)
        DO UPDATE SET notional = u.notional + excluded.notional;
    END IF;
    RETURN append_entry(
        p_order.trader_id, '00000000-0000-0000-0000-000000000000', p_event, p_actor,
        p_order.grant_id, p_path, p_order.order_id, p_outcome, p_order.rule,
        coalesce(p_order.request_digest, p_order.jws_digest), NULL, NULL, p_address,
        p_user_agent, NULL);
END $$;

ALTER FUNCTION public.finish_signing(p_order public.signed_order, p_path uuid[], p_event text, p_actor text, p_outcome text, p_address text, p_user_agent text, p_reserve boolean) OWNER TO tripcord_owner;

CREATE FUNCTION public.freeze_asker(p_trader uuid, p_token uuid, p_approval uuid, p_actor text, p_device uuid, p_address text, p_user_agent text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.freeze_asker(p_trader uuid, p_token uuid, p_approval uuid, p_actor text, p_device uuid, p_address text, p_user_agent text) OWNER TO tripcord_owner;

CREATE FUNCTION public.introspect_batch(p_chain uuid, p_platforms uuid[], p_callers uuid[], p_caller_hashes bytea[], p_traders uuid[], p_tokens uuid[], p_hashes bytea[], p_addresses text[], p_agents text[]) RETURNS TABLE(is_known boolean, kind text, jkt text, scope text[], path text[], issued_at bigint, expires_at bigint, level smallint, limits bytea[], method text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    SET enable_material TO 'off'
    SET jit TO 'off'
    AS $$
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

ALTER FUNCTION public.introspect_batch(p_chain uuid, p_platforms uuid[], p_callers uuid[], p_caller_hashes bytea[], p_traders uuid[], p_tokens uuid[], p_hashes bytea[], p_addresses text[], p_agents text[]) OWNER TO tripcord_owner;

CREATE FUNCTION public.issue_client_token(p_platform uuid, p_token uuid, p_secret_hash bytea, p_expires_at timestamp with time zone, p_key jsonb, p_key_id text, p_jkt text DEFAULT NULL::text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.issue_client_token(p_platform uuid, p_token uuid, p_secret_hash bytea, p_expires_at timestamp with time zone, p_key jsonb, p_key_id text, p_jkt text) OWNER TO tripcord_owner;

CREATE FUNCTION public.lift(p_trader uuid, p_token uuid, p_from smallint, p_to smallint, p_asked_position bigint, p_approval uuid, p_request_digest bytea, p_actor text, p_device uuid, p_address text, p_user_agent text, OUT log_position bigint, OUT effective smallint) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.lift(p_trader uuid, p_token uuid, p_from smallint, p_to smallint, p_asked_position bigint, p_approval uuid, p_request_digest bytea, p_actor text, p_device uuid, p_address text, p_user_agent text, OUT log_position bigint, OUT effective smallint) OWNER TO tripcord_owner;

CREATE FUNCTION public.lock_trader(p_trader uuid) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM 1 FROM trader WHERE trader_id = p_trader FOR NO KEY UPDATE;
    RETURN FOUND;
END $$;

ALTER FUNCTION public.lock_trader(p_trader uuid) OWNER TO tripcord_owner;

CREATE TABLE public.access_log (
    trader_id uuid NOT NULL,
    chain uuid NOT NULL,
    "position" bigint NOT NULL,
    at timestamp with time zone NOT NULL,
    event text NOT NULL,
    actor text NOT NULL,
    token_id uuid,
    path uuid[],
    subject_id uuid,
    outcome text NOT NULL,
    rule text,
    request_digest bytea,
    answer_digest bytea,
    venue_outcome text,
    address text,
    user_agent text,
    device_id uuid,
    previous_hash bytea NOT NULL,
    content_hash bytea NOT NULL,
    entry_hash bytea NOT NULL,
    CONSTRAINT a_path_is_a_plain_list CHECK (((path IS NULL) OR ((array_ndims(path) = 1) AND (array_position(path, NULL::uuid) IS NULL)))),
    CONSTRAINT access_log_content_hash_check CHECK ((octet_length(content_hash) = 32)),
    CONSTRAINT access_log_entry_hash_check CHECK ((octet_length(entry_hash) = 32)),
    CONSTRAINT access_log_outcome_check CHECK ((outcome = ANY (ARRAY['ok'::text, 'refused'::text, 'failed'::text]))),
    CONSTRAINT access_log_position_check CHECK (("position" > 0)),
    CONSTRAINT access_log_previous_hash_check CHECK ((octet_length(previous_hash) = 32))
);

ALTER TABLE public.access_log OWNER TO tripcord_owner;

CREATE FUNCTION public.log_content_hash(e public.access_log) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN sha256(
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
        || log_field(uuid_send(e.device_id)));
END $$;

ALTER FUNCTION public.log_content_hash(e public.access_log) OWNER TO tripcord_owner;

CREATE FUNCTION public.log_field(value bytea) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN coalesce(int4send(octet_length(value)) || value, '\xffffffff'::bytea);
END $$;

ALTER FUNCTION public.log_field(value bytea) OWNER TO tripcord_owner;

CREATE FUNCTION public.log_link_step(p_previous bytea, p_head bytea, p_content bytea) RETURNS bytea
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN sha256(coalesce(p_previous, p_head) || p_content);
END $$;

ALTER FUNCTION public.log_link_step(p_previous bytea, p_head bytea, p_content bytea) OWNER TO tripcord_owner;

CREATE TABLE public.token (
    trader_id uuid NOT NULL,
    token_id uuid NOT NULL,
    kind text NOT NULL,
    parent_id uuid,
    path uuid[] NOT NULL,
    secret_hash bytea,
    jkt text,
    scope text[] NOT NULL,
    label text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    networks cidr[] DEFAULT '{}'::cidr[] NOT NULL,
    version integer DEFAULT 1 NOT NULL,
    CONSTRAINT a_bearer_form_is_sender_constrained CHECK (((secret_hash IS NULL) = (jkt IS NULL))),
    CONSTRAINT depth_is_bounded CHECK (((cardinality(path) >= 1) AND (cardinality(path) <= 11))),
    CONSTRAINT networks_are_a_plain_list CHECK (((cardinality(networks) <= 32) AND (COALESCE(array_ndims(networks), 1) = 1) AND (array_position(networks, NULL::cidr) IS NULL))),
    CONSTRAINT only_the_root_has_no_parent CHECK (((kind = 'trader'::text) = (parent_id IS NULL))),
    CONSTRAINT path_ends_in_itself CHECK ((NOT (path[cardinality(path)] IS DISTINCT FROM token_id))),
    CONSTRAINT path_goes_through_the_parent CHECK ((NOT (path[(cardinality(path) - 1)] IS DISTINCT FROM parent_id))),
    CONSTRAINT token_kind_check CHECK ((kind = ANY (ARRAY['trader'::text, 'device'::text, 'session'::text, 'platform'::text, 'credential'::text, 'grant'::text]))),
    CONSTRAINT token_label_check CHECK (((length(label) >= 1) AND (length(label) <= 64))),
    CONSTRAINT token_secret_hash_check CHECK ((octet_length(secret_hash) = 32)),
    CONSTRAINT token_version_check CHECK ((version > 0))
);

ALTER TABLE public.token OWNER TO tripcord_owner;

CREATE FUNCTION public.mint_token(p_trader uuid, p_token uuid, p_kind text, p_parent uuid, p_secret_hash bytea, p_jkt text, p_scope text[], p_label text, p_expires_at timestamp with time zone, p_networks text[] DEFAULT '{}'::text[]) RETURNS public.token
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.mint_token(p_trader uuid, p_token uuid, p_kind text, p_parent uuid, p_secret_hash bytea, p_jkt text, p_scope text[], p_label text, p_expires_at timestamp with time zone, p_networks text[]) OWNER TO tripcord_owner;

CREATE FUNCTION public.move_order(p_trader uuid, p_order uuid, p_from text, p_to text, p_venue_order text, p_filled numeric, p_venue_code text, p_actor text, p_outcome text, p_answer_digest bytea, p_words text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    moved bot_order;
    nodes uuid[];
BEGIN
    UPDATE bot_order o
       SET state = p_to, venue_order_id = p_venue_order, filled_quantity = p_filled,
           venue_code = p_venue_code,
           outcome_at = CASE WHEN p_to <> 'unknown'
                             THEN coalesce(o.outcome_at, clock_timestamp()) END
     WHERE o.trader_id = p_trader AND o.order_id = p_order AND o.state = p_from
       -- What has an end has given back what it reserved: a second time would refund a budget.
       AND o.state IN ('released', 'unknown', 'accepted', 'partially_filled')
       AND p_filled BETWEEN o.filled_quantity AND o.quantity
    RETURNING o.* INTO moved;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT g.path INTO nodes FROM bot_grant g
     WHERE g.trader_id = p_trader AND g.grant_id = moved.grant_id;
    IF p_to IN ('filled', 'cancelled', 'rejected') AND moved.filled_quantity < moved.quantity THEN
        UPDATE node_usage u
           SET notional = greatest(0, u.notional - moved.notional
                          * (moved.quantity - moved.filled_quantity) / moved.quantity)
         WHERE u.trader_id = p_trader AND u.token_id = ANY (nodes) AND u.quote = moved.quote
           AND u.day = (moved.released_at AT TIME ZONE 'UTC')::date;
    END IF;
    PERFORM append_entry(
        p_trader, '00000000-0000-0000-0000-000000000000', 'order.outcome', p_actor,
        moved.grant_id, nodes, p_order, p_outcome, NULL, moved.request_digest, p_answer_digest,
        p_words, NULL, NULL, NULL);
    RETURN true;
END $$;

ALTER FUNCTION public.move_order(p_trader uuid, p_order uuid, p_from text, p_to text, p_venue_order text, p_filled numeric, p_venue_code text, p_actor text, p_outcome text, p_answer_digest bytea, p_words text) OWNER TO tripcord_owner;

CREATE FUNCTION public.narrow_token(p_trader uuid, p_token uuid, p_version integer, p_scope text[], p_networks text[], p_expires_at timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.narrow_token(p_trader uuid, p_token uuid, p_version integer, p_scope text[], p_networks text[], p_expires_at timestamp with time zone) OWNER TO tripcord_owner;

CREATE FUNCTION public.networks_within(p_inner cidr[], p_outer cidr[]) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
BEGIN
    IF cardinality(p_outer) = 0 THEN
        RETURN true;
    END IF;
    RETURN cardinality(p_inner) > 0 AND NOT EXISTS (
        SELECT FROM unnest(p_inner) AS i
         WHERE NOT EXISTS (SELECT FROM unnest(p_outer) AS o WHERE i <<= o));
END $$;

ALTER FUNCTION public.networks_within(p_inner cidr[], p_outer cidr[]) OWNER TO tripcord_owner;

CREATE TABLE public.nonce_secret (
    made_at timestamp with time zone NOT NULL,
    secret bytea NOT NULL,
    CONSTRAINT nonce_secret_secret_check CHECK ((octet_length(secret) = 32))
);

ALTER TABLE public.nonce_secret OWNER TO tripcord_owner;

CREATE FUNCTION public.nonce_secrets() RETURNS SETOF public.nonce_secret
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.nonce_secrets() OWNER TO tripcord_owner;

CREATE FUNCTION public.ping_of_decision() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO outbox (trader_id, channel, topic, rid, subject, priority, due_at, expires_at)
    SELECT p.trader_id, 'ping', 'approval', p.approval_id,
           jsonb_build_object('platform_id', p.platform_id), 1, clock_timestamp(), p.expires_at
      FROM ciba_ping p
     WHERE p.trader_id = NEW.trader_id AND p.approval_id = NEW.approval_id;
    RETURN NULL;
END $$;

ALTER FUNCTION public.ping_of_decision() OWNER TO tripcord_owner;

CREATE FUNCTION public.publish_webhook_key(p_platform uuid, p_webhook uuid, p_version integer, p_key bytea) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    UPDATE webhook_key SET public_key = p_key
     WHERE platform_id = p_platform AND webhook_id = p_webhook AND version = p_version
       AND public_key IS NULL;
    RETURN FOUND;
END $$;

ALTER FUNCTION public.publish_webhook_key(p_platform uuid, p_webhook uuid, p_version integer, p_key bytea) OWNER TO tripcord_owner;

CREATE FUNCTION public.raise_floor(p_action text, p_strength text, p_reason text, p_actor text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    words CONSTANT text[] := ARRAY['out_of_band', 'medium', 'strong', 'phishing_resistant'];
BEGIN
    INSERT INTO policy_floor AS f (action_type, strength, reason, actor, raised_at)
    VALUES (p_action, p_strength, p_reason, p_actor, clock_timestamp())
    ON CONFLICT (action_type) DO UPDATE
       SET strength = excluded.strength, reason = excluded.reason, actor = excluded.actor,
           raised_at = excluded.raised_at
     WHERE array_position(words, excluded.strength) > array_position(words, f.strength);
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM append_entry(
        '00000000-0000-0000-0000-000000000000', '00000000-0000-0000-0000-000000000000',
        'policy.floor_raised', p_actor, NULL, NULL, NULL, 'ok', p_action || ':' || p_strength,
        sha256(convert_to(p_reason, 'UTF8')), NULL, NULL, NULL, NULL, NULL);
    RETURN true;
END $$;

ALTER FUNCTION public.raise_floor(p_action text, p_strength text, p_reason text, p_actor text) OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_another_ending() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.state <> OLD.state AND OLD.state <> 'pending' THEN
        RAISE EXCEPTION '% cannot go from % to %', TG_TABLE_NAME, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.refuse_another_ending() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_begun_ended() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'what begins is waiting' USING ERRCODE = 'check_violation';
END $$;

ALTER FUNCTION public.refuse_begun_ended() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

ALTER FUNCTION public.refuse_change() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_hearsay() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% does not tell of %', session_user, NEW.event
        USING ERRCODE = 'insufficient_privilege';
END $$;

ALTER FUNCTION public.refuse_hearsay() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_illegal_transition() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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

ALTER FUNCTION public.refuse_illegal_transition() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_order_transition() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.state <> OLD.state AND NOT (
           (OLD.state = 'held' AND NEW.state IN ('released', 'refused', 'expired'))
        OR (OLD.state IN ('released', 'unknown') AND NEW.state IN
               ('accepted', 'partially_filled', 'filled', 'cancelled', 'rejected', 'unknown'))
        OR (OLD.state IN ('accepted', 'partially_filled') AND NEW.state IN
               ('partially_filled', 'filled', 'cancelled'))) THEN
        RAISE EXCEPTION 'order cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.refuse_order_transition() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_other_passkey() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF ROW(NEW.trader_id, NEW.factor_id, NEW.device_id, NEW.credential_id, NEW.public_key,
           NEW.backup_eligible, NEW.transports, NEW.aaguid, NEW.attestation, NEW.rp_id, NEW.label,
           NEW.bound_at)
       IS DISTINCT FROM
       ROW(OLD.trader_id, OLD.factor_id, OLD.device_id, OLD.credential_id, OLD.public_key,
           OLD.backup_eligible, OLD.transports, OLD.aaguid, OLD.attestation, OLD.rp_id, OLD.label,
           OLD.bound_at)
       OR NEW.version <> OLD.version + 1 OR NEW.sign_count < OLD.sign_count THEN
        RAISE EXCEPTION 'what was registered never changes' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.state <> OLD.state AND (OLD.state, NEW.state) NOT IN (
           ('pending', 'active'), ('active', 'frozen'), ('active', 'removed'),
           ('frozen', 'removed')) THEN
        RAISE EXCEPTION 'passkey cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.refuse_other_passkey() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_other_re_enrolment() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF ROW(NEW.trader_id, NEW.re_enrolment_id, NEW.root_id, NEW.code_id, NEW.passkey_id,
           NEW.public_jwk, NEW.name, NEW.push_kind, NEW.push_registration, NEW.authenticator_lost,
           NEW.begun_at, NEW.not_before, NEW.expires_at)
       IS DISTINCT FROM
       ROW(OLD.trader_id, OLD.re_enrolment_id, OLD.root_id, OLD.code_id, OLD.passkey_id,
           OLD.public_jwk, OLD.name, OLD.push_kind, OLD.push_registration, OLD.authenticator_lost,
           OLD.begun_at, OLD.not_before, OLD.expires_at)
       OR NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'what was begun never changes' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> 'waiting' AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 're-enrolment cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.refuse_other_re_enrolment() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_passkey_born_old() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a new passkey is pending or active' USING ERRCODE = 'check_violation';
END $$;

ALTER FUNCTION public.refuse_passkey_born_old() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_refund() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.attempts < OLD.attempts THEN
        RAISE EXCEPTION 'an attempt is never refunded' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.used_at IS NOT NULL AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'a used code never changes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.refuse_refund() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_reopening() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF array_position(ARRAY['pending', 'running', 'done'], NEW.cleanup_state)
       < array_position(ARRAY['pending', 'running', 'done'], OLD.cleanup_state) THEN
        RAISE EXCEPTION 'clean-up goes forward only' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.refuse_reopening() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_return() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF OLD.removed_at IS NOT NULL AND NEW.removed_at IS DISTINCT FROM OLD.removed_at THEN
        RAISE EXCEPTION 'what was removed stays removed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.refuse_return() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_step_back() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.last_used_step < OLD.last_used_step THEN
        RAISE EXCEPTION 'a time step never goes back' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.refuse_step_back() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_time_back() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.issued_at <= OLD.issued_at OR NEW.seen_at < OLD.seen_at
       OR NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'a heartbeat never goes back' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.refuse_time_back() OWNER TO tripcord_owner;

CREATE FUNCTION public.refuse_unlinking() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF NEW.version <> OLD.version + 1 OR NOT (
           NEW.state = OLD.state
        OR (OLD.state = 'pending' AND NEW.state IN ('verifying', 'refused'))
        OR (OLD.state = 'verifying' AND NEW.state IN ('active', 'refused'))) THEN
        RAISE EXCEPTION 'credential cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

ALTER FUNCTION public.refuse_unlinking() OWNER TO tripcord_owner;

CREATE FUNCTION public.remember_address() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    seen text;
BEGIN
    SELECT a.asked_from INTO seen FROM approval a
     WHERE a.trader_id = NEW.trader_id AND a.approval_id = NEW.approval_id;
    IF seen IS NOT NULL THEN
        INSERT INTO known_address AS k VALUES (NEW.trader_id, seen, NEW.decided_at, NEW.decided_at)
        ON CONFLICT (trader_id, address) DO UPDATE
           SET first_seen_at = CASE WHEN k.last_seen_at < excluded.last_seen_at - interval '90 days'
                                    THEN excluded.first_seen_at ELSE k.first_seen_at END,
               last_seen_at = excluded.last_seen_at
         WHERE k.last_seen_at < excluded.last_seen_at - interval '1 day';
    END IF;
    RETURN NULL;
END $$;

ALTER FUNCTION public.remember_address() OWNER TO tripcord_owner;

CREATE FUNCTION public.revoke_old_root(p_trader uuid, p_re_enrolment uuid, p_actor text, p_address text, p_user_agent text, p_revocation uuid, p_receipt_hash bytea) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.revoke_old_root(p_trader uuid, p_re_enrolment uuid, p_actor text, p_address text, p_user_agent text, p_revocation uuid, p_receipt_hash bytea) OWNER TO tripcord_owner;

CREATE FUNCTION public.ring_about_fence() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM ring_devices(NEW.trader_id, 'security', gen_random_uuid(),
                         clock_timestamp() + interval '24 hours');
    RETURN NULL;
END $$;

ALTER FUNCTION public.ring_about_fence() OWNER TO tripcord_owner;

CREATE FUNCTION public.ring_devices(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.ring_devices(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) OWNER TO tripcord_owner;

CREATE FUNCTION public.ring_every_device(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.ring_every_device(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) OWNER TO tripcord_owner;

CREATE FUNCTION public.rotate_secret(p_trader uuid, p_token uuid, p_secret_hash bytea, p_overlap interval) RETURNS timestamp with time zone
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.rotate_secret(p_trader uuid, p_token uuid, p_secret_hash bytea, p_overlap interval) OWNER TO tripcord_owner;

CREATE FUNCTION public.secret_is_current(p_trader uuid, p_token uuid, p_stored bytea, p_presented bytea) RETURNS boolean
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.secret_is_current(p_trader uuid, p_token uuid, p_stored bytea, p_presented bytea) OWNER TO tripcord_owner;

CREATE FUNCTION public.shared_venue_level(p_venue text) RETURNS smallint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(13, hashtext(p_venue));
    -- A statement of its own: its snapshot is from after the wait.
    RETURN (SELECT v.level FROM venue v WHERE v.venue_id = p_venue);
END $$;

ALTER FUNCTION public.shared_venue_level(p_venue text) OWNER TO tripcord_owner;

CREATE FUNCTION public.spend_proof(p_scope text, p_proof_hash bytea, p_expires_at timestamp with time zone) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO spent_proof VALUES (p_scope, p_proof_hash, p_expires_at) ON CONFLICT DO NOTHING;
    RETURN FOUND;
END $$;

ALTER FUNCTION public.spend_proof(p_scope text, p_proof_hash bytea, p_expires_at timestamp with time zone) OWNER TO tripcord_owner;

CREATE FUNCTION public.take_cleanup_mode() RETURNS trigger
    LANGUAGE plpgsql
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    NEW.mode := coalesce(
        (SELECT s.cleanup_mode FROM trader_setting s WHERE s.trader_id = NEW.trader_id),
        'cancel_entries');
    RETURN NEW;
END $$;

ALTER FUNCTION public.take_cleanup_mode() OWNER TO tripcord_owner;

CREATE FUNCTION public.tell_of_containment(p_venue text, p_containment uuid, p_limit integer) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.tell_of_containment(p_venue text, p_containment uuid, p_limit integer) OWNER TO tripcord_owner;

CREATE FUNCTION public.tell_of_revocation() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM revocation r
                    WHERE r.trader_id = NEW.trader_id AND r.token_id = ANY (NEW.path)
                      AND r.revocation_id <> NEW.revocation_id) THEN
        PERFORM tell_platform(NEW.trader_id, 'session-revoked', 'revocation', NEW.revocation_id,
                              NEW.log_position);
    END IF;
    RETURN NULL;
END $$;

ALTER FUNCTION public.tell_of_revocation() OWNER TO tripcord_owner;

CREATE FUNCTION public.tell_platform(p_trader uuid, p_event text, p_fact text, p_rid uuid, p_position bigint) RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    told integer;
BEGIN
    INSERT INTO outbox (trader_id, channel, topic, rid, target_id, subject, priority, due_at,
                        expires_at)
    SELECT p_trader, 'webhook',
           CASE p_event WHEN 'session-revoked' THEN 'revoked' ELSE 'security' END, p_rid,
           w.webhook_id, jsonb_build_object('event', p_event, 'fact', p_fact, 'position', p_position),
           CASE p_event WHEN 'session-revoked' THEN 0 ELSE 1 END,
           clock_timestamp(), clock_timestamp() + interval '72 hours'
      FROM trader t JOIN platform p USING (platform_id) JOIN webhook w USING (platform_id)
     WHERE t.trader_id = p_trader AND p.disabled_at IS NULL
       AND w.state IN ('active', 'paused') AND p_event = ANY (w.events);
    GET DIAGNOSTICS told = ROW_COUNT;
    RETURN told;
END $$;

ALTER FUNCTION public.tell_platform(p_trader uuid, p_event text, p_fact text, p_rid uuid, p_position bigint) OWNER TO tripcord_owner;

CREATE FUNCTION public.test_webhook(p_platform uuid, p_webhook uuid) RETURNS uuid
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    message uuid;
BEGIN
    PERFORM 1 FROM webhook w
      WHERE w.platform_id = p_platform AND w.webhook_id = p_webhook AND w.state = 'active'
        FOR NO KEY UPDATE;
    IF NOT FOUND OR EXISTS (
        SELECT FROM outbox o WHERE o.target_id = p_webhook AND o.state = 'pending'
           AND o.subject ->> 'event' = 'verification') THEN
        RETURN NULL;
    END IF;
    INSERT INTO outbox (trader_id, channel, topic, rid, target_id, subject, priority, due_at,
                        expires_at)
    VALUES ('00000000-0000-0000-0000-000000000000', 'webhook', 'security', p_webhook, p_webhook,
            jsonb_build_object('event', 'verification', 'fact', 'webhook'), 2, clock_timestamp(),
            clock_timestamp() + interval '72 hours')
    RETURNING message_id INTO message;
    RETURN message;
END $$;

ALTER FUNCTION public.test_webhook(p_platform uuid, p_webhook uuid) OWNER TO tripcord_owner;

CREATE FUNCTION public.tighten(p_trader uuid, p_token uuid, p_level smallint, p_reason text, p_actor text, p_device uuid, p_address text, p_user_agent text, p_request_digest bytea, p_revocation uuid, p_receipt_hash bytea, p_mode text, OUT log_position bigint, OUT imposed_at timestamp with time zone, OUT effective smallint, OUT cleanup_deadline_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    imposer text := CASE session_user
        WHEN 'tripcord_api' THEN 'trader' WHEN 'tripcord_cord' THEN 'trader' WHEN 'tripcord_signer' THEN 'trader'
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

ALTER FUNCTION public.tighten(p_trader uuid, p_token uuid, p_level smallint, p_reason text, p_actor text, p_device uuid, p_address text, p_user_agent text, p_request_digest bytea, p_revocation uuid, p_receipt_hash bytea, p_mode text, OUT log_position bigint, OUT imposed_at timestamp with time zone, OUT effective smallint, OUT cleanup_deadline_at timestamp with time zone) OWNER TO tripcord_owner;

CREATE FUNCTION public.tree_below(p_trader uuid, p_top uuid, p_after uuid, p_limit integer) RETURNS SETOF public.token
    LANGUAGE plpgsql STABLE
    SET search_path TO 'public', 'pg_temp'
    AS $$
DECLARE
    here  token;
    found_next token;
    level integer;
    given integer := 0;
BEGIN
    SELECT * INTO here FROM token
     WHERE trader_id = p_trader AND token_id = coalesce(p_after, p_top);
    IF NOT FOUND OR NOT p_top = ANY (here.path) THEN
        RETURN;
    END IF;
    IF p_after IS NULL THEN
        RETURN NEXT here;
        given := 1;
    END IF;
    WHILE given < p_limit LOOP
        SELECT * INTO found_next FROM token
         WHERE trader_id = p_trader AND parent_id = here.token_id
         ORDER BY token_id LIMIT 1;
        level := cardinality(here.path);
        WHILE NOT FOUND LOOP                    -- no child: the next sibling, or an ancestor's
            IF here.path[level] = p_top THEN
                RETURN;
            END IF;
            SELECT * INTO found_next FROM token
             WHERE trader_id = p_trader AND parent_id = here.path[level - 1]
               AND token_id > here.path[level]
             ORDER BY token_id LIMIT 1;
            level := level - 1;
        END LOOP;
        here := found_next;
        RETURN NEXT here;
        given := given + 1;
    END LOOP;
END $$;

ALTER FUNCTION public.tree_below(p_trader uuid, p_top uuid, p_after uuid, p_limit integer) OWNER TO tripcord_owner;

CREATE FUNCTION public.venue_reach(p_venue text, p_cap integer, OUT traders bigint, OUT credentials bigint, OUT grants bigint, OUT open_orders bigint) RETURNS record
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'public', 'pg_temp'
    AS $$
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

ALTER FUNCTION public.venue_reach(p_venue text, p_cap integer, OUT traders bigint, OUT credentials bigint, OUT grants bigint, OUT open_orders bigint) OWNER TO tripcord_owner;

CREATE AGGREGATE public.log_link(bytea, bytea) (
    SFUNC = public.log_link_step,
    STYPE = bytea
);

ALTER AGGREGATE public.log_link(bytea, bytea) OWNER TO tripcord_owner;

CREATE TABLE public.access_log_head (
    trader_id uuid NOT NULL,
    chain uuid NOT NULL,
    "position" bigint NOT NULL,
    head_hash bytea NOT NULL,
    checkpointed_position bigint DEFAULT 0 NOT NULL,
    CONSTRAINT access_log_head_head_hash_check CHECK ((octet_length(head_hash) = 32))
);

ALTER TABLE public.access_log_head OWNER TO tripcord_owner;

CREATE TABLE public.approval (
    trader_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    requester text NOT NULL,
    action_type text NOT NULL,
    action bytea NOT NULL,
    digest bytea NOT NULL,
    nonce bytea NOT NULL,
    required_strength text NOT NULL,
    subject_id uuid NOT NULL,
    state text DEFAULT 'pending'::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    decided_at timestamp with time zone,
    consumed_at timestamp with time zone,
    asked_from text,
    lineage text DEFAULT ''::text NOT NULL,
    intent text DEFAULT ''::text NOT NULL,
    prompt text DEFAULT 'rang'::text NOT NULL,
    CONSTRAINT a_prompt_rang_or_not CHECK ((prompt = ANY (ARRAY['rang'::text, 'silent'::text, 'gathered'::text]))),
    CONSTRAINT approval_digest_check CHECK ((octet_length(digest) = 32)),
    CONSTRAINT approval_nonce_check CHECK ((octet_length(nonce) = 32)),
    CONSTRAINT approval_required_strength_check CHECK ((required_strength = ANY (ARRAY['out_of_band'::text, 'medium'::text, 'strong'::text, 'phishing_resistant'::text]))),
    CONSTRAINT approval_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'approved'::text, 'consumed'::text, 'denied'::text, 'fraud'::text, 'expired'::text, 'cancelled'::text, 'superseded'::text]))),
    CONSTRAINT consumed_at_goes_with_consumption CHECK (((state = 'consumed'::text) = (consumed_at IS NOT NULL))),
    CONSTRAINT decided_at_goes_with_a_decision CHECK (((state = 'pending'::text) = (decided_at IS NULL))),
    CONSTRAINT digest_is_of_the_action CHECK ((digest = sha256(action))),
    CONSTRAINT expiry_is_at_most_ten_minutes CHECK (((expires_at > created_at) AND (expires_at <= (created_at + '00:10:00'::interval))))
);

ALTER TABLE public.approval OWNER TO tripcord_owner;

CREATE TABLE public.batch_leaf (
    trader_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    leaf_no smallint NOT NULL,
    consumed_at timestamp with time zone NOT NULL,
    CONSTRAINT batch_leaf_leaf_no_check CHECK (((leaf_no >= 0) AND (leaf_no <= 49)))
);

ALTER TABLE public.batch_leaf OWNER TO tripcord_owner;

CREATE TABLE public.checkpoint (
    shard text NOT NULL,
    number bigint NOT NULL,
    jws text NOT NULL,
    root bytea NOT NULL,
    size integer NOT NULL,
    at timestamp with time zone NOT NULL,
    CONSTRAINT checkpoint_number_check CHECK ((number > 0)),
    CONSTRAINT checkpoint_root_check CHECK ((octet_length(root) = 32)),
    CONSTRAINT checkpoint_size_check CHECK ((size > 0))
);

ALTER TABLE public.checkpoint OWNER TO tripcord_owner;

CREATE TABLE public.checkpoint_leaf (
    trader_id uuid NOT NULL,
    chain uuid NOT NULL,
    shard text NOT NULL,
    number bigint NOT NULL,
    leaf_index integer NOT NULL,
    "position" bigint NOT NULL,
    head_hash bytea NOT NULL
);

ALTER TABLE public.checkpoint_leaf OWNER TO tripcord_owner;

CREATE TABLE public.ciba_ping (
    trader_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    platform_id uuid NOT NULL,
    auth_req_id text NOT NULL,
    notification_token text NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT ciba_ping_notification_token_check CHECK (((length(notification_token) >= 22) AND (length(notification_token) <= 1024)))
);

ALTER TABLE public.ciba_ping OWNER TO tripcord_owner;

CREATE TABLE public.ciba_request (
    trader_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    platform_id uuid NOT NULL,
    auth_req_hash bytea NOT NULL,
    interval_seconds smallint NOT NULL,
    polled_at timestamp with time zone,
    CONSTRAINT ciba_request_auth_req_hash_check CHECK ((octet_length(auth_req_hash) = 32)),
    CONSTRAINT ciba_request_interval_seconds_check CHECK (((interval_seconds >= 5) AND (interval_seconds <= 600)))
);

ALTER TABLE public.ciba_request OWNER TO tripcord_owner;

CREATE TABLE public.cleanup_item (
    trader_id uuid NOT NULL,
    revocation_id uuid NOT NULL,
    item_no integer NOT NULL,
    kind text NOT NULL,
    credential_id uuid NOT NULL,
    order_id uuid,
    state text DEFAULT 'pending'::text NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    due_at timestamp with time zone NOT NULL,
    last_outcome text,
    CONSTRAINT cancelling_names_the_order CHECK (((kind = 'cancel'::text) = (order_id IS NOT NULL))),
    CONSTRAINT cleanup_item_item_no_check CHECK ((item_no > 0)),
    CONSTRAINT cleanup_item_kind_check CHECK ((kind = ANY (ARRAY['cancel'::text, 'delete_key'::text]))),
    CONSTRAINT cleanup_item_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'done'::text, 'unsupported'::text, 'unconfirmed'::text])))
);

ALTER TABLE public.cleanup_item OWNER TO tripcord_owner;

CREATE TABLE public.client_token (
    platform_id uuid NOT NULL,
    token_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    key_id text,
    jkt text,
    CONSTRAINT client_token_jkt_check CHECK ((length(jkt) = 43)),
    CONSTRAINT client_token_secret_hash_check CHECK ((octet_length(secret_hash) = 32))
);

ALTER TABLE public.client_token OWNER TO tripcord_owner;

CREATE TABLE public.decision (
    trader_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    root_id uuid NOT NULL,
    device_id uuid NOT NULL,
    nonce bytea NOT NULL,
    digest bytea NOT NULL,
    decision text NOT NULL,
    method text NOT NULL,
    factor_id uuid,
    statement text NOT NULL,
    decided_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT approving_takes_a_factor CHECK ((((decision = 'approve'::text) = (method <> 'none'::text)) AND ((method = ANY (ARRAY['totp'::text, 'webauthn'::text])) = (factor_id IS NOT NULL)))),
    CONSTRAINT decision_decision_check CHECK ((decision = ANY (ARRAY['approve'::text, 'deny'::text, 'fraud'::text]))),
    CONSTRAINT decision_digest_check CHECK ((octet_length(digest) = 32)),
    CONSTRAINT decision_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT decision_method_check CHECK ((method = ANY (ARRAY['none'::text, 'totp'::text, 'webauthn'::text, 'device_number'::text, 'push_otp'::text]))),
    CONSTRAINT decision_nonce_check CHECK ((octet_length(nonce) = 32)),
    CONSTRAINT decision_version_check CHECK ((version > 0))
);

ALTER TABLE public.decision OWNER TO tripcord_owner;

CREATE TABLE public.device (
    trader_id uuid NOT NULL,
    device_id uuid NOT NULL,
    root_id uuid NOT NULL,
    public_jwk bytea NOT NULL,
    name text NOT NULL,
    bound_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT device_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT device_name_check CHECK (((length(name) >= 1) AND (length(name) <= 64))),
    CONSTRAINT device_version_check CHECK ((version > 0))
);

ALTER TABLE public.device OWNER TO tripcord_owner;

CREATE TABLE public.device_heartbeat (
    trader_id uuid NOT NULL,
    device_id uuid NOT NULL,
    root_id uuid NOT NULL,
    issued_at timestamp with time zone NOT NULL,
    seen_at timestamp with time zone NOT NULL,
    nonce bytea NOT NULL,
    statement text NOT NULL,
    version integer NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT device_heartbeat_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT device_heartbeat_nonce_check CHECK ((octet_length(nonce) = 32)),
    CONSTRAINT device_heartbeat_version_check CHECK ((version > 0))
);

ALTER TABLE public.device_heartbeat OWNER TO tripcord_owner;

CREATE TABLE public.enrolment_code (
    trader_id uuid NOT NULL,
    code_id uuid NOT NULL,
    code_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    redeemed_by_jkt text,
    CONSTRAINT enrolment_code_code_hash_check CHECK ((octet_length(code_hash) = 32))
);

ALTER TABLE public.enrolment_code OWNER TO tripcord_owner;

CREATE TABLE public.fence (
    trader_id uuid NOT NULL,
    token_id uuid NOT NULL,
    imposed_by text NOT NULL,
    level smallint NOT NULL,
    reason text NOT NULL,
    imposed_at timestamp with time zone NOT NULL,
    log_position bigint NOT NULL,
    CONSTRAINT fence_imposed_by_check CHECK ((imposed_by = ANY (ARRAY['trader'::text, 'operator'::text, 'monitor'::text]))),
    CONSTRAINT fence_level_check CHECK (((level >= 1) AND (level <= 5)))
);

ALTER TABLE public.fence OWNER TO tripcord_owner;

CREATE TABLE public.incident (
    trader_id uuid NOT NULL,
    incident_id uuid NOT NULL,
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    reported_by uuid NOT NULL,
    since timestamp with time zone NOT NULL,
    reported_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    last_position bigint NOT NULL,
    revocation_id uuid,
    CONSTRAINT incident_kind_check CHECK ((kind = ANY (ARRAY['session_disowned'::text, 'device_lost'::text])))
);

ALTER TABLE public.incident OWNER TO tripcord_owner;

CREATE TABLE public.known_address (
    trader_id uuid NOT NULL,
    address text NOT NULL,
    first_seen_at timestamp with time zone NOT NULL,
    last_seen_at timestamp with time zone NOT NULL,
    CONSTRAINT seen_in_order CHECK ((last_seen_at >= first_seen_at))
);

ALTER TABLE public.known_address OWNER TO tripcord_owner;

CREATE TABLE public.lost_device (
    trader_id uuid NOT NULL,
    device_id uuid NOT NULL,
    reported_by uuid NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT a_device_reports_another CHECK ((device_id <> reported_by))
);

ALTER TABLE public.lost_device OWNER TO tripcord_owner;

CREATE TABLE public.market_snapshot (
    venue_id text NOT NULL,
    market text NOT NULL,
    snapshot jsonb NOT NULL,
    fetched_at timestamp with time zone NOT NULL
);

ALTER TABLE public.market_snapshot OWNER TO tripcord_owner;

CREATE TABLE public.muted_lineage (
    trader_id uuid NOT NULL,
    lineage text NOT NULL,
    approval_id uuid NOT NULL,
    until timestamp with time zone NOT NULL,
    CONSTRAINT muted_lineage_lineage_check CHECK ((lineage <> ''::text))
);

ALTER TABLE public.muted_lineage OWNER TO tripcord_owner;

CREATE TABLE public.outbox (
    trader_id uuid NOT NULL,
    message_id uuid DEFAULT gen_random_uuid() NOT NULL,
    topic text NOT NULL,
    rid uuid NOT NULL,
    device_id uuid,
    priority smallint NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    due_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    leased_until timestamp with time zone,
    state text DEFAULT 'pending'::text NOT NULL,
    last_error text,
    finished_at timestamp with time zone,
    channel text DEFAULT 'push'::text NOT NULL,
    target_id uuid,
    subject jsonb,
    failures smallint DEFAULT 0 NOT NULL,
    CONSTRAINT a_doorbell_has_a_device CHECK (((channel = 'push'::text) = (device_id IS NOT NULL))),
    CONSTRAINT a_webhook_message_has_a_target_and_a_subject CHECK ((((channel = 'webhook'::text) = (target_id IS NOT NULL)) AND ((channel <> 'webhook'::text) OR (subject IS NOT NULL)))),
    CONSTRAINT finished_at_goes_with_an_end CHECK (((state = 'pending'::text) = (finished_at IS NULL))),
    CONSTRAINT outbox_channel_check CHECK ((channel = ANY (ARRAY['push'::text, 'webhook'::text, 'ping'::text]))),
    CONSTRAINT outbox_failures_check CHECK ((failures >= 0)),
    CONSTRAINT outbox_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'sent'::text, 'expired'::text, 'undeliverable'::text, 'dead'::text]))),
    CONSTRAINT outbox_subject_check CHECK ((jsonb_typeof(subject) = 'object'::text)),
    CONSTRAINT outbox_topic_check CHECK ((topic = ANY (ARRAY['approval'::text, 'login'::text, 'revoked'::text, 'security'::text])))
);

ALTER TABLE public.outbox OWNER TO tripcord_owner;

CREATE TABLE public.passkey (
    trader_id uuid NOT NULL,
    factor_id uuid NOT NULL,
    root_id uuid NOT NULL,
    device_id uuid NOT NULL,
    credential_id bytea NOT NULL,
    public_key bytea NOT NULL,
    sign_count bigint NOT NULL,
    backup_eligible boolean NOT NULL,
    backed_up boolean NOT NULL,
    transports text[] NOT NULL,
    aaguid uuid NOT NULL,
    attestation text NOT NULL,
    rp_id text NOT NULL,
    label text NOT NULL,
    state text NOT NULL,
    bound_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT passkey_attestation_check CHECK ((attestation = ANY (ARRAY['none'::text, 'packed'::text]))),
    CONSTRAINT passkey_credential_id_check CHECK (((octet_length(credential_id) >= 16) AND (octet_length(credential_id) <= 1023))),
    CONSTRAINT passkey_label_check CHECK (((length(label) >= 1) AND (length(label) <= 64))),
    CONSTRAINT passkey_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT passkey_public_key_check CHECK (((octet_length(public_key) >= 1) AND (octet_length(public_key) <= 4096))),
    CONSTRAINT passkey_rp_id_check CHECK (((length(rp_id) >= 1) AND (length(rp_id) <= 253))),
    CONSTRAINT passkey_sign_count_check CHECK (((sign_count >= 0) AND (sign_count <= '4294967295'::bigint))),
    CONSTRAINT passkey_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'active'::text, 'frozen'::text, 'removed'::text]))),
    CONSTRAINT passkey_transports_check CHECK ((cardinality(transports) <= 8)),
    CONSTRAINT passkey_version_check CHECK ((version > 0)),
    CONSTRAINT what_cannot_be_backed_up_is_not CHECK ((backup_eligible OR (NOT backed_up)))
);

ALTER TABLE public.passkey OWNER TO tripcord_owner;

CREATE TABLE public.passkey_challenge (
    trader_id uuid NOT NULL,
    challenge_id uuid NOT NULL,
    purpose text NOT NULL,
    bound_to text NOT NULL,
    challenge bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT a_challenge_lives_ten_minutes_at_most CHECK (((expires_at > created_at) AND (expires_at <= (created_at + '00:10:00'::interval)))),
    CONSTRAINT passkey_challenge_bound_to_check CHECK (((length(bound_to) >= 1) AND (length(bound_to) <= 64))),
    CONSTRAINT passkey_challenge_challenge_check CHECK ((octet_length(challenge) = 32)),
    CONSTRAINT passkey_challenge_purpose_check CHECK ((purpose = ANY (ARRAY['register'::text, 're_enrol'::text])))
);

ALTER TABLE public.passkey_challenge OWNER TO tripcord_owner;

CREATE TABLE public.passkey_credential_id (
    credential_sha256 bytea NOT NULL,
    trader_id uuid NOT NULL,
    factor_id uuid NOT NULL,
    CONSTRAINT passkey_credential_id_credential_sha256_check CHECK ((octet_length(credential_sha256) = 32))
);

ALTER TABLE public.passkey_credential_id OWNER TO tripcord_owner;

CREATE TABLE public.platform (
    platform_id uuid NOT NULL,
    name text NOT NULL,
    jwks jsonb NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    disabled_at timestamp with time zone,
    retired_key_ids text[] DEFAULT '{}'::text[] NOT NULL,
    ciba_delivery text,
    ciba_endpoint text,
    CONSTRAINT an_endpoint_goes_with_ping CHECK (((NOT (ciba_delivery IS DISTINCT FROM 'ping'::text)) = (ciba_endpoint IS NOT NULL))),
    CONSTRAINT platform_ciba_delivery_check CHECK ((ciba_delivery = ANY (ARRAY['poll'::text, 'ping'::text]))),
    CONSTRAINT platform_name_check CHECK (((length(name) >= 1) AND (length(name) <= 64)))
);

ALTER TABLE public.platform OWNER TO tripcord_owner;

CREATE TABLE public.platform_token (
    trader_id uuid NOT NULL,
    token_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    statement text NOT NULL,
    version integer NOT NULL,
    sealed_at timestamp with time zone NOT NULL,
    CONSTRAINT platform_token_version_check CHECK ((version > 0))
);

ALTER TABLE public.platform_token OWNER TO tripcord_owner;

CREATE TABLE public.policy_floor (
    action_type text NOT NULL,
    strength text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    raised_at timestamp with time zone NOT NULL,
    CONSTRAINT policy_floor_action_type_check CHECK ((action_type ~ '^[a-z_]{1,32}\.[a-z_]{1,32}$'::text)),
    CONSTRAINT policy_floor_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 200))),
    CONSTRAINT policy_floor_strength_check CHECK ((strength = ANY (ARRAY['out_of_band'::text, 'medium'::text, 'strong'::text, 'phishing_resistant'::text])))
);

ALTER TABLE public.policy_floor OWNER TO tripcord_owner;

CREATE TABLE public.push_otp (
    trader_id uuid NOT NULL,
    approval_id uuid NOT NULL,
    root_id uuid NOT NULL,
    device_id uuid NOT NULL,
    statement text NOT NULL,
    tag bytea NOT NULL,
    made_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    used_at timestamp with time zone,
    CONSTRAINT a_code_lives_ten_minutes_at_most CHECK (((expires_at > made_at) AND (expires_at <= (made_at + '00:10:00'::interval)))),
    CONSTRAINT a_used_code_was_tried CHECK (((used_at IS NULL) OR (attempts > 0))),
    CONSTRAINT five_attempts_at_most CHECK (((attempts >= 0) AND (attempts <= 5))),
    CONSTRAINT push_otp_tag_check CHECK ((octet_length(tag) = 32))
);

ALTER TABLE public.push_otp OWNER TO tripcord_owner;

CREATE TABLE public.push_registration (
    trader_id uuid NOT NULL,
    device_id uuid NOT NULL,
    provider text NOT NULL,
    kind text NOT NULL,
    registration text NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    disabled_at timestamp with time zone,
    CONSTRAINT push_registration_kind_check CHECK ((kind = ANY (ARRAY['fid'::text, 'token'::text]))),
    CONSTRAINT push_registration_provider_check CHECK ((provider = 'fcm'::text)),
    CONSTRAINT push_registration_registration_check CHECK (((length(registration) >= 1) AND (length(registration) <= 4096)))
);

ALTER TABLE public.push_registration OWNER TO tripcord_owner;

CREATE TABLE public.re_enrolment (
    trader_id uuid NOT NULL,
    re_enrolment_id uuid NOT NULL,
    root_id uuid NOT NULL,
    code_id uuid,
    public_jwk bytea NOT NULL,
    name text NOT NULL,
    push_kind text,
    push_registration text,
    authenticator_lost boolean NOT NULL,
    begun_at timestamp with time zone NOT NULL,
    not_before timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    state text DEFAULT 'waiting'::text NOT NULL,
    ended_at timestamp with time zone,
    ended_by uuid,
    version integer NOT NULL,
    mac bytea NOT NULL,
    passkey_id uuid,
    CONSTRAINT a_push_registration_is_whole CHECK (((push_kind IS NULL) = (push_registration IS NULL))),
    CONSTRAINT an_end_has_its_time CHECK (((state = 'waiting'::text) = (ended_at IS NULL))),
    CONSTRAINT begun_with_a_code_or_a_passkey CHECK ((num_nonnulls(code_id, passkey_id) = 1)),
    CONSTRAINT completed_only_in_its_time CHECK (((state <> 'completed'::text) OR ((ended_at >= not_before) AND (ended_at < expires_at)))),
    CONSTRAINT it_does_not_wait_for_ever CHECK (((expires_at > not_before) AND (expires_at <= (not_before + '7 days'::interval)))),
    CONSTRAINT old_devices_have_a_day CHECK ((not_before >= (begun_at + '24:00:00'::interval))),
    CONSTRAINT re_enrolment_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT re_enrolment_name_check CHECK (((length(name) >= 1) AND (length(name) <= 64))),
    CONSTRAINT re_enrolment_push_kind_check CHECK ((push_kind = ANY (ARRAY['fid'::text, 'token'::text]))),
    CONSTRAINT re_enrolment_push_registration_check CHECK (((length(push_registration) >= 1) AND (length(push_registration) <= 4096))),
    CONSTRAINT re_enrolment_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'completed'::text, 'vetoed'::text, 'cancelled'::text, 'expired'::text]))),
    CONSTRAINT re_enrolment_version_check CHECK ((version > 0)),
    CONSTRAINT who_ended_it_is_named CHECK (((state = ANY (ARRAY['completed'::text, 'vetoed'::text])) = (ended_by IS NOT NULL)))
);

ALTER TABLE public.re_enrolment OWNER TO tripcord_owner;

CREATE TABLE public.recovery_code (
    trader_id uuid NOT NULL,
    code_id uuid NOT NULL,
    set_number integer NOT NULL,
    root_id uuid NOT NULL,
    device_id uuid NOT NULL,
    public_jwk bytea NOT NULL,
    bound_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    mac bytea NOT NULL,
    CONSTRAINT recovery_code_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT recovery_code_set_number_check CHECK ((set_number > 0)),
    CONSTRAINT recovery_code_version_check CHECK ((version > 0))
);

ALTER TABLE public.recovery_code OWNER TO tripcord_owner;

CREATE TABLE public.recovery_state (
    trader_id uuid NOT NULL,
    failures integer DEFAULT 0 NOT NULL,
    last_failed_at timestamp with time zone,
    CONSTRAINT recovery_state_failures_check CHECK ((failures >= 0))
);

ALTER TABLE public.recovery_state OWNER TO tripcord_owner;

CREATE TABLE public.revocation (
    trader_id uuid NOT NULL,
    revocation_id uuid NOT NULL,
    token_id uuid NOT NULL,
    path uuid[] NOT NULL,
    mode text NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    revoked_at timestamp with time zone NOT NULL,
    log_position bigint NOT NULL,
    cleanup_deadline_at timestamp with time zone NOT NULL,
    cleanup_state text DEFAULT 'pending'::text NOT NULL,
    receipt_hash bytea NOT NULL,
    receipt_expires_at timestamp with time zone NOT NULL,
    CONSTRAINT clean_up_ends_within_15_minutes CHECK ((cleanup_deadline_at <= (revoked_at + '00:15:00'::interval))),
    CONSTRAINT revocation_cleanup_state_check CHECK ((cleanup_state = ANY (ARRAY['pending'::text, 'running'::text, 'done'::text]))),
    CONSTRAINT revocation_mode_check CHECK ((mode = ANY (ARRAY['cancel_entries'::text, 'cancel_all'::text]))),
    CONSTRAINT revocation_receipt_hash_check CHECK ((octet_length(receipt_hash) = 32))
);

ALTER TABLE public.revocation OWNER TO tripcord_owner;

CREATE TABLE public.revocation_card (
    trader_id uuid NOT NULL,
    card_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    root_id uuid NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT revocation_card_secret_hash_check CHECK ((octet_length(secret_hash) = 32))
);

ALTER TABLE public.revocation_card OWNER TO tripcord_owner;

CREATE TABLE public.session (
    trader_id uuid NOT NULL,
    session_id uuid NOT NULL,
    jkt text NOT NULL,
    address text NOT NULL,
    user_agent text NOT NULL,
    approval_id uuid NOT NULL,
    code_verified_at timestamp with time zone,
    code_factor_id uuid,
    code_mac bytea,
    state text DEFAULT 'pending'::text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT a_verified_code_is_evidence CHECK ((((code_verified_at IS NULL) = (code_mac IS NULL)) AND ((code_verified_at IS NULL) = (code_factor_id IS NULL)))),
    CONSTRAINT active_needs_the_code CHECK (((state <> 'active'::text) OR (code_verified_at IS NOT NULL))),
    CONSTRAINT session_code_mac_check CHECK ((octet_length(code_mac) = 32)),
    CONSTRAINT session_state_check CHECK ((state = ANY (ARRAY['pending'::text, 'active'::text, 'denied'::text])))
);

ALTER TABLE public.session OWNER TO tripcord_owner;

CREATE TABLE public.spent_proof (
    scope text NOT NULL,
    proof_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT spent_proof_proof_hash_check CHECK ((octet_length(proof_hash) = 32))
);

ALTER TABLE public.spent_proof OWNER TO tripcord_owner;

CREATE TABLE public.token_rotation (
    trader_id uuid NOT NULL,
    token_id uuid NOT NULL,
    secret_hash bytea NOT NULL,
    issued_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    old_dies_at timestamp with time zone NOT NULL,
    CONSTRAINT token_rotation_secret_hash_check CHECK ((octet_length(secret_hash) = 32))
);

ALTER TABLE public.token_rotation OWNER TO tripcord_owner;

CREATE TABLE public.totp_factor (
    trader_id uuid NOT NULL,
    factor_id uuid NOT NULL,
    root_id uuid NOT NULL,
    device_id uuid NOT NULL,
    algorithm text NOT NULL,
    digits smallint NOT NULL,
    period_seconds smallint NOT NULL,
    label text NOT NULL,
    bound_at timestamp with time zone NOT NULL,
    version integer NOT NULL,
    mac bytea NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT totp_factor_algorithm_check CHECK ((algorithm = ANY (ARRAY['SHA1'::text, 'SHA256'::text, 'SHA512'::text]))),
    CONSTRAINT totp_factor_digits_check CHECK ((digits = ANY (ARRAY[6, 8]))),
    CONSTRAINT totp_factor_label_check CHECK (((length(label) >= 1) AND (length(label) <= 64))),
    CONSTRAINT totp_factor_mac_check CHECK ((octet_length(mac) = 32)),
    CONSTRAINT totp_factor_period_seconds_check CHECK ((period_seconds = 30)),
    CONSTRAINT totp_factor_version_check CHECK ((version > 0))
);

ALTER TABLE public.totp_factor OWNER TO tripcord_owner;

CREATE TABLE public.totp_state (
    trader_id uuid NOT NULL,
    factor_id uuid NOT NULL,
    last_used_step bigint DEFAULT 0 NOT NULL,
    consecutive_failures integer DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    warned_at timestamp with time zone,
    CONSTRAINT totp_state_consecutive_failures_check CHECK ((consecutive_failures >= 0))
);

ALTER TABLE public.totp_state OWNER TO tripcord_owner;

CREATE TABLE public.trader (
    trader_id uuid NOT NULL,
    platform_id uuid NOT NULL,
    root_id uuid,
    frozen_empty boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

ALTER TABLE public.trader OWNER TO tripcord_owner;

CREATE TABLE public.trader_setting (
    trader_id uuid NOT NULL,
    cleanup_mode text NOT NULL,
    updated_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    CONSTRAINT trader_setting_cleanup_mode_check CHECK ((cleanup_mode = ANY (ARRAY['cancel_entries'::text, 'cancel_all'::text])))
);

ALTER TABLE public.trader_setting OWNER TO tripcord_owner;

CREATE TABLE public.user_code (
    trader_id uuid NOT NULL,
    salt bytea NOT NULL,
    code_hash bytea NOT NULL,
    failures smallint DEFAULT 0 NOT NULL,
    locked_until timestamp with time zone,
    CONSTRAINT user_code_code_hash_check CHECK ((octet_length(code_hash) = 32)),
    CONSTRAINT user_code_failures_check CHECK ((failures >= 0)),
    CONSTRAINT user_code_salt_check CHECK ((octet_length(salt) = 16))
);

ALTER TABLE public.user_code OWNER TO tripcord_owner;

CREATE TABLE public.venue (
    venue_id text NOT NULL,
    level smallint DEFAULT 0 NOT NULL,
    CONSTRAINT venue_level_check CHECK (((level >= 0) AND (level <= 5)))
);

ALTER TABLE public.venue OWNER TO tripcord_owner;

CREATE TABLE public.venue_containment (
    venue_id text NOT NULL,
    containment_id uuid NOT NULL,
    level smallint NOT NULL,
    reason text NOT NULL,
    actor text NOT NULL,
    imposed_at timestamp with time zone NOT NULL,
    log_position bigint NOT NULL,
    told_up_to uuid DEFAULT '00000000-0000-0000-0000-000000000000'::uuid NOT NULL,
    told_at timestamp with time zone,
    CONSTRAINT venue_containment_level_check CHECK (((level >= 1) AND (level <= 4))),
    CONSTRAINT venue_containment_reason_check CHECK (((length(reason) >= 1) AND (length(reason) <= 200)))
);

ALTER TABLE public.venue_containment OWNER TO tripcord_owner;

CREATE TABLE public.venue_open_order (
    trader_id uuid NOT NULL,
    credential_id uuid NOT NULL,
    venue_order_id text NOT NULL,
    client_order_id text NOT NULL,
    market text NOT NULL,
    side text NOT NULL,
    order_type text NOT NULL,
    quantity numeric NOT NULL,
    filled_quantity numeric NOT NULL,
    price numeric,
    as_of timestamp with time zone NOT NULL
);

ALTER TABLE public.venue_open_order OWNER TO tripcord_owner;

CREATE TABLE public.webhook (
    platform_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    url text NOT NULL,
    events text[] NOT NULL,
    state text DEFAULT 'active'::text NOT NULL,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    failing_since timestamp with time zone,
    disabled_at timestamp with time zone,
    disabled_reason text,
    CONSTRAINT disabled_says_when_and_why CHECK ((((state = 'disabled'::text) = (disabled_at IS NOT NULL)) AND ((disabled_at IS NULL) = (disabled_reason IS NULL)))),
    CONSTRAINT webhook_events_check CHECK (((cardinality(events) > 0) AND (events <@ ARRAY['session-revoked'::text, 'credential-change'::text]))),
    CONSTRAINT webhook_state_check CHECK ((state = ANY (ARRAY['active'::text, 'paused'::text, 'disabled'::text, 'deleted'::text]))),
    CONSTRAINT webhook_url_check CHECK (((length(url) >= 9) AND (length(url) <= 2048)))
);

ALTER TABLE public.webhook OWNER TO tripcord_owner;

CREATE TABLE public.webhook_key (
    platform_id uuid NOT NULL,
    webhook_id uuid NOT NULL,
    version integer NOT NULL,
    public_key bytea,
    created_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    retires_at timestamp with time zone,
    CONSTRAINT webhook_key_public_key_check CHECK ((octet_length(public_key) = 32)),
    CONSTRAINT webhook_key_version_check CHECK ((version > 0))
);

ALTER TABLE public.webhook_key OWNER TO tripcord_owner;

CREATE TABLE public.wrapped_seed (
    trader_id uuid NOT NULL,
    factor_id uuid NOT NULL,
    shard text NOT NULL,
    blob bytea NOT NULL,
    blob_mac bytea NOT NULL,
    CONSTRAINT wrapped_seed_blob_mac_check CHECK ((octet_length(blob_mac) = 32))
);

ALTER TABLE public.wrapped_seed OWNER TO tripcord_owner;

ALTER TABLE ONLY public.re_enrolment
    ADD CONSTRAINT a_recovery_code_is_used_once UNIQUE (trader_id, code_id);

ALTER TABLE ONLY public.bot_order
    ADD CONSTRAINT a_sequence_number_is_spent_once UNIQUE (trader_id, grant_id, sequence);

ALTER TABLE ONLY public.incident
    ADD CONSTRAINT a_subject_has_one_incident UNIQUE (trader_id, kind, subject_id);

ALTER TABLE ONLY public.access_log_head
    ADD CONSTRAINT access_log_head_pkey PRIMARY KEY (trader_id, chain);

ALTER TABLE ONLY public.access_log
    ADD CONSTRAINT access_log_pkey PRIMARY KEY (trader_id, chain, "position");

ALTER TABLE ONLY public.trader_policy
    ADD CONSTRAINT an_approval_loosens_once UNIQUE (trader_id, approval_id);

ALTER TABLE ONLY public.approval
    ADD CONSTRAINT approval_pkey PRIMARY KEY (trader_id, approval_id);

ALTER TABLE ONLY public.batch_leaf
    ADD CONSTRAINT batch_leaf_pkey PRIMARY KEY (trader_id, approval_id, leaf_no);

ALTER TABLE ONLY public.bot_grant
    ADD CONSTRAINT bot_grant_pkey PRIMARY KEY (trader_id, grant_id);

ALTER TABLE ONLY public.bot_order
    ADD CONSTRAINT bot_order_pkey PRIMARY KEY (trader_id, order_id);

ALTER TABLE ONLY public.checkpoint_leaf
    ADD CONSTRAINT checkpoint_leaf_pkey PRIMARY KEY (trader_id, chain, shard, number);

ALTER TABLE ONLY public.checkpoint
    ADD CONSTRAINT checkpoint_pkey PRIMARY KEY (shard, number);

ALTER TABLE ONLY public.ciba_ping
    ADD CONSTRAINT ciba_ping_pkey PRIMARY KEY (trader_id, approval_id);

ALTER TABLE ONLY public.ciba_request
    ADD CONSTRAINT ciba_request_pkey PRIMARY KEY (trader_id, approval_id);

ALTER TABLE ONLY public.cleanup_item
    ADD CONSTRAINT cleanup_item_pkey PRIMARY KEY (trader_id, revocation_id, item_no);

ALTER TABLE ONLY public.client_token
    ADD CONSTRAINT client_token_pkey PRIMARY KEY (platform_id, token_id);

ALTER TABLE ONLY public.decision
    ADD CONSTRAINT decision_pkey PRIMARY KEY (trader_id, approval_id);

ALTER TABLE ONLY public.device_heartbeat
    ADD CONSTRAINT device_heartbeat_pkey PRIMARY KEY (trader_id, device_id);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_pkey PRIMARY KEY (trader_id, device_id);

ALTER TABLE ONLY public.enrolment_code
    ADD CONSTRAINT enrolment_code_pkey PRIMARY KEY (trader_id, code_id);

ALTER TABLE ONLY public.exchange_credential
    ADD CONSTRAINT exchange_credential_pkey PRIMARY KEY (trader_id, credential_id);

ALTER TABLE ONLY public.fence
    ADD CONSTRAINT fence_pkey PRIMARY KEY (trader_id, token_id, imposed_by);

ALTER TABLE ONLY public.incident
    ADD CONSTRAINT incident_pkey PRIMARY KEY (trader_id, incident_id);

ALTER TABLE ONLY public.known_address
    ADD CONSTRAINT known_address_pkey PRIMARY KEY (trader_id, address);

ALTER TABLE ONLY public.lost_device
    ADD CONSTRAINT lost_device_pkey PRIMARY KEY (trader_id, device_id);

ALTER TABLE ONLY public.market_price
    ADD CONSTRAINT market_price_pkey PRIMARY KEY (venue_id, market);

ALTER TABLE ONLY public.market_snapshot
    ADD CONSTRAINT market_snapshot_pkey PRIMARY KEY (venue_id, market);

ALTER TABLE ONLY public.muted_lineage
    ADD CONSTRAINT muted_lineage_pkey PRIMARY KEY (trader_id, lineage);

ALTER TABLE ONLY public.node_usage
    ADD CONSTRAINT node_usage_pkey PRIMARY KEY (trader_id, token_id, day, quote);

ALTER TABLE ONLY public.nonce_secret
    ADD CONSTRAINT nonce_secret_pkey PRIMARY KEY (made_at);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (trader_id, message_id);

ALTER TABLE ONLY public.passkey_challenge
    ADD CONSTRAINT passkey_challenge_pkey PRIMARY KEY (trader_id, challenge_id);

ALTER TABLE ONLY public.passkey_credential_id
    ADD CONSTRAINT passkey_credential_id_pkey PRIMARY KEY (credential_sha256);

ALTER TABLE ONLY public.passkey
    ADD CONSTRAINT passkey_pkey PRIMARY KEY (trader_id, factor_id);

ALTER TABLE ONLY public.platform
    ADD CONSTRAINT platform_pkey PRIMARY KEY (platform_id);

ALTER TABLE ONLY public.platform_token
    ADD CONSTRAINT platform_token_pkey PRIMARY KEY (trader_id, token_id);

ALTER TABLE ONLY public.policy_floor
    ADD CONSTRAINT policy_floor_pkey PRIMARY KEY (action_type);

ALTER TABLE ONLY public.push_otp
    ADD CONSTRAINT push_otp_pkey PRIMARY KEY (trader_id, approval_id);

ALTER TABLE ONLY public.push_registration
    ADD CONSTRAINT push_registration_pkey PRIMARY KEY (trader_id, device_id);

ALTER TABLE ONLY public.re_enrolment
    ADD CONSTRAINT re_enrolment_pkey PRIMARY KEY (trader_id, re_enrolment_id);

ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT recovery_code_pkey PRIMARY KEY (trader_id, code_id);

ALTER TABLE ONLY public.recovery_state
    ADD CONSTRAINT recovery_state_pkey PRIMARY KEY (trader_id);

ALTER TABLE ONLY public.revocation_card
    ADD CONSTRAINT revocation_card_pkey PRIMARY KEY (trader_id, card_id);

ALTER TABLE ONLY public.revocation
    ADD CONSTRAINT revocation_pkey PRIMARY KEY (trader_id, revocation_id);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_pkey PRIMARY KEY (trader_id, session_id);

ALTER TABLE ONLY public.spent_proof
    ADD CONSTRAINT spent_proof_pkey PRIMARY KEY (scope, proof_hash);

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (trader_id, token_id);

ALTER TABLE ONLY public.token_rotation
    ADD CONSTRAINT token_rotation_pkey PRIMARY KEY (trader_id, token_id, secret_hash);

ALTER TABLE ONLY public.totp_factor
    ADD CONSTRAINT totp_factor_pkey PRIMARY KEY (trader_id, factor_id);

ALTER TABLE ONLY public.totp_state
    ADD CONSTRAINT totp_state_pkey PRIMARY KEY (trader_id, factor_id);

ALTER TABLE ONLY public.trader
    ADD CONSTRAINT trader_pkey PRIMARY KEY (trader_id);

ALTER TABLE ONLY public.trader_policy
    ADD CONSTRAINT trader_policy_pkey PRIMARY KEY (trader_id, root_id, version);

ALTER TABLE ONLY public.trader_setting
    ADD CONSTRAINT trader_setting_pkey PRIMARY KEY (trader_id);

ALTER TABLE ONLY public.user_code
    ADD CONSTRAINT user_code_pkey PRIMARY KEY (trader_id);

ALTER TABLE ONLY public.venue_balance
    ADD CONSTRAINT venue_balance_pkey PRIMARY KEY (trader_id, credential_id, asset);

ALTER TABLE ONLY public.venue_containment
    ADD CONSTRAINT venue_containment_pkey PRIMARY KEY (venue_id, containment_id);

ALTER TABLE ONLY public.venue_open_order
    ADD CONSTRAINT venue_open_order_pkey PRIMARY KEY (trader_id, credential_id, venue_order_id);

ALTER TABLE ONLY public.venue
    ADD CONSTRAINT venue_pkey PRIMARY KEY (venue_id);

ALTER TABLE ONLY public.webhook_key
    ADD CONSTRAINT webhook_key_pkey PRIMARY KEY (platform_id, webhook_id, version);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_pkey PRIMARY KEY (platform_id, webhook_id);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_webhook_id_key UNIQUE (webhook_id);

ALTER TABLE ONLY public.wrapped_secret
    ADD CONSTRAINT wrapped_secret_pkey PRIMARY KEY (trader_id, credential_id);

ALTER TABLE ONLY public.wrapped_seed
    ADD CONSTRAINT wrapped_seed_pkey PRIMARY KEY (trader_id, factor_id);

CREATE INDEX access_log_head_changed ON public.access_log_head USING btree (trader_id, chain) WHERE ("position" <> checkpointed_position);

CREATE INDEX approval_of_lineage ON public.approval USING btree (trader_id, lineage, created_at);

CREATE INDEX approval_pending ON public.approval USING btree (trader_id, created_at) WHERE (state = 'pending'::text);

CREATE INDEX approval_rang ON public.approval USING btree (trader_id, created_at) WHERE (prompt = 'rang'::text);

CREATE INDEX bot_order_held ON public.bot_order USING btree (trader_id, order_id) WHERE (state = 'held'::text);

CREATE INDEX bot_order_in_doubt ON public.bot_order USING btree (released_at) WHERE (state = ANY (ARRAY['released'::text, 'unknown'::text]));

CREATE INDEX bot_order_open ON public.bot_order USING btree (trader_id, credential_id) WHERE (state = ANY (ARRAY['released'::text, 'accepted'::text, 'partially_filled'::text, 'unknown'::text]));

CREATE INDEX bot_order_traded ON public.bot_order USING btree (trader_id, venue_id, market, created_at) WHERE (filled_quantity > (0)::numeric);

CREATE UNIQUE INDEX checkpoint_leaf_order ON public.checkpoint_leaf USING btree (shard, number, leaf_index);

CREATE INDEX ciba_ping_expiry ON public.ciba_ping USING btree (expires_at);

CREATE INDEX cleanup_item_due ON public.cleanup_item USING btree (due_at) WHERE (state = 'pending'::text);

CREATE INDEX exchange_credential_active ON public.exchange_credential USING btree (trader_id, credential_id) WHERE (state = 'active'::text);

CREATE INDEX exchange_credential_unread ON public.exchange_credential USING btree (linked_at) WHERE (state = ANY (ARRAY['pending'::text, 'verifying'::text]));

CREATE INDEX exchange_credential_venue ON public.exchange_credential USING btree (venue_id, trader_id);

CREATE UNIQUE INDEX one_open_re_enrolment ON public.re_enrolment USING btree (trader_id) WHERE (state = 'waiting'::text);

CREATE INDEX outbox_due ON public.outbox USING btree (channel, priority, due_at) WHERE (state = 'pending'::text);

CREATE INDEX outbox_ping ON public.outbox USING btree (due_at) WHERE ((channel = 'ping'::text) AND (state = 'pending'::text));

CREATE INDEX outbox_target ON public.outbox USING btree (target_id, priority, due_at) WHERE ((state = 'pending'::text) AND (target_id IS NOT NULL));

CREATE INDEX recovery_code_set ON public.recovery_code USING btree (trader_id, set_number);

CREATE INDEX revocation_node ON public.revocation USING btree (trader_id, token_id);

CREATE INDEX revocation_open ON public.revocation USING btree (revoked_at) WHERE (cleanup_state <> 'done'::text);

CREATE INDEX spent_proof_expiry ON public.spent_proof USING btree (expires_at);

CREATE INDEX token_children ON public.token USING btree (trader_id, parent_id, token_id);

CREATE INDEX token_path ON public.token USING btree (trader_id, path);

CREATE TRIGGER a_new_fence_rings AFTER INSERT ON public.fence FOR EACH ROW WHEN ((new.level < 5)) EXECUTE FUNCTION public.ring_about_fence();

CREATE TRIGGER a_tighter_fence_rings AFTER UPDATE ON public.fence FOR EACH ROW WHEN (((new.level < 5) AND (new.level > old.level))) EXECUTE FUNCTION public.ring_about_fence();

CREATE TRIGGER access_log_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.access_log FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER an_approved_address_is_known AFTER INSERT ON public.decision FOR EACH ROW WHEN ((new.decision = 'approve'::text)) EXECUTE FUNCTION public.remember_address();

CREATE TRIGGER approval_state_machine BEFORE UPDATE ON public.approval FOR EACH ROW EXECUTE FUNCTION public.refuse_illegal_transition();

CREATE TRIGGER asked_from_never_changes BEFORE UPDATE OF asked_from ON public.approval FOR EACH ROW WHEN ((new.asked_from IS DISTINCT FROM old.asked_from)) EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER batch_leaf_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.batch_leaf FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER checkpoint_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.checkpoint FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER checkpoint_leaf_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.checkpoint_leaf FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER cleanup_item_ends_once BEFORE UPDATE ON public.cleanup_item FOR EACH ROW EXECUTE FUNCTION public.refuse_another_ending();

CREATE TRIGGER credential_state_machine BEFORE UPDATE ON public.exchange_credential FOR EACH ROW EXECUTE FUNCTION public.refuse_unlinking();

CREATE TRIGGER decision_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.decision FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER decision_is_pinged AFTER UPDATE OF state ON public.approval FOR EACH ROW WHEN (((old.state = 'pending'::text) AND (new.state <> 'pending'::text) AND (new.requester ~~ 'platform:%'::text))) EXECUTE FUNCTION public.ping_of_decision();

CREATE TRIGGER heartbeat_only_grows BEFORE UPDATE ON public.device_heartbeat FOR EACH ROW EXECUTE FUNCTION public.refuse_time_back();

CREATE TRIGGER only_the_signer_tells_of_codes BEFORE INSERT ON public.access_log FOR EACH ROW WHEN (((new.event = ANY (ARRAY['approval.number_shown'::text, 'approval.code_revealed'::text, 'factor.removed'::text])) AND (new.outcome = 'ok'::text) AND (SESSION_USER = ANY (ARRAY['tripcord_api'::name, 'tripcord_cord'::name, 'tripcord_courier'::name, 'tripcord_operator'::name, 'tripcord_dispatcher'::name])))) EXECUTE FUNCTION public.refuse_hearsay();

CREATE TRIGGER only_the_signer_tells_of_loosening BEFORE INSERT ON public.access_log FOR EACH ROW WHEN (((new.event = ANY (ARRAY['token.lifted'::text, 'device.heartbeat'::text])) AND (new.outcome = 'ok'::text) AND (SESSION_USER = ANY (ARRAY['tripcord_api'::name, 'tripcord_cord'::name, 'tripcord_courier'::name, 'tripcord_operator'::name, 'tripcord_dispatcher'::name])))) EXECUTE FUNCTION public.refuse_hearsay();

CREATE TRIGGER only_the_signer_tells_of_redeeming BEFORE INSERT ON public.access_log FOR EACH ROW WHEN (((new.event = ANY (ARRAY['approval.redeemed'::text, 'approvals.batched'::text, 'approval.expired'::text])) AND (new.outcome = 'ok'::text) AND (SESSION_USER = ANY (ARRAY['tripcord_api'::name, 'tripcord_cord'::name, 'tripcord_courier'::name, 'tripcord_operator'::name, 'tripcord_dispatcher'::name])))) EXECUTE FUNCTION public.refuse_hearsay();

CREATE TRIGGER order_state_machine BEFORE UPDATE ON public.bot_order FOR EACH ROW EXECUTE FUNCTION public.refuse_order_transition();

CREATE TRIGGER passkey_begins BEFORE INSERT ON public.passkey FOR EACH ROW WHEN (((new.version <> 1) OR (new.state <> ALL (ARRAY['pending'::text, 'active'::text])))) EXECUTE FUNCTION public.refuse_passkey_born_old();

CREATE TRIGGER passkey_moves_forward BEFORE UPDATE ON public.passkey FOR EACH ROW EXECUTE FUNCTION public.refuse_other_passkey();

CREATE TRIGGER push_otp_is_used_once BEFORE UPDATE ON public.push_otp FOR EACH ROW EXECUTE FUNCTION public.refuse_refund();

CREATE TRIGGER re_enrolment_begins_waiting BEFORE INSERT ON public.re_enrolment FOR EACH ROW WHEN (((new.state <> 'waiting'::text) OR (new.version <> 1))) EXECUTE FUNCTION public.refuse_begun_ended();

CREATE TRIGGER re_enrolment_ends_once BEFORE UPDATE ON public.re_enrolment FOR EACH ROW EXECUTE FUNCTION public.refuse_other_re_enrolment();

CREATE TRIGGER revocation_goes_forward BEFORE UPDATE ON public.revocation FOR EACH ROW EXECUTE FUNCTION public.refuse_reopening();

CREATE TRIGGER revocation_is_told AFTER INSERT ON public.revocation FOR EACH ROW EXECUTE FUNCTION public.tell_of_revocation();

CREATE TRIGGER revocation_takes_the_traders_mode BEFORE INSERT ON public.revocation FOR EACH ROW WHEN ((new.mode IS NULL)) EXECUTE FUNCTION public.take_cleanup_mode();

CREATE TRIGGER session_ends_once BEFORE UPDATE ON public.session FOR EACH ROW EXECUTE FUNCTION public.refuse_another_ending();

CREATE TRIGGER totp_factor_stays_removed BEFORE UPDATE ON public.totp_factor FOR EACH ROW EXECUTE FUNCTION public.refuse_return();

CREATE TRIGGER totp_step_only_grows BEFORE UPDATE ON public.totp_state FOR EACH ROW EXECUTE FUNCTION public.refuse_step_back();

CREATE TRIGGER trader_policy_is_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON public.trader_policy FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

CREATE TRIGGER who_tells_of_policies BEFORE INSERT ON public.access_log FOR EACH ROW WHEN (((new.outcome = 'ok'::text) AND (((new.event = 'policy.changed'::text) AND (SESSION_USER = ANY (ARRAY['tripcord_api'::name, 'tripcord_cord'::name, 'tripcord_courier'::name, 'tripcord_operator'::name, 'tripcord_dispatcher'::name]))) OR ((new.event = 'policy.floor_raised'::text) AND (SESSION_USER = ANY (ARRAY['tripcord_api'::name, 'tripcord_cord'::name, 'tripcord_courier'::name, 'tripcord_signer'::name, 'tripcord_dispatcher'::name])))))) EXECUTE FUNCTION public.refuse_hearsay();

ALTER TABLE ONLY public.approval
    ADD CONSTRAINT approval_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.batch_leaf
    ADD CONSTRAINT batch_leaf_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.bot_grant
    ADD CONSTRAINT bot_grant_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.bot_grant
    ADD CONSTRAINT bot_grant_trader_id_credential_id_fkey FOREIGN KEY (trader_id, credential_id) REFERENCES public.exchange_credential(trader_id, credential_id);

ALTER TABLE ONLY public.bot_grant
    ADD CONSTRAINT bot_grant_trader_id_grant_id_fkey FOREIGN KEY (trader_id, grant_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.bot_order
    ADD CONSTRAINT bot_order_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.bot_order
    ADD CONSTRAINT bot_order_trader_id_credential_id_fkey FOREIGN KEY (trader_id, credential_id) REFERENCES public.exchange_credential(trader_id, credential_id);

ALTER TABLE ONLY public.bot_order
    ADD CONSTRAINT bot_order_trader_id_grant_id_fkey FOREIGN KEY (trader_id, grant_id) REFERENCES public.bot_grant(trader_id, grant_id);

ALTER TABLE ONLY public.checkpoint_leaf
    ADD CONSTRAINT checkpoint_leaf_shard_number_fkey FOREIGN KEY (shard, number) REFERENCES public.checkpoint(shard, number);

ALTER TABLE ONLY public.ciba_ping
    ADD CONSTRAINT ciba_ping_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.ciba_request(trader_id, approval_id);

ALTER TABLE ONLY public.ciba_request
    ADD CONSTRAINT ciba_request_platform_id_fkey FOREIGN KEY (platform_id) REFERENCES public.platform(platform_id);

ALTER TABLE ONLY public.ciba_request
    ADD CONSTRAINT ciba_request_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.cleanup_item
    ADD CONSTRAINT cleanup_item_trader_id_credential_id_fkey FOREIGN KEY (trader_id, credential_id) REFERENCES public.exchange_credential(trader_id, credential_id);

ALTER TABLE ONLY public.cleanup_item
    ADD CONSTRAINT cleanup_item_trader_id_order_id_fkey FOREIGN KEY (trader_id, order_id) REFERENCES public.bot_order(trader_id, order_id);

ALTER TABLE ONLY public.cleanup_item
    ADD CONSTRAINT cleanup_item_trader_id_revocation_id_fkey FOREIGN KEY (trader_id, revocation_id) REFERENCES public.revocation(trader_id, revocation_id);

ALTER TABLE ONLY public.client_token
    ADD CONSTRAINT client_token_platform_id_fkey FOREIGN KEY (platform_id) REFERENCES public.platform(platform_id);

ALTER TABLE ONLY public.decision
    ADD CONSTRAINT decision_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.decision
    ADD CONSTRAINT decision_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.device_heartbeat
    ADD CONSTRAINT device_heartbeat_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.device_heartbeat
    ADD CONSTRAINT device_heartbeat_trader_id_root_id_fkey FOREIGN KEY (trader_id, root_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.device
    ADD CONSTRAINT device_trader_id_root_id_fkey FOREIGN KEY (trader_id, root_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.enrolment_code
    ADD CONSTRAINT enrolment_code_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.exchange_credential
    ADD CONSTRAINT exchange_credential_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.exchange_credential
    ADD CONSTRAINT exchange_credential_trader_id_credential_id_fkey FOREIGN KEY (trader_id, credential_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.exchange_credential
    ADD CONSTRAINT exchange_credential_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.exchange_credential
    ADD CONSTRAINT exchange_credential_trader_id_root_id_fkey FOREIGN KEY (trader_id, root_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.exchange_credential
    ADD CONSTRAINT exchange_credential_venue_id_fkey FOREIGN KEY (venue_id) REFERENCES public.venue(venue_id);

ALTER TABLE ONLY public.fence
    ADD CONSTRAINT fence_trader_id_token_id_fkey FOREIGN KEY (trader_id, token_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.incident
    ADD CONSTRAINT incident_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.incident
    ADD CONSTRAINT incident_trader_id_reported_by_fkey FOREIGN KEY (trader_id, reported_by) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.incident
    ADD CONSTRAINT incident_trader_id_revocation_id_fkey FOREIGN KEY (trader_id, revocation_id) REFERENCES public.revocation(trader_id, revocation_id);

ALTER TABLE ONLY public.known_address
    ADD CONSTRAINT known_address_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.lost_device
    ADD CONSTRAINT lost_device_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.lost_device
    ADD CONSTRAINT lost_device_trader_id_reported_by_fkey FOREIGN KEY (trader_id, reported_by) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.market_price
    ADD CONSTRAINT market_price_venue_id_fkey FOREIGN KEY (venue_id) REFERENCES public.venue(venue_id);

ALTER TABLE ONLY public.market_snapshot
    ADD CONSTRAINT market_snapshot_venue_id_fkey FOREIGN KEY (venue_id) REFERENCES public.venue(venue_id);

ALTER TABLE ONLY public.muted_lineage
    ADD CONSTRAINT muted_lineage_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.muted_lineage
    ADD CONSTRAINT muted_lineage_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.node_usage
    ADD CONSTRAINT node_usage_trader_id_token_id_fkey FOREIGN KEY (trader_id, token_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_target_id_fkey FOREIGN KEY (target_id) REFERENCES public.webhook(webhook_id);

ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.passkey_challenge
    ADD CONSTRAINT passkey_challenge_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.passkey_credential_id
    ADD CONSTRAINT passkey_credential_id_trader_id_factor_id_fkey FOREIGN KEY (trader_id, factor_id) REFERENCES public.passkey(trader_id, factor_id);

ALTER TABLE ONLY public.passkey
    ADD CONSTRAINT passkey_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.passkey
    ADD CONSTRAINT passkey_trader_id_root_id_fkey FOREIGN KEY (trader_id, root_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.platform_token
    ADD CONSTRAINT platform_token_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.platform_token
    ADD CONSTRAINT platform_token_trader_id_token_id_fkey FOREIGN KEY (trader_id, token_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.push_otp
    ADD CONSTRAINT push_otp_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.push_otp
    ADD CONSTRAINT push_otp_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.push_otp
    ADD CONSTRAINT push_otp_trader_id_root_id_fkey FOREIGN KEY (trader_id, root_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.push_registration
    ADD CONSTRAINT push_registration_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.re_enrolment
    ADD CONSTRAINT re_enrolment_passkey_fkey FOREIGN KEY (trader_id, passkey_id) REFERENCES public.passkey(trader_id, factor_id);

ALTER TABLE ONLY public.re_enrolment
    ADD CONSTRAINT re_enrolment_trader_id_code_id_fkey FOREIGN KEY (trader_id, code_id) REFERENCES public.recovery_code(trader_id, code_id);

ALTER TABLE ONLY public.re_enrolment
    ADD CONSTRAINT re_enrolment_trader_id_ended_by_fkey FOREIGN KEY (trader_id, ended_by) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.re_enrolment
    ADD CONSTRAINT re_enrolment_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.re_enrolment
    ADD CONSTRAINT re_enrolment_trader_id_root_id_fkey FOREIGN KEY (trader_id, root_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT recovery_code_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.recovery_code
    ADD CONSTRAINT recovery_code_trader_id_root_id_fkey FOREIGN KEY (trader_id, root_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.revocation_card
    ADD CONSTRAINT revocation_card_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.revocation_card
    ADD CONSTRAINT revocation_card_trader_id_root_id_fkey FOREIGN KEY (trader_id, root_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.revocation
    ADD CONSTRAINT revocation_trader_id_token_id_fkey FOREIGN KEY (trader_id, token_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.session
    ADD CONSTRAINT session_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.token_rotation
    ADD CONSTRAINT token_rotation_trader_id_token_id_fkey FOREIGN KEY (trader_id, token_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_trader_id_parent_id_fkey FOREIGN KEY (trader_id, parent_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.totp_factor
    ADD CONSTRAINT totp_factor_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.totp_factor
    ADD CONSTRAINT totp_factor_trader_id_root_id_fkey FOREIGN KEY (trader_id, root_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.totp_state
    ADD CONSTRAINT totp_state_trader_id_factor_id_fkey FOREIGN KEY (trader_id, factor_id) REFERENCES public.totp_factor(trader_id, factor_id);

ALTER TABLE ONLY public.trader
    ADD CONSTRAINT trader_platform_id_fkey FOREIGN KEY (platform_id) REFERENCES public.platform(platform_id);

ALTER TABLE ONLY public.trader_policy
    ADD CONSTRAINT trader_policy_trader_id_approval_id_fkey FOREIGN KEY (trader_id, approval_id) REFERENCES public.approval(trader_id, approval_id);

ALTER TABLE ONLY public.trader_policy
    ADD CONSTRAINT trader_policy_trader_id_device_id_fkey FOREIGN KEY (trader_id, device_id) REFERENCES public.device(trader_id, device_id);

ALTER TABLE ONLY public.trader_policy
    ADD CONSTRAINT trader_policy_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.trader_policy
    ADD CONSTRAINT trader_policy_trader_id_root_id_fkey FOREIGN KEY (trader_id, root_id) REFERENCES public.token(trader_id, token_id);

ALTER TABLE ONLY public.trader_setting
    ADD CONSTRAINT trader_setting_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.user_code
    ADD CONSTRAINT user_code_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES public.trader(trader_id);

ALTER TABLE ONLY public.venue_balance
    ADD CONSTRAINT venue_balance_trader_id_credential_id_fkey FOREIGN KEY (trader_id, credential_id) REFERENCES public.exchange_credential(trader_id, credential_id);

ALTER TABLE ONLY public.venue_containment
    ADD CONSTRAINT venue_containment_venue_id_fkey FOREIGN KEY (venue_id) REFERENCES public.venue(venue_id);

ALTER TABLE ONLY public.venue_open_order
    ADD CONSTRAINT venue_open_order_trader_id_credential_id_fkey FOREIGN KEY (trader_id, credential_id) REFERENCES public.exchange_credential(trader_id, credential_id);

ALTER TABLE ONLY public.webhook_key
    ADD CONSTRAINT webhook_key_platform_id_webhook_id_fkey FOREIGN KEY (platform_id, webhook_id) REFERENCES public.webhook(platform_id, webhook_id);

ALTER TABLE ONLY public.webhook
    ADD CONSTRAINT webhook_platform_id_fkey FOREIGN KEY (platform_id) REFERENCES public.platform(platform_id);

ALTER TABLE ONLY public.wrapped_secret
    ADD CONSTRAINT wrapped_secret_trader_id_credential_id_fkey FOREIGN KEY (trader_id, credential_id) REFERENCES public.exchange_credential(trader_id, credential_id);

ALTER TABLE ONLY public.wrapped_seed
    ADD CONSTRAINT wrapped_seed_trader_id_factor_id_fkey FOREIGN KEY (trader_id, factor_id) REFERENCES public.totp_factor(trader_id, factor_id);

REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO tripcord_api;
GRANT USAGE ON SCHEMA public TO tripcord_signer;
GRANT USAGE ON SCHEMA public TO tripcord_courier;
GRANT USAGE ON SCHEMA public TO tripcord_dispatcher;
GRANT USAGE ON SCHEMA public TO tripcord_operator;
GRANT USAGE ON SCHEMA public TO tripcord_cord;

REVOKE ALL ON FUNCTION public.admit_path(p_trader uuid, p_token uuid, p_secret_hash bytea, p_proof_scope text, p_proof_hash bytea, p_proof_expires_at timestamp with time zone, OUT proof_is_fresh boolean, OUT kind text, OUT jkt text, OUT path uuid[], OUT scope text[], OUT expires_at timestamp with time zone, OUT level smallint, OUT root_id uuid, OUT platform_id uuid, OUT sealed boolean, OUT networks text[], OUT statement text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.admit_path(p_trader uuid, p_token uuid, p_secret_hash bytea, p_proof_scope text, p_proof_hash bytea, p_proof_expires_at timestamp with time zone, OUT proof_is_fresh boolean, OUT kind text, OUT jkt text, OUT path uuid[], OUT scope text[], OUT expires_at timestamp with time zone, OUT level smallint, OUT root_id uuid, OUT platform_id uuid, OUT sealed boolean, OUT networks text[], OUT statement text) TO tripcord_api;
GRANT ALL ON FUNCTION public.admit_path(p_trader uuid, p_token uuid, p_secret_hash bytea, p_proof_scope text, p_proof_hash bytea, p_proof_expires_at timestamp with time zone, OUT proof_is_fresh boolean, OUT kind text, OUT jkt text, OUT path uuid[], OUT scope text[], OUT expires_at timestamp with time zone, OUT level smallint, OUT root_id uuid, OUT platform_id uuid, OUT sealed boolean, OUT networks text[], OUT statement text) TO tripcord_cord;

REVOKE ALL ON FUNCTION public.append_entry(p_trader uuid, p_chain uuid, p_event text, p_actor text, p_token uuid, p_path uuid[], p_subject uuid, p_outcome text, p_rule text, p_request_digest bytea, p_answer_digest bytea, p_venue_outcome text, p_address text, p_user_agent text, p_device uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.append_entry(p_trader uuid, p_chain uuid, p_event text, p_actor text, p_token uuid, p_path uuid[], p_subject uuid, p_outcome text, p_rule text, p_request_digest bytea, p_answer_digest bytea, p_venue_outcome text, p_address text, p_user_agent text, p_device uuid) TO tripcord_api;
GRANT ALL ON FUNCTION public.append_entry(p_trader uuid, p_chain uuid, p_event text, p_actor text, p_token uuid, p_path uuid[], p_subject uuid, p_outcome text, p_rule text, p_request_digest bytea, p_answer_digest bytea, p_venue_outcome text, p_address text, p_user_agent text, p_device uuid) TO tripcord_signer;
GRANT ALL ON FUNCTION public.append_entry(p_trader uuid, p_chain uuid, p_event text, p_actor text, p_token uuid, p_path uuid[], p_subject uuid, p_outcome text, p_rule text, p_request_digest bytea, p_answer_digest bytea, p_venue_outcome text, p_address text, p_user_agent text, p_device uuid) TO tripcord_courier;
GRANT ALL ON FUNCTION public.append_entry(p_trader uuid, p_chain uuid, p_event text, p_actor text, p_token uuid, p_path uuid[], p_subject uuid, p_outcome text, p_rule text, p_request_digest bytea, p_answer_digest bytea, p_venue_outcome text, p_address text, p_user_agent text, p_device uuid) TO tripcord_operator;
GRANT ALL ON FUNCTION public.append_entry(p_trader uuid, p_chain uuid, p_event text, p_actor text, p_token uuid, p_path uuid[], p_subject uuid, p_outcome text, p_rule text, p_request_digest bytea, p_answer_digest bytea, p_venue_outcome text, p_address text, p_user_agent text, p_device uuid) TO tripcord_cord;

GRANT SELECT ON TABLE public.bot_grant TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.bot_grant TO tripcord_signer;
GRANT SELECT ON TABLE public.bot_grant TO tripcord_courier;

GRANT UPDATE(limits) ON TABLE public.bot_grant TO tripcord_signer;

GRANT UPDATE(expires_at) ON TABLE public.bot_grant TO tripcord_signer;

GRANT UPDATE(version) ON TABLE public.bot_grant TO tripcord_signer;

GRANT UPDATE(mac) ON TABLE public.bot_grant TO tripcord_signer;

GRANT SELECT ON TABLE public.bot_order TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.bot_order TO tripcord_signer;
GRANT SELECT ON TABLE public.bot_order TO tripcord_courier;

GRANT UPDATE(notional) ON TABLE public.bot_order TO tripcord_signer;

GRANT UPDATE(quote) ON TABLE public.bot_order TO tripcord_signer;

GRANT UPDATE(approval_id) ON TABLE public.bot_order TO tripcord_signer;

GRANT UPDATE(state) ON TABLE public.bot_order TO tripcord_signer;

GRANT UPDATE(rule) ON TABLE public.bot_order TO tripcord_signer;

GRANT UPDATE(request_digest) ON TABLE public.bot_order TO tripcord_signer;

GRANT UPDATE(released_at) ON TABLE public.bot_order TO tripcord_signer;

GRANT SELECT ON TABLE public.exchange_credential TO tripcord_api;
GRANT SELECT,INSERT,UPDATE ON TABLE public.exchange_credential TO tripcord_signer;
GRANT SELECT ON TABLE public.exchange_credential TO tripcord_courier;

GRANT SELECT ON TABLE public.market_price TO tripcord_signer;
GRANT SELECT,INSERT,UPDATE ON TABLE public.market_price TO tripcord_courier;

GRANT SELECT,INSERT,UPDATE ON TABLE public.node_usage TO tripcord_signer;
GRANT SELECT ON TABLE public.node_usage TO tripcord_courier;

GRANT SELECT ON TABLE public.trader_policy TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.trader_policy TO tripcord_signer;

GRANT SELECT ON TABLE public.venue_balance TO tripcord_api;
GRANT SELECT ON TABLE public.venue_balance TO tripcord_signer;
GRANT SELECT,INSERT,UPDATE ON TABLE public.venue_balance TO tripcord_courier;

GRANT SELECT,INSERT,DELETE ON TABLE public.wrapped_secret TO tripcord_signer;

REVOKE ALL ON FUNCTION public.begin_signing(p_trader uuid, p_grant uuid, p_sequence bigint, p_market text, OUT now timestamp with time zone, OUT a_grant public.bot_grant, OUT ancestors public.bot_grant[], OUT credential public.exchange_credential, OUT secret public.wrapped_secret, OUT prior public.bot_order, OUT level smallint, OUT venue_level smallint, OUT usage public.node_usage[], OUT price public.market_price, OUT snapshot text, OUT balances public.venue_balance[], OUT pending_sell numeric, OUT policy public.trader_policy) FROM PUBLIC;
GRANT ALL ON FUNCTION public.begin_signing(p_trader uuid, p_grant uuid, p_sequence bigint, p_market text, OUT now timestamp with time zone, OUT a_grant public.bot_grant, OUT ancestors public.bot_grant[], OUT credential public.exchange_credential, OUT secret public.wrapped_secret, OUT prior public.bot_order, OUT level smallint, OUT venue_level smallint, OUT usage public.node_usage[], OUT price public.market_price, OUT snapshot text, OUT balances public.venue_balance[], OUT pending_sell numeric, OUT policy public.trader_policy) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.cancel_asked(p_trader uuid, p_approval uuid, p_requester text, p_now timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.cancel_asked(p_trader uuid, p_approval uuid, p_requester text, p_now timestamp with time zone) TO tripcord_api;

REVOKE ALL ON FUNCTION public.change_networks(p_trader uuid, p_token uuid, p_version integer, p_networks text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.change_networks(p_trader uuid, p_token uuid, p_version integer, p_networks text[]) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.contain_venue(p_venue text, p_containment uuid, p_level smallint, p_reason text, p_actor text, OUT previous smallint, OUT imposed_at timestamp with time zone, OUT log_position bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.contain_venue(p_venue text, p_containment uuid, p_level smallint, p_reason text, p_actor text, OUT previous smallint, OUT imposed_at timestamp with time zone, OUT log_position bigint) TO tripcord_operator;

REVOKE ALL ON FUNCTION public.count_below(p_trader uuid, p_top uuid, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.count_below(p_trader uuid, p_top uuid, p_limit integer) TO tripcord_api;

REVOKE ALL ON FUNCTION public.disable_webhook(p_platform uuid, p_webhook uuid, p_reason text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.disable_webhook(p_platform uuid, p_webhook uuid, p_reason text) TO tripcord_dispatcher;

REVOKE ALL ON FUNCTION public.drain_venue(p_venue text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.drain_venue(p_venue text) TO tripcord_operator;

REVOKE ALL ON FUNCTION public.effective_level(p_trader uuid, p_path uuid[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.effective_level(p_trader uuid, p_path uuid[]) TO tripcord_api;
GRANT ALL ON FUNCTION public.effective_level(p_trader uuid, p_path uuid[]) TO tripcord_cord;
GRANT ALL ON FUNCTION public.effective_level(p_trader uuid, p_path uuid[]) TO tripcord_signer;
GRANT ALL ON FUNCTION public.effective_level(p_trader uuid, p_path uuid[]) TO tripcord_courier;
GRANT ALL ON FUNCTION public.effective_level(p_trader uuid, p_path uuid[]) TO tripcord_operator;

REVOKE ALL ON FUNCTION public.end_leaked(p_kind text, p_trader uuid, p_id uuid, p_secret_hash bytea, p_address text, p_user_agent text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.end_leaked(p_kind text, p_trader uuid, p_id uuid, p_secret_hash bytea, p_address text, p_user_agent text) TO tripcord_api;

REVOKE ALL ON FUNCTION public.finish_signing(p_order public.signed_order, p_path uuid[], p_event text, p_actor text, p_outcome text, p_address text, p_user_agent text, p_reserve boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION public.finish_signing(p_order public.signed_order, p_path uuid[], p_event text, p_actor text, p_outcome text, p_address text, p_user_agent text, p_reserve boolean) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.freeze_asker(p_trader uuid, p_token uuid, p_approval uuid, p_actor text, p_device uuid, p_address text, p_user_agent text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.freeze_asker(p_trader uuid, p_token uuid, p_approval uuid, p_actor text, p_device uuid, p_address text, p_user_agent text) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.introspect_batch(p_chain uuid, p_platforms uuid[], p_callers uuid[], p_caller_hashes bytea[], p_traders uuid[], p_tokens uuid[], p_hashes bytea[], p_addresses text[], p_agents text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.introspect_batch(p_chain uuid, p_platforms uuid[], p_callers uuid[], p_caller_hashes bytea[], p_traders uuid[], p_tokens uuid[], p_hashes bytea[], p_addresses text[], p_agents text[]) TO tripcord_api;

REVOKE ALL ON FUNCTION public.issue_client_token(p_platform uuid, p_token uuid, p_secret_hash bytea, p_expires_at timestamp with time zone, p_key jsonb, p_key_id text, p_jkt text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.issue_client_token(p_platform uuid, p_token uuid, p_secret_hash bytea, p_expires_at timestamp with time zone, p_key jsonb, p_key_id text, p_jkt text) TO tripcord_api;

REVOKE ALL ON FUNCTION public.lift(p_trader uuid, p_token uuid, p_from smallint, p_to smallint, p_asked_position bigint, p_approval uuid, p_request_digest bytea, p_actor text, p_device uuid, p_address text, p_user_agent text, OUT log_position bigint, OUT effective smallint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lift(p_trader uuid, p_token uuid, p_from smallint, p_to smallint, p_asked_position bigint, p_approval uuid, p_request_digest bytea, p_actor text, p_device uuid, p_address text, p_user_agent text, OUT log_position bigint, OUT effective smallint) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.lock_trader(p_trader uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.lock_trader(p_trader uuid) TO tripcord_api;
GRANT ALL ON FUNCTION public.lock_trader(p_trader uuid) TO tripcord_cord;
GRANT ALL ON FUNCTION public.lock_trader(p_trader uuid) TO tripcord_signer;
GRANT ALL ON FUNCTION public.lock_trader(p_trader uuid) TO tripcord_courier;
GRANT ALL ON FUNCTION public.lock_trader(p_trader uuid) TO tripcord_operator;

GRANT SELECT ON TABLE public.access_log TO tripcord_api;
GRANT SELECT ON TABLE public.access_log TO tripcord_signer;

REVOKE ALL ON FUNCTION public.log_content_hash(e public.access_log) FROM PUBLIC;
GRANT ALL ON FUNCTION public.log_content_hash(e public.access_log) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.log_field(value bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.log_field(value bytea) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.log_link_step(p_previous bytea, p_head bytea, p_content bytea) FROM PUBLIC;

GRANT SELECT ON TABLE public.token TO tripcord_api;
GRANT SELECT ON TABLE public.token TO tripcord_cord;
GRANT SELECT ON TABLE public.token TO tripcord_signer;
GRANT SELECT ON TABLE public.token TO tripcord_courier;
GRANT SELECT ON TABLE public.token TO tripcord_operator;

REVOKE ALL ON FUNCTION public.mint_token(p_trader uuid, p_token uuid, p_kind text, p_parent uuid, p_secret_hash bytea, p_jkt text, p_scope text[], p_label text, p_expires_at timestamp with time zone, p_networks text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION public.mint_token(p_trader uuid, p_token uuid, p_kind text, p_parent uuid, p_secret_hash bytea, p_jkt text, p_scope text[], p_label text, p_expires_at timestamp with time zone, p_networks text[]) TO tripcord_api;
GRANT ALL ON FUNCTION public.mint_token(p_trader uuid, p_token uuid, p_kind text, p_parent uuid, p_secret_hash bytea, p_jkt text, p_scope text[], p_label text, p_expires_at timestamp with time zone, p_networks text[]) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.move_order(p_trader uuid, p_order uuid, p_from text, p_to text, p_venue_order text, p_filled numeric, p_venue_code text, p_actor text, p_outcome text, p_answer_digest bytea, p_words text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.move_order(p_trader uuid, p_order uuid, p_from text, p_to text, p_venue_order text, p_filled numeric, p_venue_code text, p_actor text, p_outcome text, p_answer_digest bytea, p_words text) TO tripcord_courier;

REVOKE ALL ON FUNCTION public.narrow_token(p_trader uuid, p_token uuid, p_version integer, p_scope text[], p_networks text[], p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.narrow_token(p_trader uuid, p_token uuid, p_version integer, p_scope text[], p_networks text[], p_expires_at timestamp with time zone) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.networks_within(p_inner cidr[], p_outer cidr[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION public.nonce_secrets() FROM PUBLIC;
GRANT ALL ON FUNCTION public.nonce_secrets() TO tripcord_api;

REVOKE ALL ON FUNCTION public.ping_of_decision() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.publish_webhook_key(p_platform uuid, p_webhook uuid, p_version integer, p_key bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.publish_webhook_key(p_platform uuid, p_webhook uuid, p_version integer, p_key bytea) TO tripcord_dispatcher;

REVOKE ALL ON FUNCTION public.raise_floor(p_action text, p_strength text, p_reason text, p_actor text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.raise_floor(p_action text, p_strength text, p_reason text, p_actor text) TO tripcord_operator;

REVOKE ALL ON FUNCTION public.refuse_another_ending() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_begun_ended() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_change() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_hearsay() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_illegal_transition() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_order_transition() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_other_passkey() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_other_re_enrolment() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_passkey_born_old() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_refund() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_reopening() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_return() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_step_back() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_time_back() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.refuse_unlinking() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.remember_address() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.revoke_old_root(p_trader uuid, p_re_enrolment uuid, p_actor text, p_address text, p_user_agent text, p_revocation uuid, p_receipt_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.revoke_old_root(p_trader uuid, p_re_enrolment uuid, p_actor text, p_address text, p_user_agent text, p_revocation uuid, p_receipt_hash bytea) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.ring_about_fence() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.ring_devices(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ring_devices(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) TO tripcord_api;
GRANT ALL ON FUNCTION public.ring_devices(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) TO tripcord_signer;
GRANT ALL ON FUNCTION public.ring_devices(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) TO tripcord_courier;
GRANT ALL ON FUNCTION public.ring_devices(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) TO tripcord_cord;
GRANT ALL ON FUNCTION public.ring_devices(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) TO tripcord_operator;

REVOKE ALL ON FUNCTION public.ring_every_device(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.ring_every_device(p_trader uuid, p_topic text, p_rid uuid, p_expires_at timestamp with time zone) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.rotate_secret(p_trader uuid, p_token uuid, p_secret_hash bytea, p_overlap interval) FROM PUBLIC;
GRANT ALL ON FUNCTION public.rotate_secret(p_trader uuid, p_token uuid, p_secret_hash bytea, p_overlap interval) TO tripcord_api;

REVOKE ALL ON FUNCTION public.secret_is_current(p_trader uuid, p_token uuid, p_stored bytea, p_presented bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION public.secret_is_current(p_trader uuid, p_token uuid, p_stored bytea, p_presented bytea) TO tripcord_api;

REVOKE ALL ON FUNCTION public.shared_venue_level(p_venue text) FROM PUBLIC;
GRANT ALL ON FUNCTION public.shared_venue_level(p_venue text) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.spend_proof(p_scope text, p_proof_hash bytea, p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.spend_proof(p_scope text, p_proof_hash bytea, p_expires_at timestamp with time zone) TO tripcord_api;
GRANT ALL ON FUNCTION public.spend_proof(p_scope text, p_proof_hash bytea, p_expires_at timestamp with time zone) TO tripcord_cord;

REVOKE ALL ON FUNCTION public.take_cleanup_mode() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.tell_of_containment(p_venue text, p_containment uuid, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.tell_of_containment(p_venue text, p_containment uuid, p_limit integer) TO tripcord_operator;

REVOKE ALL ON FUNCTION public.tell_of_revocation() FROM PUBLIC;

REVOKE ALL ON FUNCTION public.tell_platform(p_trader uuid, p_event text, p_fact text, p_rid uuid, p_position bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.tell_platform(p_trader uuid, p_event text, p_fact text, p_rid uuid, p_position bigint) TO tripcord_signer;

REVOKE ALL ON FUNCTION public.test_webhook(p_platform uuid, p_webhook uuid) FROM PUBLIC;
GRANT ALL ON FUNCTION public.test_webhook(p_platform uuid, p_webhook uuid) TO tripcord_api;

REVOKE ALL ON FUNCTION public.tighten(p_trader uuid, p_token uuid, p_level smallint, p_reason text, p_actor text, p_device uuid, p_address text, p_user_agent text, p_request_digest bytea, p_revocation uuid, p_receipt_hash bytea, p_mode text, OUT log_position bigint, OUT imposed_at timestamp with time zone, OUT effective smallint, OUT cleanup_deadline_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION public.tighten(p_trader uuid, p_token uuid, p_level smallint, p_reason text, p_actor text, p_device uuid, p_address text, p_user_agent text, p_request_digest bytea, p_revocation uuid, p_receipt_hash bytea, p_mode text, OUT log_position bigint, OUT imposed_at timestamp with time zone, OUT effective smallint, OUT cleanup_deadline_at timestamp with time zone) TO tripcord_api;
GRANT ALL ON FUNCTION public.tighten(p_trader uuid, p_token uuid, p_level smallint, p_reason text, p_actor text, p_device uuid, p_address text, p_user_agent text, p_request_digest bytea, p_revocation uuid, p_receipt_hash bytea, p_mode text, OUT log_position bigint, OUT imposed_at timestamp with time zone, OUT effective smallint, OUT cleanup_deadline_at timestamp with time zone) TO tripcord_cord;
GRANT ALL ON FUNCTION public.tighten(p_trader uuid, p_token uuid, p_level smallint, p_reason text, p_actor text, p_device uuid, p_address text, p_user_agent text, p_request_digest bytea, p_revocation uuid, p_receipt_hash bytea, p_mode text, OUT log_position bigint, OUT imposed_at timestamp with time zone, OUT effective smallint, OUT cleanup_deadline_at timestamp with time zone) TO tripcord_courier;
GRANT ALL ON FUNCTION public.tighten(p_trader uuid, p_token uuid, p_level smallint, p_reason text, p_actor text, p_device uuid, p_address text, p_user_agent text, p_request_digest bytea, p_revocation uuid, p_receipt_hash bytea, p_mode text, OUT log_position bigint, OUT imposed_at timestamp with time zone, OUT effective smallint, OUT cleanup_deadline_at timestamp with time zone) TO tripcord_operator;

REVOKE ALL ON FUNCTION public.tree_below(p_trader uuid, p_top uuid, p_after uuid, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION public.tree_below(p_trader uuid, p_top uuid, p_after uuid, p_limit integer) TO tripcord_api;

REVOKE ALL ON FUNCTION public.venue_reach(p_venue text, p_cap integer, OUT traders bigint, OUT credentials bigint, OUT grants bigint, OUT open_orders bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION public.venue_reach(p_venue text, p_cap integer, OUT traders bigint, OUT credentials bigint, OUT grants bigint, OUT open_orders bigint) TO tripcord_operator;

REVOKE ALL ON FUNCTION public.log_link(bytea, bytea) FROM PUBLIC;

GRANT SELECT ON TABLE public.access_log_head TO tripcord_api;
GRANT SELECT ON TABLE public.access_log_head TO tripcord_signer;

GRANT UPDATE(checkpointed_position) ON TABLE public.access_log_head TO tripcord_signer;

GRANT SELECT ON TABLE public.approval TO tripcord_api;
GRANT SELECT ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(trader_id) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(trader_id) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(approval_id) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(approval_id) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(requester) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(requester) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(action_type) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(action_type) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(action) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(action) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(digest) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(digest) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(nonce) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(nonce) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(required_strength) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(required_strength) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(subject_id) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(subject_id) ON TABLE public.approval TO tripcord_signer;

GRANT UPDATE(state) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(created_at) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(created_at) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(expires_at) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(expires_at) ON TABLE public.approval TO tripcord_signer;

GRANT UPDATE(decided_at) ON TABLE public.approval TO tripcord_signer;

GRANT UPDATE(consumed_at) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(asked_from) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(asked_from) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(lineage) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(lineage) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(intent) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(intent) ON TABLE public.approval TO tripcord_signer;

GRANT INSERT(prompt) ON TABLE public.approval TO tripcord_api;
GRANT INSERT(prompt) ON TABLE public.approval TO tripcord_signer;

GRANT SELECT,INSERT ON TABLE public.batch_leaf TO tripcord_signer;

GRANT SELECT ON TABLE public.checkpoint TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.checkpoint TO tripcord_signer;

GRANT SELECT ON TABLE public.checkpoint_leaf TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.checkpoint_leaf TO tripcord_signer;

GRANT INSERT ON TABLE public.ciba_ping TO tripcord_api;
GRANT SELECT,DELETE ON TABLE public.ciba_ping TO tripcord_dispatcher;

GRANT SELECT ON TABLE public.ciba_request TO tripcord_api;

GRANT INSERT(trader_id) ON TABLE public.ciba_request TO tripcord_api;

GRANT INSERT(approval_id) ON TABLE public.ciba_request TO tripcord_api;

GRANT INSERT(platform_id) ON TABLE public.ciba_request TO tripcord_api;

GRANT INSERT(auth_req_hash) ON TABLE public.ciba_request TO tripcord_api;

GRANT INSERT(interval_seconds),UPDATE(interval_seconds) ON TABLE public.ciba_request TO tripcord_api;

GRANT UPDATE(polled_at) ON TABLE public.ciba_request TO tripcord_api;

GRANT SELECT ON TABLE public.cleanup_item TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.cleanup_item TO tripcord_signer;
GRANT SELECT ON TABLE public.cleanup_item TO tripcord_courier;

GRANT UPDATE(state) ON TABLE public.cleanup_item TO tripcord_courier;

GRANT UPDATE(attempts) ON TABLE public.cleanup_item TO tripcord_courier;

GRANT UPDATE(due_at) ON TABLE public.cleanup_item TO tripcord_courier;

GRANT UPDATE(last_outcome) ON TABLE public.cleanup_item TO tripcord_courier;

GRANT SELECT,INSERT,DELETE ON TABLE public.client_token TO tripcord_api;
GRANT DELETE ON TABLE public.client_token TO tripcord_operator;

GRANT SELECT(platform_id) ON TABLE public.client_token TO tripcord_operator;

GRANT SELECT(token_id) ON TABLE public.client_token TO tripcord_operator;

GRANT SELECT(key_id) ON TABLE public.client_token TO tripcord_operator;

GRANT SELECT ON TABLE public.decision TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.decision TO tripcord_signer;

GRANT SELECT ON TABLE public.device TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.device TO tripcord_signer;
GRANT SELECT ON TABLE public.device TO tripcord_cord;

GRANT SELECT,INSERT ON TABLE public.device_heartbeat TO tripcord_signer;

GRANT SELECT(trader_id) ON TABLE public.device_heartbeat TO tripcord_api;

GRANT SELECT(device_id) ON TABLE public.device_heartbeat TO tripcord_api;

GRANT SELECT(root_id) ON TABLE public.device_heartbeat TO tripcord_api;

GRANT UPDATE(issued_at) ON TABLE public.device_heartbeat TO tripcord_signer;

GRANT UPDATE(seen_at) ON TABLE public.device_heartbeat TO tripcord_signer;
GRANT SELECT(seen_at) ON TABLE public.device_heartbeat TO tripcord_api;

GRANT UPDATE(nonce) ON TABLE public.device_heartbeat TO tripcord_signer;

GRANT UPDATE(statement) ON TABLE public.device_heartbeat TO tripcord_signer;

GRANT UPDATE(version) ON TABLE public.device_heartbeat TO tripcord_signer;

GRANT UPDATE(mac) ON TABLE public.device_heartbeat TO tripcord_signer;

GRANT SELECT ON TABLE public.enrolment_code TO tripcord_api;
GRANT SELECT ON TABLE public.enrolment_code TO tripcord_signer;

GRANT INSERT(trader_id) ON TABLE public.enrolment_code TO tripcord_api;

GRANT INSERT(code_id) ON TABLE public.enrolment_code TO tripcord_api;

GRANT INSERT(code_hash) ON TABLE public.enrolment_code TO tripcord_api;

GRANT INSERT(expires_at) ON TABLE public.enrolment_code TO tripcord_api;

GRANT UPDATE(redeemed_by_jkt) ON TABLE public.enrolment_code TO tripcord_signer;

GRANT SELECT ON TABLE public.fence TO tripcord_api;
GRANT SELECT ON TABLE public.fence TO tripcord_cord;
GRANT SELECT ON TABLE public.fence TO tripcord_signer;
GRANT SELECT ON TABLE public.fence TO tripcord_courier;
GRANT SELECT ON TABLE public.fence TO tripcord_operator;

GRANT SELECT ON TABLE public.incident TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.incident TO tripcord_cord;

GRANT SELECT ON TABLE public.known_address TO tripcord_api;
GRANT SELECT ON TABLE public.known_address TO tripcord_signer;

GRANT SELECT ON TABLE public.lost_device TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.lost_device TO tripcord_cord;
GRANT SELECT ON TABLE public.lost_device TO tripcord_signer;

GRANT SELECT ON TABLE public.market_snapshot TO tripcord_signer;
GRANT SELECT,INSERT,UPDATE ON TABLE public.market_snapshot TO tripcord_courier;
GRANT SELECT ON TABLE public.market_snapshot TO tripcord_api;

GRANT SELECT ON TABLE public.muted_lineage TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.muted_lineage TO tripcord_signer;

GRANT UPDATE(approval_id) ON TABLE public.muted_lineage TO tripcord_signer;

GRANT UPDATE(until) ON TABLE public.muted_lineage TO tripcord_signer;

GRANT SELECT ON TABLE public.outbox TO tripcord_dispatcher;

GRANT SELECT(trader_id) ON TABLE public.outbox TO tripcord_signer;

GRANT SELECT(message_id) ON TABLE public.outbox TO tripcord_signer;

GRANT SELECT(topic) ON TABLE public.outbox TO tripcord_signer;

GRANT SELECT(rid) ON TABLE public.outbox TO tripcord_signer;

GRANT SELECT(created_at) ON TABLE public.outbox TO tripcord_signer;

GRANT UPDATE(due_at) ON TABLE public.outbox TO tripcord_dispatcher;

GRANT UPDATE(attempts) ON TABLE public.outbox TO tripcord_dispatcher;

GRANT UPDATE(leased_until) ON TABLE public.outbox TO tripcord_dispatcher;

GRANT UPDATE(state) ON TABLE public.outbox TO tripcord_dispatcher;
GRANT SELECT(state) ON TABLE public.outbox TO tripcord_signer;

GRANT UPDATE(last_error) ON TABLE public.outbox TO tripcord_dispatcher;

GRANT UPDATE(finished_at) ON TABLE public.outbox TO tripcord_dispatcher;

GRANT SELECT(channel) ON TABLE public.outbox TO tripcord_signer;

GRANT SELECT(target_id) ON TABLE public.outbox TO tripcord_signer;

GRANT SELECT(subject) ON TABLE public.outbox TO tripcord_signer;

GRANT UPDATE(failures) ON TABLE public.outbox TO tripcord_dispatcher;

GRANT SELECT ON TABLE public.passkey TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.passkey TO tripcord_signer;

GRANT UPDATE(root_id) ON TABLE public.passkey TO tripcord_signer;

GRANT UPDATE(sign_count) ON TABLE public.passkey TO tripcord_signer;

GRANT UPDATE(backed_up) ON TABLE public.passkey TO tripcord_signer;

GRANT UPDATE(state) ON TABLE public.passkey TO tripcord_signer;

GRANT UPDATE(version) ON TABLE public.passkey TO tripcord_signer;

GRANT UPDATE(mac) ON TABLE public.passkey TO tripcord_signer;

GRANT SELECT,INSERT,DELETE ON TABLE public.passkey_challenge TO tripcord_signer;

GRANT INSERT ON TABLE public.passkey_credential_id TO tripcord_signer;

GRANT SELECT ON TABLE public.platform TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.platform TO tripcord_operator;
GRANT SELECT ON TABLE public.platform TO tripcord_signer;

GRANT SELECT(platform_id) ON TABLE public.platform TO tripcord_dispatcher;

GRANT UPDATE(jwks) ON TABLE public.platform TO tripcord_operator;

GRANT UPDATE(disabled_at) ON TABLE public.platform TO tripcord_operator;
GRANT SELECT(disabled_at) ON TABLE public.platform TO tripcord_dispatcher;

GRANT UPDATE(retired_key_ids) ON TABLE public.platform TO tripcord_operator;

GRANT UPDATE(ciba_delivery) ON TABLE public.platform TO tripcord_operator;

GRANT UPDATE(ciba_endpoint) ON TABLE public.platform TO tripcord_operator;
GRANT SELECT(ciba_endpoint) ON TABLE public.platform TO tripcord_dispatcher;

GRANT SELECT ON TABLE public.platform_token TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.platform_token TO tripcord_signer;

GRANT UPDATE(statement) ON TABLE public.platform_token TO tripcord_signer;

GRANT UPDATE(version) ON TABLE public.platform_token TO tripcord_signer;

GRANT UPDATE(sealed_at) ON TABLE public.platform_token TO tripcord_signer;

GRANT SELECT ON TABLE public.policy_floor TO tripcord_api;
GRANT SELECT ON TABLE public.policy_floor TO tripcord_signer;
GRANT SELECT ON TABLE public.policy_floor TO tripcord_operator;

GRANT SELECT,INSERT ON TABLE public.push_otp TO tripcord_signer;

GRANT UPDATE(root_id) ON TABLE public.push_otp TO tripcord_signer;

GRANT UPDATE(device_id) ON TABLE public.push_otp TO tripcord_signer;

GRANT UPDATE(statement) ON TABLE public.push_otp TO tripcord_signer;

GRANT UPDATE(tag) ON TABLE public.push_otp TO tripcord_signer;

GRANT UPDATE(made_at) ON TABLE public.push_otp TO tripcord_signer;

GRANT UPDATE(expires_at) ON TABLE public.push_otp TO tripcord_signer;

GRANT UPDATE(attempts) ON TABLE public.push_otp TO tripcord_signer;

GRANT UPDATE(used_at) ON TABLE public.push_otp TO tripcord_signer;

GRANT SELECT ON TABLE public.push_registration TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.push_registration TO tripcord_signer;
GRANT SELECT ON TABLE public.push_registration TO tripcord_dispatcher;

GRANT UPDATE(kind) ON TABLE public.push_registration TO tripcord_api;

GRANT UPDATE(registration) ON TABLE public.push_registration TO tripcord_api;

GRANT UPDATE(updated_at) ON TABLE public.push_registration TO tripcord_api;

GRANT UPDATE(disabled_at) ON TABLE public.push_registration TO tripcord_api;
GRANT UPDATE(disabled_at) ON TABLE public.push_registration TO tripcord_dispatcher;

GRANT SELECT ON TABLE public.re_enrolment TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.re_enrolment TO tripcord_signer;

GRANT UPDATE(state) ON TABLE public.re_enrolment TO tripcord_signer;

GRANT UPDATE(ended_at) ON TABLE public.re_enrolment TO tripcord_signer;

GRANT UPDATE(ended_by) ON TABLE public.re_enrolment TO tripcord_signer;

GRANT UPDATE(version) ON TABLE public.re_enrolment TO tripcord_signer;

GRANT UPDATE(mac) ON TABLE public.re_enrolment TO tripcord_signer;

GRANT SELECT ON TABLE public.recovery_code TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.recovery_code TO tripcord_signer;

GRANT SELECT ON TABLE public.recovery_state TO tripcord_api;
GRANT SELECT ON TABLE public.recovery_state TO tripcord_signer;

GRANT INSERT(trader_id) ON TABLE public.recovery_state TO tripcord_signer;

GRANT UPDATE(failures) ON TABLE public.recovery_state TO tripcord_signer;

GRANT UPDATE(last_failed_at) ON TABLE public.recovery_state TO tripcord_signer;

GRANT SELECT ON TABLE public.revocation TO tripcord_api;
GRANT SELECT ON TABLE public.revocation TO tripcord_cord;
GRANT SELECT ON TABLE public.revocation TO tripcord_signer;
GRANT SELECT ON TABLE public.revocation TO tripcord_courier;
GRANT SELECT ON TABLE public.revocation TO tripcord_operator;

GRANT UPDATE(cleanup_state) ON TABLE public.revocation TO tripcord_signer;
GRANT UPDATE(cleanup_state) ON TABLE public.revocation TO tripcord_courier;

GRANT SELECT,INSERT ON TABLE public.revocation_card TO tripcord_api;
GRANT SELECT ON TABLE public.revocation_card TO tripcord_cord;

GRANT UPDATE(removed_at) ON TABLE public.revocation_card TO tripcord_api;

GRANT SELECT ON TABLE public.session TO tripcord_api;
GRANT SELECT ON TABLE public.session TO tripcord_signer;
GRANT SELECT ON TABLE public.session TO tripcord_cord;

GRANT INSERT(trader_id) ON TABLE public.session TO tripcord_api;

GRANT INSERT(session_id) ON TABLE public.session TO tripcord_api;

GRANT INSERT(jkt) ON TABLE public.session TO tripcord_api;

GRANT INSERT(address) ON TABLE public.session TO tripcord_api;

GRANT INSERT(user_agent) ON TABLE public.session TO tripcord_api;

GRANT INSERT(approval_id) ON TABLE public.session TO tripcord_api;

GRANT UPDATE(code_verified_at) ON TABLE public.session TO tripcord_signer;

GRANT UPDATE(code_factor_id) ON TABLE public.session TO tripcord_signer;

GRANT UPDATE(code_mac) ON TABLE public.session TO tripcord_signer;

GRANT UPDATE(state) ON TABLE public.session TO tripcord_api;
GRANT UPDATE(state) ON TABLE public.session TO tripcord_cord;

GRANT INSERT(created_at) ON TABLE public.session TO tripcord_api;

GRANT INSERT(expires_at) ON TABLE public.session TO tripcord_api;

GRANT SELECT,DELETE ON TABLE public.spent_proof TO tripcord_api;

GRANT SELECT ON TABLE public.totp_factor TO tripcord_api;
GRANT SELECT,INSERT ON TABLE public.totp_factor TO tripcord_signer;

GRANT UPDATE(root_id) ON TABLE public.totp_factor TO tripcord_signer;

GRANT UPDATE(version) ON TABLE public.totp_factor TO tripcord_signer;

GRANT UPDATE(mac) ON TABLE public.totp_factor TO tripcord_signer;

GRANT UPDATE(removed_at) ON TABLE public.totp_factor TO tripcord_signer;

GRANT SELECT,INSERT ON TABLE public.totp_state TO tripcord_signer;

GRANT UPDATE(last_used_step) ON TABLE public.totp_state TO tripcord_signer;

GRANT UPDATE(consecutive_failures) ON TABLE public.totp_state TO tripcord_signer;

GRANT UPDATE(locked_until) ON TABLE public.totp_state TO tripcord_signer;

GRANT UPDATE(warned_at) ON TABLE public.totp_state TO tripcord_signer;

GRANT SELECT ON TABLE public.trader TO tripcord_api;
GRANT SELECT ON TABLE public.trader TO tripcord_cord;
GRANT SELECT ON TABLE public.trader TO tripcord_signer;
GRANT SELECT ON TABLE public.trader TO tripcord_courier;
GRANT SELECT ON TABLE public.trader TO tripcord_operator;

GRANT INSERT(trader_id) ON TABLE public.trader TO tripcord_api;

GRANT INSERT(platform_id) ON TABLE public.trader TO tripcord_api;

GRANT UPDATE(frozen_empty) ON TABLE public.trader TO tripcord_signer;

GRANT SELECT,INSERT,UPDATE ON TABLE public.trader_setting TO tripcord_api;

GRANT SELECT,INSERT,UPDATE ON TABLE public.user_code TO tripcord_api;

GRANT SELECT ON TABLE public.venue TO tripcord_api;
GRANT SELECT ON TABLE public.venue TO tripcord_signer;
GRANT SELECT ON TABLE public.venue TO tripcord_courier;
GRANT SELECT ON TABLE public.venue TO tripcord_operator;

GRANT SELECT ON TABLE public.venue_containment TO tripcord_operator;

GRANT SELECT ON TABLE public.venue_open_order TO tripcord_api;
GRANT SELECT ON TABLE public.venue_open_order TO tripcord_signer;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.venue_open_order TO tripcord_courier;

GRANT SELECT ON TABLE public.webhook TO tripcord_api;
GRANT SELECT ON TABLE public.webhook TO tripcord_dispatcher;
GRANT SELECT ON TABLE public.webhook TO tripcord_operator;

GRANT INSERT(platform_id) ON TABLE public.webhook TO tripcord_api;
GRANT SELECT(platform_id) ON TABLE public.webhook TO tripcord_signer;

GRANT INSERT(webhook_id) ON TABLE public.webhook TO tripcord_api;
GRANT SELECT(webhook_id) ON TABLE public.webhook TO tripcord_signer;

GRANT INSERT(url) ON TABLE public.webhook TO tripcord_api;

GRANT INSERT(events),UPDATE(events) ON TABLE public.webhook TO tripcord_api;

GRANT UPDATE(state) ON TABLE public.webhook TO tripcord_api;
GRANT SELECT(state) ON TABLE public.webhook TO tripcord_signer;

GRANT UPDATE(failing_since) ON TABLE public.webhook TO tripcord_api;
GRANT UPDATE(failing_since) ON TABLE public.webhook TO tripcord_dispatcher;

GRANT UPDATE(disabled_at) ON TABLE public.webhook TO tripcord_api;

GRANT UPDATE(disabled_reason) ON TABLE public.webhook TO tripcord_api;

GRANT SELECT ON TABLE public.webhook_key TO tripcord_api;
GRANT SELECT ON TABLE public.webhook_key TO tripcord_dispatcher;

GRANT INSERT(platform_id) ON TABLE public.webhook_key TO tripcord_api;

GRANT INSERT(webhook_id) ON TABLE public.webhook_key TO tripcord_api;

GRANT INSERT(version) ON TABLE public.webhook_key TO tripcord_api;

GRANT UPDATE(retires_at) ON TABLE public.webhook_key TO tripcord_api;

GRANT SELECT,INSERT,DELETE ON TABLE public.wrapped_seed TO tripcord_signer;

ALTER DEFAULT PRIVILEGES FOR ROLE tripcord_owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;
