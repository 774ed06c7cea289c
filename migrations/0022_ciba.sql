-- migrate:up
-- 0022 OpenID CIBA: the standard face of an approval that a platform asks for. Adds only; one check
-- of the outbox is widened.

-- How a platform hears of decisions, set by an operator: NULL may not use CIBA at all.
ALTER TABLE platform
    ADD COLUMN ciba_delivery text CHECK (ciba_delivery IN ('poll', 'ping')),
    ADD COLUMN ciba_endpoint text,
    ADD CONSTRAINT an_endpoint_goes_with_ping
        CHECK ((ciba_delivery IS NOT DISTINCT FROM 'ping') = (ciba_endpoint IS NOT NULL));
GRANT UPDATE (ciba_delivery, ciba_endpoint) ON platform TO tripcord_operator;
GRANT SELECT (platform_id, ciba_endpoint, disabled_at) ON platform TO tripcord_dispatcher;

-- An authentication request is an approval with a name that its client polls by. What was decided,
-- and whether it was redeemed, the approval says and nothing here.
CREATE TABLE ciba_request (
    trader_id        uuid NOT NULL,
    approval_id      uuid NOT NULL,
    platform_id      uuid NOT NULL REFERENCES platform,
    auth_req_hash    bytea NOT NULL CHECK (octet_length(auth_req_hash) = 32),
    interval_seconds smallint NOT NULL CHECK (interval_seconds BETWEEN 5 AND 600),
    polled_at        timestamptz,
    PRIMARY KEY (trader_id, approval_id),
    FOREIGN KEY (trader_id, approval_id) REFERENCES approval
);

-- The one place where the id and the client's bearer are in clear: until the ping was delivered, or
-- its time is over. Whoever writes it cannot read it.
CREATE TABLE ciba_ping (
    trader_id          uuid NOT NULL,
    approval_id        uuid NOT NULL,
    platform_id        uuid NOT NULL,
    auth_req_id        text NOT NULL,
    notification_token text NOT NULL CHECK (length(notification_token) BETWEEN 22 AND 1024),
    expires_at         timestamptz NOT NULL,
    PRIMARY KEY (trader_id, approval_id),
    FOREIGN KEY (trader_id, approval_id) REFERENCES ciba_request
);
CREATE INDEX ciba_ping_expiry ON ciba_ping (expires_at);

-- What a platform must know before a trader who wants it so is asked by CIBA. It keeps strangers
-- from making the phone ring and proves nothing more, so it has no MAC.
CREATE TABLE user_code (
    trader_id    uuid PRIMARY KEY REFERENCES trader,
    salt         bytea NOT NULL CHECK (octet_length(salt) = 16),
    code_hash    bytea NOT NULL CHECK (octet_length(code_hash) = 32),
    failures     smallint NOT NULL DEFAULT 0 CHECK (failures >= 0),
    locked_until timestamptz
);

ALTER TABLE outbox DROP CONSTRAINT outbox_channel_check,
    ADD CONSTRAINT outbox_channel_check CHECK (channel IN ('push', 'webhook', 'ping'));
CREATE INDEX outbox_ping ON outbox (due_at) WHERE channel = 'ping' AND state = 'pending';

-- Whoever ends the waiting, a yes, a no, or an expiry that somebody writes down: the client is told
-- in the same commit.
CREATE FUNCTION ping_of_decision() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    INSERT INTO outbox (trader_id, channel, topic, rid, subject, priority, due_at, expires_at)
    SELECT p.trader_id, 'ping', 'approval', p.approval_id,
           jsonb_build_object('platform_id', p.platform_id), 1, clock_timestamp(), p.expires_at
      FROM ciba_ping p
     WHERE p.trader_id = NEW.trader_id AND p.approval_id = NEW.approval_id;
    RETURN NULL;
END $$;
CREATE TRIGGER decision_is_pinged AFTER UPDATE OF state ON approval
    FOR EACH ROW WHEN (OLD.state = 'pending' AND NEW.state <> 'pending'
                       AND NEW.requester LIKE 'platform:%')
    EXECUTE FUNCTION ping_of_decision();

REVOKE ALL ON ciba_request, ciba_ping, user_code FROM PUBLIC;
REVOKE ALL ON FUNCTION ping_of_decision FROM PUBLIC;

-- api: stores what was asked, paces who polls.
GRANT SELECT ON ciba_request TO tripcord_api;
GRANT INSERT (trader_id, approval_id, platform_id, auth_req_hash, interval_seconds)
    ON ciba_request TO tripcord_api;
GRANT UPDATE (interval_seconds, polled_at) ON ciba_request TO tripcord_api;
GRANT INSERT ON ciba_ping TO tripcord_api;
GRANT SELECT, INSERT, UPDATE ON user_code TO tripcord_api;

-- dispatcher: pings and forgets.
GRANT SELECT, DELETE ON ciba_ping TO tripcord_dispatcher;

-- migrate:down
DROP TRIGGER decision_is_pinged ON approval;
DROP FUNCTION ping_of_decision;
DROP INDEX outbox_ping;
DELETE FROM outbox WHERE channel = 'ping';
ALTER TABLE outbox DROP CONSTRAINT outbox_channel_check,
    ADD CONSTRAINT outbox_channel_check CHECK (channel IN ('push', 'webhook'));
DROP TABLE user_code, ciba_ping, ciba_request;
REVOKE SELECT (platform_id, ciba_endpoint, disabled_at) ON platform FROM tripcord_dispatcher;
REVOKE UPDATE (ciba_delivery, ciba_endpoint) ON platform FROM tripcord_operator;
ALTER TABLE platform DROP CONSTRAINT an_endpoint_goes_with_ping,
    DROP COLUMN ciba_endpoint, DROP COLUMN ciba_delivery;
