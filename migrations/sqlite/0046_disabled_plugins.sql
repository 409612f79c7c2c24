-- Plugins that the operator has switched off, in every process of this database, whether their files are there or not.
CREATE TABLE disabled_plugins (
    plugin TEXT NOT NULL PRIMARY KEY,
    disabled_at BIGINT NOT NULL
);
