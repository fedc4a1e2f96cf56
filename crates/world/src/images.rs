//! Pictures: what strangers send as one is decoded within bounds, turned upright, cut to a square, made small, and encoded anew. What
//! comes out holds nothing of what came in but the picture: no metadata, no second file, no script.
//!
//! Decoding is heavy work on bytes that nobody trusts, so it has few workers.

use foundation::{Error, Problem, Result};
use image::{
    DynamicImage, ImageDecoder, ImageEncoder, ImageFormat, ImageReader, Limits, RgbImage, RgbaImage,
    codecs::{jpeg::JpegEncoder, png::PngEncoder},
    imageops::FilterType,
};
use std::{io::Cursor, sync::Arc};
use tokio::sync::Semaphore;

/// The sides of the squares that are made of a picture, the largest first.
pub const WIDTHS: [u32; 3] = [512, 160, 64];
/// The most pixels of a picture that is taken, whatever its bytes say about themselves.
const MOST_PIXELS: u64 = 50_000_000;
/// The longest side.
const LONGEST: u32 = 16_384;
/// The most memory that a decoder may take for its output.
const MOST_MEMORY: u64 = 256 * 1_024 * 1_024;
const QUALITY: u8 = 86;

/// The pool. Cheap to clone.
#[derive(Clone)]
pub struct Images {
    workers: Arc<Semaphore>,
}

/// A square that was made of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Square {
    /// Its side in pixels.
    pub width: u32,
    /// How it is encoded.
    pub kind: Kind,
    /// The file.
    pub bytes: Vec<u8>,
}

/// How a square is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// What covers its whole square.
    Jpeg,
    /// What one can see through.
    Png,
}

impl Kind {
    /// Its content type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Kind::Jpeg => "image/jpeg",
            Kind::Png => "image/png",
        }
    }
}

impl Images {
    /// As many workers as half of the cores, at most four.
    pub fn for_this_machine() -> Images {
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        Images::new((cores / 2).clamp(1, 4))
    }

    fn new(workers: usize) -> Images {
        Images { workers: Arc::new(Semaphore::new(workers)) }
    }

    /// Makes squares of a picture, of every width, when it is its turn. `place` is kept for as long as the work takes, also where whoever asked
    /// for it hangs up.
    ///
    /// # Errors
    /// [`Problem::ParamInvalid`] where it is none, or too large.
    pub async fn squares(&self, bytes: Vec<u8>, place: impl Send + 'static) -> Result<Vec<Square>> {
        let worker = Arc::clone(&self.workers).acquire_owned().await.map_err(|e| Error::broken("the pool of pictures", e))?;
        let made = tokio::task::spawn_blocking(move || {
            let (_place, _worker) = (place, worker);
            squares(&bytes)
        });
        match made.await {
            Ok(outcome) => outcome.map_err(Into::into),
            Err(error) => {
                tracing::warn!(%error, "a decoder of pictures broke");
                Err(unreadable().into())
            }
        }
    }
}

/// The kind of picture that these bytes begin like; names and headers say nothing.
pub fn recognise(start: &[u8]) -> Option<ImageFormat> {
    match start {
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => Some(ImageFormat::Png),
        [0xff, 0xd8, 0xff, ..] => Some(ImageFormat::Jpeg),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ImageFormat::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageFormat::WebP),
        _ => None,
    }
}

fn squares(bytes: &[u8]) -> Result<Vec<Square>, Problem> {
    let mut picture = upright(bytes)?;
    let mut made = Vec::new();
    for width in WIDTHS {
        // Each is made of the one before: the first has paid for the large picture.
        picture = picture.resize_exact(width, width, if made.is_empty() { FilterType::Triangle } else { FilterType::CatmullRom });
        made.push(encoded(&picture, width)?);
    }
    Ok(made)
}

/// Decodes the first frame within bounds, cuts it to its square, and turns it as its orientation says.
fn upright(bytes: &[u8]) -> Result<DynamicImage, Problem> {
    let fault = |error: image::ImageError| match error {
        image::ImageError::Limits(_) => too_large(),
        _ => unreadable(),
    };
    let format = recognise(bytes).ok_or_else(unknown)?;
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height, limits.max_alloc) = (Some(LONGEST), Some(LONGEST), Some(MOST_MEMORY));
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder().map_err(fault)?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MOST_PIXELS || decoder.total_bytes() > MOST_MEMORY {
        return Err(too_large());
    }
    let orientation = decoder.orientation().ok();
    decoder.set_limits(limits).map_err(fault)?;
    let mut picture = cut(DynamicImage::from_decoder(decoder).map_err(fault)?);
    if let Some(orientation) = orientation {
        picture.apply_orientation(orientation);
    }
    Ok(picture)
}

