//! What goes wrong in the storage. Absence is `None` or `false`, never one of these.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use crate::bilingual::because;

/// Why something could not be stored or read.
///
/// The text may be shown to whoever asked. What the database itself says of a statement may name tables and hold values
/// of others; it stands behind the text, for operators alone: `with_causes`.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is one of that name already.
    #[error("there is already {kind} named {name:?} · {name:?} 已存在，请换一个")]
    AlreadyExists {
        /// With its article: `an app`.
        kind: &'static str,
        /// The name that is taken.
        name: String,
    },
    /// What the record belongs to does not exist.
    #[error("there is no {kind} named {name:?} · 没有 {name:?}")]
    NotFound {
        /// `app`.
        kind: &'static str,
        /// The name that was looked for.
        name: String,
    },
    /// There are orders, which nobody may lose unawares; nothing was deleted.
    #[error(
        "app {app:?} has orders ({count} in all), which would be lost with it · 账号 {app:?} 有 {count} 个订单，会一并删除"
    )]
    HasOrders {
        /// Whose they are.
        app: String,
        /// How many, paid or not.
        count: u64,
    },
    /// There would be more than there may be.
    #[error("{0}")]
    LimitReached(String),
    /// Others changed the same again and again; nothing was written.
    #[error("{what} is being changed by too many at once: try again · 同时修改的请求太多，请重试")]
    Contended {
        /// What it is.
        what: String,
    },
    /// The database was written with another secret key.
    #[error(
        "the secret key does not open {what}: the database was written with another key; put that key back (secret_key, or the key file in data_dir) · 加密密钥解不开 {what}：数据库是用另一个密钥写入的，请换回那个密钥（secret_key，或 data_dir 中的 secret.key）"
    )]
    WrongSecretKey {
        /// What stayed closed.
        what: String,
    },
    /// A stored value makes no sense to this version.
    #[error("{what} holds a value that this version of weft does not know · 这个版本的 weft 不认识 {what} 的值")]
    Corrupt {
        /// The row and column.
        what: String,
    },
    /// The SQLite file cannot be created.
    #[error("cannot create the database file {path} · 无法创建数据库文件 {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The database cannot be reached.
    #[error("cannot open the database {url}: {reason} · 无法打开数据库 {url}")]
    Connect {
        /// Without the password.
        url: String,
        /// What the database, the system or the driver said.
        reason: String,
    },
    /// The tables cannot be brought up to date.
    #[error("cannot migrate the database · 无法升级数据库")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A statement failed.
    #[error("the database failed · 数据库出错")]
    Database(#[from] sqlx::Error),
}

impl StoreError {
    pub(super) fn connect(url: &impl ToString, error: &sqlx::Error) -> Self {
        let reason = match error {
            sqlx::Error::Database(error) => error.message().to_owned(),
            error => error.to_string(),
        };
        Self::Connect { url: url.to_string(), reason }
    }
}

/// An error's text and those of its causes, for the log and the command. What a text says already is not said again.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = because(&text, &error.to_string());
        cause = error.source();
    }
    text
}

/// Whether `error` says that a unique name is taken.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation)
}

/// Whether `error` says that the row which a record belongs to does not exist.
pub(super) fn is_missing_parent(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation)
}

/// Whether the database refused a transaction because of another one that ran beside it: made again, it may pass.
pub(super) fn has_met_another(error: &StoreError) -> bool {
    let StoreError::Database(sqlx::Error::Database(error)) = error else { return false };
    // PostgreSQL: serialization_failure and deadlock_detected.
    matches!(error.code().as_deref(), Some("40001" | "40P01"))
}

/// Whether a statement gave up waiting for what another transaction holds.
pub(super) fn has_waited_in_vain(error: &StoreError) -> bool {
    let StoreError::Database(sqlx::Error::Database(error)) = error else { return false };
    // PostgreSQL: lock_not_available.
    error.code().as_deref() == Some("55P03")
}

/// [`StoreError::NotFound`] when `error` says that the app which a record belongs to does not exist.
pub(super) fn missing_app(error: sqlx::Error, app: &str) -> StoreError {
    if is_missing_parent(&error) { StoreError::NotFound { kind: "app", name: app.to_owned() } } else { error.into() }
}

/// Whether `error` is about the row that was written and not about the database: another row may be taken.
pub(super) fn is_about_a_row(error: &StoreError) -> bool {
    let StoreError::Database(sqlx::Error::Database(error)) = error else {
        return matches!(error, StoreError::AlreadyExists { .. } | StoreError::NotFound { .. });
    };
    // PostgreSQL: data that it cannot hold, such as U+0000 in a text, and constraints. SQLite has kinds for the latter.
    error.kind() != sqlx::error::ErrorKind::Other
        || error.code().is_some_and(|code| code.len() == 5 && (code.starts_with("22") || code.starts_with("23")))
}

#[cfg(test)]
mod tests {
    use sqlx::migrate::MigrateError;

    use super::*;
    use crate::storage::KvError;

    #[test]
    fn what_the_database_and_the_system_say_stands_behind_the_text_and_is_told_once() {
        let full = || io::Error::other("no space left");
        let failed = "error communicating with database: no space left";
        let file = StoreError::File { path: "weft.db".into(), source: full() };
        let migration = MigrateError::Execute(sqlx::Error::Io(full()));
        for (error, text, chinese, cause) in [
            (sqlx::Error::Io(full()).into(), "the database failed", "数据库出错", failed.to_owned()),
            (
                migration.into(),
                "cannot migrate the database",
                "无法升级数据库",
                format!("while executing migrations: {failed}"),
            ),
            (file, "cannot create the database file weft.db", "无法创建数据库文件 weft.db", "no space left".to_owned()),
        ] {
            let (text, told) = (format!("{text} · {chinese}"), format!("{text}: {cause} · {chinese}"));
            assert_eq!((error.to_string(), with_causes(&error)), (text.clone(), told.clone()));
            let wrapped = KvError::from(error);
            assert_eq!((wrapped.to_string(), with_causes(&wrapped)), (text, told));
        }
        assert_eq!(with_causes(&StoreError::LimitReached("too many".to_owned())), "too many");
    }
}
