//! `/apps/{app}/merchants/{merchant}/differences`: what differs between WeChat Pay's bills and what is here.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Caller,
    merchants,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::{Invalid, NotFound},
    },
    model::{BillDate, Difference, DifferenceKind},
    storage::DifferenceFilter,
    time,
};

const PERMISSION: &str = "pay_order";

/// The longest note, in characters.
const NOTE: usize = 1000;

/// Something that differs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DifferenceView {
    id: String,
    /// The day of the bill, in China's time.
    #[schema(value_type = String, example = "2026-01-31")]
    date: BillDate,
    kind: DifferenceKind,
    /// The merchant's number of the order; null where it is about none.
    out_trade_no: Option<String>,
    /// The merchant's number of the refund; null where it is about none.
    out_refund_no: Option<String>,
    /// WeChat's number of the payment or the refund, where there is one.
    wechat_number: Option<String>,
    /// What is here.
    here: String,
    /// What WeChat has.
    at_wechat: String,
    /// What a person should do about it.
    what_to_do: &'static str,
    /// In how many comparisons it was found.
    times: u64,
    /// RFC 3339.
    first_found_at: String,
    /// RFC 3339.
    last_found_at: String,
    /// Null while it is open.
    resolved: Option<ResolutionView>,
}

/// That a difference is none any more.
#[derive(Debug, Serialize, ToSchema)]
struct ResolutionView {
    /// RFC 3339.
    at: String,
    /// The name of the token; null when a later comparison did not find it any more.
    by: Option<String>,
    /// What they noted.
    note: String,
}

impl From<Difference> for DifferenceView {
    fn from(difference: Difference) -> Self {
        let Difference { id, date, found, times, first_found_at, last_found_at, resolved, .. } = difference;
        let some = |number: String| Some(number).filter(|number| !number.is_empty());
        Self {
            id,
            date,
            kind: found.kind,
            out_trade_no: some(found.out_trade_no),
            out_refund_no: some(found.out_refund_no),
            wechat_number: found.wechat_number,
            here: found.here,
            at_wechat: found.at_wechat,
            what_to_do: found.kind.what_to_do(),
            times,
            first_found_at: time::rfc3339(first_found_at),
            last_found_at: time::rfc3339(last_found_at),
            resolved: resolved.map(|resolved| ResolutionView {
                at: time::rfc3339(resolved.at),
                by: resolved.by,
                note: resolved.note,
            }),
        }
    }
}

/// Which differences. Parameters that are absent do not matter.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct DifferenceQuery {
    /// Of this day.
    #[param(value_type = Option<String>)]
    date: Option<BillDate>,
    /// Of this kind.
    kind: Option<DifferenceKind>,
    /// Whether they are resolved.
    resolved: Option<bool>,
}

/// That somebody is done with it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ResolveFields {
    /// For people: what was done; at most 1000 characters.
    #[serde(default)]
    note: String,
}

/// Lists what differs between bills and what is here, newest first, with what to do about it.
#[utoipa::path(get, operation_id = "list_differences", path = "/apps/{app}/merchants/{merchant}/differences", tag = "merchants", params(("app" = String, Path), ("merchant" = String, Path), DifferenceQuery, PageQuery),
    responses((status = 200, description = "Done", body = Page<DifferenceView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant)): Path<(String, String)>,
    Query(query): Query<DifferenceQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<DifferenceView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    merchants::find(&state, &app, &merchant).await?;
    let filter = DifferenceFilter { date: query.date, kind: query.kind, is_resolved: query.resolved };
    let differences = state.store.bill_differences();
    let found = differences.list(&app, &merchant, &filter, page.cursor(), page.limit() + 1).await?;
    let page = Page::first(found, page.limit(), |difference| difference.id.clone());
    Ok(Json(page.map(DifferenceView::from)))
}

/// Notes that somebody is done with a difference. When it is found again it stays so.
#[utoipa::path(post, operation_id = "resolve_difference", path = "/apps/{app}/merchants/{merchant}/differences/{id}/resolve", tag = "merchants", params(("app" = String, Path), ("merchant" = String, Path), ("id" = String, Path)), request_body = ResolveFields,
    responses((status = 200, description = "Done", body = DifferenceView), NotFound, Invalid))]
pub(super) async fn resolve(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant, id)): Path<(String, String, String)>,
    Body(fields): Body<ResolveFields>,
) -> Result<Json<DifferenceView>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    if fields.note.chars().count() > NOTE || fields.note.contains('\0') {
        return Err(Problem::invalid(vec![("note".to_owned(), format!("at most {NOTE} characters, no U+0000"))]));
    }
    let differences = state.store.bill_differences();
    let unknown = || Problem::not_found("difference", &id);
    let before = differences.find(&app, &merchant, &id).await?.ok_or_else(unknown)?;
    caller.notes.before(&DifferenceView::from(before));
    let after = differences.resolve(&app, &merchant, &id, caller.name(), &fields.note).await?;
    let after = DifferenceView::from(after.ok_or_else(unknown)?);
    caller.notes.after(&after);
    Ok(Json(after))
}
