//! Forms with a file.

use std::collections::HashMap;

use axum::{
    extract::{
        Multipart,
        multipart::{MultipartError, MultipartRejection},
    },
    http::StatusCode,
};
use bytes::Bytes;
use weft_wechat::api::media::MediaType;

use crate::{
    http::{AppState, error::Problem},
    model::{FieldError, MaterialType},
    shares::Place,
};

/// The largest form, in bytes: the largest file, and the words around it.
pub(in crate::http::admin) const FORM_BYTES: usize = (20 << 20) + (64 << 10);

/// A form in memory. It holds a place, of which there are few, until it is dropped.
pub(in crate::http::admin) struct Form {
    pub(in crate::http::admin) filename: String,
    pub(in crate::http::admin) bytes: Bytes,
    texts: HashMap<String, String>,
    _place: Place,
}

/// What extracting a form gives, to be read when it is clear that the caller may send one.
pub(in crate::http::admin) type Incoming = Result<Multipart, MultipartRejection>;

impl Form {
    /// Reads the form of an app, with the file in the field `media`.
    pub(in crate::http::admin) async fn read(state: &AppState, app: &str, incoming: Incoming) -> Result<Self, Problem> {
        let place = state.uploads.place(app).ok_or_else(|| {
            Problem::busy("other files are being uploaded; try again in a second · 正在上传其他文件，请稍后再试")
        })?;
        let mut parts = incoming.map_err(|error| Problem::bad_request(error.body_text()))?;
        let (mut file, mut texts) = (None, HashMap::new());
        while let Some(field) = parts.next_field().await.map_err(|error| broken(&error))? {
            let name = field.name().unwrap_or_default().to_owned();
            if name == "media" {
                let filename = field.file_name().unwrap_or_default().to_owned();
                file = Some((filename, field.bytes().await.map_err(|error| broken(&error))?));
            } else {
                texts.insert(name, field.text().await.map_err(|error| broken(&error))?);
            }
        }
        let (filename, bytes) =
            file.ok_or_else(|| missing("media", "the file, in a field of this name · 文件，字段名为 media"))?;
        Ok(Self { filename, bytes, texts, _place: place })
    }

    /// A text that is not empty.
    pub(in crate::http::admin) fn text(&self, name: &str) -> Option<&str> {
        self.texts.get(name).map(String::as_str).filter(|text| !text.is_empty())
    }

    /// What the file is to be, from the field `type`.
    pub(in crate::http::admin) fn media_type(&self) -> Result<MediaType, Problem> {
        let named = self.text("type").and_then(MaterialType::of).and_then(MaterialType::media_type);
        named.ok_or_else(|| missing("type", "one of image, voice, video, thumb · 可选 image、voice、video、thumb"))
    }
}

fn missing(field: &'static str, rule: &str) -> Problem {
    crate::http::admin::invalid(vec![FieldError::new(field, rule)])
}

fn broken(error: &MultipartError) -> Problem {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return Problem::too_large(format!("the form may have {FORM_BYTES} bytes · 表单最大 {FORM_BYTES} 字节"));
    }
    Problem::bad_request(error.body_text())
}
