//! What a file is: told by what is in it, and never by its name or by what somebody says of it.

use weft_wechat::api::media::MediaType;

use super::FieldError;

/// The kinds of files that are media. Everything else is of no kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A picture.
    Png,
    /// A picture.
    Jpeg,
    /// A picture, which may move.
    Gif,
    /// A picture.
    Webp,
    /// A picture.
    Bmp,
    /// A sound.
    Mp3,
    /// A sound, as telephones record it.
    Amr,
    /// A sound.
    Wav,
    /// A film.
    Mp4,
}

/// Brands of pictures and sounds in the container of MP4 (HEIC, AVIF, CR3, M4A). Other brands are films: WeChat does not
/// say which of them it takes.
const NO_FILMS: [&[u8; 4]; 16] = [
    b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis", b"crx ", b"M4A ",
    b"M4B ", b"M4P ", b"F4A ", b"F4B ",
];

impl FileKind {
    /// What `bytes` are, by how they begin.
    pub fn of(bytes: &[u8]) -> Option<Self> {
        let riff = |kind: &[u8]| bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(kind);
        Some(match bytes {
            _ if bytes.starts_with(b"\x89PNG\r\n\x1a\n") => Self::Png,
            [0xff, 0xd8, 0xff, ..] => Self::Jpeg,
            _ if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") => Self::Gif,
            _ if riff(b"WEBP") => Self::Webp,
            _ if riff(b"WAVE") => Self::Wav,
            // The size of the file, then four bytes that are zero: two letters alone would be found in many texts.
            [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Self::Bmp,
            _ if bytes.starts_with(b"#!AMR") => Self::Amr,
            _ if bytes.starts_with(b"ID3") => Self::Mp3,
            // A frame of layer 3 of MPEG 1, 2 or 2.5, with a bit rate and a sampling rate that there are.
            [0xff, kind, rates, ..]
                if kind & 0xe6 == 0xe2 && kind & 0x18 != 0x08 && rates >> 4 != 15 && rates & 0x0c != 0x0c =>
            {
                Self::Mp3
            }
            [_, _, _, _, b'f', b't', b'y', b'p', brand @ ..]
                if !NO_FILMS.iter().any(|other| brand.starts_with(other.as_slice())) =>
            {
                Self::Mp4
            }
            _ => return None,
        })
    }

    /// What HTTP calls it.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
            Self::Bmp => "image/bmp",
            Self::Mp3 => "audio/mpeg",
            Self::Amr => "audio/amr",
            Self::Wav => "audio/wav",
            Self::Mp4 => "video/mp4",
        }
    }

    /// How names of such files end.
    pub fn ending(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Gif => "gif",
            Self::Webp => "webp",
            Self::Bmp => "bmp",
            Self::Mp3 => "mp3",
            Self::Amr => "amr",
            Self::Wav => "wav",
            Self::Mp4 => "mp4",
        }
    }
}

/// For how long WeChat keeps a file, which decides what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// Three days.
    Temporary,
    /// Until it is deleted.
    Permanent,
}

/// What the file is, when WeChat takes it as `media_type`.
///
/// # Errors
/// What would be right, for the field `media`.
pub fn check_media(media_type: MediaType, keeping: Keeping, bytes: &[u8]) -> Result<FileKind, FieldError> {
    let most = media_type.max_bytes(keeping == Keeping::Permanent);
    if bytes.is_empty() || bytes.len() as u64 > most {
        let most = if most < 1 << 20 { format!("{} KB", most >> 10) } else { format!("{} MB", most >> 20) };
        return Err(FieldError::new("media", format!("a file of type {} has 1 byte to {most}", media_type.as_str())));
    }
    let kinds = kinds(media_type, keeping);
    FileKind::of(bytes).filter(|kind| kinds.contains(kind)).ok_or_else(|| {
        let names: Vec<_> = kinds.iter().map(|kind| kind.ending()).collect();
        let message = format!("a file of type {} is one of {}, by its content", media_type.as_str(), names.join(", "));
        FieldError::new("media", message)
    })
}

