-- Orders of WeChat Pay. What was agreed on does not change; the version counts the accepted changes of the rest.
CREATE TABLE orders (
    app TEXT NOT NULL,
    merchant TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    -- Whose it is, as of its creation.
    appid TEXT NOT NULL,
    mch_id TEXT NOT NULL,
    sub_appid TEXT,
    sub_mch_id TEXT,
    -- What was agreed on, as JSON.
    terms TEXT NOT NULL,
    state TEXT NOT NULL,
    close_confirmed BOOLEAN NOT NULL,
    seen_at_ms BIGINT NOT NULL,
    transaction_id TEXT,
    openid TEXT,
    sub_openid TEXT,
    paid_at BIGINT,
    -- What WeChat said beyond these, as JSON.
    result TEXT NOT NULL,
    version BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (app, merchant, out_trade_no),
    FOREIGN KEY (app, merchant) REFERENCES merchants (app, name) ON DELETE CASCADE
);
CREATE INDEX orders_created_at ON orders (app, merchant, created_at, out_trade_no);
CREATE INDEX orders_state ON orders (app, merchant, state, created_at, out_trade_no);

-- Every accepted change of an order, written with it: who saw it, what the order was and became, and whether the hook
-- has heard of it.
CREATE TABLE order_events (
    id TEXT NOT NULL PRIMARY KEY,
    app TEXT NOT NULL,
    merchant TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    version BIGINT NOT NULL,
    previous_state TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    -- The notification or the request.
    reference TEXT NOT NULL,
    -- What else of the order was known just after it, as JSON.
    known TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    -- pending, delivered or parked
    delivery TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at_ms BIGINT NOT NULL,
    UNIQUE (app, merchant, out_trade_no, version),
    FOREIGN KEY (app, merchant, out_trade_no) REFERENCES orders (app, merchant, out_trade_no) ON DELETE CASCADE
);
CREATE INDEX order_events_due ON order_events (due_at_ms) WHERE delivery = 'pending';

-- Every try to tell the hook.
CREATE TABLE order_event_deliveries (
    event_id TEXT NOT NULL REFERENCES order_events (id) ON DELETE CASCADE,
    attempt BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (event_id, attempt)
);

-- What a person must look at; each once for an order.
CREATE TABLE order_alarms (
    app TEXT NOT NULL,
    merchant TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    source TEXT NOT NULL,
    reference TEXT NOT NULL,
    raised_at BIGINT NOT NULL,
    PRIMARY KEY (app, merchant, out_trade_no, kind, detail),
    FOREIGN KEY (app, merchant, out_trade_no) REFERENCES orders (app, merchant, out_trade_no) ON DELETE CASCADE
);

CREATE TABLE refunds (
    app TEXT NOT NULL,
    merchant TEXT NOT NULL,
    out_refund_no TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    refund_fee BIGINT NOT NULL,
    reason TEXT,
    state TEXT NOT NULL,
    refund_id TEXT,
    received_account TEXT,
    success_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (app, merchant, out_refund_no),
    FOREIGN KEY (app, merchant, out_trade_no) REFERENCES orders (app, merchant, out_trade_no) ON DELETE CASCADE
);
CREATE INDEX refunds_of_order ON refunds (app, merchant, out_trade_no);
