//! Why what was asked for with an order was not done.

use crate::model::FieldError;
use crate::storage::StoreError;
use crate::upstream::PayError;

/// Why nothing became of a wish about an order.
#[derive(Debug, thiserror::Error)]
pub enum PayActionError {
    /// The order is not where it would have to be.
    #[error("{0}")]
    State(String),
    /// Something that was asked for cannot be.
    #[error("what was asked for cannot be · 请求的内容有误")]
    Invalid(Vec<FieldError>),
    /// There is another one of that number.
    #[error("{0}")]
    Conflict(String),
    /// There are too many that WeChat has not been told of, with this limit on them.
    #[error(
        "the app has {0} orders of the last week that WeChat Pay has not been told of (plugins.open_orders): prepay or close some of them first · 账号最近一周已有 {0} 个订单尚未提交给微信支付（plugins.open_orders），请先预支付或关闭一些"
    )]
    Full(u64),
    /// WeChat Pay.
    #[error(transparent)]
    Gateway(#[from] PayError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
}
