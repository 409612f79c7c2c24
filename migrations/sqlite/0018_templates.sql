-- The templates of an app, as WeChat tells them, with what is noted here.
CREATE TABLE templates (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    template_id TEXT NOT NULL,
    -- template or subscribe.
    kind TEXT NOT NULL,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    example TEXT NOT NULL,
    primary_industry TEXT NOT NULL,
    deputy_industry TEXT NOT NULL,
    lasting BOOLEAN NOT NULL,
    alias TEXT NOT NULL DEFAULT '',
    comment TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (app, template_id)
);
CREATE UNIQUE INDEX templates_alias ON templates (app, alias) WHERE alias <> '';

-- Messages made of templates, with who gets them.
CREATE TABLE sends (
    -- UUIDs of version 7: newer ones are greater.
    id TEXT NOT NULL PRIMARY KEY,
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    -- The job that sends it; null for a message to one user.
    job TEXT,
    template_id TEXT NOT NULL,
    -- JSON.
    message TEXT NOT NULL,
    -- JSON: how many, or which tag.
    recipients TEXT NOT NULL,
    -- By which a request is known that comes again.
    client_msg_id TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX sends_app ON sends (app, id);
CREATE INDEX sends_created_at ON sends (created_at);
CREATE UNIQUE INDEX sends_client_msg_id ON sends (app, client_msg_id) WHERE client_msg_id IS NOT NULL;
CREATE INDEX sends_job ON sends (job) WHERE job IS NOT NULL;

-- What became of them for each user.
CREATE TABLE send_recipients (
    send TEXT NOT NULL REFERENCES sends (id) ON DELETE CASCADE,
    openid TEXT NOT NULL,
    -- queued, sending, sent, delivered, failed, blocked or unknown.
    outcome TEXT NOT NULL,
    errcode BIGINT,
    reason TEXT,
    -- WeChat's id of the message; not every call gives one.
    msgid TEXT,
    tried_at BIGINT,
    settled_at BIGINT,
    PRIMARY KEY (send, openid)
);
CREATE INDEX send_recipients_outcome ON send_recipients (send, outcome, openid);
-- Those whose outcome is told by user and template.
CREATE INDEX send_recipients_openid ON send_recipients (openid) WHERE msgid IS NULL AND tried_at IS NOT NULL;

-- WeChat tells the outcome of a message by its id, which may be before we know that id: whoever is first writes the
-- row, and whoever comes second puts both together.
CREATE TABLE message_outcomes (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    msgid TEXT NOT NULL,
    -- What WeChat told; null when it has not yet.
    outcome TEXT,
    errcode BIGINT,
    reason TEXT,
    -- Whose message it is; null while that is not known, or when others have sent it.
    send TEXT,
    openid TEXT,
    at BIGINT NOT NULL,
    PRIMARY KEY (app, msgid)
);
CREATE INDEX message_outcomes_at ON message_outcomes (at);

-- What users said to templates of subscribe messages.
CREATE TABLE subscriptions (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    openid TEXT NOT NULL,
    template_id TEXT NOT NULL,
    status TEXT NOT NULL,
    accepted BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    sent BIGINT NOT NULL DEFAULT 0,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (app, openid, template_id)
);

-- Messages to many followers at once.
CREATE TABLE mass_messages (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    -- UUIDs of version 7: newer ones are greater.
    id TEXT NOT NULL,
    clientmsgid TEXT NOT NULL,
    -- JSON.
    content TEXT NOT NULL,
    -- JSON: all, the tag, or the openids.
    target TEXT NOT NULL,
    send_ignore_reprint BOOLEAN NOT NULL,
    -- sending, taken, refused, unknown or deleted.
    state TEXT NOT NULL,
    errcode BIGINT,
    reason TEXT,
    msg_id TEXT,
    msg_data_id TEXT,
    -- As WeChat told when it was asked.
    msg_status TEXT,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (app, id)
);
CREATE UNIQUE INDEX mass_messages_clientmsgid ON mass_messages (app, clientmsgid);

-- What WeChat told of them, which may be before we know their ids.
CREATE TABLE mass_outcomes (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    msg_id TEXT NOT NULL,
    -- JSON.
    outcome TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (app, msg_id)
);
