-- The configurations of WeChat Pay of the apps. Keys are sealed.
CREATE TABLE merchants (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    name TEXT COLLATE "C" NOT NULL,
    title TEXT NOT NULL,
    weight BIGINT NOT NULL,
    mch_id TEXT COLLATE "C" NOT NULL,
    api_version TEXT NOT NULL,
    sign_type TEXT NOT NULL,
    api_key BYTEA,
    apiv3_key BYTEA,
    private_key BYTEA,
    serial_no TEXT,
    public_key_id TEXT,
    public_key BYTEA,
    client_cert BYTEA,
    client_key BYTEA,
    sub_mch_id TEXT COLLATE "C",
    mch_app_id TEXT COLLATE "C",
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (app, name)
);
