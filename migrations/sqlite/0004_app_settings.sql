-- Settings of an app that nothing is looked up by, as one JSON object: what is absent has its default.
ALTER TABLE apps ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