/// The square in the middle, which is never larger than the picture. It is cut before anything is scaled: whoever scales a line of 1 x 10000
/// pixels until it covers a square, and cuts afterwards, makes 2.6 thousand million pixels of it.
fn cut(picture: DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    if width == height {
        return picture;
    }
    let side = width.min(height);
    picture.crop_imm((width - side) / 2, (height - side) / 2, side, side)
}

/// The bytes are no picture that is taken.
pub fn unknown() -> Problem {
    Problem::invalid("file", "must be a PNG, JPEG, GIF or WebP picture")
}

fn unreadable() -> Problem {
    Problem::invalid("file", "cannot be read as the picture that it begins like")
}

fn too_large() -> Problem {
    Problem::invalid("file", "may have at most 50 million pixels")
}

fn encoded(picture: &DynamicImage, width: u32) -> Result<Square, Problem> {
    let pixels: RgbaImage = picture.to_rgba8();
    let mut bytes = Vec::new();
    let opaque = pixels.pixels().all(|pixel| pixel.0[3] == u8::MAX);
    let (kind, outcome) = if opaque {
        let pixels: RgbImage = picture.to_rgb8();
        (Kind::Jpeg, JpegEncoder::new_with_quality(&mut bytes, QUALITY).write_image(&pixels, width, width, image::ExtendedColorType::Rgb8))
    } else {
        (Kind::Png, PngEncoder::new(&mut bytes).write_image(&pixels, width, width, image::ExtendedColorType::Rgba8))
    };
    outcome.map_err(|_| unreadable())?;
    Ok(Square { width, kind, bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ExtendedColorType, Rgb, Rgba, codecs::gif::GifEncoder};

    fn png(width: u32, height: u32, pixel: [u8; 4]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let picture = RgbaImage::from_pixel(width, height, Rgba(pixel));
        PngEncoder::new(&mut bytes).write_image(&picture, width, height, ExtendedColorType::Rgba8).expect("a file");
        bytes
    }

    /// A JPEG whose left half is red and whose right half is blue, with an EXIF block that holds an orientation and a text.
    fn jpeg_turned(orientation: u8) -> Vec<u8> {
        let picture = RgbImage::from_fn(200, 100, |x, _| if x < 100 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
        let mut plain = Vec::new();
        JpegEncoder::new_with_quality(&mut plain, 95).write_image(&picture, 200, 100, ExtendedColorType::Rgb8).expect("a file");
        let mut exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x02".to_vec();
        exif.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
        exif.extend([0x01, 0x0e, 0, 2, 0, 0, 0, 12, 0, 0, 0, 38]);
        exif.extend([0, 0, 0, 0]);
        exif.extend(b"CANARY 52N4E");
        let length = u16::try_from(exif.len() + 2).expect("short").to_be_bytes();
        [&plain[..2], &[0xff, 0xe1], &length[..], &exif, &plain[2..]].concat()
    }

    fn decoded(square: &Square) -> RgbaImage {
        image::load_from_memory(&square.bytes).expect("a picture").to_rgba8()
    }

    #[test]
    fn every_width_is_made_and_covers_a_square() {
        for bytes in [png(900, 300, [10, 200, 30, 255]), png(3, 7, [10, 200, 30, 255])] {
            let made = squares(&bytes).expect("squares");
            assert_eq!(made.iter().map(|s| s.width).collect::<Vec<_>>(), WIDTHS);
            for square in &made {
                assert_eq!((decoded(square).dimensions(), square.kind), ((square.width, square.width), Kind::Jpeg));
            }
        }
        let clear = squares(&png(40, 40, [10, 200, 30, 100])).expect("squares");
        assert_eq!((clear[0].kind, decoded(&clear[0]).get_pixel(5, 5).0[3]), (Kind::Png, 100));
    }

    #[test]
    fn a_picture_is_turned_upright_and_its_metadata_are_gone() {
        assert!(jpeg_turned(1).windows(6).any(|w| w == b"CANARY"));
        // Upright, red is on the left; turned by 180 degrees, on the right; by 90, on top or below.
        for (orientation, at) in [(1, (20, 256)), (3, (490, 256)), (6, (256, 20)), (8, (256, 490))] {
            let made = squares(&jpeg_turned(orientation)).expect("squares");
            let pixel = decoded(&made[0]).get_pixel(at.0, at.1).0;
            assert!(pixel[0] > 200 && pixel[2] < 60, "orientation {orientation}: {pixel:?}");
            for square in &made {
                assert!(!square.bytes.windows(4).any(|w| w == b"Exif" || w == b"CANA"), "metadata came through");
            }
        }
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>";
        let html = b"<!doctype html><script>alert(1)</script>";
        for bytes in [&svg[..], html, b"", b"GIF8", b"%PDF-1.7", b"\x00\x00\x01\x00\x01", b"II*\0", b"BM", b"RIFF1234WAVE", b"\x89PNG"] {
            assert_eq!(squares(bytes), Err(unknown()), "{bytes:?}");
        }
        // The right first bytes and nothing behind them.
        for bytes in [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff\xe0", b"GIF89a<script>alert(1)</script>", b"RIFF\xff\xff\xff\xffWEBPVP8 "] {
            assert!(matches!(squares(bytes), Err(Problem::ParamInvalid(..))), "{bytes:?}");
        }
        let whole = png(50, 50, [1, 2, 3, 255]);
        assert!(squares(&whole[..whole.len() / 2]).is_err(), "half a file");
    }

    /// A PNG header that promises a picture of this size, with nothing in it.
    fn promise(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = png(1, 1, [0, 0, 0, 255]);
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = 0xffff_ffff_u32;
        for byte in &bytes[12..29] {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            }
        }
        bytes[29..33].copy_from_slice(&(!crc).to_be_bytes());
        bytes
    }

    #[test]
    fn bombs_are_refused_by_what_they_promise() {
        for (width, height) in [(65_535, 65_535), (u32::MAX >> 1, 1), (1, 20_000), (16_000, 16_000), (10_000, 5_001)] {
            assert_eq!(squares(&promise(width, height)), Err(too_large()), "{width} x {height}");
        }
        let mut gif = b"GIF89a".to_vec();
        gif.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0]);
        assert!(squares(&gif).is_err(), "a GIF of 65535 squared");
    }

    /// Of every shape that is taken, what is scaled is a square within the picture: its work is bounded by what was decoded, and by the square
    /// that comes out. A line of 245 bytes cost 32 s and 7.8 GB when it was scaled before it was cut.
    #[test]
    fn what_is_scaled_is_never_larger_than_what_was_decoded() {
        for long in [2, 3, 400, 1_000, 10_000, LONGEST] {
            for short in [1, 2, 7, 64] {
                for (width, height) in [(short, long), (long, short)] {
                    let square = cut(DynamicImage::new_rgb8(width, height));
                    assert_eq!((square.width(), square.height()), (width.min(height), width.min(height)), "{width} x {height}");
                }
            }
        }
        // The middle, both ways.
        for (width, height) in [(30, 10), (10, 30)] {
            let third = |x: u32, y: u32| u8::try_from((if width > height { x } else { y }) / 10).expect("0, 1 or 2");
            let picture = RgbImage::from_fn(width, height, |x, y| Rgb([third(x, y), 0, 0]));
            assert!(cut(picture.into()).to_rgb8().pixels().all(|pixel| pixel.0[0] == 1), "{width} x {height}");
        }
    }

    /// The attack itself, in eight shapes: minutes and gigabytes before, far less than a second each now, also without optimization.
    #[test]
    #[allow(clippy::disallowed_methods, reason = "what is measured is the machine's own time")]
    fn a_line_costs_what_its_pixels_cost() {
        let begun = std::time::Instant::now();
        for (width, height) in [(1, 400), (1, 1_000), (1, 10_000), (10_000, 1), (1, LONGEST), (LONGEST, 1), (2, LONGEST), (3, LONGEST)] {
            let bytes = png(width, height, [10, 200, 30, 255]);
            let made = squares(&bytes).expect("squares");
            assert_eq!(made.iter().map(|s| decoded(s).dimensions()).collect::<Vec<_>>(), WIDTHS.map(|side| (side, side)), "{width} x {height}");
        }
        let spent = begun.elapsed();
        assert!(spent < std::time::Duration::from_secs(20), "{spent:?}");
    }

    #[test]
    fn of_many_frames_the_first_is_taken() {
        let mut bytes = Vec::new();
        {
            let mut encoder = GifEncoder::new(&mut bytes);
            for frame in 0..300_u32 {
                let shade = if frame == 0 { 255 } else { 0 };
                encoder.encode(RgbaImage::from_pixel(16, 16, Rgba([shade, 0, 0, 255])).as_raw(), 16, 16, ExtendedColorType::Rgba8).expect("a frame");
            }
        }
        let made = squares(&bytes).expect("squares");
        assert!(decoded(&made[2]).get_pixel(30, 30).0[0] > 200);
    }

    #[test]
    fn nothing_of_a_second_file_comes_through() {
        let zip = [png(64, 64, [9, 9, 200, 255]), b"PK\x03\x04<script>alert('CANARY')</script>".to_vec()].concat();
        for square in squares(&zip).expect("squares") {
            assert!(!square.bytes.windows(6).any(|w| w == b"CANARY" || w == b"script"));
        }
    }

    #[tokio::test]
    async fn a_place_and_a_worker_come_back_whatever_becomes_of_the_picture() {
        let (images, place) = (Images::new(1), Arc::new(()));
        assert!(images.squares(png(8, 8, [1, 2, 3, 255]), Arc::clone(&place)).await.is_ok());
        assert!(images.squares(b"nothing".to_vec(), Arc::clone(&place)).await.is_err());
        assert_eq!((Arc::strong_count(&place), images.workers.available_permits()), (1, 1));
    }
}
