//! The attributes of `weft-plugin`, which re-exports them.
//!
//! Each leaves its function as it was written and registers it beside it. All of them take the
//! same options, none of which has to be there:
//!
//! - `name = "vip"`: by which rules and settings name it; the function's name otherwise,
//! - `apps("shop", "media")`, or the names alone: the apps that it may run for; every app otherwise,
//! - `description = "…"`: for the operator; the first paragraph of the function's documentation
//!   otherwise.

mod expand;
mod function;
mod kind;
mod options;

use proc_macro::TokenStream;

use self::kind::Kind;

/// Makes a function answer messages.
///
/// It takes `(Message, Context)`, `(Message)` or nothing, and returns what is
/// `IntoReply`: `String`, `&str`, `Reply`, `()`, or an `Option` or `Result` of these.
///
/// ```ignore
/// /// Greets whoever writes.
/// #[message_handler(name = "vip", apps("shop", "media"))]
/// fn greet_vip(message: Message, context: Context) -> String {
///     format!("您好 {}", message.sender)
/// }
/// ```
#[proc_macro_attribute]
pub fn message_handler(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::Handler, options.into(), &function.into()).into()
}

/// Makes a function say whether a message is meant.
///
/// It takes `(Message, Context)`, `(Message)` or nothing, and returns `bool` or a `Result` of it.
#[proc_macro_attribute]
pub fn message_rule(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::Rule, options.into(), &function.into()).into()
}

/// Makes a function hear of orders that changed.
///
/// It takes `(OrderEvent, Context)`, `(OrderEvent)` or nothing, and returns `()` or a `Result` of
/// it. `Ok` takes the event off the list; after an error it comes again later.
#[proc_macro_attribute]
pub fn order_hook(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::Hook, options.into(), &function.into()).into()
}

/// Makes an order hook hear of refunds, too: that of the same name, or one of its own when there is none.
///
/// It takes `(RefundEvent, Context)`, `(RefundEvent)` or nothing, and returns `()` or a `Result` of
/// it. `Ok` takes the event off the list; after an error it comes again later.
///
/// ```ignore
/// #[order_hook]
/// fn fulfil(event: OrderEvent) { /* … */ }
///
/// #[refund_hook(name = "fulfil")]
/// fn take_back(event: RefundEvent) { /* … */ }
/// ```
#[proc_macro_attribute]
pub fn refund_hook(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::RefundHook, options.into(), &function.into()).into()
}

/// Makes a function hear of messages without answering them.
///
/// It takes `(Observation, Context)`, `(Observation)` or nothing, and returns `()` or a `Result`
/// of it.
#[proc_macro_attribute]
pub fn message_observer(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::Observer, options.into(), &function.into()).into()
}

/// Makes a function answer HTTP requests below `/wechat/{app}/pages/{plugin}/`.
///
/// It takes `(Request, Context)`, `(Request)` or nothing, and returns `Response` or a `Result` of
/// it.
#[proc_macro_attribute]
pub fn page(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::Page, options.into(), &function.into()).into()
}
