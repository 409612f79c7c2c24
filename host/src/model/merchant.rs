//! A merchant: one configuration of WeChat Pay of an app.

use serde::{Deserialize, Serialize};
use weft_wechat::pay::Party;
use weft_wechat::pay::v2::{self, ApiKey, SignType};
use weft_wechat::pay::v3::{self, Apiv3Key, Certificate, PlatformKeys, PrivateKey, PublicKey};

use super::words::words;
use super::{App, FieldError};
use crate::secret::Secret;

/// Which version of WeChat Pay a merchant uses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PayVersion {
    /// XML, signed with a key that both sides know.
    V2,
    /// JSON, signed with RSA.
    #[default]
    V3,
}

words!(PayVersion { V2: "v2", V3: "v3" }, UnknownPayVersion);

/// There is no such version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a version of WeChat Pay is v2 or v3 · 微信支付的版本为 v2 或 v3")]
pub struct UnknownPayVersion;

/// One configuration of WeChat Pay. The keys of both versions may be there together.
#[derive(Debug, Clone, PartialEq)]
pub struct Merchant {
    /// The app's name.
    pub app: String,
    /// Unique in the app; never changes. 1 to 32 of `A-Z a-z 0-9 _ -`.
    pub name: String,
    /// For people; 1 to 32 characters.
    pub title: String,
    /// The app's merchant with the greatest weight is the one that is meant where none is named.
    pub weight: i64,
    /// 商户号; does not change after creation.
    pub mch_id: String,
    /// Which version is used.
    pub api_version: PayVersion,
    /// How v2 signs.
    pub sign_type: SignType,
    /// API密钥, for v2.
    pub api_key: Option<Secret>,
    /// `APIv3密钥`: opens notifications of v3.
    pub apiv3_key: Option<Secret>,
    /// `apiclient_key.pem`: signs for v3.
    pub private_key: Option<Secret>,
    /// The serial number of the merchant's certificate, in upper-case hexadecimal.
    pub serial_no: Option<String>,
    /// `PUB_KEY_ID_…`: the number of [`public_key`](Self::public_key).
    pub public_key_id: Option<String>,
    /// `pub_key.pem`: the WeChat Pay public key, for merchants that have one in place of certificates.
    pub public_key: Option<Secret>,
    /// `apiclient_cert.pem`: for refunds of v2.
    pub client_cert: Option<Secret>,
    /// The key of the certificate, where it is not the private key.
    pub client_key: Option<Secret>,
    /// 特约商户号: on whose behalf a partner acts.
    pub sub_mch_id: Option<String>,
    /// The partner's own account, where the app is the sub-merchant's.
    pub mch_app_id: Option<String>,
    /// Seconds since 1970.
    pub created_at: u64,
    /// Seconds since 1970.
    pub updated_at: u64,
}

