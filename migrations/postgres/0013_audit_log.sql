-- Who changed what. Without a foreign key to the app: what was done to an app that is gone can still be read.
CREATE TABLE audit_log (
    -- UUIDs of version 7: newer ones are greater.
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    -- The name of the token.
    actor TEXT COLLATE "C" NOT NULL,
    -- The id of the token; null for the command line.
    actor_id TEXT COLLATE "C",
    -- Null for what belongs to no app.
    app TEXT COLLATE "C",
    -- As the OpenAPI document names the call.
    action TEXT COLLATE "C" NOT NULL,
    -- The path of the request; empty for the command line.
    path TEXT NOT NULL,
    -- The HTTP status that was answered; null for the command line.
    status BIGINT,
    request_id TEXT COLLATE "C" NOT NULL,
    -- JSON, without secrets; null where there is none, or nothing to show.
    before TEXT,
    after TEXT
);
CREATE INDEX audit_log_app ON audit_log (app, id);
CREATE INDEX audit_log_at ON audit_log (at);
