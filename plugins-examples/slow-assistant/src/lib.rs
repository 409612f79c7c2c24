//! Hands questions to a language model, which may take longer than WeChat waits: an app with
//! `"late_reply": "customer_service"` sends the answer as a message of its own then.
//!
//! The operator says where the model is, which no `asks!` can name beforehand, and grants that address beside `kv`, which
//! keeps what was said: `{"kv": true, "http_hosts": ["https://llm.example.com"], "limits": {"http_timeout_ms": 14000},
//! "config": {"url": "https://llm.example.com/v1/chat/completions", "api_key": "…", "model": "…"}}`.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use weft_plugin::prelude::*;

asks! { kv: true }

/// Of a conversation, the last turns are sent along, for an hour.
const TURNS: usize = 6;
const REMEMBERED: Duration = Duration::from_hours(1);

#[derive(Deserialize)]
struct Config {
    url: String,
    api_key: String,
    model: String,
}

#[derive(Serialize, Deserialize, Clone)]
struct Turn {
    role: String,
    content: String,
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
}

#[derive(Deserialize)]
struct Choice {
    message: Turn,
}

/// Answers texts with what the model says.
#[message_handler]
fn ask(message: Message, context: Context) -> Result<Option<String>> {
    let Some(question) = message.text() else { return Ok(None) };
    let config: Config = context.config()?;
    let key = format!("said/{}", message.sender);
    let mut turns: Vec<Turn> = kv::get_json(&key)?.unwrap_or_default();
    turns.push(Turn { role: "user".into(), content: question.into() });
    turns.drain(..turns.len().saturating_sub(TURNS));
    let answer = http::Request::post(config.url)
        .header("authorization", format!("Bearer {}", config.api_key))
        .json(&json!({"model": config.model, "messages": turns}))?
        .timeout(context.time_left().saturating_sub(Duration::from_millis(500)))
        .send();
    let completion = match answer {
        Ok(answer) if answer.status == 200 => answer.json::<Completion>()?,
        failed => {
            log::warn!("no answer: {:?}", failed.map(|answer| answer.status));
            return Ok(Some("助手现在很忙，请稍后再问".into()));
        }
    };
    let said = completion.choices.into_iter().next().ok_or("the model has nothing to say")?.message;
    turns.push(said.clone());
    kv::set_json_for(&key, &turns, REMEMBERED)?;
    Ok(Some(said.content))
}

#[cfg(test)]
mod tests {
    use weft_plugin::testing::{TestHost, text};

    use super::*;

    fn host(status: u16) -> TestHost {
        let config = json!({"url": "https://llm.example.com/v1", "api_key": "k", "model": "m"});
        let host = TestHost::new().grant_asked().grant_http_hosts(&["https://llm.example.com"]).config(&config);
        host.on_http(move |request| {
            let asked: serde_json::Value = serde_json::from_slice(&request.body)?;
            let count = asked["messages"].as_array().map_or(0, Vec::len);
            let said = json!({"choices": [{"message": {"role": "assistant", "content": format!("{count} turns")}}]});
            Ok(http::Response { status, headers: Vec::new(), body: said.to_string().into() })
        })
    }

    #[test]
    fn what_was_said_is_sent_along_as_far_as_it_matters() {
        let host = host(200);
        for turns in ["1 turns", "3 turns", "5 turns", "6 turns"] {
            assert_eq!(ask(text("o1", "hi"), host.context()).unwrap().as_deref(), Some(turns));
        }
    }

    #[test]
    fn a_model_that_does_not_answer_is_excused() {
        assert!(ask(text("o1", "hi"), host(503).context()).unwrap().unwrap().contains("很忙"));
    }
}
