#![doc = include_str!("../README.md")]

mod bindings;
mod entry;
mod imports;

mod config;
pub mod context;
mod error;
mod handlers;
pub mod hooks;
pub mod http;
pub mod kv;
pub mod log;
pub mod manifest;
pub mod message;
pub mod messages;
pub mod observers;
pub mod order;
pub mod orders;
pub mod pages;
pub mod reply;
mod rules;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod users;
pub mod wechat;

pub use self::{
    context::{App, AppType, Context, Field},
    error::{Error, WechatError},
    hooks::{OrderEvent, Refund, RefundEvent, RefundState},
    message::{Content, Event, Message},
    observers::Observation,
    order::{Order, State as OrderState, TradeType},
    pages::{Request, Response},
    reply::{Article, IntoReply, Reply},
};
pub use weft_plugin_macros::{message_handler, message_observer, message_rule, order_hook, page, refund_hook};

/// For the code that the macros write.
#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use crate::{
        entry::{Entry, Package, Returns},
        handlers::Handler,
        hooks::{Hook, RefundHook},
        manifest::Asks,
        observers::Observer,
        pages::Page,
        reply::IntoReply,
        rules::Rule,
    };
}
