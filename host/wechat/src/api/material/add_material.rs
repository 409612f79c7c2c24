//! POST /cgi-bin/material/add_material

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::api::media::MediaType;
use crate::api::{Ability, Body, Endpoint, FilePart, Method};

/// Uploads a permanent material. It counts against the account's quota, so a call of unknown outcome is not repeated.
#[derive(Debug, Clone)]
pub struct AddMaterial {
    /// What it is.
    pub media_type: MediaType,
    /// The file, see [`FilePart::media`].
    pub file: FilePart,
    /// The words of a video; only videos have them.
    pub description: Option<VideoDescription>,
}

/// The words of a video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VideoDescription {
    /// Title.
    pub title: String,
    /// What it is about.
    pub introduction: String,
}

/// What was uploaded.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AddedMaterial {
    /// Good until it is deleted.
    pub media_id: String,
    /// Where a picture is, for articles of this account.
    #[serde(default)]
    pub url: Option<String>,
}

impl Endpoint for AddMaterial {
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/cgi-bin/material/add_material";
    const NEEDS: Ability = Ability::Materials;
    const TIMEOUT: Duration = Duration::from_mins(1);
    type Answer = AddedMaterial;

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![("type", self.media_type.as_str().to_owned())]
    }

    fn body(&self) -> Result<Body, serde_json::Error> {
        let mut fields = Vec::new();
        if let Some(description) = &self.description {
            fields.push(("description", serde_json::to_string(description)?));
        }
        Ok(Body::Multipart { fields, file: self.file.clone() })
    }
}
