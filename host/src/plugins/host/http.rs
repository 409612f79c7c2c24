//! `http`: requests to the hosts that the operator grants.

use std::{sync::Arc, time::Duration};

use reqwest::Url;

use super::{Grant, HostError};
use crate::{
    model::HttpHost,
    plugins::{
        bindings::imported::{
            http::{self, Request, Response},
            types::Error,
        },
        instance::State,
        limits::{HTTP_HEADER_BYTES, HTTP_HEADERS, HTTP_URL_BYTES, headers_fit, kib},
    },
    upstream::{OutboundAnswer, OutboundError, OutboundRequest, TransportError},
};

impl http::Host for State {
    async fn send(&mut self, request: Request) -> Result<Response, HostError> {
        let (url, granted) = self.granted_url(&request.url)?;
        check(&request, kib(self.limits.request_kib))?;
        // The guest may wait for less than the operator lets it, and not for longer.
        let most = self.limits.http_timeout_ms;
        let (wanted, setting) = match request.timeout_ms.map(u64::from) {
            Some(wanted) if wanted < most => (wanted, None),
            _ => (most, Some("plugins.http_timeout_ms")),
        };
        let call = self.outbound_call(Duration::from_millis(wanted), setting)?;
        let to = format!("{} {}", request.method, origin(&url));
        let request = OutboundRequest {
            method: request.method,
            url,
            headers: request.headers,
            body: request.body.into(),
            timeout: call.timeout,
            max_answer: kib(self.limits.response_kib),
            is_meant: granted.address().is_some(),
            is_one_of_many: granted.is_many(),
        };
        let (outbound, plugin, app) = (self.services.outbound.clone(), Arc::clone(self.plugin()), call.app());
        let asking = async move {
            let answer = outbound.send(&plugin, &app.name, request).await;
            response(answer.map_err(|failure| error(&failure))?)
        };
        call.run(&to, asking).await
    }
}

impl State {
    /// The URL, and the granted host that it is at.
    fn granted_url(&mut self, url: &str) -> Result<(Url, HttpHost), HostError> {
        let granted = self.subject()?.granted.clone();
        if url.len() > HTTP_URL_BYTES {
            return Err(Error::Limited(format!("a URL has at most {HTTP_URL_BYTES} bytes")).into());
        }
        let absolute = "the URL is not an absolute one, such as https://example.com/";
        let url: Url = url.parse().map_err(|_| Error::Invalid(absolute.to_owned()))?;
        let found = granted.as_ref().and_then(|granted| granted.grants.http_host(&url));
        let granted = found.ok_or_else(|| self.denied(Grant::HttpHost(&origin(&url))))?;
        Ok((url, granted))
    }
}

/// Scheme, host and port: what may be shown of a URL.
fn origin(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{}{port}", url.scheme(), url.host_str().unwrap_or_default())
}

fn check(request: &Request, most: usize) -> Result<(), Error> {
    if request.body.len() > most {
        return Err(Error::Limited(format!("the body of a request has at most {most} bytes")));
    }
    check_head(&request.headers)
}

fn check_head(headers: &[(String, String)]) -> Result<(), Error> {
    if !headers_fit(headers) {
        let text = format!("there may be {HTTP_HEADERS} headers with {HTTP_HEADER_BYTES} bytes together");
        return Err(Error::Limited(text));
    }
    Ok(())
}

fn response(answer: OutboundAnswer) -> Result<Response, Error> {
    let OutboundAnswer { status, headers, body } = answer;
    check_head(&headers)?;
    Ok(Response { status, headers, body: body.into() })
}

fn error(error: &OutboundError) -> Error {
    let text = error.to_string();
    match error {
        OutboundError::Method | OutboundError::Header(_) => Error::Invalid(text),
        OutboundError::NotPublic { .. } => Error::Denied(format!(
            "{text}: a machine that is not on the internet is granted by its address in http_hosts"
        )),
        OutboundError::OffLimits { .. } => Error::Denied(text),
        OutboundError::Transport(TransportError::Timeout(_)) => Error::TimedOut(text),
        OutboundError::Transport(TransportError::TooLarge(_)) => Error::Limited(text),
        OutboundError::Transport(_) => Error::Unavailable(text),
    }
}
