//! Statements over many rows that come as one JSON text: a round trip for each row would cost more than its writing.

/// The statement `$before rows AS r $after`, in the words of the database `$db`. The rows are the objects of the JSON
/// array in the parameter `$json`, with the columns that are named. What an object lacks is null.
///
/// Where they are joined with a table, all columns of its key stand in the rows: SQLite would else go through the table,
/// as far as the rest of the key narrows it, and look through all rows for each of its own.
macro_rules! json_rows {
    ($db:expr, $before:literal,
     $json:literal ($first:ident $first_kind:ident $(, $column:ident $kind:ident)*), $after:literal) => {
        match $db {
            $crate::storage::Db::Sqlite { .. } => concat!(
                $before, " (SELECT value->>'", stringify!($first), "' AS ", stringify!($first),
                $(", value->>'", stringify!($column), "' AS ", stringify!($column),)*
                " FROM json_each(", $json, ")) AS r ", $after
            ),
            $crate::storage::Db::Postgres(_) => concat!(
                $before, " json_to_recordset(", $json, "::json) AS r (", stringify!($first), " ",
                stringify!($first_kind), $(", ", stringify!($column), " ", stringify!($kind),)* ") ", $after
            ),
        }
    };
}

pub(super) use json_rows;

/// The rows of users of an app that are known by their openids alone, as `(app TEXT, openid TEXT)`. In the order of openids, so that two
/// writers of the same users wait for each other instead of for ever.
pub(super) fn of_openids(app: &str, openids: &[String]) -> String {
    let mut openids: Vec<&str> = openids.iter().map(String::as_str).filter(|openid| !openid.contains('\0')).collect();
    openids.sort_unstable();
    openids.dedup();
    let rows = openids.into_iter().map(|openid| serde_json::json!({"app": app, "openid": openid}));
    rows.collect::<serde_json::Value>().to_string()
}

/// The rows of a merchant's numbers, of orders or refunds, as `(app TEXT, merchant TEXT, number TEXT)`.
pub(super) fn of_numbers(app: &str, merchant: &str, numbers: &[&str]) -> String {
    let stored = numbers.iter().filter(|number| !number.contains('\0'));
    let rows = stored.map(|number| serde_json::json!({"app": app, "merchant": merchant, "number": number}));
    rows.collect::<serde_json::Value>().to_string()
}
