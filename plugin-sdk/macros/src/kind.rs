//! The kinds of functions that a plugin has.

use proc_macro2::{Ident, Span};

/// What a function is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Handler,
    Rule,
    Hook,
    Observer,
    Page,
    RefundHook,
}

impl Kind {
    /// With its article, as error messages call it.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Handler => "a message handler",
            Self::Rule => "a message rule",
            Self::Hook => "an order hook",
            Self::Observer => "a message observer",
            Self::Page => "a page",
            Self::RefundHook => "a refund hook",
        }
    }

    /// The attribute.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Handler => "message_handler",
            Self::Rule => "message_rule",
            Self::Hook => "order_hook",
            Self::Observer => "message_observer",
            Self::Page => "page",
            Self::RefundHook => "refund_hook",
        }
    }

    /// The first parameter's type, which stands at the root of `weft_plugin`.
    pub(crate) fn input(self) -> Ident {
        let name = match self {
            Self::Handler | Self::Rule => "Message",
            Self::Hook => "OrderEvent",
            Self::Observer => "Observation",
            Self::Page => "PageRequest",
            Self::RefundHook => "RefundEvent",
        };
        Ident::new(name, Span::call_site())
    }

    /// What is registered, which stands in `weft_plugin::__private`.
    pub(crate) fn registered(self) -> Ident {
        let name = match self {
            Self::Handler => "Handler",
            Self::Rule => "Rule",
            Self::Hook => "Hook",
            Self::Observer => "Observer",
            Self::Page => "Page",
            Self::RefundHook => "RefundHook",
        };
        Ident::new(name, Span::call_site())
    }
}
