-- migrate:up
-- 0005 venues, exchange credentials, bot grants, orders, clean-up. Safe online: creates only.

-- Signing locks a venue's row shared; venue-wide containment takes it exclusively.
CREATE TABLE venue (
    venue_id text PRIMARY KEY,
    level    smallint NOT NULL DEFAULT 0 CHECK (level BETWEEN 0 AND 5)
);
INSERT INTO venue (venue_id) VALUES ('binance'), ('sandbox');

-- Written by the courier from public endpoints; believed only as far as the parse-back goes.
CREATE TABLE market_snapshot (
    venue_id   text NOT NULL REFERENCES venue,
    market     text NOT NULL,
    snapshot   jsonb NOT NULL,
    fetched_at timestamptz NOT NULL,
    PRIMARY KEY (venue_id, market)
);
CREATE TABLE market_price (
    venue_id text NOT NULL REFERENCES venue,
    market   text NOT NULL,
    bid      numeric NOT NULL CHECK (bid > 0),
    ask      numeric NOT NULL CHECK (ask > 0),
    as_of    timestamptz NOT NULL,
    PRIMARY KEY (venue_id, market)
);

CREATE TABLE exchange_credential (
    trader_id      uuid NOT NULL,
    credential_id  uuid NOT NULL,               -- is the node's token id
    root_id        uuid NOT NULL,
    path           uuid[] NOT NULL,
    device_id      uuid NOT NULL,               -- whose signature brought the envelope
    venue_id       text NOT NULL REFERENCES venue,
    api_key_id     text NOT NULL CHECK (length(api_key_id) BETWEEN 1 AND 128),
    algorithm      text NOT NULL,
    label          text NOT NULL CHECK (length(label) BETWEEN 1 AND 64),
    envelope_sha256 bytea NOT NULL CHECK (octet_length(envelope_sha256) = 32),
    state          text NOT NULL CHECK (state IN ('pending', 'verifying', 'active', 'refused')),
    refused_reason text,
    permissions    text[],                      -- as read back from the venue
    attested_at    timestamptz,
    approval_id    uuid,
    linked_at      timestamptz NOT NULL,
    version        integer NOT NULL CHECK (version > 0),
    mac            bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (trader_id, credential_id),
    FOREIGN KEY (trader_id, credential_id) REFERENCES token (trader_id, token_id),
    FOREIGN KEY (trader_id, root_id) REFERENCES token (trader_id, token_id),
    FOREIGN KEY (trader_id, device_id) REFERENCES device,
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval,
    CONSTRAINT a_refusal_has_a_reason CHECK ((state = 'refused') = (refused_reason IS NOT NULL)),
    CONSTRAINT active_means_read_back_and_approved CHECK
        (state <> 'active' OR (attested_at IS NOT NULL AND approval_id IS NOT NULL))
);
CREATE INDEX exchange_credential_unread ON exchange_credential (linked_at)
    WHERE state IN ('pending', 'verifying');
CREATE INDEX exchange_credential_active ON exchange_credential (trader_id, credential_id)
    WHERE state = 'active';

CREATE FUNCTION refuse_unlinking() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER credential_state_machine BEFORE UPDATE ON exchange_credential
    FOR EACH ROW EXECUTE FUNCTION refuse_unlinking();

-- Only the signer reads this table.
CREATE TABLE wrapped_secret (
    trader_id     uuid NOT NULL,
    credential_id uuid NOT NULL,
    shard         text NOT NULL,
    blob          bytea NOT NULL,
    blob_mac      bytea NOT NULL CHECK (octet_length(blob_mac) = 32),
    PRIMARY KEY (trader_id, credential_id),
    FOREIGN KEY (trader_id, credential_id) REFERENCES exchange_credential
);

CREATE TABLE bot_grant (
    trader_id     uuid NOT NULL,
    grant_id      uuid NOT NULL,                -- is the grant token's id
    root_id       uuid NOT NULL,
    path          uuid[] NOT NULL,
    credential_id uuid NOT NULL,
    approval_id   uuid NOT NULL,
    model_jwk     bytea NOT NULL,               -- canonical JSON of the Ed25519 public key
    limits        bytea NOT NULL,               -- canonical JSON: what was approved
    expires_at    timestamptz NOT NULL,
    granted_at    timestamptz NOT NULL,
    version       integer NOT NULL CHECK (version > 0),
    mac           bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (trader_id, grant_id),
    FOREIGN KEY (trader_id, grant_id) REFERENCES token (trader_id, token_id),
    FOREIGN KEY (trader_id, credential_id) REFERENCES exchange_credential,
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval
);

-- Notional reserved at signing and settled on outcomes, per node and UTC day, in the quote asset.
CREATE TABLE node_usage (
    trader_id uuid NOT NULL,
    token_id  uuid NOT NULL,
    day       date NOT NULL,
    quote     text NOT NULL,
    notional  numeric NOT NULL CHECK (notional >= 0),
    PRIMARY KEY (trader_id, token_id, day, quote),
    FOREIGN KEY (trader_id, token_id) REFERENCES token
);

