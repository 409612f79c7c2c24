-- Whether a version was ever decided to run for all users: a rollback goes back to such ones alone, and no canary pushes
-- them out. Of those that are there it is true only where it is known, as of what was decided last, what a rollback took
-- back, and a canary that was promoted: to take a canary that was taken back for one that ran would run it for all.
ALTER TABLE plugin_versions ADD COLUMN ran_for_all BOOLEAN NOT NULL DEFAULT FALSE;
UPDATE plugin_versions SET ran_for_all = TRUE WHERE EXISTS (
    SELECT 1 FROM plugin_decisions
    WHERE plugin_decisions.plugin = plugin_versions.plugin
        AND plugin_versions.digest IN (plugin_decisions.digest, plugin_decisions.rolled_back)
) OR EXISTS (
    SELECT 1 FROM plugin_canaries
    WHERE plugin_canaries.plugin = plugin_versions.plugin
        AND plugin_canaries.digest = plugin_versions.digest AND plugin_canaries.state = 'promoted'
);
