//! The attributes of `weft-plugin`, which re-exports them.
//!
//! Each leaves its function as an ordinary one and registers it beside it; that the host hands it parameters which it
//! does not use is no warning. All of them take the same options, none of which has to be there:
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

/// In its parentheses may stand `name = "…"`, `apps("…")` and `description = "…"`.
#[proc_macro_attribute]
pub fn message_handler(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::Handler, options.into(), &function.into()).into()
}

/// In its parentheses may stand `name = "…"`, `apps("…")` and `description = "…"`.
#[proc_macro_attribute]
pub fn message_rule(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::Rule, options.into(), &function.into()).into()
}

/// In its parentheses may stand `name = "…"`, `apps("…")` and `description = "…"`.
#[proc_macro_attribute]
pub fn order_hook(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::Hook, options.into(), &function.into()).into()
}

/// In its parentheses may stand `name = "…"`, `apps("…")` and `description = "…"`.
#[proc_macro_attribute]
pub fn refund_hook(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::RefundHook, options.into(), &function.into()).into()
}

/// In its parentheses may stand `name = "…"`, `apps("…")` and `description = "…"`.
#[proc_macro_attribute]
pub fn message_observer(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::Observer, options.into(), &function.into()).into()
}

/// In its parentheses may stand `name = "…"`, `apps("…")` and `description = "…"`.
#[proc_macro_attribute]
pub fn page(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(Kind::Page, options.into(), &function.into()).into()
}
