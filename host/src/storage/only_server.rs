//! An SQLite file has one server at a time: two would handle the same delivery, and neither would know what the other has
//! in memory. Only servers ask for this; commands open the store beside them.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::config::DatabaseUrl;
use crate::secret::{create_private_file, create_private_parent};

/// How long a server is waited for that may be about to end.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often to look whether it has.
const LOOK: Duration = Duration::from_millis(50);

/// Held by the server that has an SQLite file, until it is dropped or its process ends.
#[derive(Debug)]
pub struct OnlyServer(File);

/// Why this server cannot be the only one.
#[derive(Debug, thiserror::Error)]
pub enum NotTheOnlyServer {
    /// There is one.
    #[error(
        "another Weft server{by} uses the database {database}, and SQLite has room for one: stop it, give this one another data_dir, or use PostgreSQL; commands may run beside a server · 数据库 {database} 正被另一个 Weft 服务使用{by}，SQLite 只能由一个服务使用：请停掉它，或给这个服务换一个 data_dir，或改用 PostgreSQL；其他命令可以与服务同时执行",
        by = named(*process)
    )]
    Another {
        /// The file of both.
        database: PathBuf,
        /// The other's process, where it is known.
        process: Option<u32>,
    },
    /// The file that says so cannot be had.
    #[error(
        "cannot open {path}: the user that runs weft has to own the folder and the file; where another user, such as root, has started a server, stop that and give both to the one that runs weft (chown) · 无法打开 {path}：目录和文件都应属于运行 weft 的用户；如果别的用户（例如 root）启动过服务，请停掉它，再把目录和文件改回来（chown）"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

fn named(process: Option<u32>) -> String {
    process.map(|process| format!(" (process {process})")).unwrap_or_default()
}

impl OnlyServer {
    /// Keeps other servers from the database; none for PostgreSQL, which many share. Blocks on the file system: call it
    /// while starting.
    ///
    /// # Errors
    /// When another server has it, and does not end in the next seconds.
    pub async fn of(database: &DatabaseUrl) -> Result<Option<Self>, NotTheOnlyServer> {
        let DatabaseUrl::Sqlite(database) = database else { return Ok(None) };
        let mut path = database.clone().into_os_string();
        path.push(".lock");
        let path = PathBuf::from(path);
        let mut file = open(&path).map_err(|source| NotTheOnlyServer::File { path: path.clone(), source })?;
        let began = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if began.elapsed() < PATIENCE => tokio::time::sleep(LOOK).await,
                Err(TryLockError::WouldBlock) => {
                    let process = fs::read_to_string(&path).ok().and_then(|process| process.trim().parse().ok());
                    return Err(NotTheOnlyServer::Another { database: database.clone(), process });
                }
                // There are file systems without locks.
                Err(TryLockError::Error(error)) => {
                    tracing::warn!(%error, "it cannot be told whether another server uses the database");
                    break;
                }
            }
        }
        // For people alone.
        drop(file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())));
        Ok(Some(Self(file)))
    }
}

impl Drop for OnlyServer {
    /// Closing the file is not enough: a child process that is just being started has it, too, until its program runs.
    fn drop(&mut self) {
        drop(self.0.unlock());
    }
}

fn open(path: &Path) -> io::Result<File> {
    create_private_parent(path)?;
    match create_private_file(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => File::options().read(true).write(true).open(path),
        created => created,
    }
}
