-- migrate:up
-- 0015 webhooks: platforms learn at once, from the outbox, in the commit of what they learn of.

CREATE TABLE webhook (
    platform_id     uuid NOT NULL REFERENCES platform,
    webhook_id      uuid NOT NULL UNIQUE,
    url             text NOT NULL CHECK (length(url) BETWEEN 9 AND 2048),
    events          text[] NOT NULL CHECK (cardinality(events) > 0
                    AND events <@ ARRAY['session-revoked', 'credential-change']),
    state           text NOT NULL DEFAULT 'active'
                    CHECK (state IN ('active', 'paused', 'disabled', 'deleted')),
    created_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    failing_since   timestamptz,                -- the first failure after the last success
    disabled_at     timestamptz,
    disabled_reason text,
    PRIMARY KEY (platform_id, webhook_id),
    CONSTRAINT disabled_says_when_and_why CHECK ((state = 'disabled') = (disabled_at IS NOT NULL)
                                     AND (disabled_at IS NULL) = (disabled_reason IS NULL))
);

-- Versions of a webhook's signing key. Only the dispatcher can compute a private half, so it is the
-- dispatcher that publishes the public one here, once.
CREATE TABLE webhook_key (
    platform_id uuid NOT NULL,
    webhook_id  uuid NOT NULL,
    version     integer NOT NULL CHECK (version > 0),
    public_key  bytea CHECK (octet_length(public_key) = 32),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    retires_at  timestamptz,                    -- after a rotation: the end of the overlap
    PRIMARY KEY (platform_id, webhook_id, version),
    FOREIGN KEY (platform_id, webhook_id) REFERENCES webhook
);

-- The outbox has channels now. `topic` stays the kind of notice, on every channel; `subject` is what
-- this channel tells: ids and public words, never a secret or a capability.
ALTER TABLE outbox
    ADD COLUMN channel text NOT NULL DEFAULT 'push' CHECK (channel IN ('push', 'webhook')),
    ADD COLUMN target_id uuid REFERENCES webhook (webhook_id),
    ADD COLUMN subject jsonb CHECK (jsonb_typeof(subject) = 'object'),
    ADD COLUMN failures smallint NOT NULL DEFAULT 0 CHECK (failures >= 0),
    ALTER COLUMN device_id DROP NOT NULL,
    -- The nil trader is the system, as in the log: a test of a webhook belongs to no trader.
    DROP CONSTRAINT outbox_trader_id_fkey,
    ADD CONSTRAINT a_doorbell_has_a_device CHECK ((channel = 'push') = (device_id IS NOT NULL)),
    ADD CONSTRAINT a_webhook_message_has_a_target_and_a_subject
        CHECK ((channel = 'webhook') = (target_id IS NOT NULL)
               AND (channel <> 'webhook' OR subject IS NOT NULL));
DROP INDEX outbox_due;
CREATE INDEX outbox_due ON outbox (channel, priority, due_at) WHERE state = 'pending';
CREATE INDEX outbox_target ON outbox (target_id, priority, due_at)
    WHERE state = 'pending' AND target_id IS NOT NULL;

-- One row for each webhook of the trader's platform that wants the event: at most ten, whatever
-- hangs below the node. `fact`, `rid` and `position` name the row and the log entry that prove it;
-- the signer reads those.
CREATE FUNCTION tell_platform(
    p_trader uuid, p_event text, p_fact text, p_rid uuid, p_position bigint
) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

-- Every way to revoke writes its revocation, and with it, in the same commit, what platforms are
-- told. As with doorbells, what was revoked already is not told again.
CREATE INDEX revocation_node ON revocation (trader_id, token_id);
CREATE FUNCTION tell_of_revocation() RETURNS trigger
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM revocation r
                    WHERE r.trader_id = NEW.trader_id AND r.token_id = ANY (NEW.path)
                      AND r.revocation_id <> NEW.revocation_id) THEN
        PERFORM tell_platform(NEW.trader_id, 'session-revoked', 'revocation', NEW.revocation_id,
                              NEW.log_position);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER revocation_is_told AFTER INSERT ON revocation
    FOR EACH ROW EXECUTE FUNCTION tell_of_revocation();