fn kinds(media_type: MediaType, keeping: Keeping) -> &'static [FileKind] {
    use FileKind::{Amr, Bmp, Gif, Jpeg, Mp3, Mp4, Png, Wav};
    match (media_type, keeping) {
        (MediaType::Image, Keeping::Temporary) => &[Png, Jpeg, Gif],
        (MediaType::Image, Keeping::Permanent) => &[Png, Jpeg, Gif, Bmp],
        (MediaType::Voice, Keeping::Temporary) => &[Amr, Mp3],
        (MediaType::Voice, Keeping::Permanent) => &[Amr, Mp3, Wav],
        (MediaType::Video, _) => &[Mp4],
        (MediaType::Thumb, _) => &[Jpeg],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_what_is_in_it() {
        for (bytes, kind) in [
            (&b"\x89PNG\r\n\x1a\n...."[..], FileKind::Png),
            (b"\xff\xd8\xff\xe0..JFIF", FileKind::Jpeg),
            (b"GIF89a......", FileKind::Gif),
            (b"RIFF....WEBPVP8 ", FileKind::Webp),
            (b"RIFF....WAVEfmt ", FileKind::Wav),
            (b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00", FileKind::Bmp),
            (b"ID3\x03\x00", FileKind::Mp3),
            (b"\xff\xfb\x90\x64", FileKind::Mp3),
            (b"\xff\xf3\x40\xc4", FileKind::Mp3),
            (b"\xff\xe3\x18\xc4", FileKind::Mp3),
            (b"#!AMR\n<", FileKind::Amr),
            (b"\x00\x00\x00\x18ftypmp42", FileKind::Mp4),
            (b"\x00\x00\x00\x20ftypisom", FileKind::Mp4),
            (b"\x00\x00\x00\x14ftypqt  ", FileKind::Mp4),
        ] {
            assert_eq!(FileKind::of(bytes), Some(kind), "{bytes:?}");
        }
        for bytes in [
            &b""[..],
            b"<html><script>",
            b"<svg xmlns=",
            b"BM, said the text",
            b"%PDF-1.7",
            b"PK\x03\x04",
            b"MZ",
            b"RIFF....AVI ",
            b"\xff\xfe<\x00h\x00",
            b"\xff\xff\xff\xff",
            b"{\"errcode\":40007}",
            b"\x00\x00\x00\x18ftypheic",
            b"\x00\x00\x00\x1cftypM4A ",
        ] {
            assert_eq!(FileKind::of(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn each_type_takes_its_kinds_and_its_size() {
        let png = b"\x89PNG\r\n\x1a\n";
        let sized = |length: usize| {
            let mut bytes = png.to_vec();
            bytes.resize(length, 0);
            bytes
        };
        let image = |bytes: &[u8]| check_media(MediaType::Image, Keeping::Temporary, bytes);
        assert_eq!(image(png), Ok(FileKind::Png));
        assert_eq!(image(&sized(10 << 20)), Ok(FileKind::Png));
        let message = |bytes: &[u8]| image(bytes).unwrap_err().message;
        assert_eq!(message(&sized((10 << 20) + 1)), "a file of type image has 1 byte to 10 MB");
        assert_eq!(message(b""), "a file of type image has 1 byte to 10 MB");
        assert_eq!(message(b"<svg/>"), "a file of type image is one of png, jpg, gif, by its content");
        let bmp = b"BM\x46\x00\x00\x00\x00\x00\x00\x00\x36\x00";
        assert!(image(bmp).is_err() && check_media(MediaType::Image, Keeping::Permanent, bmp).is_ok());
        let thumb = |length: usize| {
            let mut bytes = b"\xff\xd8\xff".to_vec();
            bytes.resize(length, 0);
            check_media(MediaType::Thumb, Keeping::Permanent, &bytes)
        };
        assert!(thumb(64 << 10).is_ok());
        assert_eq!(thumb((64 << 10) + 1).unwrap_err().message, "a file of type thumb has 1 byte to 64 KB");
    }
}
