//! The operator's log. Needs no grant; lines and bytes of a call are limited.
//!
//! ```
//! use weft_plugin::log;
//!
//! # let (out_trade_no, fee) = ("A1", 100);
//! log::info!("somebody wrote");
//! log::warn!(order = out_trade_no, fee = fee; "paid {fee} fen twice");
//! ```
//!
//! What stands before the semicolon are names and values that the operator can search for.

pub use crate::bindings::imported::log::Level;
use crate::imports;
#[doc(inline)]
pub use crate::{__log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn};

/// Writes one line, with `fields` as searchable names and values. The macros are shorter.
pub fn write(level: Level, message: &str, fields: &[(String, String)]) {
    imports::log::write(level, message, fields);
}

/// One line at a level.
#[doc(hidden)]
#[macro_export]
macro_rules! __log {
    ($level:ident, $($name:ident = $value:expr),+ ; $($text:tt)+) => {
        $crate::log::write(
            $crate::log::Level::$level,
            &::std::format!($($text)+),
            &[$((
                ::std::string::String::from(::core::stringify!($name)),
                ::std::string::ToString::to_string(&$value),
            )),+],
        )
    };
    ($level:ident, $($text:tt)+) => {
        $crate::log::write($crate::log::Level::$level, &::std::format!($($text)+), &[])
    };
}

/// Logs what helps only who looks for a fault.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($line:tt)+) => { $crate::__log!(Debug, $($line)+) };
}

/// Logs what happened.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($line:tt)+) => { $crate::__log!(Info, $($line)+) };
}

/// Logs what somebody should look at.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($line:tt)+) => { $crate::__log!(Warn, $($line)+) };
}

/// Logs what went wrong.
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($line:tt)+) => { $crate::__log!(Error, $($line)+) };
}
