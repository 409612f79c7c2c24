//! POST /cgi-bin/media/upload

use std::time::Duration;

use serde::Deserialize;

use super::MediaType;
use crate::api::{Ability, Body, Endpoint, FilePart, Method};

/// Uploads temporary media.
#[derive(Debug, Clone)]
pub struct MediaUpload {
    /// What it is.
    pub media_type: MediaType,
    /// The file, see [`FilePart::media`].
    pub file: FilePart,
}

/// What was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Uploaded {
    /// Good for three days.
    #[serde(alias = "thumb_media_id")]
    pub media_id: String,
    /// Seconds since 1970.
    pub created_at: u64,
}

impl Endpoint for MediaUpload {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/media/upload";
    const NEEDS: Ability = Ability::Api;
    // Uploaded twice, it is two files, one of which ends unused after three days.
    const IDEMPOTENT: bool = true;
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Answer = Uploaded;

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![("type", self.media_type.as_str().to_owned())]
    }

    fn body(&self) -> Result<Body, serde_json::Error> {
        Ok(Body::Multipart { fields: Vec::new(), file: self.file.clone() })
    }
}
