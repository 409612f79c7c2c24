//! A known text, sealed with the secret key when the database was new: a start with another key fails at once, with
//! words, instead of later and one app at a time.

use super::{Store, StoreError, in_transaction};

const PURPOSE: &str = "secret_key_check";
const KNOWN_TEXT: &[u8] = b"weft";

impl Store {
    pub(super) async fn check_secret_key(&self) -> Result<(), StoreError> {
        const INSERT: &str = "INSERT INTO secret_key_check (id, sealed) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
        const READ: &str = "SELECT sealed FROM secret_key_check WHERE id = 1";
        let ours = self.key.seal(PURPOSE, KNOWN_TEXT);
        let sealed: Vec<u8> = in_transaction!(&self.db, connection => {
            sqlx::query(INSERT).bind(ours).execute(&mut *connection).await?;
            sqlx::query_scalar(READ).fetch_one(&mut *connection).await?
        });
        match self.key.open(PURPOSE, &sealed) {
            Ok(text) if text == KNOWN_TEXT => Ok(()),
            _ => Err(StoreError::WrongSecretKey { what: PURPOSE.to_owned() }),
        }
    }
}
