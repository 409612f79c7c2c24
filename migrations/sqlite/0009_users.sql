-- Who wrote to an app or follows it.
CREATE TABLE users (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    openid TEXT NOT NULL,
    unionid TEXT,
    subscribed BOOLEAN NOT NULL,
    subscribed_at BIGINT,
    unsubscribed_at BIGINT,
    first_subscribed_at BIGINT,
    subscribe_scene TEXT,
    qr_scene TEXT,
    nickname TEXT,
    avatar_url TEXT,
    language TEXT,
    remark TEXT NOT NULL DEFAULT '',
    tag_ids TEXT NOT NULL DEFAULT '[]',
    -- What people note here; WeChat does not know of it.
    alias TEXT NOT NULL DEFAULT '',
    comment TEXT NOT NULL DEFAULT '',
    profile_fetched_at BIGINT,
    -- When WeChat is to be asked for the profile; null when there is no need, or WeChat knows no such user.
    profile_due_at BIGINT,
    -- How often it was asked without an answer.
    profile_attempts BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (app, openid)
);
CREATE INDEX users_created_at ON users (app, created_at, openid);
CREATE INDEX users_profile_due_at ON users (app, profile_due_at) WHERE profile_due_at IS NOT NULL;
