-- A plugin in an app that has used up what it may keep looks, with each further write, for what is over of its own.
CREATE INDEX plugin_kv_own_expiry ON plugin_kv (app, plugin, expires_at) WHERE expires_at IS NOT NULL;
