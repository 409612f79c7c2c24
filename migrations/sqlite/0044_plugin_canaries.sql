-- A version that only some users get, beside the one that runs: the last one of each plugin.
CREATE TABLE plugin_canaries (
    plugin TEXT NOT NULL PRIMARY KEY,
    -- The revision of the settings when it began, which tells it from others of the plugin.
    began BIGINT NOT NULL,
    digest TEXT NOT NULL,
    -- Of all openids, 0 to 100.
    percent BIGINT NOT NULL,
    -- Who gets it in any case: JSON.
    openids TEXT NOT NULL,
    -- running, promoted or taken_back
    state TEXT NOT NULL,
    -- Why it was taken back.
    reason TEXT,
    began_at BIGINT NOT NULL,
    ended_at BIGINT,
    -- The last calls of it and of the version that runs, in all processes, and how many of them failed.
    calls BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    stable_calls BIGINT NOT NULL,
    stable_failures BIGINT NOT NULL
);
