//! POST /cgi-bin/freepublish/delete

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Takes published articles away from readers, for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeletePublished<'a> {
    /// Which.
    pub article_id: &'a str,
    /// One of them by its place, of which the first is 1; 0 for all.
    pub index: u32,
}

impl Endpoint for DeletePublished<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/freepublish/delete";
    const NEEDS: Ability = Ability::Materials;
    const IDEMPOTENT: bool = true;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
