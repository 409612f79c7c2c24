//! The admin API, `/api/v1/`.

mod access_token;
mod app_plugins;
mod apps;
mod articles;
mod audit_log;
mod auth;
mod change;
mod differences;
mod handlers;
mod jobs;
mod mass_messages;
mod materials;
mod menus;
mod merchants;
mod message_log_export;
mod message_logs;
mod migrate;
mod one_time_subscriptions;
mod order_webhook;
mod orders;
mod page;
mod plugins;
mod quota;
mod reconciliations;
mod secret_view;
mod sends;
mod subscriptions;
mod tags;
mod templates;
mod tickets;
mod times;
mod tokens;
mod user_messages;
mod users;
mod wechat;

pub(super) use audit_log::{Recorder, record};
pub use plugins::{CheckView, PluginView};

use axum::{
    extract::DefaultBodyLimit,
    http::{Method, Uri},
};
use utoipa::openapi::{
    Content, InfoBuilder, OpenApi, PathItem, RefOr, SecurityRequirement,
    security::{Http, HttpAuthScheme, SecurityScheme},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{AppState, error::Problem};
use crate::model::{App, FieldError};

/// The largest JSON body, in bytes.
const BODY_BYTES: usize = 1 << 20;

/// Every call of the admin API.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    let v1 = OpenApiRouter::new()
        .routes(routes!(apps::list, apps::create))
        .routes(routes!(apps::read, apps::patch, apps::delete))
        .routes(routes!(app_plugins::list))
        .routes(routes!(app_plugins::read, app_plugins::put, app_plugins::patch, app_plugins::delete))
        .routes(routes!(plugins::app_logs::follow))
        .routes(routes!(message_logs::list))
        .routes(routes!(message_log_export::export))
        .routes(routes!(message_logs::read))
        .routes(routes!(handlers::list, handlers::create))
        .routes(routes!(handlers::read, handlers::put, handlers::patch, handlers::delete))
        .routes(routes!(handlers::sync::sync))
        .routes(routes!(handlers::trial::test))
        .routes(routes!(handlers::transfer::export))
        .routes(routes!(handlers::transfer::import))
        .routes(routes!(audit_log::list))
        .routes(routes!(migrate::migrate))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::read))
        .routes(routes!(jobs::cancel))
        .routes(routes!(mass_messages::list, mass_messages::create))
        .routes(routes!(mass_messages::preview))
        .routes(routes!(mass_messages::speed::read, mass_messages::speed::put))
        .routes(routes!(mass_messages::read, mass_messages::delete))
        .routes(routes!(mass_messages::sync))
        .routes(routes!(menus::read, menus::put))
        .routes(routes!(menus::live::read, menus::live::delete))
        .routes(routes!(menus::live::sync))
        .routes(routes!(menus::live::publish))
        .routes(routes!(menus::versions))
        .routes(routes!(menus::restore))
        .routes(routes!(plugins::list))
        .routes(routes!(plugins::read, plugins::put, plugins::delete, plugins::patch::patch))
        .routes(routes!(plugins::logs::follow))
        .routes(routes!(plugins::receipts::list))
        .routes(routes!(plugins::receipts::read))
        .routes(routes!(plugins::versions::roll_back))
        .routes(routes!(plugins::canary::post, plugins::canary::delete))
        .routes(routes!(plugins::canary::promote))
        .routes(routes!(tags::list, tags::create))
        .routes(routes!(tags::read, tags::patch, tags::delete))
        .routes(routes!(tags::sync))
        .routes(routes!(tags::sync_users))
        .routes(routes!(templates::list, templates::add))
        .routes(routes!(templates::sync))
        .routes(routes!(templates::industries::read, templates::industries::put))
        .routes(routes!(templates::read, templates::patch, templates::delete))
        .routes(routes!(templates::send::send))
        .routes(routes!(one_time_subscriptions::page))
        .routes(routes!(one_time_subscriptions::send))
        .routes(routes!(sends::list))
        .routes(routes!(sends::read))
        .routes(routes!(sends::recipients))
        .routes(routes!(subscriptions::list))
        .routes(routes!(user_messages::send))
        .routes(routes!(tokens::list, tokens::create))
        .routes(routes!(tokens::revoke))
        .routes(routes!(users::list))
        .routes(routes!(users::read, users::patch))
        .routes(routes!(users::sync_one))
        .routes(routes!(users::sync::users))
        .routes(routes!(users::sync::blacklist))
        .routes(routes!(users::tags::put, users::tags::delete))
        .routes(routes!(users::bulk::tag))
        .routes(routes!(users::bulk::untag))
        .routes(routes!(users::bulk::blacklist))
        .routes(routes!(users::bulk::unblacklist))
        .merge(payments())
        .merge(wechat_calls())
        .layer(DefaultBodyLimit::max(BODY_BYTES));
    OpenApiRouter::new().nest("/api/v1", v1.merge(files()))
}

