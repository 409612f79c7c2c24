//! [wechat-api]: crate::wechat
//! [zh-CN]: crate::chinese
//!
// The README's links lead to files. Here they lead to modules, as the first definition of a link is the one that counts.
#![doc = include_str!("../README.md")]

mod bindings;
mod entry;
mod imports;
mod logger;
#[cfg(target_family = "wasm")]
mod panic;

mod config;
pub mod context;
mod error;
mod handlers;
pub mod hooks;
pub mod http;
pub mod kv;
pub mod manifest;
pub mod message;
pub mod messages;
pub mod observers;
pub mod order;
pub mod orders;
pub mod pages;
pub mod pay;
pub mod reply;
mod rules;
#[cfg(not(target_family = "wasm"))]
pub mod testing;
pub mod users;
pub mod wechat;

pub use self::{
    context::{App, AppType, Context, Field},
    error::{Error, Failure, WechatError},
    hooks::{OrderEvent, Refund, RefundEvent, RefundState},
    message::{Content, Event, Message},
    observers::Observation,
    order::{Order, State as OrderState, TradeType},
    pages::{PageRequest, PageResponse},
    reply::{Article, IntoReply, Reply},
};
/// The crate `log`, whose lines go to the operator.
#[doc(no_inline)]
pub use log;
/// Makes a function answer messages.
///
/// It takes `(Message, Context)`, `(Message)` or nothing, and returns what is [`IntoReply`]:
/// `String`, `&str`, [`Reply`], [`Article`], `()`, or an `Option` or `Result` of these.
///
/// ```
/// use weft_plugin::prelude::*;
///
/// /// Greets whoever writes.
/// #[message_handler(name = "vip", apps("shop", "media"))]
/// fn greet_vip(message: Message, context: Context) -> String {
///     format!("您好 {}，欢迎光临{}", message.sender, context.app().title)
/// }
/// ```
///
/// Two handlers of one name are the author's mistake, as are two functions of any other kind. It ends the plugin's test and
/// its loading:
///
/// ```should_panic,standalone_crate
/// # use weft_plugin::{prelude::*, testing::TestHost};
/// #[message_handler]
/// fn greet() {}
///
/// mod vip {
///     # use weft_plugin::prelude::*;
///     #[message_handler]
///     fn greet() {}
/// }
///
/// TestHost::new().describe();
/// ```
///
/// What cannot be an answer does not compile, and the compiler says what can:
///
/// ```compile_fail,E0277
/// # use weft_plugin::prelude::*;
/// #[message_handler]
/// fn count(message: Message) -> usize {
///     message.text().map_or(0, str::len)
/// }
/// ```
///
/// Nor does what the host cannot call, or an option that there is not:
///
/// ```compile_fail
/// # use weft_plugin::prelude::*;
/// #[message_handler]
/// async fn greet(message: Message) -> &'static str {
///     "hi"
/// }
/// ```
///
/// ```compile_fail
/// # use weft_plugin::prelude::*;
/// #[message_handler(app = "shop")]
/// fn greet(message: Message) -> &'static str {
///     "hi"
/// }
/// ```
pub use weft_plugin_macros::message_handler;
/// Makes a function hear of messages without answering them.
///
/// It takes `(Observation, Context)`, `(Observation)` or nothing, and returns `()` or a `Result`
/// of it. There is an example in [`observers`].
pub use weft_plugin_macros::message_observer;
/// Makes a function say whether a message is meant.
///
/// It takes `(Message, Context)`, `(Message)` or nothing, and returns `bool` or a `Result` of it.
/// Rules of an app name it: `{"type": "custom", "handler": "my_plugin/is_long"}`.
///
/// ```
/// use weft_plugin::{prelude::*, testing};
///
/// #[message_rule]
/// fn is_long(message: Message) -> bool {
///     message.text().is_some_and(|text| text.chars().count() > 100)
/// }
///
/// assert!(!is_long(testing::text("o1", "short")));
/// ```
pub use weft_plugin_macros::message_rule;
/// Makes a function hear of orders that changed.
///
/// It takes `(OrderEvent, Context)`, `(OrderEvent)` or nothing, and returns `()` or a `Result` of
/// it. `Ok` takes the event off the list; after an error it comes again later. There is an example
/// in [`hooks`].
pub use weft_plugin_macros::order_hook;
/// Makes a function answer HTTP requests below `/wechat/{app}/pages/{plugin}/`.
///
/// It takes `(PageRequest, Context)`, `(PageRequest)` or nothing, and returns [`PageResponse`] or a `Result` of
/// it. There is an example in [`pages`].
pub use weft_plugin_macros::page;
/// Makes an order hook hear of refunds, too: that of the same name, or one of its own when there is none.
///
/// It takes `(RefundEvent, Context)`, `(RefundEvent)` or nothing, and returns `()` or a `Result` of
/// it. `Ok` takes the event off the list; after an error it comes again later.
///
/// ```
/// use weft_plugin::{prelude::*, testing::{self, TestHost}};
///
/// #[order_hook]
/// fn fulfil(event: OrderEvent) {
///     log::info!("{} is {}", event.order.out_trade_no, event.state);
/// }
///
/// #[refund_hook(name = "fulfil")]
/// fn take_back(event: RefundEvent) {
///     log::info!("{} fen of {} go back", event.refund.refund_fee, event.order.out_trade_no);
/// }
///
/// let (order, refund) = (testing::order("A1", 100), testing::refund("R1", 60));
/// let event = testing::refund_event(order, refund, RefundState::New);
/// TestHost::new().refund_updated("fulfil", event).unwrap();
/// ```
///
/// Both functions are one hook: its description and its apps are those of the order hook. Apps that only the refund hook
/// names are the author's mistake, which ends the plugin's test and its loading:
///
/// ```should_panic,standalone_crate
/// # use weft_plugin::{prelude::*, testing::TestHost};
/// #[order_hook]
/// fn fulfil() {}
///
/// #[refund_hook(name = "fulfil", apps("shop"))]
/// fn take_back() {}
///
/// TestHost::new().describe();
/// ```
///
/// So are two refund hooks of one name:
///
/// ```should_panic,standalone_crate
/// # use weft_plugin::{prelude::*, testing::TestHost};
/// #[order_hook]
/// fn fulfil() {}
///
/// #[refund_hook(name = "fulfil")]
/// fn take_back() {}
///
/// #[refund_hook(name = "fulfil")]
/// fn take_back_again() {}
///
/// TestHost::new().describe();
/// ```
pub use weft_plugin_macros::refund_hook;

