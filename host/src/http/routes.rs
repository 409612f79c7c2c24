//! What a listener answers: deliveries go straight to the webhook, everything else goes through the router.
//!
//! Most requests are deliveries, and the router would copy its service and box request, future and response for each of
//! them. It knows the webhooks too, for what is not plainly a delivery.

use std::panic::AssertUnwindSafe;

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
    response::{IntoResponse, Response},
};
use futures::FutureExt;
use hyper::body::Incoming;
use tower::ServiceExt;

use super::{AppState, webhook};

/// Finds who answers a request. Clones share it.
#[derive(Clone)]
pub struct Routes {
    router: Router,
    webhooks: Option<AppState>,
}

impl Routes {
    /// Leaves every request to `router`.
    pub fn new(router: Router) -> Self {
        Self { router, webhooks: None }
    }

    /// Takes deliveries to the webhooks of `state` itself.
    #[must_use]
    pub fn with_webhooks(self, state: &AppState) -> Self {
        Self { webhooks: Some(state.clone()), ..self }
    }

    /// Answers a request.
    pub(super) async fn answer(&self, request: Request<Incoming>) -> Response {
        let (head, body) = request.into_parts();
        let body = Body::new(body);
        if let Some(state) = &self.webhooks
            && head.method == Method::POST
            && let Some(app) = webhook_of(head.uri.path())
        {
            let answer = AssertUnwindSafe(webhook::deliver(state, app, head.uri.query(), body)).catch_unwind().await;
            // A panic is a bug, is in the log, and costs one request.
            return answer.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
        match self.router.clone().oneshot(Request::from_parts(head, body)).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// The app whose webhook a path is, where it stands in it as it is called.
fn webhook_of(path: &str) -> Option<&str> {
    let app = path.strip_prefix("/wechat/")?;
    let app = app.strip_suffix('/').unwrap_or(app);
    (!app.is_empty() && !app.contains(['/', '%'])).then_some(app)
}

#[cfg(test)]
mod tests {
    use super::webhook_of;

    #[test]
    fn only_what_is_plainly_a_webhook_goes_past_the_router() {
        for (path, app) in [
            ("/wechat/shop", Some("shop")),
            ("/wechat/shop/", Some("shop")),
            ("/wechat/shop//", None),
            ("/wechat/", None),
            ("/wechat//", None),
            ("/wechat/sh%6fp", None),
            ("/wechat/shop/pay/main/notify/", None),
            ("/wechatshop/", None),
            ("/api/v1/apps", None),
        ] {
            assert_eq!(webhook_of(path), app, "{path}");
        }
    }
}
