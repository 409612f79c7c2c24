-- The keys that sign what an app's order webhook is sent. Sealed.
ALTER TABLE apps ADD COLUMN order_webhook_secret BLOB;
ALTER TABLE apps ADD COLUMN previous_order_webhook_secret BLOB;

-- Events are told to more than one: who has heard of which stands beside them. The sequence counts the events of an
-- order, which are told in its order.
ALTER TABLE order_events RENAME TO order_events_before;
DROP INDEX order_events_due;

CREATE TABLE order_events (
    id TEXT NOT NULL PRIMARY KEY,
    app TEXT NOT NULL,
    merchant TEXT NOT NULL,
    out_trade_no TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    version BIGINT NOT NULL,
    previous_state TEXT NOT NULL,
    state TEXT NOT NULL,
    source TEXT NOT NULL,
    -- The notification or the request.
    reference TEXT NOT NULL,
    -- What else of the order was known just after it, as JSON.
    known TEXT NOT NULL,
    created_at_ms BIGINT NOT NULL,
    UNIQUE (app, merchant, out_trade_no, sequence),
    FOREIGN KEY (app, merchant, out_trade_no) REFERENCES orders (app, merchant, out_trade_no) ON DELETE CASCADE
);
INSERT INTO order_events SELECT id, app, merchant, out_trade_no, version, version, previous_state, state, source,
    reference, known, created_at_ms FROM order_events_before;

CREATE TABLE order_deliveries (
    event_id TEXT NOT NULL REFERENCES order_events (id) ON DELETE CASCADE,
    -- hook or webhook
    target TEXT NOT NULL,
    -- pending, delivered, parked or skipped
    state TEXT NOT NULL,
    attempts BIGINT NOT NULL,
    due_at_ms BIGINT NOT NULL,
    PRIMARY KEY (event_id, target)
);
CREATE INDEX order_deliveries_due ON order_deliveries (due_at_ms) WHERE state = 'pending';
INSERT INTO order_deliveries SELECT id, 'hook', delivery, attempts, due_at_ms FROM order_events_before;
INSERT INTO order_deliveries SELECT id, 'webhook', 'skipped', 0, due_at_ms FROM order_events_before;

-- Every try to tell somebody.
CREATE TABLE order_delivery_attempts (
    event_id TEXT NOT NULL,
    target TEXT NOT NULL,
    attempt BIGINT NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT NOT NULL,
    at_ms BIGINT NOT NULL,
    PRIMARY KEY (event_id, target, attempt),
    FOREIGN KEY (event_id, target) REFERENCES order_deliveries (event_id, target) ON DELETE CASCADE
);
INSERT INTO order_delivery_attempts SELECT event_id, 'hook', attempt, outcome, error, at_ms
    FROM order_event_deliveries;

DROP TABLE order_event_deliveries;
DROP TABLE order_events_before;
