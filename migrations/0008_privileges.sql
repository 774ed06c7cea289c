-- migrate:up
-- 0008 who may do what. Read it for what each process cannot do; what is absent is refused.
-- The login roles are made by `tripcord migrate` before this file runs.

REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO tripcord_api, tripcord_cord, tripcord_signer, tripcord_courier,
    tripcord_dispatcher, tripcord_operator;

-- api: the HTTP edge. Reads no wrapped_* table; writes no fence, no evidence, no log.
GRANT SELECT ON platform, trader, access_log, access_log_head, checkpoint, checkpoint_leaf, token,
    fence, enrolment_code, revocation_card, revocation, cleanup_item, device, push_registration,
    totp_factor, approval, decision, session, venue, exchange_credential, bot_grant, bot_order,
    venue_balance, venue_open_order, client_token, spent_proof TO tripcord_api;
GRANT INSERT ON revocation_card, client_token TO tripcord_api;
-- What begins, begins at its beginning: no root, no redeemed code, nothing decided or proven.
GRANT INSERT (trader_id, platform_id) ON trader TO tripcord_api;
GRANT INSERT (trader_id, code_id, code_hash, expires_at) ON enrolment_code TO tripcord_api;
GRANT INSERT (trader_id, approval_id, requester, action_type, action, digest, nonce,
    required_strength, subject_id, created_at, expires_at) ON approval
    TO tripcord_api, tripcord_signer;
GRANT INSERT (trader_id, session_id, jkt, address, user_agent, approval_id, created_at, expires_at)
    ON session TO tripcord_api;
GRANT UPDATE (state) ON session TO tripcord_api;
GRANT UPDATE (registration, kind, updated_at, disabled_at) ON push_registration TO tripcord_api;
GRANT DELETE ON spent_proof, client_token TO tripcord_api;
GRANT EXECUTE ON FUNCTION lock_trader, append_entry, effective_level, mint_token, ring_devices,
    spend_proof, admit, tighten TO tripcord_api;

-- cord: two held connections that keep a revoke possible when every other one is taken.
GRANT SELECT ON trader, token, fence, revocation, revocation_card TO tripcord_cord;
GRANT EXECUTE ON FUNCTION tighten, lock_trader, spend_proof, admit, effective_level
    TO tripcord_cord;

-- signer: the only role that reads wrapped secrets and writes evidence.
GRANT SELECT ON trader, access_log, access_log_head, checkpoint, checkpoint_leaf, token, fence,
    enrolment_code, revocation, device, push_registration, totp_factor, wrapped_seed, totp_state,
    approval, decision, session, venue, market_snapshot, market_price, exchange_credential,
    wrapped_secret, bot_grant, node_usage, bot_order, cleanup_item, venue_balance,
    venue_open_order TO tripcord_signer;
GRANT INSERT ON device, push_registration, totp_factor, wrapped_seed, totp_state, decision,
    exchange_credential, wrapped_secret, bot_grant, node_usage, bot_order, cleanup_item, checkpoint,
    checkpoint_leaf TO tripcord_signer;
GRANT UPDATE (frozen_empty) ON trader TO tripcord_signer;
GRANT UPDATE (redeemed_by_jkt) ON enrolment_code TO tripcord_signer;
GRANT UPDATE (last_used_step, consecutive_failures, locked_until) ON totp_state TO tripcord_signer;
GRANT UPDATE (state, decided_at, consumed_at) ON approval TO tripcord_signer;
GRANT UPDATE (code_verified_at, code_factor_id, code_mac) ON session TO tripcord_signer;
GRANT DELETE ON wrapped_secret TO tripcord_signer;    -- of a credential that was refused
GRANT UPDATE ON exchange_credential, node_usage TO tripcord_signer;
GRANT UPDATE (state, rule, request_digest, released_at, notional, quote) ON bot_order
    TO tripcord_signer;
GRANT UPDATE (cleanup_state) ON revocation TO tripcord_signer;
GRANT UPDATE (checkpointed_position) ON access_log_head TO tripcord_signer;
GRANT EXECUTE ON FUNCTION lock_trader, append_entry, effective_level, mint_token, ring_devices,
    begin_signing, shared_venue_level, finish_signing, lift TO tripcord_signer;

-- courier: venue egress. Writes what venues answered; may tighten; never sees a secret.
GRANT SELECT ON trader, token, fence, venue, market_snapshot, market_price, exchange_credential,
    bot_grant, bot_order, node_usage, revocation, cleanup_item, venue_balance, venue_open_order
    TO tripcord_courier;
GRANT INSERT, UPDATE ON market_snapshot, market_price, venue_balance TO tripcord_courier;
GRANT INSERT, UPDATE, DELETE ON venue_open_order TO tripcord_courier;
GRANT UPDATE (state, venue_order_id, filled_quantity, venue_code, outcome_at) ON bot_order
    TO tripcord_courier;
GRANT UPDATE (state, attempts, due_at, last_outcome) ON cleanup_item TO tripcord_courier;
GRANT UPDATE (cleanup_state) ON revocation TO tripcord_courier;
GRANT UPDATE (notional) ON node_usage TO tripcord_courier;
GRANT EXECUTE ON FUNCTION lock_trader, append_entry, effective_level, ring_devices, tighten
    TO tripcord_courier;

-- dispatcher: the outbox and where to ring; nothing of tokens, secrets or actions.
GRANT SELECT ON outbox, push_registration TO tripcord_dispatcher;
GRANT UPDATE (due_at, attempts, leased_until, state, last_error, finished_at) ON outbox
    TO tripcord_dispatcher;
GRANT UPDATE (disabled_at) ON push_registration TO tripcord_dispatcher;

-- operator: registers platforms, tightens; approves nothing, reads no secret, sets no factor.
GRANT SELECT ON platform, trader, token, fence, venue, revocation TO tripcord_operator;
GRANT INSERT ON platform TO tripcord_operator;
GRANT UPDATE (jwks, disabled_at) ON platform TO tripcord_operator;
GRANT EXECUTE ON FUNCTION tighten, append_entry, lock_trader, effective_level TO tripcord_operator;

-- The signer hashes again what it is about to sign a checkpoint over.
GRANT EXECUTE ON FUNCTION log_field, log_content_hash TO tripcord_signer;

-- migrate:down
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM tripcord_api, tripcord_cord, tripcord_signer,
    tripcord_courier, tripcord_dispatcher, tripcord_operator;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM tripcord_api, tripcord_cord, tripcord_signer,
    tripcord_courier, tripcord_dispatcher, tripcord_operator;
REVOKE USAGE ON SCHEMA public FROM tripcord_api, tripcord_cord, tripcord_signer, tripcord_courier,
    tripcord_dispatcher, tripcord_operator;
