-- One row: counts every change of apps and app_plugins, so that other replicas notice them.
CREATE TABLE settings_revision (
    revision BIGINT NOT NULL
);
INSERT INTO settings_revision (revision) VALUES (0);

-- One row: a known text, sealed. Tells at the start whether the secret key is the right one.
CREATE TABLE secret_key_check (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    sealed BLOB NOT NULL
);

CREATE TABLE apps (
    name TEXT NOT NULL PRIMARY KEY,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    app_type TEXT NOT NULL,
    appid TEXT NOT NULL,
    verified BOOLEAN NOT NULL,
    appsecret BLOB,
    token BLOB,
    encoding_mode TEXT NOT NULL,
    encoding_aes_key BLOB,
    previous_encoding_aes_key BLOB,
    message_handler TEXT,
    order_hook TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- What a plugin may do for an app. The plugin itself is a file, perhaps not there yet.
CREATE TABLE app_plugins (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    plugin TEXT NOT NULL,
    config TEXT NOT NULL,
    kv BOOLEAN NOT NULL,
    http_hosts TEXT NOT NULL,
    wechat_apis TEXT NOT NULL,
    users BOOLEAN NOT NULL,
    orders TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (app, plugin)
);
