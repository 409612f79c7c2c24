-- Beginnings of the paths of WeChat Pay that a plugin may call with the keys of the app's merchants, as JSON.
ALTER TABLE app_plugins ADD COLUMN pay_apis TEXT NOT NULL DEFAULT '[]';
