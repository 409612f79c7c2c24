-- One row for each life of an app that logs messages. An app that is deleted lets go of its entries here at once,
-- however many they are, and they are deleted in small batches afterwards; a later app of the same name starts anew.
CREATE TABLE message_log_owners (
    id BIGINT NOT NULL PRIMARY KEY,
    app TEXT COLLATE "C" UNIQUE REFERENCES apps (name) ON DELETE SET NULL
);

CREATE TABLE message_logs (
    owner BIGINT NOT NULL REFERENCES message_log_owners (id),
    -- A UUID of version 7, made from `at`: it sorts by time, and times are searched for by it.
    id TEXT COLLATE "C" NOT NULL,
    -- Milliseconds since 1970.
    at BIGINT NOT NULL,
    direction TEXT COLLATE "C" NOT NULL,
    openid TEXT COLLATE "C" NOT NULL,
    msg_type TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C",
    event_key TEXT COLLATE "C",
    msg_id TEXT COLLATE "C",
    content TEXT COLLATE "C" NOT NULL,
    handler_id TEXT COLLATE "C",
    handler_name TEXT COLLATE "C",
    via TEXT COLLATE "C",
    outcome TEXT COLLATE "C",
    reason TEXT COLLATE "C",
    delivery_id TEXT COLLATE "C",
    raw TEXT COLLATE "C",
    PRIMARY KEY (owner, id)
);
CREATE INDEX message_logs_openid ON message_logs (owner, openid, id);
