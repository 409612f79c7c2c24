//! Statistics of an account (数据统计): `/datacube/…`. Yesterday is the latest day there is.

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::json;

use super::post;
use crate::error::Error;

/// What is counted, with the most days that one call may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Users who came and left, 7 days: `/datacube/getusersummary`.
    UserSummary,
    /// Users in all, 7 days: `/datacube/getusercumulate`.
    UserCumulate,
    /// Articles of a day, 1 day: `/datacube/getarticlesummary`.
    ArticleSummary,
    /// Articles since they were sent, 1 day: `/datacube/getarticletotal`.
    ArticleTotal,
    /// Reading, 3 days: `/datacube/getuserread`.
    UserRead,
    /// Reading by hour, 1 day: `/datacube/getuserreadhour`.
    UserReadHour,
    /// Sharing, 7 days: `/datacube/getusershare`.
    UserShare,
    /// Sharing by hour, 1 day: `/datacube/getusersharehour`.
    UserShareHour,
    /// Messages of users, 7 days: `/datacube/getupstreammsg`.
    UpstreamMessages,
    /// Messages of users by hour, 1 day: `/datacube/getupstreammsghour`.
    UpstreamMessagesHour,
    /// Messages of users by week, 30 days: `/datacube/getupstreammsgweek`.
    UpstreamMessagesWeek,
    /// Messages of users by month, 30 days: `/datacube/getupstreammsgmonth`.
    UpstreamMessagesMonth,
    /// How many users sent how many messages, 15 days: `/datacube/getupstreammsgdist`.
    UpstreamDistribution,
    /// The same by week, 30 days: `/datacube/getupstreammsgdistweek`.
    UpstreamDistributionWeek,
    /// The same by month, 30 days: `/datacube/getupstreammsgdistmonth`.
    UpstreamDistributionMonth,
    /// WeChat's calls of the webhook, 30 days: `/datacube/getinterfacesummary`.
    InterfaceSummary,
    /// The same by hour, 1 day: `/datacube/getinterfacesummaryhour`.
    InterfaceSummaryHour,
}

impl Report {
    /// What it is called.
    pub const fn path(self) -> &'static str {
        match self {
            Self::UserSummary => "/datacube/getusersummary",
            Self::UserCumulate => "/datacube/getusercumulate",
            Self::ArticleSummary => "/datacube/getarticlesummary",
            Self::ArticleTotal => "/datacube/getarticletotal",
            Self::UserRead => "/datacube/getuserread",
            Self::UserReadHour => "/datacube/getuserreadhour",
            Self::UserShare => "/datacube/getusershare",
            Self::UserShareHour => "/datacube/getusersharehour",
            Self::UpstreamMessages => "/datacube/getupstreammsg",
            Self::UpstreamMessagesHour => "/datacube/getupstreammsghour",
            Self::UpstreamMessagesWeek => "/datacube/getupstreammsgweek",
            Self::UpstreamMessagesMonth => "/datacube/getupstreammsgmonth",
            Self::UpstreamDistribution => "/datacube/getupstreammsgdist",
            Self::UpstreamDistributionWeek => "/datacube/getupstreammsgdistweek",
            Self::UpstreamDistributionMonth => "/datacube/getupstreammsgdistmonth",
            Self::InterfaceSummary => "/datacube/getinterfacesummary",
            Self::InterfaceSummaryHour => "/datacube/getinterfacesummaryhour",
        }
    }
}

/// Reads a report from `begin_date` to `end_date`, both included and written as `2026-01-31`. `T` is
/// one entry of it.
///
/// ```
/// use weft_plugin::{wechat::datacube::{self, Report}, Error};
///
/// fn new_users(day: &str) -> Result<u64, Error> {
///     let entries: Vec<serde_json::Value> = datacube::read(Report::UserSummary, day, day)?;
///     Ok(entries.iter().filter_map(|entry| entry["new_user"].as_u64()).sum())
/// }
/// ```
pub fn read<T: DeserializeOwned>(report: Report, begin_date: &str, end_date: &str) -> Result<Vec<T>, Error> {
    #[derive(Deserialize)]
    struct List<T> {
        list: Vec<T>,
    }
    let days = json!({"begin_date": begin_date, "end_date": end_date});
    Ok(post::<List<T>>(report.path(), &days)?.list)
}
