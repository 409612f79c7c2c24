-- What each plugin is to run, in every process of this database. `revision` is that of the settings when it was decided:
-- the newest one counts.
CREATE TABLE plugin_decisions (
    plugin TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    revision BIGINT NOT NULL,
    -- SHA-256 of the file; none when the plugin was removed.
    digest TEXT COLLATE "C",
    -- folder, upload, rollback, canary or delete
    source TEXT NOT NULL,
    -- What ran before a rollback. A file of this digest stays in the folder and does not run.
    rolled_back TEXT COLLATE "C",
    decided_at BIGINT NOT NULL
);
CREATE INDEX plugin_decisions_revision ON plugin_decisions (revision);

-- The last good versions of each plugin; `number` is the revision at which each came last.
CREATE TABLE plugin_versions (
    plugin TEXT COLLATE "C" NOT NULL,
    digest TEXT COLLATE "C" NOT NULL,
    number BIGINT NOT NULL,
    -- As the plugin says.
    version TEXT NOT NULL,
    size BIGINT NOT NULL,
    first_at BIGINT NOT NULL,
    bytes BYTEA NOT NULL,
    PRIMARY KEY (plugin, digest)
);

-- What runs in each process just now: JSON from plugin to digest. A row that grows old is of a process that has ended.
CREATE TABLE plugin_replicas (
    process TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    running TEXT NOT NULL,
    seen_at BIGINT NOT NULL
);
