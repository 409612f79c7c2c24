//! What an annotated function becomes: itself, with its parameters used, and a registration beside it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Error, FnArg, ItemFn, Pat, ReturnType, Type, parse_quote, spanned::Spanned};

use crate::{function, kind::Kind, options::Options};

pub(crate) fn expand(kind: Kind, options: TokenStream, item: &TokenStream) -> TokenStream {
    let function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(error) => {
            let why = format!("#[{}] stands on a function: {error}", kind.attribute());
            return and_the_rest(&Error::new(error.span(), why), item);
        }
    };
    match syn::parse2(options).and_then(|options| registration(kind, &options, &function)) {
        Ok(registration) => {
            let function = with_parameters_used(function);
            quote!(#[allow(clippy::needless_pass_by_value)] #function #registration)
        }
        Err(error) => and_the_rest(&error, item),
    }
}

/// The error, and the item as it was: so the mistake is the only one that the compiler tells of.
fn and_the_rest(error: &Error, item: &TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #item)
}

/// What a function is handed is not its author's choice, so no warning tells of what it leaves.
fn with_parameters_used(mut function: ItemFn) -> ItemFn {
    let names: Vec<_> = function.sig.inputs.iter().filter_map(name).cloned().collect();
    function.block.stmts.splice(0..0, names.iter().map(|name| parse_quote!(let _ = &#name;)));
    function
}

fn name(parameter: &FnArg) -> Option<&Ident> {
    match parameter {
        FnArg::Typed(parameter) => match &*parameter.pat {
            Pat::Ident(pattern) => Some(&pattern.ident),
            _ => None,
        },
        FnArg::Receiver(_) => None,
    }
}

fn registration(kind: Kind, options: &Options, function: &ItemFn) -> syn::Result<TokenStream> {
    let parameters = function::parameters(kind, function)?;
    let name = match &options.name {
        Some(name) => name.value(),
        None => function::name(kind, function)?,
    };
    let description = function::description(options.description.as_ref(), function)?;
    let apps = &options.apps;
    let (input, registered) = (kind.input(), kind.registered());
    let (names, call) = call(kind, function, &parameters);
    let [message, context] = names;
    Ok(quote! {
        const _: () = {
            ::weft_plugin::__private::inventory::submit! {
                ::weft_plugin::__private::#registered {
                    entry: ::weft_plugin::__private::Entry {
                        name: #name,
                        description: #description,
                        apps: &[#(#apps),*],
                        package: ::weft_plugin::__private::Package {
                            name: ::core::env!("CARGO_PKG_NAME"),
                            version: ::core::env!("CARGO_PKG_VERSION"),
                            description: ::core::env!("CARGO_PKG_DESCRIPTION"),
                        },
                        place: (::core::module_path!(), ::core::line!(), ::core::column!()),
                    },
                    run: |#message: ::weft_plugin::#input, #context: ::weft_plugin::Context| #call,
                }
            }
        };
    })
}

/// The parameters of the registered closure, and its call of the function. Arguments and call
/// stand at the author's own types, so the compiler points there when they do not fit.
fn call(kind: Kind, function: &ItemFn, parameters: &[&Type]) -> ([Ident; 2], TokenStream) {
    let names = ["input", "context"].map(|name| Ident::new(name, Span::mixed_site()));
    let arguments = names.iter().zip(parameters).map(|(name, parameter)| {
        let mut argument = name.clone();
        argument.set_span(parameter.span().resolved_at(Span::mixed_site()));
        argument.into_token_stream()
    });
    let at = match &function.sig.output {
        ReturnType::Default => function.sig.ident.span(),
        ReturnType::Type(_, returned) => returned.span(),
    };
    let mut ident = function.sig.ident.clone();
    ident.set_span(at.resolved_at(ident.span()));
    let called = quote_spanned!(at=> #ident(#(#arguments),*));
    let returned = match kind {
        Kind::Handler => quote_spanned!(at=> IntoReply::into_reply),
        Kind::Rule => quote_spanned!(at=> Returns::<bool>::returns),
        Kind::Hook | Kind::RefundHook | Kind::Observer => quote_spanned!(at=> Returns::<()>::returns),
        Kind::Page => quote_spanned!(at=> Returns::<::weft_plugin::PageResponse>::returns),
    };
    let call = quote_spanned!(at=> ::weft_plugin::__private::#returned(#called));
    let mut names = names;
    for unused in &mut names[parameters.len()..] {
        *unused = Ident::new(&format!("_{unused}"), Span::mixed_site());
    }
    (names, call)
}
