//! `multipart/form-data` that somebody else puts together.

use super::{Body, Content};

/// One part of a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FormPart<'a> {
    /// The field.
    pub name: &'a str,
    /// With it, the part is a file.
    pub filename: Option<&'a str>,
    /// Such as `image/png`.
    pub content_type: Option<&'a str>,
    /// What is in it.
    pub content: &'a [u8],
}

/// Why parts make no form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FormError {
    /// It would end the header that it stands in.
    #[error(
        "part {0} of the form has a quote, a backslash or a control character in its name, filename or content type"
    )]
    Header(usize),
    /// A part would end where it should not.
    #[error("part {0} of the form has the boundary in it")]
    Boundary(usize),
}

/// The parts as a body. `boundary` has letters and digits, and should be one that nobody can guess. Names stand as they
/// are, as WeChat reads them: not percent-encoded.
///
/// # Errors
/// When a part would break the form.
pub fn form(boundary: &str, parts: &[FormPart<'_>]) -> Result<Body, FormError> {
    let mut body = Vec::with_capacity(parts.iter().map(|part| part.content.len() + 256).sum());
    for (number, part) in (1..).zip(parts) {
        let FormPart { name, filename, content_type, content } = *part;
        let texts = [Some(name), filename, content_type];
        if texts.into_iter().flatten().any(|text| text.contains(['"', '\\']) || text.chars().any(char::is_control)) {
            return Err(FormError::Header(number));
        }
        if content.windows(boundary.len()).any(|window| window == boundary.as_bytes()) {
            return Err(FormError::Boundary(number));
        }
        let filename = filename.map(|filename| format!("; filename=\"{filename}\"")).unwrap_or_default();
        let content_type = content_type.map(|text| format!("Content-Type: {text}\r\n")).unwrap_or_default();
        let head =
            format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{filename}\r\n{content_type}\r\n");
        body.extend_from_slice(head.as_bytes());
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
    let content_type = format!("multipart/form-data; boundary={boundary}");
    Ok(Body::Raw { content_type, content: Content::Bytes(body.into()) })
}
