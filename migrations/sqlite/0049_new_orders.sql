-- With each order that a plugin creates, those of the app's last days are counted that WeChat has not been told of.
CREATE INDEX orders_new ON orders (app, state, created_at) WHERE state = 'NEW';
