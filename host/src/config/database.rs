//! `database_url`: which database, without ever showing its password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Deserialize;
use sqlx::postgres::PgConnectOptions;

use crate::secret::Secret;

/// Where the database is. Prints without the password.
#[derive(Clone, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub enum DatabaseUrl {
    /// A file, relative to the working folder.
    Sqlite(PathBuf),
    /// The whole URL.
    Postgres(Secret),
}

/// The text is no database URL. Does not repeat the text: it may hold a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a database URL is sqlite://path/to/file.db (a file, no parameters) or postgres://user:password@host:5432/database · 数据库地址的写法：sqlite://path/to/file.db（只写文件，不带参数）或 postgres://user:password@host:5432/database"
)]
pub struct MalformedDatabaseUrl;

impl DatabaseUrl {
    /// The options that the driver connects with; for an SQLite file an error.
    pub(crate) fn postgres_options(&self) -> sqlx::Result<PgConnectOptions> {
        match self {
            Self::Postgres(url) => url.expose().parse(),
            Self::Sqlite(_) => Err(sqlx::Error::Configuration("not a PostgreSQL URL".into())),
        }
    }
}

impl FromStr for DatabaseUrl {
    type Err = MalformedDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            let url = Self::Postgres(Secret::new(text));
            return url.postgres_options().map(|_| url).map_err(|_| MalformedDatabaseUrl);
        }
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:")).unwrap_or_default();
        // In memory each connection would have a database of its own.
        if path.is_empty() || path.contains(['?', '\0']) || path.starts_with(":memory:") || path.ends_with('/') {
            return Err(MalformedDatabaseUrl);
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = MalformedDatabaseUrl;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.postgres_options()) {
            (Self::Sqlite(path), _) => write!(f, "sqlite://{}", path.display()),
            (Self::Postgres(_), Ok(options)) => {
                write!(f, "postgres://{}@{}:{}", options.get_username(), options.get_host(), options.get_port())?;
                options.get_database().map_or(Ok(()), |database| write!(f, "/{database}"))
            }
            (Self::Postgres(_), Err(_)) => f.write_str("postgres://***"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}
