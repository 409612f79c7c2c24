-- Whether a rollback went behind a version since it was last decided to run. Such a version is not what the next rollback
-- goes back to, and pushes out none that is.
ALTER TABLE plugin_versions ADD COLUMN rolled_back BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE plugin_versions SET rolled_back = TRUE WHERE ran_for_all AND EXISTS (
    SELECT 1 FROM plugin_decisions
    WHERE plugin_decisions.plugin = plugin_versions.plugin AND plugin_decisions.rolled_back = plugin_versions.digest
);
