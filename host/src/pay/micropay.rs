//! Taking money by the code on the user's phone. There is no notification, and no answer is no outcome: WeChat is asked
//! until it knows, and the payment is taken back when it does not in time.

use std::net::IpAddr;
use std::time::Duration;

use weft_wechat::pay::v2::micropay::{Micropay, is_auth_code};
use weft_wechat::pay::{TradeState, TradeType};

use super::prepay::{NOWHERE, more_of_v2};
use super::{Pay, PayActionError, Shop};
use crate::model::{FieldError, Observation, ObservationSource, Order, OrderState, PayVersion};

/// How long to wait between two questions, and how often to ask: half a minute, as WeChat has it.
const PAUSE: Duration = Duration::from_secs(5);
const QUESTIONS: u32 = 6;

impl Pay {
    /// Takes the money of a MICROPAY order, and gives the order as it is in the end: paid, revoked, or what it was when
    /// WeChat refused.
    ///
    /// # Errors
    /// When the order cannot be paid so, or WeChat refuses.
    pub async fn pay_by_code(
        &self,
        shop: &Shop,
        order: &Order,
        auth_code: &str,
        client_ip: Option<IpAddr>,
    ) -> Result<Order, PayActionError> {
        let terms = &order.terms;
        if terms.trade_type != TradeType::Micropay || shop.merchant.api_version != PayVersion::V2 {
            return Err(PayActionError::State("only MICROPAY orders of v2 are paid by code".to_owned()));
        }
        if order.state != OrderState::New {
            return Err(begun_already(order));
        }
        if !is_auth_code(auth_code) {
            let message = "18 digits, the first two from 10 to 15: the code on the user's phone";
            return Err(PayActionError::Invalid(vec![FieldError::new("auth_code", message)]));
        }
        let call = Micropay {
            body: terms.body.clone(),
            out_trade_no: order.out_trade_no.clone(),
            total: terms.total_fee,
            client_ip: client_ip.or(terms.client_ip).unwrap_or(NOWHERE).to_string(),
            auth_code: auth_code.to_owned(),
            more: more_of_v2(terms),
        };
        let asked_at = self.0.clock.now_ms();
        // Stored before the call: wherever this is cut off, WeChat is asked later what became of it.
        let seen = Observation::done(ObservationSource::Prepay, TradeState::Notpay, asked_at, "micropay");
        let begun = self.apply(order, &seen).await?;
        let known = begun.order;
        // Only whoever makes the step goes on to the call: a second code could take the money twice.
        if begun.steps.is_empty() {
            return Err(begun_already(&known));
        }
        let asked_at = self.0.clock.now_ms();
        match self.0.gateway.v2(&shop.merchant, &order.party, &call).await {
            Ok(told) => {
                let seen = Observation::told(ObservationSource::Query, told, asked_at, "micropay");
                Ok(self.apply(&known, &seen).await?.order)
            }
            Err(error) if error.outcome_is_unknown() => {
                let seen = Observation::done(ObservationSource::Query, TradeState::Userpaying, asked_at, "micropay");
                let known = self.apply(&known, &seen).await?.order;
                self.ask_until_known(shop, known).await
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn ask_until_known(&self, shop: &Shop, order: Order) -> Result<Order, PayActionError> {
        let mut known = order;
        for _ in 0..QUESTIONS {
            tokio::time::sleep(PAUSE).await;
            // A question without an answer is asked again.
            known = self.query(shop, &known).await.unwrap_or(known);
            if !matches!(known.state, OrderState::Notpay | OrderState::Userpaying) {
                return Ok(known);
            }
        }
        self.reverse(shop, &known).await
    }
}

fn begun_already(order: &Order) -> PayActionError {
    PayActionError::State(format!("the order is {}: create another one to try again", order.state))
}
