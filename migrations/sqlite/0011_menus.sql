-- The menus of an app as they are edited. JSON: they are read and written whole.
CREATE TABLE menus (
    app TEXT NOT NULL PRIMARY KEY REFERENCES apps (name) ON DELETE CASCADE,
    draft TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

-- What was published, so that one can go back.
CREATE TABLE menu_versions (
    app TEXT NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    -- UUIDs of version 7: newer ones are greater.
    id TEXT NOT NULL,
    menu TEXT NOT NULL,
    -- SHA-256 of the menu, in hex.
    digest TEXT NOT NULL,
    -- WeChat's ids of the conditional menus, in their order; JSON.
    menuids TEXT NOT NULL,
    published_at BIGINT NOT NULL,
    PRIMARY KEY (app, id)
);
