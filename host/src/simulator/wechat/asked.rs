//! A request, taken apart.

use axum::{
    body::{Body, to_bytes},
    extract::{FromRequest, Multipart, Request},
    http::Method,
};
use bytes::Bytes;
use serde_json::{Map, Value, json};

/// Larger than anything WeChat takes.
const MAX_BODY: usize = 64 << 20;

/// What somebody asks.
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: String,
    /// The address that was asked, which is ours.
    pub(super) base: String,
    query: Vec<(String, String)>,
    /// Null when the body is no JSON.
    pub(super) json: Value,
    pub(super) fields: Vec<(String, String)>,
    pub(super) file: Option<File>,
}

/// The file of a form.
pub(super) struct File {
    pub(super) filename: String,
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

impl Asked {
    /// Reads all of it; a body that cannot be read is as good as none.
    pub(super) async fn read(request: Request) -> Self {
        let method = request.method().clone();
        let path = request.uri().path().to_owned();
        let host = request.headers().get("host").and_then(|value| value.to_str().ok()).unwrap_or_default();
        let base = format!("http://{host}");
        let query = request.uri().query().unwrap_or_default();
        let query = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let mut asked = Self { method, path, base, query, json: Value::Null, fields: Vec::new(), file: None };
        let content_type = request.headers().get("content-type").and_then(|value| value.to_str().ok());
        if content_type.is_some_and(|value| value.starts_with("multipart/form-data")) {
            asked.read_form(request).await;
        } else {
            let body = to_bytes(request.into_body(), MAX_BODY).await.unwrap_or_default();
            asked.json = serde_json::from_slice(&body).unwrap_or_default();
        }
        asked
    }

    async fn read_form(&mut self, request: Request) {
        let (head, body) = request.into_parts();
        let body = to_bytes(body, MAX_BODY).await.unwrap_or_default();
        let request = Request::from_parts(head, Body::from(body));
        let Ok(mut form) = Multipart::from_request(request, &()).await else { return };
        while let Ok(Some(field)) = form.next_field().await {
            let name = field.name().unwrap_or_default().to_owned();
            match field.file_name().map(ToOwned::to_owned) {
                Some(filename) => {
                    let content_type = field.content_type().unwrap_or_default().to_owned();
                    let Ok(bytes) = field.bytes().await else { return };
                    self.file = Some(File { filename, content_type, bytes });
                }
                None => self.fields.push((name, field.text().await.unwrap_or_default())),
            }
        }
    }

    /// A query parameter; empty when there is none.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.query.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value)
    }

    /// A text of the JSON body; empty when there is none.
    pub(super) fn text(&self, name: &str) -> &str {
        self.json[name].as_str().unwrap_or_default()
    }

    /// Path and query as they came, secrets and all.
    pub(super) fn url(&self) -> String {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.query).finish();
        format!("{}?{query}", self.path)
    }

    /// Query parameters that are no secrets.
    pub(super) fn visible_query(&self) -> Vec<(String, String)> {
        let visible = |(name, _): &&(String, String)| name != "access_token" && name != "secret";
        self.query.iter().filter(visible).cloned().collect()
    }

    /// The body for people to look at.
    pub(super) fn visible_body(&self) -> Value {
        let Some(file) = &self.file else {
            let mut json = self.json.clone();
            if let Some(secret) = json.get_mut("secret") {
                *secret = "***".into();
            }
            return json;
        };
        let fields = self.fields.iter().map(|(name, text)| (name.clone(), Value::from(text.as_str())));
        let mut body: Map<_, _> = fields.collect();
        let file = json!({"filename": file.filename, "content_type": file.content_type, "length": file.bytes.len()});
        body.insert("media".to_owned(), file);
        Value::Object(body)
    }
}