-- A verification event, so that a platform can try its receiver. NULL when the webhook is not the
-- platform's, or has one waiting.
CREATE FUNCTION test_webhook(p_platform uuid, p_webhook uuid) RETURNS uuid
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
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

-- Written once: who could write it again could make a platform trust another key.
CREATE FUNCTION publish_webhook_key(p_platform uuid, p_webhook uuid, p_version integer, p_key bytea)
RETURNS boolean
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE webhook_key SET public_key = p_key
     WHERE platform_id = p_platform AND webhook_id = p_webhook AND version = p_version
       AND public_key IS NULL;
    RETURN FOUND;
END $$;

-- The end of a webhook that does not answer, with its entry in the system's log. The dispatcher
-- can tell of nothing else there.
CREATE FUNCTION disable_webhook(p_platform uuid, p_webhook uuid, p_reason text) RETURNS boolean
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

REVOKE ALL ON webhook, webhook_key FROM PUBLIC;
REVOKE ALL ON FUNCTION tell_platform, tell_of_revocation, test_webhook, publish_webhook_key,
    disable_webhook FROM PUBLIC;

-- api: what a platform asked for. A key's public half is not its to write.
GRANT SELECT ON webhook, webhook_key TO tripcord_api;
GRANT INSERT (platform_id, webhook_id, url, events) ON webhook TO tripcord_api;
GRANT UPDATE (events, state, failing_since, disabled_at, disabled_reason) ON webhook
    TO tripcord_api;
GRANT INSERT (platform_id, webhook_id, version) ON webhook_key TO tripcord_api;
GRANT UPDATE (retires_at) ON webhook_key TO tripcord_api;
GRANT EXECUTE ON FUNCTION test_webhook TO tripcord_api;

-- signer: tells of what it did, and reads what it is asked to sign a statement about.
GRANT EXECUTE ON FUNCTION tell_platform TO tripcord_signer;
GRANT SELECT (trader_id, message_id, channel, topic, rid, target_id, subject, state, created_at)
    ON outbox TO tripcord_signer;
GRANT SELECT (platform_id, webhook_id, state) ON webhook TO tripcord_signer;

-- dispatcher: where to send, with which keys, and how it went.
GRANT SELECT ON webhook, webhook_key TO tripcord_dispatcher;
GRANT UPDATE (failing_since) ON webhook TO tripcord_dispatcher;
GRANT UPDATE (failures) ON outbox TO tripcord_dispatcher;
GRANT EXECUTE ON FUNCTION publish_webhook_key, disable_webhook TO tripcord_dispatcher;

-- operator: sees which webhooks are down.
GRANT SELECT ON webhook TO tripcord_operator;

-- migrate:down
DROP TRIGGER revocation_is_told ON revocation;
DROP FUNCTION disable_webhook, publish_webhook_key, test_webhook, tell_of_revocation, tell_platform;
DROP INDEX revocation_node, outbox_target, outbox_due;
DELETE FROM outbox WHERE channel = 'webhook';
ALTER TABLE outbox
    DROP CONSTRAINT a_webhook_message_has_a_target_and_a_subject,
    DROP CONSTRAINT a_doorbell_has_a_device,
    DROP COLUMN channel, DROP COLUMN target_id, DROP COLUMN subject, DROP COLUMN failures,
    ALTER COLUMN device_id SET NOT NULL,
    ADD CONSTRAINT outbox_trader_id_fkey FOREIGN KEY (trader_id) REFERENCES trader;
CREATE INDEX outbox_due ON outbox (priority, due_at) WHERE state = 'pending';
REVOKE SELECT ON outbox FROM tripcord_signer;
REVOKE SELECT (trader_id, message_id, topic, rid, state, created_at) ON outbox
    FROM tripcord_signer;
DROP TABLE webhook_key, webhook;
