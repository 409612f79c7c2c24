//! Templates of subscribe messages (订阅消息, 订阅通知), of mini programs and service accounts.

pub mod addtemplate;
pub mod deltemplate;
pub mod gettemplate;
