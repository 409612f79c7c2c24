//! How often WeChat lets an account call an API in a day, as far as it is known: accounts with many followers may call
//! more. What holds for an account, [`QuotaGet`](super::openapi::quota_get::QuotaGet) asks WeChat.

/// How often an API may be called in a day of China.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DailyLimit {
    /// How often.
    pub calls: u64,
    /// Whether WeChat's documentation says so; otherwise it is what accounts have usually seen.
    pub documented: bool,
}

const LIMITS: &[(&str, u64, bool)] = &[
    ("/cgi-bin/stable_token", 500_000, true),
    ("/cgi-bin/message/template/send", 100_000, true),
    ("/cgi-bin/token", 2_000, false),
    ("/cgi-bin/menu/addconditional", 2_000, false),
    ("/cgi-bin/menu/delconditional", 2_000, false),
    ("/cgi-bin/menu/create", 1_000, false),
    ("/cgi-bin/menu/delete", 1_000, false),
    ("/cgi-bin/menu/get", 10_000, false),
    ("/cgi-bin/media/upload", 100_000, false),
    ("/cgi-bin/media/get", 200_000, false),
    ("/cgi-bin/message/custom/send", 500_000, false),
    ("/cgi-bin/message/mass/sendall", 100, false),
    ("/cgi-bin/message/mass/send", 100, false),
    ("/cgi-bin/ticket/getticket", 1_000_000, false),
    ("/cgi-bin/user/get", 500, false),
    ("/cgi-bin/user/info", 5_000_000, false),
    ("/cgi-bin/qrcode/create", 100_000, false),
];

/// The limit for `path`, which begins with a slash; none where nothing is known.
pub fn daily_limit(path: &str) -> Option<DailyLimit> {
    let (_, calls, documented) = LIMITS.iter().find(|(known, ..)| *known == path)?;
    Some(DailyLimit { calls: *calls, documented: *documented })
}
