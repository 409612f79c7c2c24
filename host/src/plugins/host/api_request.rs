//! What `wechat` and `pay` have in common: path, method and length of requests that plugins write themselves.

use std::{fmt::Display, str::FromStr};

use crate::{bilingual::all, plugins::bindings::imported::types::Error};

/// Reads a path that begins with a slash. `malformed` is the error of a text that is no path; with any other error it
/// is one that is not called this way.
pub(super) fn parse_path<P>(text: &str, malformed: &P::Err) -> Result<P, Error>
where
    P: FromStr,
    P::Err: Display + PartialEq,
{
    let invalid = || Error::Invalid(all(&[malformed.to_string(), "it begins with a slash · 以斜杠开头".to_owned()]));
    if !text.starts_with('/') {
        return Err(invalid());
    }
    text.parse::<P>().map_err(|error| if error == *malformed { invalid() } else { Error::Denied(error.to_string()) })
}

/// `get` or `post`, by the method's name. A GET request has no body.
pub(super) fn get_or_post<M>(method: &str, has_body: bool, get: M, post: M) -> Result<M, Error> {
    match method {
        "GET" if has_body => Err(Error::Invalid("a GET request has no body".to_owned())),
        "GET" => Ok(get),
        "POST" => Ok(post),
        _ => Err(Error::Invalid("the method is GET or POST".to_owned())),
    }
}

/// Refuses a body of more than `most` bytes.
pub(super) fn check_length(bytes: usize, most: usize) -> Result<(), Error> {
    if bytes > most {
        return Err(Error::Limited(format!("the body of a call has at most {most} bytes")));
    }
    Ok(())
}
