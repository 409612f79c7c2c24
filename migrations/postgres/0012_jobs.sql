-- Long work for an app, such as a sync, that goes on after a crash: by whichever process has it next.
CREATE TABLE jobs (
    -- UUIDs of version 7: newer ones are greater.
    id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    app TEXT COLLATE "C" NOT NULL REFERENCES apps (name) ON DELETE CASCADE,
    kind TEXT COLLATE "C" NOT NULL,
    -- Tells apart what may be unfinished at once of one kind.
    key TEXT COLLATE "C" NOT NULL,
    -- Who has it in the app, or manages the app, may see the job and cancel it.
    permission TEXT COLLATE "C" NOT NULL,
    -- For people: the token that started it.
    created_by TEXT NOT NULL,
    -- queued, running, done, failed or cancelled.
    state TEXT COLLATE "C" NOT NULL,
    -- JSON: what is to be done.
    input TEXT NOT NULL,
    -- JSON: where to go on.
    checkpoint TEXT,
    done BIGINT NOT NULL DEFAULT 0,
    total BIGINT,
    -- JSON.
    result TEXT,
    -- Why it failed, or why it waits.
    error TEXT,
    -- Whether somebody wants it to end, while it runs.
    cancelled BOOLEAN NOT NULL DEFAULT FALSE,
    -- How often it has been begun: what an earlier run still writes does not count.
    run BIGINT NOT NULL DEFAULT 0,
    -- How often it came to nothing since it last got further.
    attempts BIGINT NOT NULL DEFAULT 0,
    -- Not before, while it is queued.
    due_at BIGINT NOT NULL,
    -- The process that runs it, and until when nobody else may.
    lease_holder TEXT COLLATE "C",
    lease_until BIGINT,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT
);
CREATE UNIQUE INDEX jobs_unfinished ON jobs (app, kind, key) WHERE state IN ('queued', 'running');
-- One of a kind runs in an app at a time.
CREATE UNIQUE INDEX jobs_running ON jobs (app, kind) WHERE state = 'running';
CREATE INDEX jobs_app ON jobs (app, id);
CREATE INDEX jobs_due_at ON jobs (due_at) WHERE state IN ('queued', 'running');
CREATE INDEX jobs_finished_at ON jobs (finished_at);
