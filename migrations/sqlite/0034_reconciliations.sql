-- The comparisons of merchants' daily bills with what is here, one for each day.
CREATE TABLE reconciliations (
    app TEXT NOT NULL,
    merchant TEXT NOT NULL,
    -- As 2026-01-01, in China's time.
    bill_date TEXT NOT NULL,
    -- How often it was begun: differences that the last run did not find are none any more.
    run BIGINT NOT NULL,
    begun_at BIGINT NOT NULL,
    done_at BIGINT,
    error TEXT,
    -- What was found, as JSON.
    figures TEXT NOT NULL,
    -- Not begun again by itself before.
    again_at BIGINT NOT NULL,
    PRIMARY KEY (app, merchant, bill_date),
    FOREIGN KEY (app, merchant) REFERENCES merchants (app, name) ON DELETE CASCADE
);
CREATE INDEX reconciliations_bill_date ON reconciliations (bill_date);

-- What differs, each once for a day.
CREATE TABLE bill_differences (
    -- UUIDs of version 7: newer ones are greater.
    id TEXT NOT NULL PRIMARY KEY,
    app TEXT NOT NULL,
    merchant TEXT NOT NULL,
    bill_date TEXT NOT NULL,
    kind TEXT NOT NULL,
    -- Empty where it is about none.
    out_trade_no TEXT NOT NULL,
    out_refund_no TEXT NOT NULL,
    wechat_number TEXT,
    here TEXT NOT NULL,
    at_wechat TEXT NOT NULL,
    times BIGINT NOT NULL,
    -- The last run that found it.
    run BIGINT NOT NULL,
    first_found_at BIGINT NOT NULL,
    last_found_at BIGINT NOT NULL,
    resolved_at BIGINT,
    -- Null when a later run did not find it any more.
    resolved_by TEXT,
    note TEXT NOT NULL,
    UNIQUE (app, merchant, bill_date, kind, out_trade_no, out_refund_no),
    FOREIGN KEY (app, merchant) REFERENCES merchants (app, name) ON DELETE CASCADE
);
CREATE INDEX bill_differences_of_merchant ON bill_differences (app, merchant, id);

-- What is compared with the bill of a day.
CREATE INDEX orders_paid_at ON orders (app, merchant, paid_at, out_trade_no) WHERE paid_at IS NOT NULL;
CREATE INDEX refunds_created_at ON refunds (app, merchant, created_at, out_refund_no);
-- The merchants of one number: their bill is the same.
CREATE INDEX merchants_mch_id ON merchants (mch_id);
