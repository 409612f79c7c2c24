-- The configurations of WeChat Pay of the apps. Keys are sealed.
CREATE TABLE merchants (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    weight BIGINT NOT NULL,
    mch_id TEXT NOT NULL,
    api_version TEXT NOT NULL,
    sign_type TEXT NOT NULL,
    api_key BLOB,
    apiv3_key BLOB,
    private_key BLOB,
    serial_no TEXT,
    public_key_id TEXT,
    public_key BLOB,
    client_cert BLOB,
    client_key BLOB,
    sub_mch_id TEXT,
    mch_app_id TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (app, name)
);