/// What a plugin's functions return when they may fail: `?` takes nearly [every error](Failure), and texts.
pub type Result<T, E = Failure> = std::result::Result<T, E>;

/// All that most plugins need: `use weft_plugin::prelude::*;`.
pub mod prelude {
    #[doc(no_inline)]
    pub use crate::{
        AppType, Article, Content, Context, Error, Event, Failure, Message, Observation, Order, OrderEvent, OrderState,
        PageRequest, PageResponse, Refund, RefundEvent, RefundState, Reply, Result, TradeType, WechatError, asks, http,
        kv, log, message_handler, message_observer, message_rule, messages, order_hook, orders, page, pay, refund_hook,
        users, wechat,
    };
}

/// [en]: crate
/// [wechat-api]: crate::wechat
///
#[doc = include_str!("../README.zh-CN.md")]
#[cfg(doc)]
pub mod chinese {}

/// For the code that the macros write, and for the compiler: nobody writes these names.
#[doc(hidden)]
pub mod __private {
    pub use inventory;

    pub use crate::{
        entry::{Entry, Package, Returns},
        error::{IntoError, IntoFailure},
        handlers::Handler,
        hooks::{Hook, RefundHook},
        manifest::Asked,
        observers::Observer,
        pages::Page,
        reply::IntoReply,
        rules::Rule,
    };
}
