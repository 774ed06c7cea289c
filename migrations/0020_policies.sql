-- migrate:up
-- 0020 policies of traders, floors of operators, and what a rule needs to know of the past.
-- Safe online: creates, and one function learns to read one row more.

-- One row per version, never changed. In force is the newest whose time has come: a waiting one
-- needs no job to begin and none to be taken back, for whatever is written after it wins over it.
CREATE TABLE trader_policy (
    trader_id    uuid NOT NULL REFERENCES trader,
    root_id      uuid NOT NULL,
    version      integer NOT NULL CHECK (version > 0),
    change       text NOT NULL CHECK (change IN ('tightened', 'loosened', 'cancelled')),
    policy       bytea NOT NULL CHECK (octet_length(policy) <= 16384),      -- canonical JSON
    device_id    uuid NOT NULL,                 -- whose signature it rests on
    statement    text,
    approval_id  uuid,
    sealed_at    timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    mac          bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (trader_id, root_id, version),
    FOREIGN KEY (trader_id, root_id) REFERENCES token (trader_id, token_id),
    FOREIGN KEY (trader_id, device_id) REFERENCES device,
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval,
    CONSTRAINT an_approval_loosens_once UNIQUE (trader_id, approval_id),
    CONSTRAINT loosening_takes_an_approval_and_a_day CHECK (
        CASE change WHEN 'loosened'
             THEN approval_id IS NOT NULL AND statement IS NULL
                  AND effective_at >= sealed_at + interval '24 hours'
             ELSE approval_id IS NULL AND statement IS NOT NULL AND effective_at = sealed_at END)
);
CREATE TRIGGER trader_policy_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON trader_policy
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The least an approval must be for anybody, by type of action. Only grows.
CREATE TABLE policy_floor (
    action_type text PRIMARY KEY CHECK (action_type ~ '^[a-z_]{1,32}\.[a-z_]{1,32}$'),
    strength    text NOT NULL
                CHECK (strength IN ('out_of_band', 'medium', 'strong', 'phishing_resistant')),
    reason      text NOT NULL CHECK (length(reason) BETWEEN 1 AND 200),
    actor       text NOT NULL,
    raised_at   timestamptz NOT NULL
);

-- False where the floor is as high already. There is no function that lowers one.
CREATE FUNCTION raise_floor(p_action text, p_strength text, p_reason text, p_actor text)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
REVOKE ALL ON FUNCTION raise_floor FROM PUBLIC;
GRANT EXECUTE ON FUNCTION raise_floor TO tripcord_operator;

-- Where the requester's request came from, as our edge saw it.
ALTER TABLE approval ADD COLUMN asked_from text;
CREATE TRIGGER asked_from_never_changes BEFORE UPDATE OF asked_from ON approval
    FOR EACH ROW WHEN (NEW.asked_from IS DISTINCT FROM OLD.asked_from)
    EXECUTE FUNCTION refuse_change();

-- Addresses from which something was asked that the trader approved. `first_seen_at` begins anew
-- after 90 days of silence; `last_seen_at` is written at most once a day.
CREATE TABLE known_address (
    trader_id     uuid NOT NULL REFERENCES trader,
    address       text NOT NULL,
    first_seen_at timestamptz NOT NULL,
    last_seen_at  timestamptz NOT NULL,
    PRIMARY KEY (trader_id, address),
    CONSTRAINT seen_in_order CHECK (last_seen_at >= first_seen_at)
);
CREATE FUNCTION remember_address() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
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
REVOKE ALL ON FUNCTION remember_address FROM PUBLIC;
CREATE TRIGGER an_approved_address_is_known AFTER INSERT ON decision
    FOR EACH ROW WHEN (NEW.decision = 'approve') EXECUTE FUNCTION remember_address();

-- Markets in which the trader has traded, and since when.
CREATE INDEX bot_order_traded ON bot_order (trader_id, venue_id, market, created_at)
    WHERE filled_quantity > 0;

CREATE TRIGGER who_tells_of_policies BEFORE INSERT ON access_log
    FOR EACH ROW WHEN (NEW.outcome = 'ok'
        AND (NEW.event = 'policy.changed' AND session_user IN ('tripcord_api', 'tripcord_cord',
                 'tripcord_courier', 'tripcord_operator', 'tripcord_dispatcher')
             OR NEW.event = 'policy.floor_raised' AND session_user IN ('tripcord_api',
                 'tripcord_cord', 'tripcord_courier', 'tripcord_signer', 'tripcord_dispatcher')))
    EXECUTE FUNCTION refuse_hearsay();

-- As before, and the policy in force, in the same look.
DROP FUNCTION begin_signing;
CREATE FUNCTION begin_signing(
    p_trader uuid, p_grant uuid, p_sequence bigint, p_market text,
    OUT now timestamptz, OUT a_grant bot_grant, OUT ancestors bot_grant[],
    OUT credential exchange_credential,
    OUT secret wrapped_secret, OUT prior bot_order, OUT level smallint, OUT venue_level smallint,
    OUT usage node_usage[], OUT price market_price, OUT snapshot text,
    OUT balances venue_balance[], OUT pending_sell numeric, OUT policy trader_policy
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
REVOKE ALL ON FUNCTION begin_signing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_signing TO tripcord_signer;

REVOKE ALL ON trader_policy, policy_floor, known_address FROM PUBLIC;
GRANT SELECT ON trader_policy, policy_floor, known_address TO tripcord_api, tripcord_signer;
GRANT INSERT ON trader_policy TO tripcord_signer;
GRANT SELECT ON policy_floor TO tripcord_operator;
GRANT INSERT (asked_from) ON approval TO tripcord_api, tripcord_signer;

-- migrate:down
DROP FUNCTION begin_signing;
CREATE FUNCTION begin_signing(
    p_trader uuid, p_grant uuid, p_sequence bigint, p_market text,
    OUT now timestamptz, OUT a_grant bot_grant, OUT ancestors bot_grant[],
    OUT credential exchange_credential,
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
REVOKE ALL ON FUNCTION begin_signing FROM PUBLIC;
GRANT EXECUTE ON FUNCTION begin_signing TO tripcord_signer;
DROP TRIGGER who_tells_of_policies ON access_log;
DROP INDEX bot_order_traded;
DROP TRIGGER an_approved_address_is_known ON decision;
DROP FUNCTION remember_address;
DROP TABLE known_address;
DROP TRIGGER asked_from_never_changes ON approval;
ALTER TABLE approval DROP COLUMN asked_from;
DROP FUNCTION raise_floor;
DROP TABLE policy_floor, trader_policy;
