//! Whether a user agreed to the subscribe messages of a template.

/// What a user said to a template, as WeChat's events tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The template.
    pub template_id: String,
    /// What they said last: `accept`, `reject`, or what WeChat adds to these.
    pub status: String,
    /// How often they agreed.
    pub accepted: u64,
    /// How often they refused.
    pub rejected: u64,
    /// How many messages of the template Weft has sent to them since they were first asked.
    pub sent: u64,
    /// When they last said something; seconds since 1970.
    pub changed_at: u64,
}
