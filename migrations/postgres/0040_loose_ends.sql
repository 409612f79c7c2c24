-- The day in whose bill stands what this day's lacks; null where nobody has found it in another one.
ALTER TABLE bill_differences ADD COLUMN resolved_on TEXT COLLATE "C";

-- Of whom WeChat is being asked, or was when a process ended: few of them all.
CREATE INDEX send_recipients_sending ON send_recipients (tried_at) WHERE outcome = 'sending';

-- How many calls for a refund WeChat has not refused for certain: where it has refused every one, the refund may be given
-- up. Of those that are there nobody knows.
ALTER TABLE refunds ADD COLUMN unsure_calls BIGINT NOT NULL DEFAULT 1;
