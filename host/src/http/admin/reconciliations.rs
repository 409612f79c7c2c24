//! `/apps/{app}/merchants/{merchant}/reconcile` and `…/reconciliations`: daily bills, compared with what is here.

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    auth::Caller,
    jobs::StartedView,
    merchants,
    page::{Page, PageQuery},
};
use crate::{
    http::{
        AppState,
        error::{Body, Path, Problem, Query},
        responses::NotFound,
    },
    model::{BillDate, Figures, Reconciliation},
    pay::ReconcileInput,
    time,
};

const PERMISSION: &str = "pay_order";

/// Which day.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReconcileFields {
    /// As 2026-01-31, in China's time. Its bills are ready at 10:00 of the next day, and kept for three months.
    date: String,
}

/// The comparison of a day's bills.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReconciliationView {
    /// In China's time.
    #[schema(value_type = String, example = "2026-01-31")]
    date: BillDate,
    /// RFC 3339: when it was begun the last time.
    begun_at: String,
    /// RFC 3339: when it came to its end the last time; null when it never did.
    done_at: Option<String>,
    /// Why it came to nothing the last time; null when it did not.
    error: Option<String>,
    /// How often it was begun.
    runs: u64,
    /// What was found the last time that it came to its end.
    figures: Figures,
}

impl From<Reconciliation> for ReconciliationView {
    fn from(reconciliation: Reconciliation) -> Self {
        Self {
            date: reconciliation.date,
            begun_at: time::rfc3339(reconciliation.begun_at),
            done_at: reconciliation.done_at.map(time::rfc3339),
            error: reconciliation.error,
            runs: reconciliation.run,
            figures: reconciliation.figures,
        }
    }
}

/// Compares the bills of a day with the orders and refunds here, as a job. What differs stands in `…/differences`.
#[utoipa::path(post, operation_id = "reconcile_merchant", path = "/apps/{app}/merchants/{merchant}/reconcile", tag = "merchants", params(("app" = String, Path), ("merchant" = String, Path)), request_body = ReconcileFields,
    responses((status = 202, description = "It runs", body = StartedView), NotFound, (status = 422, description = "WeChat has no bills of that day", body = Problem)))]
pub(super) async fn start(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant)): Path<(String, String)>,
    Body(fields): Body<ReconcileFields>,
) -> Result<StartedView, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    let merchant = merchants::find(&state, &app, &merchant).await?.name;
    let now = state.clock.now();
    let (oldest, newest) = (BillDate::oldest(now), BillDate::newest(now));
    let date = fields.date.parse().ok().filter(|date| (oldest..=newest).contains(date));
    let wrong = || Problem::invalid(vec![("date".to_owned(), format!("a day from {oldest} to {newest}"))]);
    let input = ReconcileInput { merchant, date: date.ok_or_else(wrong)? };
    let started = state.jobs.start(&input.job(&app, PERMISSION, caller.name())).await?;
    Ok(StartedView::new(&state, started))
}

/// Lists the days whose bills were compared, the latest first.
#[utoipa::path(get, operation_id = "list_reconciliations", path = "/apps/{app}/merchants/{merchant}/reconciliations", tag = "merchants", params(("app" = String, Path), ("merchant" = String, Path), PageQuery),
    responses((status = 200, description = "Done", body = Page<ReconciliationView>), NotFound))]
pub(super) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Path((app, merchant)): Path<(String, String)>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<ReconciliationView>>, Problem> {
    caller.require(Some(&app), PERMISSION)?;
    merchants::find(&state, &app, &merchant).await?;
    let days = state.store.reconciliations().list(&app, &merchant, page.after()?, page.limit() + 1).await?;
    let page = Page::first(days, page.limit(), |day| day.date.to_string());
    Ok(Json(page.map(ReconciliationView::from)))
}
