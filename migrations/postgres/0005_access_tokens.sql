-- The access token of each app. Whoever fetches a new one holds the lease meanwhile; `version` counts what was fetched.
CREATE TABLE access_tokens (
    app TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES apps (name) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    token BYTEA,
    -- A digest of the account, secret and source that the token was fetched with.
    fetched_with TEXT NOT NULL,
    refresh_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    lease_holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);
