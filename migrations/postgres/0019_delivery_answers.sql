-- Always empty: here answers stand in deliveries, where other processes look for them.
CREATE TABLE delivery_answers (
    written_at BIGINT NOT NULL,
    answers BYTEA NOT NULL
);
