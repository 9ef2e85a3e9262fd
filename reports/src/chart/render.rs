use plotters::{
    backend::{BitMapBackend, SVGBackend},
    drawing::IntoDrawingArea,
    style::{FontStyle, register_font},
};

use super::{
    Form, Picture,
    draw::{Medium, draw, size},
    style::{FONT_FILE, FONTS},
};

/// Units of an SVG's own coordinates to one of the chart's: the drawing library
/// has whole numbers only.
const SVG_FINENESS: u32 = 10;
/// Pixels of a PNG to a unit of the chart.
const PNG_SCALE: usize = 2;
/// Drawn pixels to one of the PNG's, along each side: what makes edges smooth.
const SMOOTHING: usize = 2;
/// plotters-bitmap 0.3 with ab_glyph sets text that much above its anchor.
const BITMAP_DROP: i32 = 20;

/// The picture as SVG.
///
/// # Errors
/// The drawing library's words.
pub(crate) fn svg(picture: &Picture, form: Form) -> Result<String, String> {
    embed_font()?;
    let (width, height) = units(picture, form);
    let fine = (width * SVG_FINENESS, height * SVG_FINENESS);
    let medium = Medium {
        scale: SVG_FINENESS.cast_signed(),
        drop: 0,
    };
    let mut text = String::new();
    let area = SVGBackend::with_string(&mut text, fine).into_drawing_area();
    draw(picture, form, &area, medium).map_err(|error| error.to_string())?;
    area.present().map_err(|error| error.to_string())?;
    drop(area);
    // Only the size that it is shown at; the view box keeps its fine units.
    let size = |(width, height)| format!("width=\"{width}\" height=\"{height}\"");
    Ok(text.replacen(&size(fine), &size((width, height)), 1))
}

/// The picture as PNG, 1920 pixels wide.
///
/// # Errors
/// The drawing library's words.
pub(crate) fn png(picture: &Picture) -> Result<Vec<u8>, String> {
    embed_font()?;
    let scale = PNG_SCALE * SMOOTHING;
    let units = units(picture, Form::File);
    let (width, height) = (units.0 as usize * scale, units.1 as usize * scale);
    let mut pixels = vec![0; width * height * 3];
    let size = (whole(width)?, whole(height)?);
    let medium = Medium {
        scale: whole(scale)?.cast_signed(),
        drop: BITMAP_DROP,
    };
    let area = BitMapBackend::with_buffer(&mut pixels, size).into_drawing_area();
    draw(picture, Form::File, &area, medium).map_err(|error| error.to_string())?;
    area.present().map_err(|error| error.to_string())?;
    drop(area);
    encode(
        &smoothed(&pixels, width),
        whole(width / SMOOTHING)?,
        whole(height / SMOOTHING)?,
    )
    .map_err(|error| error.to_string())
}

fn units(picture: &Picture, form: Form) -> (u32, u32) {
    let (width, height) = size(picture, form);
    (width.cast_unsigned(), height.cast_unsigned())
}

fn whole(pixels: usize) -> Result<u32, String> {
    u32::try_from(pixels).map_err(|error| error.to_string())
}

/// Averages squares of pixels; `width` is that of `pixels`.
fn smoothed(pixels: &[u8], width: usize) -> Vec<u8> {
    let mut smooth = Vec::with_capacity(pixels.len() / (SMOOTHING * SMOOTHING));
    let row_length = width * 3;
    let mut sums = vec![0_u16; row_length / SMOOTHING];
    for rows in pixels.chunks_exact(row_length * SMOOTHING) {
        sums.fill(0);
        for row in rows.chunks_exact(row_length) {
            let squares = row.chunks_exact(3 * SMOOTHING);
            for (sums, square) in sums.chunks_exact_mut(3).zip(squares) {
                for (index, value) in square.iter().enumerate() {
                    sums[index % 3] += u16::from(*value);
                }
            }
        }
        let count = u16::try_from(SMOOTHING * SMOOTHING).unwrap_or(u16::MAX);
        smooth.extend(
            sums.iter()
                .map(|sum| u8::try_from(sum / count).unwrap_or(u8::MAX)),
        );
    }
    smooth
}

fn encode(pixels: &[u8], width: u32, height: u32) -> Result<Vec<u8>, png::EncodingError> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width, height);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

/// Gives the drawing library the one font it has; the system's are not asked.
fn embed_font() -> Result<(), String> {
    register_font(FONTS, FontStyle::Normal, FONT_FILE)
        .map_err(|_| "the embedded font is damaged".to_owned())
}
