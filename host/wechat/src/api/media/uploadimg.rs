//! POST /cgi-bin/media/uploadimg

use std::time::Duration;

use serde::Deserialize;

use crate::api::{Ability, Body, Endpoint, FilePart, Method};

/// The largest picture, in bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Uploads a picture for the text of articles: JPG or PNG of at most [`MAX_BYTES`]. It is no material and does not
/// count against the quota of materials.
#[derive(Debug, Clone)]
pub struct UploadImg {
    /// The file, see [`FilePart::media`].
    pub file: FilePart,
}

/// Where the picture is.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UploadedImg {
    /// For articles of WeChat's.
    pub url: String,
}

impl Endpoint for UploadImg {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/media/uploadimg";
    const NEEDS: Ability = Ability::Materials;
    // Uploaded twice, it has two addresses, one of which is not used.
    const IDEMPOTENT: bool = true;
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Answer = UploadedImg;

    fn body(&self) -> Result<Body, serde_json::Error> {
        Ok(Body::Multipart { fields: Vec::new(), file: self.file.clone() })
    }
}
