//! An order of WeChat Pay: what was agreed on, and where it is.

mod observation;
mod state;
mod target;
mod terms;
mod transition;
mod view;

pub use observation::{Observation, ObservationSource};
pub use state::{OrderState, UnknownOrderState};
pub use target::{EventTarget, UnknownEventTarget};
pub use terms::{DEFAULT_TIME_LIMIT, OrderTerms};
pub use transition::{Alarm, OrderStep, Transition, transition};
pub use view::OrderView;

use weft_wechat::pay::Party;

/// An order. Times are seconds since 1970, where nothing else is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order {
    /// The app's name.
    pub app: String,
    /// The merchant's name in the app.
    pub merchant: String,
    /// The merchant's number of the order, unique within the merchant.
    pub out_trade_no: String,
    /// Whose it is, as of its creation: a payment to anybody else is none of this order.
    pub party: Party,
    /// What was agreed on; does not change.
    pub terms: OrderTerms,
    /// Where it is.
    pub state: OrderState,
    /// Whether WeChat itself said that it is closed or revoked; without it, only we think so.
    pub close_confirmed: bool,
    /// When what is known of the state was asked for, or told, in milliseconds since 1970.
    pub seen_at_ms: u64,
    /// WeChat's number. Once it is set it stays.
    pub transaction_id: Option<String>,
    /// Who paid, as the account knows them; whom the order is for, as long as nobody paid.
    pub openid: Option<String>,
    /// Who paid, as the sub-merchant's account knows them.
    pub sub_openid: Option<String>,
    /// When it was paid.
    pub paid_at: Option<u64>,
    /// What WeChat said of the payment beyond these, by WeChat's names.
    pub result: Vec<(String, String)>,
    /// Counts the accepted changes, beginning with 0.
    pub version: u64,
    /// When it was created.
    pub created_at: u64,
    /// When anything here last changed.
    pub updated_at: u64,
}

impl Order {
    /// A new order, before WeChat knows of it.
    pub fn new(app: &str, merchant: &str, out_trade_no: &str, party: Party, terms: OrderTerms, now: u64) -> Self {
        Self {
            app: app.to_owned(),
            merchant: merchant.to_owned(),
            out_trade_no: out_trade_no.to_owned(),
            party,
            openid: terms.openid.clone(),
            sub_openid: terms.sub_openid.clone(),
            terms,
            state: OrderState::New,
            close_confirmed: false,
            seen_at_ms: 0,
            transaction_id: None,
            paid_at: None,
            result: Vec::new(),
            version: 0,
            created_at: now,
            updated_at: now,
        }
    }
}
