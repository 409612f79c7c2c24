//! What the annotated function may look like.

use proc_macro2::Span;
use quote::ToTokens;
use syn::{Error, Expr, FnArg, ItemFn, Lit, LitStr, Meta, Type, ext::IdentExt, spanned::Spanned};

use crate::{kind::Kind, options::check_name};

/// The parameters' types, if the host can call it.
pub(crate) fn parameters(kind: Kind, function: &ItemFn) -> syn::Result<Vec<&Type>> {
    let signature = &function.sig;
    let refuse = |at: &dyn ToTokens, why: &str| Err(Error::new_spanned(at, format!("{} {why}", kind.title())));
    if let Some(token) = &signature.asyncness {
        return refuse(token, "is not `async`: calls to the host wait without it");
    }
    if let Some(token) = &signature.unsafety {
        return refuse(token, "is not `unsafe`");
    }
    if let Some(token) = &signature.abi {
        return refuse(token, "is an ordinary Rust function");
    }
    if !signature.generics.params.is_empty() {
        return refuse(&signature.generics, "is not generic");
    }
    let inputs: Vec<_> = signature.inputs.iter().collect();
    if inputs.len() > 2 || signature.variadic.is_some() {
        let input = kind.input();
        return refuse(&signature.inputs, &format!("takes ({input}, Context), ({input}) or nothing"));
    }
    inputs
        .into_iter()
        .map(|input| match input {
            FnArg::Typed(parameter) => Ok(&*parameter.ty),
            FnArg::Receiver(this) => Err(Error::new(this.span(), format!("{} is no method", kind.title()))),
        })
        .collect()
}

/// The function's name as the manifest has it.
pub(crate) fn name(kind: Kind, function: &ItemFn) -> syn::Result<String> {
    let name = function.sig.ident.unraw().to_string();
    check_name(&name).map_err(|error| {
        let advice = format!("{error}; give it a name of its own: #[{}(name = \"…\")]", kind.attribute());
        Error::new(function.sig.ident.span(), advice)
    })?;
    Ok(name)
}

/// Bytes of a description: a server refuses a plugin with a longer one.
const DESCRIPTION_BYTES: usize = 1024;

/// What the operator reads: what the option says, and else the documentation.
pub(crate) fn description(option: Option<&LitStr>, function: &ItemFn) -> syn::Result<String> {
    let (text, at) = if let Some(option) = option {
        (option.value(), option.span())
    } else {
        let comment = function.attrs.iter().find(|attribute| documentation_text(attribute).is_some());
        (documentation(function), comment.map_or_else(Span::call_site, Spanned::span))
    };
    let bytes = text.len();
    if bytes > DESCRIPTION_BYTES {
        let why = format!(
            "the operator reads at most {DESCRIPTION_BYTES} bytes, and these are {bytes}: of a doc comment an empty line \
             ends what they read"
        );
        return Err(Error::new(at, why));
    }
    Ok(text)
}

/// The first paragraph of the function's documentation, as one line.
fn documentation(function: &ItemFn) -> String {
    let mut words = Vec::new();
    for line in function.attrs.iter().filter_map(documentation_text) {
        for line in line.lines().map(str::trim) {
            match (line.is_empty(), words.is_empty()) {
                (false, _) => words.push(line.to_owned()),
                (true, true) => {}
                (true, false) => return words.join(" "),
            }
        }
        // `///` alone is an empty text, which has no lines.
        if line.is_empty() && !words.is_empty() {
            break;
        }
    }
    words.join(" ")
}

fn documentation_text(attribute: &syn::Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => match &meta.value {
            Expr::Lit(literal) => match &literal.lit {
                Lit::Str(text) => Some(text.value()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::Span;
    use syn::parse_quote;

    use super::{DESCRIPTION_BYTES, description, documentation, name, parameters};
    use crate::kind::Kind;

    #[test]
    fn the_description_is_the_first_paragraph() {
        let function = parse_quote! {
            /// Greets whoever
            /// writes.
            ///
            /// Not this.
            fn greet() {}
        };
        assert_eq!(documentation(&function), "Greets whoever writes.");
        let function = parse_quote! {
            #[doc = "\nOne\n two.\n\nNot this."]
            fn greet() {}
        };
        assert_eq!(documentation(&function), "One two.");
    }

    #[test]
    fn a_description_that_a_server_refuses_does_not_compile() {
        let text = "好".repeat(DESCRIPTION_BYTES / 3);
        let described = |text: &str| {
            let function = parse_quote! {
                #[doc = #text]
                #[doc = ""]
                #[doc = "There may be as much as there likes to be of this."]
                fn greet() {}
            };
            description(None, &function)
        };
        assert_eq!(described(&text).unwrap(), text);
        let error = described(&format!("{text}好")).unwrap_err().to_string();
        assert!(error.contains("at most 1024 bytes, and these are 1026"), "{error}");
        let function = parse_quote! {
            fn greet() {}
        };
        let option = syn::LitStr::new(&"x".repeat(1025), Span::call_site());
        assert!(description(Some(&option), &function).is_err());
        let option = syn::LitStr::new("Greets.", Span::call_site());
        assert_eq!(description(Some(&option), &function).unwrap(), "Greets.");
    }

    #[test]
    fn a_function_that_cannot_be_called_is_refused_in_words() {
        let refused = |function: syn::ItemFn| parameters(Kind::Hook, &function).err().unwrap().to_string();
        assert!(
            refused(parse_quote!(
                async fn paid() {}
            ))
            .contains("an order hook is not `async`")
        );
        assert!(
            refused(parse_quote!(
                unsafe fn paid() {}
            ))
            .contains("not `unsafe`")
        );
        assert!(
            refused(parse_quote!(
                extern "C" fn paid() {}
            ))
            .contains("ordinary Rust function")
        );
        assert!(
            refused(parse_quote!(
                fn paid<T>(event: T) {}
            ))
            .contains("not generic")
        );
        assert!(
            refused(parse_quote!(
                fn paid(&self) {}
            ))
            .contains("no method")
        );
        assert!(
            refused(parse_quote!(
                fn paid(a: A, b: B, c: C) {}
            ))
            .contains("takes (OrderEvent, Context)")
        );
    }

    #[test]
    fn a_name_that_the_manifest_refuses_needs_another() {
        assert_eq!(
            name(
                Kind::Page,
                &parse_quote!(
                    fn r#match() {}
                )
            )
            .unwrap(),
            "match"
        );
        let error = name(
            Kind::Page,
            &parse_quote!(
                fn 问候() {}
            ),
        )
        .unwrap_err()
        .to_string();
        assert!(error.contains("#[page(name = "), "{error}");
    }
}
