-- Those that WeChat is to be asked about.
CREATE INDEX orders_open ON orders (seen_at_ms) WHERE state IN ('NOTPAY', 'USERPAYING', 'PAYERROR');
