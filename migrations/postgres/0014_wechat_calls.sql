-- The access token and the tickets of each app. Whoever fetches a new one holds the lease meanwhile; `version` counts
-- what was fetched. Those of before are fetched again.
CREATE TABLE credentials (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    -- access_token, jsapi or wx_card.
    kind TEXT COLLATE "C" NOT NULL,
    version BIGINT NOT NULL,
    secret BYTEA,
    -- A digest of the account, secret and source that it was fetched with.
    fetched_with TEXT NOT NULL,
    refresh_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    lease_holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL,
    PRIMARY KEY (app, kind)
);
DROP TABLE access_tokens;

-- How often an app has done what WeChat allows only so often in a day or a month.
CREATE TABLE limited_actions (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    action TEXT COLLATE "C" NOT NULL,
    -- The day or the month in China.
    period TEXT COLLATE "C" NOT NULL,
    taken BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    PRIMARY KEY (app, action)
);

-- How often each API was called on a day in China, by what came of it.
CREATE TABLE call_counts (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    day TEXT COLLATE "C" NOT NULL,
    path TEXT COLLATE "C" NOT NULL,
    -- ok, an errcode, or unanswered.
    outcome TEXT COLLATE "C" NOT NULL,
    calls BIGINT NOT NULL,
    PRIMARY KEY (app, day, path, outcome)
);
CREATE INDEX call_counts_day ON call_counts (day);

-- What WeChat said is called too often, until when.
CREATE TABLE call_pauses (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    path TEXT COLLATE "C" NOT NULL,
    errcode BIGINT NOT NULL,
    until BIGINT NOT NULL,
    PRIMARY KEY (app, path)
);
