//! What stands in the parentheses of an attribute.

use syn::{
    Ident, LitStr, Token, parenthesized,
    parse::{Parse, ParseStream},
    punctuated::Punctuated,
};

#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) apps: Vec<LitStr>,
}

type Texts = Punctuated<LitStr, Token![,]>;

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            if input.peek(LitStr) {
                options.apps.push(app(input.parse()?)?);
            } else {
                options.parse_named(input)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

impl Options {
    fn parse_named(&mut self, input: ParseStream<'_>) -> syn::Result<()> {
        let key: Ident = input.parse()?;
        let text = || {
            input.parse::<Token![=]>()?;
            input.parse::<LitStr>()
        };
        let twice = || syn::Error::new(key.span(), format!("`{key}` stands here twice"));
        if key == "name" {
            let name = text()?;
            check_name(&name.value()).map_err(|error| syn::Error::new(name.span(), error))?;
            self.name.replace(name).map_or(Ok(()), |_| Err(twice()))
        } else if key == "description" {
            self.description.replace(text()?).map_or(Ok(()), |_| Err(twice()))
        } else if key == "apps" {
            let names;
            parenthesized!(names in input);
            let names = Texts::parse_terminated(&names)?;
            if names.is_empty() {
                return Err(syn::Error::new(key.span(), "`apps` names at least one app; leave it out for every app"));
            }
            for name in names {
                self.apps.push(app(name)?);
            }
            Ok(())
        } else {
            let known = "name = \"…\", apps(\"…\") and description = \"…\"";
            Err(syn::Error::new(key.span(), format!("there is no option `{key}`, only {known}")))
        }
    }
}

fn app(name: LitStr) -> syn::Result<LitStr> {
    if name.value().trim().is_empty() { Err(syn::Error::new(name.span(), "an app has a name")) } else { Ok(name) }
}

/// The names that the manifest allows.
pub(crate) fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte);
    if (1..=64).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(format!("`{name}` has to be 1 to 64 of a-z, 0-9, `_` and `-`"))
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn error(options: &str) -> String {
        syn::parse_str::<Options>(options).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn every_option_is_read() {
        let options: Options =
            syn::parse_str(r#"name = "vip-2", apps("shop", "media"), description = "For members.","#).unwrap();
        assert_eq!(options.name.unwrap().value(), "vip-2");
        assert_eq!(options.description.unwrap().value(), "For members.");
        assert_eq!(options.apps.iter().map(syn::LitStr::value).collect::<Vec<_>>(), ["shop", "media"]);
    }

    #[test]
    fn apps_may_stand_alone() {
        let options: Options = syn::parse_str(r#""shop", "media", name = "x""#).unwrap();
        assert_eq!(options.apps.len(), 2);
        assert_eq!(options.name.unwrap().value(), "x");
    }

    #[test]
    fn a_name_outside_the_manifests_letters_is_refused() {
        for name in ["", "VIP", "é", "a b", &"a".repeat(65)] {
            assert!(error(&format!("name = {name:?}")).contains("1 to 64 of a-z"), "{name}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        assert!(error(r#"nam = "x""#).contains("there is no option `nam`"));
        assert!(error(r#"name = "x", name = "y""#).contains("twice"));
        assert!(error("apps()").contains("at least one app"));
        assert!(error(r#"" ""#).contains("an app has a name"));
    }
}