/// What of a merchant's keys is missing or wrong, so that nothing can be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the merchant's {0} is missing or cannot be used · 商户的 {0} 没有设置，或不能用")]
pub struct UnusableMerchant(pub &'static str);

/// Longest name and title, in characters.
const NAME_LENGTH: usize = 32;

impl Merchant {
    /// A merchant without keys, titled with its name; the storage fills in the times.
    pub fn new(app: &str, name: &str, mch_id: &str, api_version: PayVersion) -> Self {
        Self {
            app: app.to_owned(),
            name: name.to_owned(),
            title: name.to_owned(),
            weight: 0,
            mch_id: mch_id.to_owned(),
            api_version,
            sign_type: SignType::Md5,
            api_key: None,
            apiv3_key: None,
            private_key: None,
            serial_no: None,
            public_key_id: None,
            public_key: None,
            client_cert: None,
            client_key: None,
            sub_mch_id: None,
            mch_app_id: None,
            created_at: 0,
            updated_at: 0,
        }
    }

    /// Takes the serial number from the certificate, where nobody gave it.
    pub fn complete(&mut self) {
        if self.serial_no.is_none()
            && let Some(Ok(certificate)) = self.client_cert.as_ref().map(|pem| Certificate::from_pem(pem.expose()))
        {
            self.serial_no = Some(certificate.serial);
        }
    }

    /// Whose the orders are.
    pub fn party(&self, app: &App) -> Party {
        let partner = self.mch_app_id.as_ref().filter(|appid| **appid != app.appid);
        Party {
            appid: partner.unwrap_or(&app.appid).clone(),
            mch_id: self.mch_id.clone(),
            sub_appid: partner.map(|_| app.appid.clone()),
            sub_mch_id: self.sub_mch_id.clone(),
        }
    }

    /// How an order says that a user of the app pays: as openid of the merchant's account, and of the sub-merchant's.
    /// Where a partner acts for an app of the sub-merchant's, the app's users are known by the second.
    pub fn payer(&self, user: Option<String>) -> (Option<String>, Option<String>) {
        let is_sub = self.sub_mch_id.is_some() && self.mch_app_id.is_some();
        if is_sub { (None, user) } else { (user, None) }
    }

    /// What signs and verifies for v2.
    pub fn v2(&self, party: Party) -> Result<v2::Merchant, UnusableMerchant> {
        let key = self.api_key.as_ref().and_then(|key| key.expose().parse::<ApiKey>().ok());
        Ok(v2::Merchant { party, key: key.ok_or(UnusableMerchant("api_key"))?, sign_type: self.sign_type })
    }

    /// What signs for v3, and opens what is sealed.
    pub fn v3(&self, party: Party) -> Result<v3::Merchant, UnusableMerchant> {
        let key = self.private_key.as_ref().and_then(|pem| PrivateKey::from_pem(pem.expose()).ok());
        let apiv3_key = self.apiv3_key.as_ref().and_then(|key| key.expose().parse::<Apiv3Key>().ok());
        Ok(v3::Merchant {
            party,
            serial_no: self.serial_no.clone().ok_or(UnusableMerchant("serial_no"))?,
            key: key.ok_or(UnusableMerchant("private_key"))?,
            apiv3_key: apiv3_key.ok_or(UnusableMerchant("apiv3_key"))?,
        })
    }

    /// WeChat's public key, where the merchant has one.
    pub fn platform_keys(&self) -> PlatformKeys {
        let mut keys = PlatformKeys::default();
        let key = self.public_key.as_ref().and_then(|pem| PublicKey::from_pem(pem.expose()).ok());
        if let (Some(id), Some(key)) = (&self.public_key_id, key) {
            keys.add_public_key(id, key);
        }
        keys
    }

    /// The fields that break their rules; empty when the merchant may be stored.
    pub fn check(&self) -> Vec<FieldError> {
        let mut errors = Checks(Vec::new());
        let is_word = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let is_name = (1..=NAME_LENGTH).contains(&self.name.len()) && is_word(&self.name);
        errors.require(is_name, "name", "1 to 32 letters, digits, `_` or `-` · 1 到 32 个字母、数字、`_` 或 `-`");
        let title =
            (1..=NAME_LENGTH).contains(&self.title.chars().count()) && !self.title.chars().any(char::is_control);
        errors.require(title, "title", "1 to 32 characters · 1 到 32 个字符");
        let is_number = |text: &str| (1..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        errors.require(
            is_number(&self.mch_id),
            "mch_id",
            "1 to 32 digits, such as 1900000109 · 1 到 32 位数字，如 1900000109",
        );
        let sub_mch_id = self.sub_mch_id.as_deref().is_none_or(is_number);
        errors.require(sub_mch_id, "sub_mch_id", "1 to 32 digits · 1 到 32 位数字");
        let mch_app_id = self.mch_app_id.as_deref().is_none_or(|id| (1..=32).contains(&id.len()) && is_word(id));
        errors.require(mch_app_id, "mch_app_id", "1 to 32 letters, digits, `_` or `-`, such as wx0123456789abcdef · 1 到 32 个字母、数字、`_` 或 `-`，如 wx0123456789abcdef");
        let alone = self.mch_app_id.is_none() || self.sub_mch_id.is_some();
        errors.require(
            alone,
            "sub_mch_id",
            "needed with mch_app_id: a partner acts for a sub-merchant · 有 mch_app_id（服务商）时必填：特约商户号",
        );
        self.check_v2(&mut errors);
        self.check_v3(&mut errors);
        errors.0
    }

    /// As [`check`](Self::check), for a merchant that is to replace `before`.
    pub fn check_change(&self, before: &Self) -> Vec<FieldError> {
        let mut errors = Checks(self.check());
        let stays = "cannot be changed: create another merchant · 不能修改，请另建商户";
        errors.require(self.name == before.name, "name", stays);
        errors.require(self.mch_id == before.mch_id, "mch_id", stays);
        errors.0
    }

    fn check_v2(&self, errors: &mut Checks) {
        if let Some(key) = &self.api_key {
            let right = key.expose().len() == 32 && key.expose().parse::<ApiKey>().is_ok();
            errors.require(right, "api_key", "exactly 32 letters and digits · 须为 32 位字母和数字");
        }
        let has_key = self.api_version != PayVersion::V2 || self.api_key.is_some();
        errors.require(has_key, "api_key", "needed for v2 · v2 必填");
        let Some(pem) = &self.client_cert else {
            errors.require(self.client_key.is_none(), "client_cert", "needed with client_key · 有 client_key 时必填");
            return;
        };
        match Certificate::from_pem(pem.expose()) {
            Err(error) => errors.require(false, "client_cert", error.to_string()),
            Ok(certificate) => {
                let serial_no = self.serial_no.as_ref().is_none_or(|serial| *serial == certificate.serial);
                errors.require(
                    serial_no,
                    "serial_no",
                    format!("the certificate's is {0} · 证书的序列号是 {0}", certificate.serial),
                );
                let keys = [("client_key", &self.client_key), ("private_key", &self.private_key)];
                for (field, pem) in keys {
                    let key = pem.as_ref().and_then(|pem| PrivateKey::from_pem(pem.expose()).ok());
                    let fits = key.is_none_or(|key| key.public_key() == certificate.public_key);
                    errors.require(
                        fits,
                        field,
                        "it is not the key of the certificate client_cert · 不是 client_cert 证书的私钥",
                    );
                }
            }
        }
        let has_key = self.client_key.is_some() || self.private_key.is_some();
        errors.require(has_key, "client_key", "needed with client_cert, unless private_key is its key · 有 client_cert 时必填，除非 private_key 就是它的私钥");
        if let Some(pem) = &self.client_key
            && let Err(error) = PrivateKey::from_pem(pem.expose())
        {
            errors.require(false, "client_key", error.to_string());
        }
    }

    fn check_v3(&self, errors: &mut Checks) {
        if let Some(key) = &self.apiv3_key
            && let Err(error) = key.expose().parse::<Apiv3Key>()
        {
            errors.require(false, "apiv3_key", error.to_string());
        }
        if let Some(pem) = &self.private_key
            && let Err(error) = PrivateKey::from_pem(pem.expose())
        {
            errors.require(false, "private_key", error.to_string());
        }
        let is_serial = |text: &str| {
            (2..=64).contains(&text.len()) && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'A'..=b'F'))
        };
        let serial_no = self.serial_no.as_deref().is_none_or(is_serial);
        errors.require(
            serial_no,
            "serial_no",
            "2 to 64 hexadecimal digits, letters in upper case · 2 到 64 位十六进制数，字母大写",
        );
        if let Some(pem) = &self.public_key
            && let Err(error) = PublicKey::from_pem(pem.expose())
        {
            errors.require(false, "public_key", error.to_string());
        }
        let is_id =
            |id: &str| id.starts_with("PUB_KEY_ID_") && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_graphic());
        let public_key_id = self.public_key_id.as_deref().is_none_or(is_id);
        errors.require(
            public_key_id,
            "public_key_id",
            "it begins with PUB_KEY_ID_ and stands beside the key at WeChat Pay · 以 PUB_KEY_ID_ 开头，在商户平台的微信支付公钥处",
        );
        let together = self.public_key.is_some() == self.public_key_id.is_some();
        errors.require(
            together,
            "public_key_id",
            "public_key and public_key_id go together · public_key 和 public_key_id 要一起设置",
        );
        if self.api_version == PayVersion::V3 {
            errors.require(self.apiv3_key.is_some(), "apiv3_key", "needed for v3 · v3 必填");
            errors.require(self.private_key.is_some(), "private_key", "needed for v3 · v3 必填");
            errors.require(
                self.serial_no.is_some(),
                "serial_no",
                "needed for v3, unless client_cert is there · v3 必填，除非有 client_cert",
            );
        }
    }
}

struct Checks(Vec<FieldError>);

impl Checks {
    fn require(&mut self, right: bool, field: &'static str, message: impl Into<String>) {
        if !right {
            self.0.push(FieldError::new(field, message));
        }
    }
}
