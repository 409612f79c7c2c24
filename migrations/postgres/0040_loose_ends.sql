-- The day in whose bill stands what this day's lacks; null where nobody has found it in another one.
ALTER TABLE bill_differences ADD COLUMN resolved_on TEXT COLLATE "C";
