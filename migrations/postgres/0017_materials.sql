-- The permanent materials of an app's account at WeChat.
CREATE TABLE materials (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    media_id TEXT COLLATE "C" NOT NULL,
    material_type TEXT COLLATE "C" NOT NULL,
    -- What the file is called; the title of the first article for articles.
    name TEXT COLLATE "C" NOT NULL,
    -- Where a picture is, for articles.
    url TEXT COLLATE "C",
    -- SHA-256 of the file in hex, for what was uploaded from here: the same content is not uploaded again. For videos,
    -- whose words belong to the material, of both.
    digest TEXT COLLATE "C",
    -- What people note here; WeChat does not know of it.
    alias TEXT COLLATE "C",
    comment TEXT COLLATE "C" NOT NULL DEFAULT '',
    -- When it last changed at WeChat.
    updated_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When it was last seen at WeChat, in milliseconds since 1970.
    seen_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (app, media_id)
);
CREATE UNIQUE INDEX materials_alias ON materials (app, alias);
CREATE INDEX materials_updated_at ON materials (app, updated_at, media_id);
CREATE INDEX materials_digest ON materials (app, material_type, digest) WHERE digest IS NOT NULL;

-- Temporary media whose content is known: what was made permanent is not downloaded again.
CREATE TABLE temporary_media (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    material_type TEXT COLLATE "C" NOT NULL,
    media_id TEXT COLLATE "C" NOT NULL,
    -- SHA-256 of the file, in hex.
    digest TEXT COLLATE "C" NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (app, material_type, media_id)
);

INSERT INTO materials (app, media_id, material_type, name, digest, updated_at, created_at)
    SELECT app, media_id, MIN(media_type), '', MIN(digest), MIN(created_at), MIN(created_at)
    FROM synced_media GROUP BY app, media_id;
INSERT INTO temporary_media (app, material_type, media_id, digest, created_at)
    SELECT app, media_type, source, digest, created_at FROM synced_media;
DROP TABLE synced_media;

-- Articles that stand together: in a draft, before readers, or in permanent material.
CREATE TABLE articles (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    -- draft, published or material.
    kind TEXT COLLATE "C" NOT NULL,
    -- The media_id of a draft or a material, the article_id of what was published.
    id TEXT COLLATE "C" NOT NULL,
    -- The articles in their order, as WeChat tells them; JSON.
    items TEXT COLLATE "C" NOT NULL,
    -- Titles, authors and summaries, for searching; ASCII letters in lower case.
    search TEXT COLLATE "C" NOT NULL,
    updated_at BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    -- When they were last seen at WeChat, in milliseconds since 1970.
    seen_at BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (app, kind, id)
);
CREATE INDEX articles_updated_at ON articles (app, kind, updated_at, id);

-- Drafts that were handed to WeChat to be published.
CREATE TABLE publications (
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    publish_id TEXT COLLATE "C" NOT NULL,
    -- The draft; null when it was handed in elsewhere.
    media_id TEXT COLLATE "C",
    title TEXT COLLATE "C" NOT NULL DEFAULT '',
    state TEXT COLLATE "C" NOT NULL,
    article_id TEXT COLLATE "C",
    -- The places of the articles that stood against it; JSON.
    failed_indexes TEXT COLLATE "C" NOT NULL DEFAULT '[]',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    -- When WeChat is to be asked what became of it; null when that is known.
    ask_at BIGINT,
    -- How often it was asked.
    asked BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (app, publish_id)
);
CREATE INDEX publications_created_at ON publications (app, created_at, publish_id);
CREATE INDEX publications_media_id ON publications (app, media_id);
CREATE INDEX publications_ask_at ON publications (ask_at) WHERE ask_at IS NOT NULL;
