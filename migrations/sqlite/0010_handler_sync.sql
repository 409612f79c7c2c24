-- Media of WeChat's own auto-reply settings that were made permanent: the same file is not uploaded again, whether it
-- comes under the media_id that it had before or under another.
CREATE TABLE synced_media (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    media_type TEXT NOT NULL,
    -- The media_id in the settings.
    source TEXT NOT NULL,
    -- The SHA-256 of the file, in hexadecimal.
    digest TEXT NOT NULL,
    -- The permanent material.
    media_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (app, media_type, source)
);
CREATE INDEX synced_media_digest ON synced_media (app, media_type, digest);

-- Which handler stands for which auto-reply of the settings.
CREATE TABLE synced_handlers (
    app TEXT NOT NULL,
    -- Which auto-reply it is.
    origin TEXT NOT NULL,
    handler_id TEXT NOT NULL,
    -- What the handler was like when it was synced: one that is different now has been edited.
    digest TEXT NOT NULL,
    PRIMARY KEY (app, origin),
    FOREIGN KEY (app, handler_id) REFERENCES handlers (app, id) ON DELETE CASCADE
);
CREATE INDEX synced_handlers_handler_id ON synced_handlers (app, handler_id);

-- The syncs that run: one for an app at a time, whichever process runs it.
CREATE TABLE handler_syncs (
    app TEXT NOT NULL PRIMARY KEY REFERENCES apps (name) ON DELETE CASCADE,
    lease_holder TEXT NOT NULL,
    lease_until BIGINT NOT NULL
);
