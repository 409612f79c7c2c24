//! POST /cgi-bin/tags/create

use serde::{Deserialize, Serialize};

use super::Tag;
use crate::api::{Ability, Body, Endpoint, Method};

/// Makes a tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CreateTag<'a> {
    /// Its name, which no other tag has.
    pub name: &'a str,
}

/// The new tag.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct CreatedTag {
    /// With the id that it has from now on.
    pub tag: Tag,
}

impl Endpoint for CreateTag<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/tags/create";
    const NEEDS: Ability = Ability::Users;
    type Answer = CreatedTag;

    fn body(&self) -> Result<Body, serde_json::Error> {
        #[derive(Serialize)]
        struct Wrapped<'a> {
            tag: Named<'a>,
        }
        #[derive(Serialize)]
        struct Named<'a> {
            name: &'a str,
        }
        Body::json(&Wrapped { tag: Named { name: self.name } })
    }
}
