-- When WeChat is asked next about a refund that is not done, when that was decided, and how often it was asked since the
-- refund last changed, as with open orders.
ALTER TABLE refunds ADD COLUMN ask_at_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE refunds ADD COLUMN asked_at_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE refunds ADD COLUMN asks BIGINT NOT NULL DEFAULT 0;
CREATE INDEX refunds_due ON refunds (ask_at_ms) WHERE state IN ('NEW', 'PROCESSING', 'ABNORMAL');
