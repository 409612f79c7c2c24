-- Whether a plugin may serve pages in the app's name.
ALTER TABLE app_plugins ADD COLUMN pages BOOLEAN NOT NULL DEFAULT FALSE;
