//! Template messages (模板消息) of service accounts: which templates an account has.

pub mod api_add_template;
pub mod api_set_industry;
pub mod del_private_template;
pub mod get_all_private_template;
pub mod get_industry;
