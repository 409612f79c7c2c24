-- One row for each plugin in each app that ever wrote: its quota, and the last version handed out. The row outlives
-- the app, so that no version of a key comes twice. Every write locks it first.
CREATE TABLE plugin_kv_totals (
    app TEXT COLLATE "C" NOT NULL,
    plugin TEXT COLLATE "C" NOT NULL,
    last_version BIGINT NOT NULL,
    key_count BIGINT NOT NULL,
    byte_count BIGINT NOT NULL,
    PRIMARY KEY (app, plugin)
);

CREATE TABLE plugin_kv (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    plugin TEXT COLLATE "C" NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    value BYTEA NOT NULL,
    version BIGINT NOT NULL,
    -- Bytes of key and value together.
    size BIGINT NOT NULL,
    expires_at BIGINT,
    PRIMARY KEY (app, plugin, key)
);
CREATE INDEX plugin_kv_expires_at ON plugin_kv (expires_at);
