//! QR codes as pictures: a text in, SVG or PNG out. No I/O.

use std::fmt::Write;

use png::{BitDepth, ColorType, Encoder};
use qrcode::{Color, EcLevel, QrCode};

/// How a code looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QrStyle {
    /// Width and height in pixels.
    pub size: u32,
    /// The quiet zone on each side, in modules; a reader expects four.
    pub margin: u32,
    /// How much of it may be covered or dirty.
    pub level: QrLevel,
}

/// How much of a code may be lost: about 7, 15, 25 or 30 percent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[expect(missing_docs, reason = "the four letters are the standard's own names")]
pub enum QrLevel {
    L,
    #[default]
    M,
    Q,
    H,
}

/// Why there is no picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QrError {
    /// The text is longer than a code can hold.
    #[error("the text is too long for a QR code of this level · 文字太长，这个纠错级别放不下")]
    TooLong,
    /// Not even one pixel for each module.
    #[error(
        "the code and its margin have {modules} modules: a size of at least {modules} pixels shows them · 二维码连同留白有 {modules} 个模块，边长至少 {modules} 像素"
    )]
    TooSmall {
        /// How many modules there are in a row.
        modules: u32,
    },
    /// The picture cannot be written, which no input causes.
    #[error("the picture cannot be written · 无法生成图片")]
    Picture,
}

/// The modules of a code, and where they stand in the picture.
struct Drawing {
    /// Whether each module is dark, row by row.
    dark: Vec<bool>,
    /// Modules in a row, without the margin.
    width: usize,
}

impl Drawing {
    fn of(text: &str, style: QrStyle) -> Result<Self, QrError> {
        let level = match style.level {
            QrLevel::L => EcLevel::L,
            QrLevel::M => EcLevel::M,
            QrLevel::Q => EcLevel::Q,
            QrLevel::H => EcLevel::H,
        };
        let code = QrCode::with_error_correction_level(text, level).map_err(|_| QrError::TooLong)?;
        let width = code.width();
        let modules = u32::try_from(width).unwrap_or(u32::MAX).saturating_add(style.margin.saturating_mul(2));
        if modules > style.size {
            return Err(QrError::TooSmall { modules });
        }
        let dark = code.into_colors().into_iter().map(|color| color == Color::Dark).collect();
        Ok(Self { dark, width })
    }

    /// The dark modules: row, first column, and how many there are side by side.
    fn runs(&self) -> impl Iterator<Item = (usize, usize, usize)> {
        self.dark.chunks(self.width).enumerate().flat_map(|(row, modules)| {
            let mut column = 0;
            modules.chunk_by(|a, b| a == b).filter_map(move |run| {
                let first = column;
                column += run.len();
                run.first().is_some_and(|dark| *dark).then_some((row, first, run.len()))
            })
        })
    }
}

/// `text` as SVG. It is sharp at every size.
///
/// # Errors
/// When the text does not fit, or the size is too small.
pub fn svg(text: &str, style: QrStyle) -> Result<String, QrError> {
    let drawing = Drawing::of(text, style)?;
    let margin = style.margin as usize;
    let (size, modules) = (style.size, drawing.width + 2 * margin);
    let mut path = String::new();
    for (row, column, length) in drawing.runs() {
        // Writing into a string does not fail.
        let _ = write!(path, "M{} {}h{length}v1h-{length}z", column + margin, row + margin);
    }
    Ok(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{size}\" height=\"{size}\" \
         viewBox=\"0 0 {modules} {modules}\" shape-rendering=\"crispEdges\">\
         <path fill=\"#fff\" d=\"M0 0h{modules}v{modules}H0z\"/><path d=\"{path}\"/></svg>\n"
    ))
}

/// `text` as PNG in black and white. Each module has the same number of pixels; those that are left over widen the margin.
///
/// # Errors
/// When the text does not fit, or the size is too small.
pub fn png(text: &str, style: QrStyle) -> Result<Vec<u8>, QrError> {
    let drawing = Drawing::of(text, style)?;
    let (size, width) = (style.size as usize, drawing.width);
    let scale = size / (width + 2 * style.margin as usize);
    let offset = (size - width * scale) / 2;
    let row_bytes = size.div_ceil(8);
    let mut pixels = vec![0xff_u8; row_bytes * size];
    for (row, column, length) in drawing.runs() {
        let columns = offset + column * scale..offset + (column + length) * scale;
        for y in offset + row * scale..offset + (row + 1) * scale {
            for x in columns.clone() {
                pixels[y * row_bytes + x / 8] &= !(0x80 >> (x % 8));
            }
        }
    }
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, style.size, style.size);
    encoder.set_color(ColorType::Grayscale);
    encoder.set_depth(BitDepth::One);
    let written = encoder.write_header().and_then(|mut writer| {
        writer.write_image_data(&pixels)?;
        writer.finish()
    });
    written.map_err(|_| QrError::Picture)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STYLE: QrStyle = QrStyle { size: 200, margin: 4, level: QrLevel::M };
    const TEXT: &str = "weixin://wxpay/bizpayurl?pr=NwY5Mz9";

    /// Whether each pixel of a PNG is dark.
    fn read(file: &[u8]) -> (u32, Vec<bool>) {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        assert_eq!((info.color_type, info.bit_depth, info.width), (ColorType::Grayscale, BitDepth::One, info.height));
        let width = info.width as usize;
        let dark = (0..width * width)
            .map(|at| pixels[at / width * info.line_size + at % width / 8] & (0x80 >> (at % width % 8)) == 0);
        (info.width, dark.collect())
    }

    #[test]
    fn both_pictures_show_the_code() {
        let code = QrCode::with_error_correction_level(TEXT, EcLevel::M).unwrap();
        let (width, colors) = (code.width(), code.to_colors());
        let (size, dark) = read(&png(TEXT, STYLE).unwrap());
        let scale = 200 / (width + 8);
        let offset = (200 - width * scale) / 2;
        assert!(size == 200 && offset >= 4 * scale, "the margin is at least as wide as it should be");
        let svg = svg(TEXT, STYLE).unwrap();
        for (at, color) in colors.iter().enumerate() {
            let (x, y) = (at % width, at / width);
            let pixel = (offset + y * scale) * 200 + offset + x * scale;
            assert_eq!(dark[pixel], *color == Color::Dark, "{x} {y}");
            assert_eq!(dark[pixel], dark[pixel + scale - 1 + 200 * (scale - 1)]);
            let begins = *color == Color::Dark && (x == 0 || colors[at - 1] == Color::Light);
            assert_eq!(svg.contains(&format!("M{} {}h", x + 4, y + 4)), begins, "{x} {y}");
        }
        assert!(dark[..200 * offset].iter().all(|dark| !dark), "the margin is white");
        assert!(svg.contains("width=\"200\"") && svg.contains(&format!("viewBox=\"0 0 {0} {0}\"", width + 8)));
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        let small = QrStyle { size: 20, ..STYLE };
        assert_eq!(svg(TEXT, small), Err(QrError::TooSmall { modules: 37 }));
        assert_eq!(png(TEXT, small), Err(QrError::TooSmall { modules: 37 }));
        assert_eq!(svg(&"x".repeat(3000), STYLE), Err(QrError::TooLong));
        let least = QrStyle { size: 37, ..STYLE };
        assert_eq!(read(&png(TEXT, least).unwrap()).0, 37);
    }
}
