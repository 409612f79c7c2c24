-- Auto-replies. Rules and replies are JSON: they are read and written with their handler and never looked up alone.
CREATE TABLE handlers (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    id TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    source TEXT NOT NULL,
    strategy TEXT NOT NULL,
    enabled BOOLEAN NOT NULL,
    starts BIGINT,
    ends BIGINT,
    weight BIGINT NOT NULL,
    log_message BOOLEAN NOT NULL,
    stop_on_exception BOOLEAN NOT NULL,
    rules TEXT NOT NULL,
    replies TEXT NOT NULL,
    -- About what it costs to keep the handler in memory; the sum over an app has a limit.
    size BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (app, id)
);

-- The settings_revision at which the app's handlers changed last: tells whose have to be compiled again.
ALTER TABLE apps ADD COLUMN handlers_revision BIGINT NOT NULL DEFAULT 0;