CREATE TABLE bot_order (
    trader_id       uuid NOT NULL,
    order_id        uuid NOT NULL,
    grant_id        uuid NOT NULL,
    credential_id   uuid NOT NULL,
    sequence        bigint NOT NULL CHECK (sequence > 0),
    jws             text NOT NULL,
    jws_digest      bytea NOT NULL CHECK (octet_length(jws_digest) = 32),
    venue_id        text NOT NULL,
    market          text,
    side            text CHECK (side IN ('buy', 'sell')),
    order_type      text CHECK (order_type IN ('limit', 'market')),
    quantity        numeric,
    price           numeric,
    time_in_force   text,
    notional        numeric,
    quote           text,
    client_order_id text NOT NULL,
    approval_id     uuid,
    state           text NOT NULL CHECK (state IN
        ('refused', 'held', 'released', 'accepted', 'partially_filled', 'filled', 'cancelled',
         'rejected', 'expired', 'unknown')),
    rule            text,
    request_digest  bytea,
    venue_order_id  text,
    filled_quantity numeric NOT NULL DEFAULT 0,
    venue_code      text,
    created_at      timestamptz NOT NULL,
    released_at     timestamptz,
    outcome_at      timestamptz,
    PRIMARY KEY (trader_id, order_id),
    CONSTRAINT a_sequence_number_is_spent_once UNIQUE (trader_id, grant_id, sequence),
    FOREIGN KEY (trader_id, grant_id) REFERENCES bot_grant,
    FOREIGN KEY (trader_id, credential_id) REFERENCES exchange_credential,
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval,
    CONSTRAINT a_refusal_names_its_rule CHECK (state <> 'refused' OR rule IS NOT NULL),
    CONSTRAINT held_means_asked CHECK (state <> 'held' OR approval_id IS NOT NULL),
    CONSTRAINT released_means_signed
        CHECK (state IN ('refused', 'held', 'expired') OR request_digest IS NOT NULL)
);
CREATE INDEX bot_order_open ON bot_order (trader_id, credential_id)
    WHERE state IN ('released', 'accepted', 'partially_filled', 'unknown');

CREATE INDEX bot_order_in_doubt ON bot_order (released_at) WHERE state IN ('released', 'unknown');
CREATE INDEX bot_order_held ON bot_order (trader_id, order_id) WHERE state = 'held';

CREATE FUNCTION refuse_order_transition() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER order_state_machine BEFORE UPDATE ON bot_order
    FOR EACH ROW EXECUTE FUNCTION refuse_order_transition();

-- Written by the courier from scheduled reads; shown, and used only where doubt means no.
CREATE TABLE venue_balance (
    trader_id     uuid NOT NULL,
    credential_id uuid NOT NULL,
    asset         text NOT NULL,
    free          numeric NOT NULL,
    locked        numeric NOT NULL,
    as_of         timestamptz NOT NULL,
    PRIMARY KEY (trader_id, credential_id, asset),
    FOREIGN KEY (trader_id, credential_id) REFERENCES exchange_credential
);
CREATE TABLE venue_open_order (
    trader_id       uuid NOT NULL,
    credential_id   uuid NOT NULL,
    venue_order_id  text NOT NULL,
    client_order_id text NOT NULL,
    market          text NOT NULL,
    side            text NOT NULL,
    order_type      text NOT NULL,
    quantity        numeric NOT NULL,
    filled_quantity numeric NOT NULL,
    price           numeric,
    as_of           timestamptz NOT NULL,
    PRIMARY KEY (trader_id, credential_id, venue_order_id),
    FOREIGN KEY (trader_id, credential_id) REFERENCES exchange_credential
);

CREATE TABLE cleanup_item (
    trader_id     uuid NOT NULL,
    revocation_id uuid NOT NULL,
    item_no       integer NOT NULL CHECK (item_no > 0),
    kind          text NOT NULL CHECK (kind IN ('cancel', 'delete_key')),
    credential_id uuid NOT NULL,
    order_id      uuid,
    state         text NOT NULL DEFAULT 'pending'
                  CHECK (state IN ('pending', 'done', 'unsupported', 'unconfirmed')),
    attempts      integer NOT NULL DEFAULT 0,
    due_at        timestamptz NOT NULL,
    last_outcome  text,
    PRIMARY KEY (trader_id, revocation_id, item_no),
    FOREIGN KEY (trader_id, revocation_id) REFERENCES revocation,
    FOREIGN KEY (trader_id, credential_id) REFERENCES exchange_credential,
    FOREIGN KEY (trader_id, order_id) REFERENCES bot_order,
    CONSTRAINT cancelling_names_the_order CHECK ((kind = 'cancel') = (order_id IS NOT NULL))
);
CREATE INDEX cleanup_item_due ON cleanup_item (due_at) WHERE state = 'pending';
CREATE TRIGGER cleanup_item_ends_once BEFORE UPDATE ON cleanup_item
    FOR EACH ROW EXECUTE FUNCTION refuse_another_ending();

-- migrate:down
DROP TABLE cleanup_item, venue_open_order, venue_balance, bot_order, node_usage, bot_grant,
           wrapped_secret, exchange_credential, market_price, market_snapshot, venue;
DROP FUNCTION refuse_order_transition, refuse_unlinking;
