-- migrate:up
-- 0016 every way to approve. Safe online: both checks only widen.

ALTER TABLE decision
    DROP CONSTRAINT decision_method_check,
    DROP CONSTRAINT approving_takes_a_factor;
ALTER TABLE decision
    ADD CONSTRAINT decision_method_check
        CHECK (method IN ('none', 'totp', 'webauthn', 'device_number', 'push_otp')),
    ADD CONSTRAINT approving_takes_a_factor CHECK
        ((decision = 'approve') = (method <> 'none')
         AND (method IN ('totp', 'webauthn')) = (factor_id IS NOT NULL));

-- migrate:down
ALTER TABLE decision
    DROP CONSTRAINT decision_method_check,
    DROP CONSTRAINT approving_takes_a_factor;
ALTER TABLE decision
    ADD CONSTRAINT decision_method_check CHECK (method IN ('none', 'totp')),
    ADD CONSTRAINT approving_takes_a_factor
        CHECK ((decision = 'approve') = (method <> 'none')
               AND (method = 'totp') = (factor_id IS NOT NULL));
