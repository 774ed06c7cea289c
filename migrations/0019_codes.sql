-- migrate:up
-- 0019 codes that a screen shows, and several authenticators. Safe online: creates, and adds
-- columns that may be empty.

-- A one-time password that a phone was told over its own channel, to be typed where the approval
-- was asked for. `tag` is the HSM's MAC over the code and every other column but `attempts` and
-- `used_at`: the row says nothing of the code, and edited it belongs to none. The api reads nothing
-- of it.
CREATE TABLE push_otp (
    trader_id   uuid NOT NULL,
    approval_id uuid NOT NULL,
    root_id     uuid NOT NULL,
    device_id   uuid NOT NULL,
    statement   text NOT NULL,                  -- the device's reveal request: its yes, pending this
    tag         bytea NOT NULL CHECK (octet_length(tag) = 32),
    made_at     timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL,
    attempts    smallint NOT NULL DEFAULT 0,
    used_at     timestamptz,
    PRIMARY KEY (trader_id, approval_id),
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval,
    FOREIGN KEY (trader_id, device_id) REFERENCES device,
    FOREIGN KEY (trader_id, root_id) REFERENCES token (trader_id, token_id),
    CONSTRAINT five_attempts_at_most CHECK (attempts BETWEEN 0 AND 5),
    CONSTRAINT a_used_code_was_tried CHECK (used_at IS NULL OR attempts > 0),
    CONSTRAINT a_code_lives_ten_minutes_at_most          -- NIST SP 800-63B-4 section 3.1.3.2
        CHECK (expires_at > made_at AND expires_at <= made_at + interval '10 minutes')
);
CREATE FUNCTION refuse_refund() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.attempts < OLD.attempts THEN
        RAISE EXCEPTION 'an attempt is never refunded' USING ERRCODE = 'check_violation';
    END IF;
    IF OLD.used_at IS NOT NULL AND NEW IS DISTINCT FROM OLD THEN
        RAISE EXCEPTION 'a used code never changes' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER push_otp_is_used_once BEFORE UPDATE ON push_otp
    FOR EACH ROW EXECUTE FUNCTION refuse_refund();

-- A removed authenticator leaves its row, sealed again as removed, and no seed.
ALTER TABLE totp_factor ADD COLUMN removed_at timestamptz;
ALTER TABLE totp_state ADD COLUMN warned_at timestamptz;  -- devices told of a replay
CREATE FUNCTION refuse_return() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.removed_at IS NOT NULL AND NEW.removed_at IS DISTINCT FROM OLD.removed_at THEN
        RAISE EXCEPTION 'what was removed stays removed' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER totp_factor_stays_removed BEFORE UPDATE ON totp_factor
    FOR EACH ROW EXECUTE FUNCTION refuse_return();

-- Only the signer shows a code, and only the signer can know that one was used twice.
CREATE TRIGGER only_the_signer_tells_of_codes BEFORE INSERT ON access_log
    FOR EACH ROW WHEN (NEW.event IN ('approval.number_shown', 'approval.code_revealed',
                                     'factor.removed') AND NEW.outcome = 'ok'
        AND session_user IN ('tripcord_api', 'tripcord_cord', 'tripcord_courier',
                             'tripcord_operator', 'tripcord_dispatcher'))
    EXECUTE FUNCTION refuse_hearsay();

REVOKE ALL ON push_otp FROM PUBLIC;
REVOKE ALL ON FUNCTION refuse_refund, refuse_return FROM PUBLIC;
GRANT SELECT, INSERT ON push_otp TO tripcord_signer;
GRANT UPDATE (root_id, device_id, statement, tag, made_at, expires_at, attempts, used_at) ON push_otp
    TO tripcord_signer;
GRANT UPDATE (removed_at) ON totp_factor TO tripcord_signer;
GRANT UPDATE (warned_at) ON totp_state TO tripcord_signer;
GRANT DELETE ON wrapped_seed TO tripcord_signer;          -- of an authenticator that was removed

-- migrate:down
REVOKE DELETE ON wrapped_seed FROM tripcord_signer;
DROP TRIGGER only_the_signer_tells_of_codes ON access_log;
DROP TRIGGER totp_factor_stays_removed ON totp_factor;
DROP FUNCTION refuse_return;
ALTER TABLE totp_state DROP COLUMN warned_at;
ALTER TABLE totp_factor DROP COLUMN removed_at;
DROP TABLE push_otp;
DROP FUNCTION refuse_refund;
