//! Messages outside the answer to one. Needs the grant `wechat_apis` for the path that each function
//! names.
//!
//! ```
//! use weft_plugin::{prelude::*, testing::{Host, Sent}};
//!
//! fn remind(openid: &str) -> Result<()> {
//!     messages::send_customer_service(openid, "您的订单已发货")?;
//!     Ok(())
//! }
//!
//! let host = Host::new().grant_messages();
//! remind("o1").unwrap();
//! assert_eq!(host.sent(), [Sent::CustomerService { openid: "o1".into(), content: "您的订单已发货".into() }]);
//! ```

pub use crate::bindings::imported::messages::{MiniProgram, SubscribeMessage, TemplateMessage};
use crate::{error::Error, imports, reply::Reply};

/// Sends a customer-service message: `/cgi-bin/message/custom/send`. WeChat takes it for 48 hours after
/// the user wrote, and for a minute after the user followed, scanned a QR code or tapped a menu.
pub fn send_customer_service(openid: &str, content: impl Into<Reply>) -> Result<(), Error> {
    imports::messages::send_customer_service(openid, &content.into())
}

/// Sends a template message: `/cgi-bin/message/template/send`. Returns the msgid that the event of
/// its end names.
pub fn send_template(message: &TemplateMessage) -> Result<u64, Error> {
    imports::messages::send_template(message)
}

/// Sends a subscription message: `/cgi-bin/message/subscribe/bizsend`, and
/// `/cgi-bin/message/subscribe/send` for mini programs.
pub fn send_subscribe(message: &SubscribeMessage) -> Result<(), Error> {
    imports::messages::send_subscribe(message)
}
