//! `/apps/{app}/materials` and `…/media`, through the real listener and against a simulated WeChat.

mod clean_up;
mod content;
mod deletion;
mod sync;
mod upload;

use serde_json::{Value, json};

use crate::support::Shop;

const MATERIALS: &str = "/apps/shop/materials";
const ADD: &str = "/cgi-bin/material/add_material";

/// The result of a job that is done.
fn result(job: &Value) -> &Value {
    assert_eq!(job["state"], "done", "{job}");
    &job["result"]
}

/// A picture of its own: others have other bytes at the end.
fn png(number: u8) -> Vec<u8> {
    [b"\x89PNG\r\n\x1a\n".as_slice(), &[number; 100]].concat()
}

fn jpg(number: u8) -> Vec<u8> {
    [b"\xff\xd8\xff\xe0".as_slice(), &[number; 100]].concat()
}

fn mp4() -> Vec<u8> {
    b"\x00\x00\x00\x18ftypmp42 a film".to_vec()
}

impl Shop {
    /// Uploads a picture; gives its `media_id`.
    async fn picture(&self, number: u8) -> String {
        let (status, body) = self.send_file("/materials", &[("type", "image")], "p.png", &png(number)).await;
        assert_eq!(status, 201, "{body}");
        id(&body)
    }

    /// The `media_id`s in a list.
    async fn listed(&self, query: &str) -> Vec<String> {
        self.get(&format!("{MATERIALS}{query}")).await["items"].as_array().unwrap().iter().map(id).collect()
    }
}

fn id(material: &Value) -> String {
    material["media_id"].as_str().unwrap().to_owned()
}

fn field(body: &Value) -> (&Value, &Value) {
    assert_eq!(body["status"], json!(422), "{body}");
    (&body["errors"][0]["field"], &body["errors"][0]["detail"])
}
