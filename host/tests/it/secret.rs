//! Secrets and the key that seals them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use weft::secret::{SealError, Secret, SecretKey, SecretKeyError};

const DIGITS: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";

#[test]
fn a_secret_prints_nothing_of_itself() {
    let secret: Secret = serde_json::from_str("\"hunter2\"").unwrap();
    assert_eq!(secret.expose(), "hunter2");
    assert!(!format!("{secret} {secret:?} {:#?}", Some(&secret)).contains("hunter"));
    assert!(secret == Secret::new("hunter2"));
    assert!(secret != Secret::new("hunter3"));
    assert!(secret != Secret::new("hunter"));
}

#[test]
fn what_is_sealed_opens_for_the_same_key_and_purpose_alone() {
    let key = SecretKey::parse(DIGITS).unwrap();
    let sealed = key.seal("apps.appsecret/shop", b"hunter2");
    assert_eq!(key.open("apps.appsecret/shop", &sealed).unwrap(), b"hunter2");
    assert_eq!(key.open("apps.appsecret/blog", &sealed), Err(SealError::Refused));
    assert_eq!(SecretKey::generate().open("apps.appsecret/shop", &sealed), Err(SealError::Refused));
    assert!(!sealed.windows(7).any(|window| window == b"hunter2"));
    assert_ne!(sealed, key.seal("apps.appsecret/shop", b"hunter2"), "each sealing has its own nonce");
}

#[test]
fn changed_or_shortened_bytes_do_not_open() {
    let key = SecretKey::generate();
    let sealed = key.seal("p", b"hunter2");
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        assert!(key.open("p", &changed).is_err(), "byte {at}");
        assert!(key.open("p", &sealed[..at]).is_err(), "first {at} bytes");
    }
    assert_eq!(key.open("p", &[]), Err(SealError::Malformed));
}

#[test]
fn derived_keys_are_hmac_sha256_of_the_purpose() {
    let key = SecretKey::parse(DIGITS).unwrap();
    // printf %s sessions | openssl dgst -sha256 -mac HMAC -macopt hexkey:$DIGITS
    assert_eq!(hex::encode(key.derive("sessions")), "a6606640638abecabf4784fdf3cb610ec33a622d7c50aaf682e6c050bcf6b67e");
    assert_ne!(key.derive("sessions"), key.derive("session"));
    assert!(!format!("{key:?}").contains("00"));
}

#[test]
fn a_key_is_64_hexadecimal_digits() {
    assert!(SecretKey::parse(&format!(" {DIGITS}\n")).is_ok());
    assert!(SecretKey::parse(&DIGITS.to_uppercase()).is_ok());
    for wrong in ["", "00", &DIGITS[1..], &format!("{DIGITS}00"), &DIGITS.replace('0', "g")] {
        assert!(matches!(SecretKey::parse(wrong), Err(SecretKeyError::Malformed)), "{wrong:?}");
    }
}

#[test]
fn the_key_file_is_made_once_for_this_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/data/secret.key");
    let first = SecretKey::load_or_create(&path).unwrap();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.as_path()), 0o600);
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.len() == 65 && text.ends_with('\n'));
    let again = SecretKey::load_or_create(&path).unwrap();
    assert_eq!(first.derive("p"), again.derive("p"));
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "nothing is left beside the key");
}

#[test]
fn starters_at_the_same_moment_get_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.key");
    let derived: Vec<_> = thread::scope(|scope| {
        let start = || scope.spawn(|| SecretKey::load_or_create(&path).unwrap().derive("p"));
        let threads: Vec<_> = (0..16).map(|_| start()).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(derived.iter().all(|other| *other == derived[0]));
}

#[test]
fn a_key_file_that_others_may_read_is_refused_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.key");
    SecretKey::load_or_create(&path).unwrap();
    for mode in [0o644, 0o640, 0o604, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let error = SecretKey::load_or_create(&path).unwrap_err().to_string();
        assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(SecretKey::load_or_create(&path).is_ok());
}

#[test]
fn a_damaged_key_file_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret.key");
    fs::write(&path, "half a key").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = SecretKey::load_or_create(&path).unwrap_err();
    assert!(matches!(error, SecretKeyError::MalformedFile { .. }), "{error}");
    assert!(!error.to_string().contains("half"));
    assert_eq!(fs::read_to_string(&path).unwrap(), "half a key");
}
