-- migrate:up
-- 0004 approvals, decisions and sign-ins. Safe online: creates only.

CREATE TABLE approval (
    trader_id         uuid NOT NULL REFERENCES trader,
    approval_id       uuid NOT NULL,
    requester         text NOT NULL,            -- public half of who asks: platform:…, grant:…
    action_type       text NOT NULL,
    action            bytea NOT NULL,           -- canonical JSON (RFC 8785)
    digest            bytea NOT NULL CHECK (octet_length(digest) = 32),
    nonce             bytea NOT NULL CHECK (octet_length(nonce) = 32),
    required_strength text NOT NULL
        CHECK (required_strength IN ('out_of_band', 'medium', 'strong', 'phishing_resistant')),
    subject_id        uuid NOT NULL,            -- the credential, grant, order or session meant
    state             text NOT NULL DEFAULT 'pending' CHECK (state IN
        ('pending', 'approved', 'consumed', 'denied', 'fraud', 'expired', 'cancelled',
         'superseded')),
    created_at        timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    decided_at        timestamptz,
    consumed_at       timestamptz,
    PRIMARY KEY (trader_id, approval_id),
    CONSTRAINT digest_is_of_the_action CHECK (digest = sha256(action)),
    CONSTRAINT expiry_is_at_most_ten_minutes
        CHECK (expires_at > created_at AND expires_at <= created_at + interval '10 minutes'),
    CONSTRAINT decided_at_goes_with_a_decision CHECK ((state = 'pending') = (decided_at IS NULL)),
    CONSTRAINT consumed_at_goes_with_consumption
        CHECK ((state = 'consumed') = (consumed_at IS NOT NULL))
);
CREATE INDEX approval_pending ON approval (trader_id, created_at) WHERE state = 'pending';

CREATE FUNCTION refuse_illegal_transition() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF ROW(NEW.trader_id, NEW.approval_id, NEW.requester, NEW.action_type, NEW.action, NEW.digest,
           NEW.nonce, NEW.required_strength, NEW.subject_id, NEW.created_at, NEW.expires_at)
       IS DISTINCT FROM
       ROW(OLD.trader_id, OLD.approval_id, OLD.requester, OLD.action_type, OLD.action, OLD.digest,
           OLD.nonce, OLD.required_strength, OLD.subject_id, OLD.created_at, OLD.expires_at) THEN
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
CREATE TRIGGER approval_state_machine BEFORE UPDATE ON approval
    FOR EACH ROW EXECUTE FUNCTION refuse_illegal_transition();

-- One decision per approval, by primary key; evidence of the signer.
CREATE TABLE decision (
    trader_id   uuid NOT NULL,
    approval_id uuid NOT NULL,
    root_id     uuid NOT NULL,
    device_id   uuid NOT NULL,
    nonce       bytea NOT NULL CHECK (octet_length(nonce) = 32),
    digest      bytea NOT NULL CHECK (octet_length(digest) = 32),
    decision    text NOT NULL CHECK (decision IN ('approve', 'deny', 'fraud')),
    method      text NOT NULL CHECK (method IN ('none', 'totp')),
    factor_id   uuid,
    statement   text NOT NULL,                  -- the device's JWS, verified again at execution
    decided_at  timestamptz NOT NULL,
    version     integer NOT NULL CHECK (version > 0),
    mac         bytea NOT NULL CHECK (octet_length(mac) = 32),
    PRIMARY KEY (trader_id, approval_id),
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval,
    FOREIGN KEY (trader_id, device_id) REFERENCES device,
    CONSTRAINT approving_takes_a_factor
        CHECK ((decision = 'approve') = (method <> 'none') AND (method = 'totp') = (factor_id IS NOT NULL))
);
CREATE TRIGGER decision_is_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON decision
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A sign-in from a browser: the code proves the factor, the phone decides the action.
CREATE TABLE session (
    trader_id        uuid NOT NULL REFERENCES trader,
    session_id       uuid NOT NULL,             -- becomes the session token's id
    jkt              text NOT NULL,
    address          text NOT NULL,
    user_agent       text NOT NULL,
    approval_id      uuid NOT NULL,
    code_verified_at timestamptz,
    code_factor_id   uuid,
    code_mac         bytea CHECK (octet_length(code_mac) = 32),
    state            text NOT NULL DEFAULT 'pending'
                     CHECK (state IN ('pending', 'active', 'denied')),
    created_at       timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,      -- of the attempt
    PRIMARY KEY (trader_id, session_id),
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval,
    CONSTRAINT active_needs_the_code CHECK (state <> 'active' OR code_verified_at IS NOT NULL),
    CONSTRAINT a_verified_code_is_evidence CHECK
        ((code_verified_at IS NULL) = (code_mac IS NULL)
         AND (code_verified_at IS NULL) = (code_factor_id IS NULL))
);
CREATE FUNCTION refuse_another_ending() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> OLD.state AND OLD.state <> 'pending' THEN
        RAISE EXCEPTION '% cannot go from % to %', TG_TABLE_NAME, OLD.state, NEW.state
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER session_ends_once BEFORE UPDATE ON session
    FOR EACH ROW EXECUTE FUNCTION refuse_another_ending();

-- migrate:down
DROP TABLE session, decision, approval;
DROP FUNCTION refuse_another_ending, refuse_illegal_transition;
