//! POST /cgi-bin/tags/delete

use serde::Serialize;

use crate::api::{Ability, Body, Done, Endpoint, Method};

/// Deletes a tag, and takes it off its users. WeChat refuses with 45057 when they are more than
/// [`MAX_USERS_TO_DELETE`](super::MAX_USERS_TO_DELETE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DeleteTag {
    /// Which.
    pub id: u32,
}

impl Endpoint for DeleteTag {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/tags/delete";
    const NEEDS: Ability = Ability::Users;
    type Answer = Done;

    fn body(&self) -> Result<Body, serde_json::Error> {
        #[derive(Serialize)]
        struct Wrapped {
            tag: DeleteTag,
        }
        Body::json(&Wrapped { tag: *self })
    }
}
