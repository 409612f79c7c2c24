-- The answers of the last minutes in SQLite, which nobody looks up one by one: a start reads them all. What is answered
-- in one moment is one row at the end of the table, so that an answer costs its bytes and no search. Here deliveries
-- stays empty.
DELETE FROM deliveries;
CREATE TABLE delivery_answers (
    written_at BIGINT NOT NULL,
    -- Each with its delivery's key.
    answers BLOB NOT NULL
);
