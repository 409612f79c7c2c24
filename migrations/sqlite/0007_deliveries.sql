-- What WeChat delivered in the last minutes, so that its retries are not handled again: after a restart, or by another
-- process. In PostgreSQL a row is there before the handler runs and says who runs it; in SQLite, which one process owns,
-- it comes with the answer.
CREATE TABLE deliveries (
    -- The SHA-256 of app, sender and what tells two messages of a sender apart.
    key BLOB NOT NULL PRIMARY KEY,
    -- The process that runs the handler, or ran it.
    owner TEXT NOT NULL,
    claimed_at BIGINT NOT NULL,
    -- Null while the handler runs.
    answered_at BIGINT,
    -- Null also when the answer is to say nothing.
    answer BLOB,
    -- Whether WeChat was told not to wait while the handler ran: the answer goes out another way then.
    given_up BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX deliveries_claimed_at ON deliveries (claimed_at);

-- The processes that are alive; one that has not been seen for some seconds owns nothing any more. Empty in SQLite.
CREATE TABLE processes (
    id TEXT NOT NULL PRIMARY KEY,
    -- By the clock of the database, which is the same for all of them.
    seen_at BIGINT NOT NULL
);
