//! How the connections of a pool are used.

use sqlx::{Database, Pool};

/// The connections of one pool at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUse {
    /// writer and readers of SQLite, all of PostgreSQL.
    pub name: &'static str,
    /// How many there are.
    pub connections: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
    /// How many there may be.
    pub most: u32,
}

impl PoolUse {
    pub(super) fn of<D: Database>(name: &'static str, pool: &Pool<D>) -> Self {
        Self {
            name,
            connections: pool.size(),
            idle: u32::try_from(pool.num_idle()).unwrap_or(u32::MAX),
            most: pool.options().get_max_connections(),
        }
    }
}