/// WeChat Pay.
fn payments() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(merchants::list, merchants::create))
        .routes(routes!(merchants::read, merchants::patch, merchants::delete))
        .routes(routes!(merchants::check::check))
        .routes(routes!(merchants::wechat::get, merchants::wechat::post))
        .routes(routes!(reconciliations::start))
        .routes(routes!(reconciliations::list))
        .routes(routes!(differences::list))
        .routes(routes!(differences::resolve))
        .routes(routes!(orders::list, orders::create))
        .routes(routes!(orders::read))
        .routes(routes!(orders::actions::prepay))
        .routes(routes!(orders::qrcode::read))
        .routes(routes!(orders::actions::sync))
        .routes(routes!(orders::actions::close))
        .routes(routes!(orders::actions::reverse))
        .routes(routes!(orders::actions::micropay))
        .routes(routes!(orders::refunds::list, orders::refunds::create))
        .routes(routes!(orders::refunds::close))
        .routes(routes!(orders::events::list))
        .routes(routes!(orders::events::redeliver))
        .routes(routes!(order_webhook::test))
}

/// WeChat's API itself: what opens it, how often it was called, and any call of it.
fn wechat_calls() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(access_token::read))
        .routes(routes!(access_token::refresh))
        .routes(routes!(tickets::read))
        .routes(routes!(quota::list))
        .routes(routes!(quota::clear::clear))
        .routes(routes!(quota::rid::read))
        .routes(routes!(quota::live::read))
        .routes(routes!(wechat::get, wechat::post))
}

/// What is kept at WeChat: files and articles.
fn files() -> OpenApiRouter<AppState> {
    let forms = OpenApiRouter::new()
        .routes(routes!(materials::upload::create))
        .routes(routes!(materials::media::create))
        .routes(routes!(articles::create_image))
        .layer(DefaultBodyLimit::max(materials::form::FORM_BYTES));
    OpenApiRouter::new()
        .routes(routes!(articles::list))
        .routes(routes!(articles::read, articles::delete))
        .routes(routes!(articles::sync))
        .routes(routes!(articles::drafts::list, articles::drafts::create))
        .routes(routes!(articles::drafts::read, articles::drafts::put, articles::drafts::delete))
        .routes(routes!(articles::drafts::sync))
        .routes(routes!(articles::drafts::publish))
        .routes(routes!(articles::publications::list))
        .routes(routes!(articles::publications::read))
        .routes(routes!(articles::publications::sync))
        .routes(routes!(materials::list))
        .routes(routes!(materials::read, materials::patch, materials::delete))
        .routes(routes!(materials::content::read))
        .routes(routes!(materials::sync::sync))
        .routes(routes!(materials::sync::clean_up))
        .routes(routes!(materials::upload::from_media))
        .routes(routes!(materials::media::read))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .merge(forms)
}

/// Completes what the routes say of themselves.
pub(super) fn described(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("Weft")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some("The admin API of Weft, a WebAssembly plugin host for WeChat."))
        .build();
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("token", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    // OpenAPI has no word for parameters with slashes in them.
    let paths = std::mem::take(&mut document.paths.paths);
    document.paths.paths = paths.into_iter().map(|(path, item)| (path.replace("{*", "{"), item)).collect();
    document.paths.paths.values_mut().for_each(name_problems);
    document.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    document
}

/// Problems are JSON of a type of their own.
fn name_problems(item: &mut PathItem) {
    let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch];
    for operation in operations.into_iter().flatten() {
        for response in operation.responses.responses.values_mut() {
            let RefOr::T(response) = response else { continue };
            if response.content.get("application/json").is_some_and(is_problem)
                && let Some(content) = response.content.swap_remove("application/json")
            {
                response.content.insert("application/problem+json".to_owned(), content);
            }
        }
    }
}

fn is_problem(content: &RefOr<Content>) -> bool {
    let RefOr::T(Content { schema: Some(RefOr::Ref(schema)), .. }) = content else { return false };
    schema.ref_location == "#/components/schemas/Problem"
}

/// 422 for what a model's own check found.
fn invalid(errors: Vec<FieldError>) -> Problem {
    Problem::invalid(errors.into_iter().map(|error| (error.field.into_owned(), error.message)).collect())
}

/// The app of that name.
async fn find_app(state: &AppState, app: &str) -> Result<App, Problem> {
    state.store.apps().find(app).await?.ok_or_else(|| Problem::not_found("app · 账号", app))
}

/// 404 as a problem.
pub(super) async fn no_such_path(uri: Uri) -> Problem {
    Problem::not_found("path · 路径", uri.path())
}

/// 405 as a problem.
pub(super) async fn no_such_method(method: Method) -> Problem {
    Problem::method_not_allowed(&method)
}
