-- migrate:up
-- 0012 what a trader chose for clean-up, incidents, lost devices, removed cards, and the walk
-- through what a revoke cut. Safe online: creates, and adds one empty column.

CREATE TABLE trader_setting (
    trader_id    uuid PRIMARY KEY REFERENCES trader,
    cleanup_mode text NOT NULL CHECK (cleanup_mode IN ('cancel_entries', 'cancel_all')),
    updated_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A revoke that names no mode takes the trader's, whoever imposes it. One look-up by key.
CREATE FUNCTION take_cleanup_mode() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    NEW.mode := coalesce(
        (SELECT s.cleanup_mode FROM trader_setting s WHERE s.trader_id = NEW.trader_id),
        'cancel_entries');
    RETURN NEW;
END $$;
CREATE TRIGGER revocation_takes_the_traders_mode BEFORE INSERT ON revocation
    FOR EACH ROW WHEN (NEW.mode IS NULL) EXECUTE FUNCTION take_cleanup_mode();

-- A removed card keeps its row: that it was there is part of the story.
ALTER TABLE revocation_card ADD COLUMN removed_at timestamptz;

-- Devices that another device of the trader reported lost. A table of its own, because a device's
-- row is the signer's evidence. The first report counts.
CREATE TABLE lost_device (
    trader_id   uuid NOT NULL,
    device_id   uuid NOT NULL,
    reported_by uuid NOT NULL,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (trader_id, device_id),
    FOREIGN KEY (trader_id, device_id) REFERENCES device,
    FOREIGN KEY (trader_id, reported_by) REFERENCES device,
    CONSTRAINT a_device_reports_another CHECK (device_id <> reported_by)
);

-- "That was not me", "I have lost it". The entries of the locked chain from `since` up to
-- `last_position` that name the subject are the incident's.
CREATE TABLE incident (
    trader_id     uuid NOT NULL REFERENCES trader,
    incident_id   uuid NOT NULL,
    kind          text NOT NULL CHECK (kind IN ('session_disowned', 'device_lost')),
    subject_id    uuid NOT NULL,                -- the session or the device
    reported_by   uuid NOT NULL,
    since         timestamptz NOT NULL,
    reported_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    last_position bigint NOT NULL,
    revocation_id uuid,                         -- none: the sign-in had not become a session yet
    PRIMARY KEY (trader_id, incident_id),
    CONSTRAINT a_subject_has_one_incident UNIQUE (trader_id, kind, subject_id),
    FOREIGN KEY (trader_id, reported_by) REFERENCES device,
    FOREIGN KEY (trader_id, revocation_id) REFERENCES revocation
);

-- Nodes at and below one, parents first, from behind a node on; each step is one or two look-ups
-- by key, so a page costs the same in a tree of ten and of a million.
CREATE FUNCTION tree_below(p_trader uuid, p_top uuid, p_after uuid, p_limit integer)
RETURNS SETOF token
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
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

-- How many nodes are at and below one, counted no further than p_limit.
CREATE FUNCTION count_below(p_trader uuid, p_top uuid, p_limit integer) RETURNS integer
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp AS $$
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

GRANT SELECT ON trader_setting, lost_device, incident TO tripcord_api;
GRANT INSERT, UPDATE ON trader_setting TO tripcord_api;
GRANT UPDATE (removed_at) ON revocation_card TO tripcord_api;
GRANT EXECUTE ON FUNCTION tree_below, count_below TO tripcord_api;
-- What is cut and why it was is one commit, over the connections held for it.
GRANT SELECT ON device, session, lost_device, incident TO tripcord_cord;
GRANT UPDATE (state) ON session TO tripcord_cord;
GRANT INSERT ON lost_device, incident TO tripcord_cord;
GRANT EXECUTE ON FUNCTION append_entry, ring_devices TO tripcord_cord;
GRANT SELECT ON lost_device TO tripcord_signer;

-- migrate:down
REVOKE EXECUTE ON FUNCTION append_entry, ring_devices FROM tripcord_cord;
REVOKE UPDATE (state) ON session FROM tripcord_cord;
REVOKE SELECT ON device, session FROM tripcord_cord;
DROP FUNCTION count_below, tree_below;
DROP TABLE incident, lost_device;
ALTER TABLE revocation_card DROP COLUMN removed_at;
DROP TRIGGER revocation_takes_the_traders_mode ON revocation;
DROP FUNCTION take_cleanup_mode;
DROP TABLE trader_setting;
