//! What a plugin asks of the host's interfaces goes through here: it is timed and kept, and a call that is made again
//! gets the answers of the first time instead.
//!
//! Not so `context`, `config` and `log`: what they say is in the receipt itself.

use wasmtime::component::HasData;

use super::{HostError, types};
use crate::plugins::{
    bindings::imported::{
        http, kv, message,
        messages::{self, SubscribeMessage, TemplateMessage},
        order, orders, pay, reply, users, wechat,
    },
    instance::State,
};

/// A call's state while the host is asked for something.
pub(in crate::plugins) struct Recorded<'a>(&'a mut State);

/// Has the linker hand a [`Recorded`] to the interfaces.
pub(in crate::plugins) struct Recording;

impl HasData for Recording {
    type Data<'a> = Recorded<'a>;
}

/// A call's state, recorded from here on.
pub(in crate::plugins) fn recorded(state: &mut State) -> Recorded<'_> {
    Recorded(state)
}

macro_rules! recorded {
    ($($interface:ident {
        $($variant:ident $name:literal: $function:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*
    })*) => {
        /// The functions of the host that a plugin can call and that are recorded.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Function {
            $($(
                #[doc = concat!("`", $name, "`")]
                $variant,
            )*)*
        }

        impl Function {
            /// All functions.
            pub const ALL: &[Self] = &[$($(Self::$variant,)*)*];

            /// Interface and function, as in the WIT.
            pub fn name(self) -> &'static str {
                match self {
                    $($(Self::$variant => $name,)*)*
                }
            }
        }

        $(impl $interface::Host for Recorded<'_> {
            $(async fn $function(&mut self, $($argument: $type),*) -> Result<$answer, HostError> {
                let asked = self.0.trace.record_question(Function::$variant, &($(&$argument,)*));
                let answer = match self.0.trace.replay_answer(asked) {
                    Some(answer) => answer,
                    None => $interface::Host::$function(&mut *self.0, $($argument),*).await,
                };
                self.0.trace.record_answer(asked, &answer);
                answer
            })*
        })*
    };
}

recorded! {
    kv {
        KvGet "kv.get": get(key: String) -> Option<kv::Entry>;
        KvSet "kv.set": set(key: String, value: Vec<u8>, ttl_seconds: Option<u32>) -> u64;
        KvCompareAndSet "kv.compare-and-set":
            compare_and_set(key: String, expected: Option<u64>, value: Vec<u8>, ttl_seconds: Option<u32>) -> u64;
        KvDelete "kv.delete": delete(key: String) -> bool;
        KvKeys "kv.keys": keys(prefix: String, after: Option<String>, limit: u32) -> Vec<String>;
    }
    http {
        HttpSend "http.send": send(request: http::Request) -> http::Response;
    }
    wechat {
        WechatCall "wechat.call": call(request: wechat::Request) -> wechat::Response;
    }
    messages {
        SendCustomerService "messages.send-customer-service":
            send_customer_service(openid: String, content: reply::Reply) -> ();
        SendTemplate "messages.send-template": send_template(message: TemplateMessage) -> u64;
        SendSubscribe "messages.send-subscribe": send_subscribe(message: SubscribeMessage) -> ();
    }
    users {
        UsersFind "users.find": find(openid: String) -> Option<users::User>;
        UsersFetch "users.fetch": fetch(openid: String) -> users::User;
        UsersSetRemark "users.set-remark": set_remark(openid: String, remark: String) -> ();
        UsersAddTag "users.add-tag": add_tag(openid: String, name: String) -> ();
        UsersRemoveTag "users.remove-tag": remove_tag(openid: String, name: String) -> ();
    }
    orders {
        OrdersFind "orders.find":
            find(merchant: Option<String>, out_trade_no: String) -> Option<order::Order>;
        OrdersCreate "orders.create": create(order: orders::NewOrder) -> order::Order;
        OrdersPrepay "orders.prepay":
            prepay(merchant: Option<String>, out_trade_no: String) -> Vec<types::Field>;
        OrdersQuery "orders.query": query(merchant: Option<String>, out_trade_no: String) -> order::Order;
        OrdersCreateRefund "orders.create-refund": create_refund(refund: orders::NewRefund) -> orders::Refund;
    }
    pay {
        PayCallV3 "pay.call-v3": call_v3(request: pay::V3Request) -> String;
        PayCallV2 "pay.call-v2": call_v2(request: pay::V2Request) -> String;
    }
}

impl types::Host for Recorded<'_> {
    fn convert_error(&mut self, error: HostError) -> wasmtime::Result<types::Error> {
        types::Host::convert_error(self.0, error)
    }
}
impl message::Host for Recorded<'_> {}
impl reply::Host for Recorded<'_> {}
impl order::Host for Recorded<'_> {}
