-- migrate:up
-- 0003 devices and authenticators. Safe online: creates only.
-- `mac` is the HSM's word for a row: without it the signer believes nothing here.

CREATE TABLE device (
    trader_id  uuid NOT NULL,
    device_id  uuid NOT NULL,                   -- is the device token's id
    root_id    uuid NOT NULL,
    public_jwk bytea NOT NULL,                  -- canonical JSON of the public P-256 key
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    bound_at   timestamptz NOT NULL,
    version    integer NOT NULL CHECK (version > 0),
    mac        bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (trader_id, device_id),
    FOREIGN KEY (trader_id, device_id) REFERENCES token (trader_id, token_id),
    FOREIGN KEY (trader_id, root_id) REFERENCES token (trader_id, token_id)
);

CREATE TABLE push_registration (
    trader_id    uuid NOT NULL,
    device_id    uuid NOT NULL,
    provider     text NOT NULL CHECK (provider IN ('fcm')),
    kind         text NOT NULL CHECK (kind IN ('fid', 'token')),
    registration text NOT NULL CHECK (length(registration) BETWEEN 1 AND 4096),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    disabled_at  timestamptz,                   -- the provider said UNREGISTERED
    PRIMARY KEY (trader_id, device_id),
    FOREIGN KEY (trader_id, device_id) REFERENCES device
);

CREATE TABLE totp_factor (
    trader_id      uuid NOT NULL,
    factor_id      uuid NOT NULL,
    root_id        uuid NOT NULL,
    device_id      uuid NOT NULL,               -- the device whose signature brought it
    algorithm      text NOT NULL CHECK (algorithm IN ('SHA1', 'SHA256', 'SHA512')),
    digits         smallint NOT NULL CHECK (digits IN (6, 8)),
    period_seconds smallint NOT NULL CHECK (period_seconds = 30),
    label          text NOT NULL CHECK (length(label) BETWEEN 1 AND 64),
    bound_at       timestamptz NOT NULL,
    version        integer NOT NULL CHECK (version > 0),
    mac            bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (trader_id, factor_id),
    FOREIGN KEY (trader_id, root_id) REFERENCES token (trader_id, token_id),
    FOREIGN KEY (trader_id, device_id) REFERENCES device
);

-- Only the signer reads this table.
CREATE TABLE wrapped_seed (
    trader_id uuid NOT NULL,
    factor_id uuid NOT NULL,
    shard     text NOT NULL,
    blob      bytea NOT NULL,
    blob_mac  bytea NOT NULL CHECK (octet_length(blob_mac) = 32),
    PRIMARY KEY (trader_id, factor_id),
    FOREIGN KEY (trader_id, factor_id) REFERENCES totp_factor
);

-- What grows with use: RFC 6238 section 5.2 (a step is accepted once), NIST 800-63B (throttling).
CREATE TABLE totp_state (
    trader_id            uuid NOT NULL,
    factor_id            uuid NOT NULL,
    last_used_step       bigint NOT NULL DEFAULT 0,
    consecutive_failures integer NOT NULL DEFAULT 0 CHECK (consecutive_failures >= 0),
    locked_until         timestamptz,
    PRIMARY KEY (trader_id, factor_id),
    FOREIGN KEY (trader_id, factor_id) REFERENCES totp_factor
);
CREATE FUNCTION refuse_step_back() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.last_used_step < OLD.last_used_step THEN
        RAISE EXCEPTION 'a time step never goes back' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER totp_step_only_grows BEFORE UPDATE ON totp_state
    FOR EACH ROW EXECUTE FUNCTION refuse_step_back();

-- migrate:down
DROP TABLE totp_state, wrapped_seed, totp_factor, push_registration, device;
DROP FUNCTION refuse_step_back;
