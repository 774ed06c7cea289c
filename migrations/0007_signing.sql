-- migrate:up
-- 0007 a signing transaction is two calls: measured at half the cost of single statements.

-- Takes the trader lock in a statement of its own, then reads, in later statements, all that a
-- decision about one order needs. Writes nothing.
CREATE FUNCTION begin_signing(
    p_trader uuid, p_grant uuid, p_sequence bigint, p_market text,
    OUT now timestamptz, OUT a_grant bot_grant, OUT credential exchange_credential,
    OUT secret wrapped_secret, OUT prior bot_order, OUT level smallint, OUT venue_level smallint,
    OUT usage node_usage[], OUT price market_price, OUT snapshot text,
    OUT balances venue_balance[], OUT pending_sell numeric
)
LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM lock_trader(p_trader);                                   -- waits here, reads nothing
    now := clock_timestamp();
    SELECT g.* INTO a_grant FROM bot_grant g
     WHERE g.trader_id = p_trader AND g.grant_id = p_grant;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    level := effective_level(p_trader, a_grant.path);
    SELECT o.* INTO prior FROM bot_order o
     WHERE o.trader_id = p_trader AND o.grant_id = p_grant AND o.sequence = p_sequence;
    SELECT c.* INTO credential FROM exchange_credential c
     WHERE c.trader_id = p_trader AND c.credential_id = a_grant.credential_id;
    SELECT s.* INTO secret FROM wrapped_secret s
     WHERE s.trader_id = p_trader AND s.credential_id = a_grant.credential_id;
    venue_level := shared_venue_level(credential.venue_id);
    usage := ARRAY(SELECT u FROM node_usage u
                    WHERE u.trader_id = p_trader AND u.token_id = ANY (a_grant.path)
                      AND u.day = (now AT TIME ZONE 'UTC')::date);
    SELECT p.* INTO price FROM market_price p
     WHERE p.venue_id = credential.venue_id AND p.market = p_market;
    SELECT m.snapshot::text INTO snapshot FROM market_snapshot m
     WHERE m.venue_id = credential.venue_id AND m.market = p_market;
    IF level = 1 THEN
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

-- A venue's row is locked shared while signing, exclusively while it is contained.
CREATE FUNCTION shared_venue_level(p_venue text) RETURNS smallint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS
$$ SELECT level FROM venue WHERE venue_id = p_venue FOR SHARE $$;

-- What the signer hands over: its own type, so that a new column of the table breaks no signer.
CREATE TYPE signed_order AS (
    trader_id uuid, order_id uuid, grant_id uuid, credential_id uuid, sequence bigint, jws text,
    jws_digest bytea, venue_id text, market text, side text, order_type text, quantity numeric,
    price numeric, time_in_force text, notional numeric, quote text, client_order_id text,
    approval_id uuid, state text, rule text, request_digest bytea, created_at timestamptz,
    released_at timestamptz
);

-- The other half: reserve on every node of the path, store the order, log it. One commit.
CREATE FUNCTION finish_signing(
    p_order signed_order, p_path uuid[], p_event text, p_actor text, p_outcome text,
    p_address text, p_user_agent text, p_reserve boolean
) RETURNS bigint
LANGUAGE plpgsql VOLATILE AS $$
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

-- migrate:down
DROP FUNCTION finish_signing, begin_signing, shared_venue_level;
DROP TYPE signed_order;
