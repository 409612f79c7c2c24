-- The tags of an account, as WeChat told them last.
CREATE TABLE tags (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    name TEXT NOT NULL,
    user_count BIGINT NOT NULL,
    synced_at BIGINT NOT NULL,
    PRIMARY KEY (app, id)
);

-- Who has which tag. A tag may be missing from the table above: WeChat tells of it with a user before it is synced.
CREATE TABLE user_tags (
    app TEXT NOT NULL,
    tag_id BIGINT NOT NULL,
    openid TEXT NOT NULL,
    -- The sync that was begun last when this was seen.
    sync_run BIGINT NOT NULL,
    PRIMARY KEY (app, tag_id, openid),
    FOREIGN KEY (app, openid) REFERENCES users (app, openid) ON DELETE CASCADE
);
CREATE INDEX user_tags_openid ON user_tags (app, openid);
INSERT INTO user_tags (app, tag_id, openid, sync_run)
    SELECT DISTINCT users.app, CAST(ids.value AS BIGINT), users.openid, 0 FROM users, json_each(users.tag_ids) AS ids;
ALTER TABLE users DROP COLUMN tag_ids;

-- The syncs with lists of WeChat's.
CREATE TABLE user_syncs (
    app TEXT NOT NULL PRIMARY KEY REFERENCES apps (name) ON DELETE CASCADE,
    -- How many were begun.
    run BIGINT NOT NULL,
    -- Whom the next incremental one begins behind.
    last_openid TEXT NOT NULL
);
-- The sync that saw the user last among those who follow.
ALTER TABLE users ADD COLUMN sync_run BIGINT NOT NULL DEFAULT 0;
-- Set for who is on the blacklist: the sync that was begun last when that was seen.
ALTER TABLE users ADD COLUMN blacklist_run BIGINT;

CREATE INDEX users_unionid ON users (app, unionid) WHERE unionid IS NOT NULL;
CREATE INDEX users_blacklist ON users (app, created_at, openid) WHERE blacklist_run IS NOT NULL;
