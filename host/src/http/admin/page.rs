//! Lists: `limit` and `cursor` in, `items` and `next_cursor` out.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::http::error::Problem;

/// Which part of a list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// 1 to 200 items; 50 without.
    limit: Option<usize>,
    /// The `next_cursor` of the page before; the beginning without.
    cursor: Option<String>,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Page<T> {
    /// In the order of their names, where nothing else is said.
    items: Vec<T>,
    /// Null on the last page.
    next_cursor: Option<String>,
}

impl<T> Page<T> {
    /// The first `limit` of `items`, of which there may be one more; `cursor` names the place of the last one.
    pub(super) fn first(mut items: Vec<T>, limit: usize, cursor: impl FnOnce(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = if more { items.last().map(cursor) } else { None };
        Self { items, next_cursor }
    }

    /// The same page of other things.
    pub(super) fn map<U>(self, view: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(view).collect(), next_cursor: self.next_cursor }
    }
}

impl PageQuery {
    /// How many items to give.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(50).clamp(1, 200)
    }

    /// Where the page before ended.
    pub(super) fn cursor(&self) -> Option<&str> {
        self.cursor.as_deref()
    }

    /// The same, where it is no text.
    pub(super) fn after<T: FromStr>(&self) -> Result<Option<T>, Problem> {
        self.cursor().map(str::parse).transpose().map_err(|_| unknown_cursor())
    }

    /// The same, where it is a place of two parts: a time in seconds since 1970, and an id.
    pub(super) fn place(&self) -> Result<Option<(u64, &str)>, Problem> {
        let place = self.cursor().map(|cursor| {
            let parts = cursor.split_once('.');
            parts.and_then(|(time, id)| Some((time.parse().ok()?, id))).ok_or_else(unknown_cursor)
        });
        place.transpose()
    }

    /// The page of `items`, which are sorted by `key` and have no two of a key.
    pub(super) fn of<T>(&self, items: Vec<T>, key: impl Fn(&T) -> &str) -> Page<T> {
        let mut rest = items.into_iter().skip_while(|item| self.cursor().is_some_and(|cursor| key(item) <= cursor));
        let items: Vec<T> = rest.by_ref().take(self.limit()).collect();
        let next_cursor = rest.next().and_then(|_| items.last().map(|item| key(item).to_owned()));
        Page { items, next_cursor }
    }
}

fn unknown_cursor() -> Problem {
    Problem::bad_request("cursor: take the `next_cursor` of the page before · cursor：请用上一页的 `next_cursor`")
}
