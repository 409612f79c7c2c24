//! What an annotated function becomes: itself, and a registration beside it.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Error, ItemFn, ReturnType, Type, spanned::Spanned};

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
        Ok(registration) => quote! {
            // What the function takes is not the author's choice.
            #[allow(clippy::needless_pass_by_value)]
            #function
            #registration
        },
        Err(error) => and_the_rest(&error, item),
    }
}

/// The error, and the item as it was: so the mistake is the only one that the compiler tells of.
fn and_the_rest(error: &Error, item: &TokenStream) -> TokenStream {
    let error = error.to_compile_error();
    quote!(#error #item)
}

fn registration(kind: Kind, options: &Options, function: &ItemFn) -> syn::Result<TokenStream> {
    let parameters = function::parameters(kind, function)?;
    let name = match &options.name {
        Some(name) => name.value(),
        None => function::name(kind, function)?,
    };
    let description =
        options.description.as_ref().map_or_else(|| function::documentation(function), syn::LitStr::value);
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

/// The parameters of the registered closure, and its call of the function. Each argument stands at
/// the author's own type, so the compiler points there when it is another.
fn call(kind: Kind, function: &ItemFn, parameters: &[&Type]) -> ([Ident; 2], TokenStream) {
    let names = ["input", "context"].map(|name| Ident::new(name, Span::mixed_site()));
    let arguments = names.iter().zip(parameters).map(|(name, parameter)| {
        let mut argument = name.clone();
        argument.set_span(parameter.span().resolved_at(Span::mixed_site()));
        argument.into_token_stream()
    });
    let ident = &function.sig.ident;
    let called = quote!(#ident(#(#arguments),*));
    let at = match &function.sig.output {
        ReturnType::Default => ident.span(),
        ReturnType::Type(_, returned) => returned.span(),
    };
    let call = if kind == Kind::Handler {
        quote_spanned!(at=> ::weft_plugin::__private::IntoReply::into_reply(#called))
    } else {
        quote_spanned!(at=> ::weft_plugin::__private::Returns::returns(#called))
    };
    let mut names = names;
    for unused in &mut names[parameters.len()..] {
        *unused = Ident::new(&format!("_{unused}"), Span::mixed_site());
    }
    (names, call)
}
