//! POST /cgi-bin/media/uploadvideo

use serde::{Deserialize, Serialize};

use crate::api::{Ability, Body, Endpoint, Method};

/// Makes of an uploaded video one that mass messages can carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UploadVideo<'a> {
    /// The uploaded video.
    pub media_id: &'a str,
    /// What stands above it.
    pub title: &'a str,
    /// What stands below it; may be empty.
    pub description: &'a str,
}

/// The video for mass messages.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct MassVideo {
    /// Its id.
    pub media_id: String,
}

impl Endpoint for UploadVideo<'_> {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/media/uploadvideo";
    const NEEDS: Ability = Ability::MassMessages;
    const IDEMPOTENT: bool = true;
    type Answer = MassVideo;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Body::json(self)
    }
}
