-- The refund that an event is about, and where it was before, as JSON; none for a change of the order itself.
ALTER TABLE order_events ADD COLUMN refund TEXT;
