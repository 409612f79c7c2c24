//! `context`: what the running call is about.

use std::time::Instant;

use crate::{
    model::AppType,
    plugins::{
        bindings::imported::{context, types::Field},
        instance::State,
    },
};

impl context::Host for State {
    async fn current_app(&mut self) -> wasmtime::Result<context::App> {
        let app = &self.subject()?.app;
        Ok(context::App {
            name: app.name.clone(),
            title: app.title.clone(),
            kind: match app.app_type {
                AppType::Service => context::AppType::Service,
                AppType::Subscription => context::AppType::Subscription,
                AppType::Miniprogram => context::AppType::Miniprogram,
                AppType::PayPartner => context::AppType::PayPartner,
                AppType::Other => context::AppType::Other,
            },
            appid: app.appid.clone(),
        })
    }

    async fn delivery_id(&mut self) -> wasmtime::Result<String> {
        Ok(self.subject()?.delivery_id.to_string())
    }

    async fn time_left_ms(&mut self) -> wasmtime::Result<u64> {
        let left = self.ends.saturating_duration_since(Instant::now()).saturating_sub(self.trace.skipped().time());
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    async fn fields(&mut self) -> wasmtime::Result<Vec<Field>> {
        let raw = &self.subject()?.raw;
        if raw.is_empty() {
            return Ok(Vec::new());
        }
        let fields = weft_wechat::message::fields(raw)?;
        Ok(fields.into_iter().map(|field| Field { path: field.path, value: field.value }).collect())
    }

    async fn raw(&mut self) -> wasmtime::Result<Vec<u8>> {
        Ok(self.subject()?.raw.as_bytes().to_vec())
    }
}
