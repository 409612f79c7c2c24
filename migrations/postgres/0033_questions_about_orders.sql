-- When WeChat is asked next about an open order, when that was decided, and how often it was asked since the order last
-- changed. Whoever asks moves the first into the future, so that nobody else does.
ALTER TABLE orders ADD COLUMN ask_at_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN asked_at_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE orders ADD COLUMN asks BIGINT NOT NULL DEFAULT 0;
DROP INDEX orders_open;
CREATE INDEX orders_due ON orders (ask_at_ms) WHERE state IN ('NOTPAY', 'USERPAYING', 'PAYERROR');

-- Merchants for which WeChat Pay does not answer: they are left alone for a while.
CREATE TABLE merchant_pauses (
    app TEXT COLLATE "C" NOT NULL,
    merchant TEXT COLLATE "C" NOT NULL,
    -- How often in a row it came to nothing.
    failures BIGINT NOT NULL,
    since_ms BIGINT NOT NULL,
    until_ms BIGINT NOT NULL,
    PRIMARY KEY (app, merchant),
    FOREIGN KEY (app, merchant) REFERENCES merchants (app, name) ON DELETE CASCADE
);
