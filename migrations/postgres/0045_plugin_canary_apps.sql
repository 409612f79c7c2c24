-- The last calls of a plugin's canary and of the version that runs, as in plugin_canaries, for each app that made some
-- since the canary began: none of them is to decide for the others.
CREATE TABLE plugin_canary_apps (
    plugin TEXT COLLATE "C" NOT NULL,
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    calls BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    stable_calls BIGINT NOT NULL,
    stable_failures BIGINT NOT NULL,
    PRIMARY KEY (plugin, app)
);
