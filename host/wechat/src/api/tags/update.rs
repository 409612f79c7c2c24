//! POST /cgi-bin/tags/update

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Gives a tag another name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UpdateTag<'a> {
    /// Which.
    pub id: u32,
    /// Its new name.
    pub name: &'a str,
}

impl Endpoint for UpdateTag<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/tags/update";
    const NEEDS: Ability = Ability::Users;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        #[derive(Serialize)]
        struct Wrapped<'a> {
            tag: &'a UpdateTag<'a>,
        }
        Body::json(&Wrapped { tag: self })
    }
}
