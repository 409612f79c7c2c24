-- One row for each life of an app that logs messages. An app that is deleted lets go of its entries here at once,
-- however many they are, and they are deleted in small batches afterwards; a later app of the same name starts anew.
CREATE TABLE message_log_owners (
    id BIGINT NOT NULL PRIMARY KEY,
    app TEXT UNIQUE REFERENCES apps (name) ON DELETE SET NULL
);

CREATE TABLE message_logs (
    owner BIGINT NOT NULL REFERENCES message_log_owners (id),
    -- A UUID of version 7, made from `at`: it sorts by time, and times are searched for by it.
    id TEXT NOT NULL,
    -- Milliseconds since 1970.
    at BIGINT NOT NULL,
    direction TEXT NOT NULL,
    openid TEXT NOT NULL,
    msg_type TEXT NOT NULL,
    event TEXT,
    event_key TEXT,
    msg_id TEXT,
    content TEXT NOT NULL,
    handler_id TEXT,
    handler_name TEXT,
    via TEXT,
    outcome TEXT,
    reason TEXT,
    delivery_id TEXT,
    raw TEXT,
    PRIMARY KEY (owner, id)
);
CREATE INDEX message_logs_openid ON message_logs (owner, openid, id);
