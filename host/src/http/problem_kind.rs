//! The kinds of problems that the admin API answers: a stable word for programs, and what it says to people.

/// A kind of problem. With a new one comes what people read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProblemKind {
    BadRequest,
    Busy,
    Conflict,
    Forbidden,
    InUse,
    Internal,
    Invalid,
    LimitReached,
    MethodNotAllowed,
    NoFile,
    NoMenu,
    /// A plugin's file is refused. The code that says why is a word of its own.
    NotAdmitted,
    NotCalledSo,
    NotFetchedHere,
    NotFound,
    SystemTag,
    Timeout,
    TooLarge,
    TooManyTags,
    TooManyUsers,
    TooOften,
    Unable,
    Unauthorized,
    UnsupportedMediaType,
    WechatPayOutcomeUnknown,
    WechatPayRefused,
    WechatPayUnreachable,
    WechatRefused,
    WechatUnreachable,
}

impl ProblemKind {
    /// The `type`.
    pub(super) fn word(self) -> &'static str {
        self.texts().0
    }

    /// The `title`, in both languages.
    pub(super) fn title(self) -> &'static str {
        self.texts().1
    }

    fn texts(self) -> (&'static str, &'static str) {
        match self {
            Self::BadRequest => ("bad-request", "The request cannot be read · 无法解析请求"),
            Self::Busy => ("busy", "The server is busy · 服务繁忙"),
            Self::Conflict => ("conflict", "It does not fit what is there · 与现有内容冲突"),
            Self::Forbidden => ("forbidden", "The token may not do that · 令牌没有权限"),
            Self::InUse => ("in-use", "It is in use · 正在使用中"),
            Self::Internal => ("internal", "It failed on our side · 服务内部出错"),
            Self::Invalid => ("invalid", "Something in the request is not right · 请求的内容有误"),
            Self::LimitReached => ("limit-reached", "There would be too many · 超过数量上限"),
            Self::MethodNotAllowed => ("method-not-allowed", "The path does not take this method · 路径不支持这个方法"),
            Self::NoFile => ("no-file", "It has no file · 没有文件"),
            Self::NoMenu => ("no-menu", "There is no menu · 没有菜单"),
            Self::NotAdmitted => ("not-admitted", "The plugin's file is refused · 插件文件没有通过检查"),
            Self::NotCalledSo => ("not-called-so", "This is not called so · 不能这样调用"),
            Self::NotFetchedHere => ("not-fetched-here", "Weft does not fetch it · 不由 Weft 获取"),
            Self::NotFound => ("not-found", "There is none · 找不到"),
            Self::SystemTag => ("system-tag", "A tag of WeChat's own stays as it is · 微信的系统标签不能修改"),
            Self::Timeout => ("timeout", "It takes too long · 处理超时"),
            Self::TooLarge => ("too-large", "It is too large · 内容太大"),
            Self::TooManyTags => ("too-many-tags", "There are too many tags · 标签太多"),
            Self::TooManyUsers => ("too-many-users", "There are too many users · 用户太多"),
            Self::TooOften => ("too-often", "It is asked for too often · 请求过于频繁"),
            Self::Unable => ("unable", "The app may not do that · 账号不支持此操作"),
            Self::Unauthorized => ("unauthorized", "There is no valid token · 缺少有效的令牌"),
            Self::UnsupportedMediaType => {
                ("unsupported-media-type", "This type of content is not taken · 不支持这种内容类型")
            }
            Self::WechatPayOutcomeUnknown => {
                ("wechat-pay-outcome-unknown", "WeChat Pay may have done it · 微信支付可能已经处理")
            }
            Self::WechatPayRefused => ("wechat-pay-refused", "WeChat Pay refused · 微信支付拒绝了请求"),
            Self::WechatPayUnreachable => ("wechat-pay-unreachable", "WeChat Pay does not answer · 连接不上微信支付"),
            Self::WechatRefused => ("wechat-refused", "WeChat refused · 微信拒绝了请求"),
            Self::WechatUnreachable => ("wechat-unreachable", "WeChat does not answer · 连接不上微信"),
        }
    }
}
