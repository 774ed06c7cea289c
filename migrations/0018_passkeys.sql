-- migrate:up
-- 0018 passkeys. Safe online: creates, lets a re-enrolment begin with a passkey instead of a code,
-- and teaches two functions a few words.

CREATE TABLE passkey (
    trader_id       uuid NOT NULL,
    factor_id       uuid NOT NULL,
    root_id         uuid NOT NULL,
    device_id       uuid NOT NULL,              -- the device that brought it
    credential_id   bytea NOT NULL CHECK (octet_length(credential_id) BETWEEN 16 AND 1023),
    public_key      bytea NOT NULL CHECK (octet_length(public_key) BETWEEN 1 AND 4096),  -- COSE
    sign_count      bigint NOT NULL CHECK (sign_count BETWEEN 0 AND 4294967295),
    backup_eligible boolean NOT NULL,
    backed_up       boolean NOT NULL,
    transports      text[] NOT NULL CHECK (cardinality(transports) <= 8),
    aaguid          uuid NOT NULL,
    attestation     text NOT NULL CHECK (attestation IN ('none', 'packed')),
    rp_id           text NOT NULL CHECK (length(rp_id) BETWEEN 1 AND 253),
    label           text NOT NULL CHECK (length(label) BETWEEN 1 AND 64),
    state           text NOT NULL CHECK (state IN ('pending', 'active', 'frozen', 'removed')),
    bound_at        timestamptz NOT NULL,
    version         integer NOT NULL CHECK (version > 0),
    mac             bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (trader_id, factor_id),
    FOREIGN KEY (trader_id, root_id) REFERENCES token (trader_id, token_id),
    FOREIGN KEY (trader_id, device_id) REFERENCES device,
    CONSTRAINT what_cannot_be_backed_up_is_not CHECK (backup_eligible OR NOT backed_up)
);

-- A credential id is one authenticator's, whoever's it is (WebAuthn 7.1 step 25). A table of its own:
-- `passkey` is placed by trader, and nothing placed so can be unique over all of them.
CREATE TABLE passkey_credential_id (
    credential_sha256 bytea PRIMARY KEY CHECK (octet_length(credential_sha256) = 32),
    trader_id         uuid NOT NULL,
    factor_id         uuid NOT NULL,
    FOREIGN KEY (trader_id, factor_id) REFERENCES passkey
);

CREATE FUNCTION refuse_other_passkey() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER passkey_moves_forward BEFORE UPDATE ON passkey
    FOR EACH ROW EXECUTE FUNCTION refuse_other_passkey();
CREATE FUNCTION refuse_passkey_born_old() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a new passkey is pending or active' USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER passkey_begins BEFORE INSERT ON passkey
    FOR EACH ROW WHEN (NEW.version <> 1 OR NEW.state NOT IN ('pending', 'active'))
    EXECUTE FUNCTION refuse_passkey_born_old();

-- One ceremony each; deleting the row is using it. `bound_to` is who may: a device, or a new key.
CREATE TABLE passkey_challenge (
    trader_id    uuid NOT NULL REFERENCES trader,
    challenge_id uuid NOT NULL,
    purpose      text NOT NULL CHECK (purpose IN ('register', 're_enrol')),
    bound_to     text NOT NULL CHECK (length(bound_to) BETWEEN 1 AND 64),
    challenge    bytea NOT NULL CHECK (octet_length(challenge) = 32),
    created_at   timestamptz NOT NULL,
    expires_at   timestamptz NOT NULL,
    PRIMARY KEY (trader_id, challenge_id),
    CONSTRAINT a_challenge_lives_ten_minutes_at_most
        CHECK (expires_at > created_at AND expires_at <= created_at + interval '10 minutes')
);

-- Begun with a code or with a passkey. What a passkey begins is spent with its challenge.
ALTER TABLE re_enrolment
    ALTER COLUMN code_id DROP NOT NULL,
    ADD COLUMN passkey_id uuid,
    ADD CONSTRAINT re_enrolment_passkey_fkey
        FOREIGN KEY (trader_id, passkey_id) REFERENCES passkey (trader_id, factor_id),
    ADD CONSTRAINT begun_with_a_code_or_a_passkey CHECK (num_nonnulls(code_id, passkey_id) = 1);

CREATE OR REPLACE FUNCTION refuse_other_re_enrolment() RETURNS trigger LANGUAGE plpgsql AS $$
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

-- Changed where it stands, as 0013 does: what another migration taught it meanwhile stays.
DO $$
DECLARE
    before text := pg_get_functiondef('append_entry'::regproc);
    after  text := replace(before, $q$ARRAY['re_enrolment.%',$q$,
                           $q$ARRAY['passkey.%', 're_enrolment.%',$q$);
BEGIN
    IF after = before THEN
        RAISE EXCEPTION 'append_entry is not as expected';
    END IF;
    EXECUTE after;
END $$;

REVOKE ALL ON passkey, passkey_credential_id, passkey_challenge FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_other_passkey, refuse_passkey_born_old FROM PUBLIC;
GRANT SELECT ON passkey TO tripcord_api;
GRANT SELECT, INSERT ON passkey TO tripcord_signer;
GRANT UPDATE (root_id, sign_count, backed_up, state, version, mac) ON passkey TO tripcord_signer;
GRANT INSERT ON passkey_credential_id TO tripcord_signer;
GRANT SELECT, INSERT, DELETE ON passkey_challenge TO tripcord_signer;

-- migrate:down
DO $$
BEGIN
    EXECUTE replace(pg_get_functiondef('append_entry'::regproc), $q$'passkey.%', $q$, '');
END $$;
CREATE OR REPLACE FUNCTION refuse_other_re_enrolment() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ROW(NEW.trader_id, NEW.re_enrolment_id, NEW.root_id, NEW.code_id, NEW.public_jwk, NEW.name,
           NEW.push_kind, NEW.push_registration, NEW.authenticator_lost, NEW.begun_at,
           NEW.not_before, NEW.expires_at)
       IS DISTINCT FROM
       ROW(OLD.trader_id, OLD.re_enrolment_id, OLD.root_id, OLD.code_id, OLD.public_jwk, OLD.name,
           OLD.push_kind, OLD.push_registration, OLD.authenticator_lost, OLD.begun_at,
           OLD.not_before, OLD.expires_at)
       OR NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'what was begun never changes' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.state <> 'waiting' AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 're-enrolment cannot go from % to %', OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
DELETE FROM re_enrolment WHERE passkey_id IS NOT NULL;
ALTER TABLE re_enrolment
    DROP CONSTRAINT begun_with_a_code_or_a_passkey,
    DROP CONSTRAINT re_enrolment_passkey_fkey,
    DROP COLUMN passkey_id,
    ALTER COLUMN code_id SET NOT NULL;
DROP TABLE passkey_challenge, passkey_credential_id, passkey;
DROP FUNCTION refuse_other_passkey, refuse_passkey_born_old;
