-- What the calls of a plugin may use: for one app, and for all. JSON objects that hold what is not as for every plugin.
ALTER TABLE app_plugins ADD COLUMN limits TEXT NOT NULL DEFAULT '{}';

CREATE TABLE plugin_limits (
    plugin TEXT NOT NULL PRIMARY KEY,
    limits TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
