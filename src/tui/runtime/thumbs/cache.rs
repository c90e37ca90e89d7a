//! Thumbnails on disk, by content hash, shared by all dashboards.
//!
//! One file each, `<first two digits of the hash>/<hash>`: a small JPEG, PNG with transparency, or a sentence on why
//! there is no thumbnail. Several dashboards use the folder at once, so files are written under a temporary name and
//! renamed, and a missing one is made again.

use std::fs::{self, File};
use std::io::{self, Cursor};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use image::codecs::jpeg::JpegEncoder;
use image::{ImageFormat, ImageReader, Limits};

use crate::config::dirs::private_dir;
use crate::config::files::replace_quickly;
use crate::picture::read::Pixels;

/// Longest side of a thumbnail, in pixels.
pub(super) const SIDE: u32 = 256;
/// Most bytes of all thumbnails, enough for some five thousand.
const MOST_BYTES: u64 = 64 << 20;
/// Largest file that is read as a thumbnail, in bytes.
const LARGEST: u64 = 1 << 20;
/// JPEG quality, 1 to 100.
const QUALITY: u8 = 85;
/// Prefix of a file that says why there is no thumbnail.
const BROKEN: &[u8] = b"broken: ";
/// Shortest interval between two updates of a thumbnail's time of use.
const USED_AGAIN: Duration = Duration::from_secs(3_600);
/// Age at which a temporary file counts as abandoned.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// The cached result for a content.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kept {
    Thumb(Pixels),
    /// No thumbnail is possible, for this reason.
    Broken(String),
}

/// The folder of thumbnails.
#[derive(Debug)]
pub(super) struct Cache {
    folder: PathBuf,
    most: u64,
    /// Approximate bytes in the folder, since others write there, too. `None` until counted.
    used: Option<u64>,
}

impl Cache {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder, most: MOST_BYTES, used: None }
    }

    /// The cached result for a content; `None` if there is none, or it cannot be read.
    pub(super) fn find(&self, sha256: &str) -> Option<Kept> {
        let path = self.path(sha256)?;
        let known = fs::metadata(&path).ok().filter(|known| known.is_file() && known.len() <= LARGEST)?;
        let bytes = fs::read(&path).ok()?;
        let now = SystemTime::now();
        let last = known.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        if now.duration_since(last).is_ok_and(|since| since > USED_AGAIN) {
            // If the time of use cannot be set, the thumbnail is removed earlier and made again.
            let _ = File::options().write(true).open(&path).and_then(|file| file.set_modified(now));
        }
        match bytes.strip_prefix(BROKEN) {
            Some(why) => Some(Kept::Broken(String::from_utf8_lossy(why).into_owned())),
            None => decoded(&bytes).map(Kept::Thumb),
        }
    }

    /// Stores the result for a content, and removes the least recently used ones if there is too much.
    ///
    /// # Errors
    /// If it cannot be written; then it is made again the next time.
    pub(super) fn keep(&mut self, sha256: &str, kept: &Kept) -> io::Result<()> {
        let path = self.path(sha256).ok_or_else(|| io::Error::other("the hash is none"))?;
        let bytes = match kept {
            Kept::Thumb(pixels) => encoded(pixels)?,
            Kept::Broken(why) => [BROKEN, why.as_bytes()].concat(),
        };
        let folder = path.parent().unwrap_or(&self.folder);
        private_dir(folder)?;
        replace_quickly(&path, &bytes)?;
        let used = match self.used {
            Some(used) => used + bytes.len() as u64,
            None => self.files().iter().map(|(.., size)| size).sum(),
        };
        self.used = Some(if used > self.most { self.make_room() } else { used });
        Ok(())
    }

    /// Removes the least recently used until a fifth is free; returns the remaining bytes.
    fn make_room(&self) -> u64 {
        let mut files = self.files();
        files.sort_unstable();
        let mut used: u64 = files.iter().map(|(.., size)| size).sum();
        for (_, path, size) in files {
            if used <= self.most / 5 * 4 {
                break;
            }
            // Another dashboard may have removed it just now.
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!("{} could not be removed: {error}", path.display());
                }
                _ => used -= size,
            }
        }
        used
    }

    /// All files with time of last use and size. Unreadable ones are left out.
    fn files(&self) -> Vec<(SystemTime, PathBuf, u64)> {
        let entries = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
        let folders = entries(&self.folder).filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let files = folders.flat_map(|folder| entries(&folder.path()).collect::<Vec<_>>());
        let known = files.filter_map(|entry| {
            let known = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            let used = known.modified().ok()?;
            // Another dashboard may be writing it, unless it is old.
            let is_unfinished = entry.file_name().as_bytes().starts_with(b".")
                && used.elapsed().is_ok_and(|since| since < ABANDONED);
            (!is_unfinished).then(|| (used, entry.path(), known.len()))
        });
        known.collect()
    }

    /// Path of a content's thumbnail; `None` unless the hash is valid, so that it cannot lead out of the folder.
    fn path(&self, sha256: &str) -> Option<PathBuf> {
        let is_hash = sha256.len() == 64 && sha256.bytes().all(|b| b.is_ascii_hexdigit());
        is_hash.then(|| self.folder.join(&sha256[..2]).join(sha256))
    }
}

fn encoded(pixels: &Pixels) -> io::Result<Vec<u8>> {
    let mut bytes = Cursor::new(Vec::new());
    match pixels {
        Pixels::Opaque(image) => image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY)),
        Pixels::Transparent(image) => image.write_to(&mut bytes, ImageFormat::Png),
    }
    .map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}

/// Decodes a thumbnail; `None` for a damaged or foreign file.
fn decoded(bytes: &[u8]) -> Option<Pixels> {
    let mut limits = Limits::default();
    (limits.max_image_width, limits.max_image_height) = (Some(SIDE), Some(SIDE));
    limits.max_alloc = Some(4 << 20);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format().ok()?;
    let is_transparent = match reader.format()? {
        ImageFormat::Png => true,
        ImageFormat::Jpeg => false,
        _ => return None,
    };
    reader.limits(limits);
    let image = reader.decode().ok()?;
    Some(match is_transparent {
        true => Pixels::Transparent(image.into_rgba8()),
        false => Pixels::Opaque(image.into_rgb8()),
    })
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    fn cache(folder: &tempfile::TempDir, most: u64) -> Cache {
        Cache { folder: folder.path().join("thumbs"), most, used: None }
    }

    fn hash(number: u64) -> String {
        format!("{number:064x}")
    }

    /// Noise, so that each takes many bytes.
    fn noise(seed: u64) -> Kept {
        let mut random = fastrand::Rng::with_seed(seed);
        Kept::Thumb(Pixels::Opaque(RgbImage::from_fn(SIDE, SIDE, |_, _| {
            Rgb([random.u8(..), random.u8(..), random.u8(..)])
        })))
    }

    #[test]
    fn what_is_kept_is_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kept = cache(&folder, MOST_BYTES);
        let opaque = Pixels::Opaque(RgbImage::from_pixel(SIDE, 100, Rgb([200, 40, 90])));
        let clear = Pixels::Transparent(RgbaImage::from_pixel(3, SIDE, Rgba([1, 2, 3, 4])));
        let why = Kept::Broken("the picture is broken: no end".to_owned());
        assert_eq!(kept.find(&hash(1)), None);
        kept.keep(&hash(1), &Kept::Thumb(opaque)).expect("kept");
        kept.keep(&hash(2), &Kept::Thumb(clear.clone())).expect("kept");
        kept.keep(&hash(3), &why).expect("kept");
        let other = cache(&folder, MOST_BYTES);
        let Some(Kept::Thumb(Pixels::Opaque(found))) = other.find(&hash(1)) else { panic!("not found") };
        let near = |a: u8, b: u8| a.abs_diff(b) < 6;
        assert_eq!(found.dimensions(), (SIDE, 100));
        assert!(found.pixels().all(|p| near(p.0[0], 200) && near(p.0[1], 40) && near(p.0[2], 90)));
        assert_eq!(other.find(&hash(2)), Some(Kept::Thumb(clear)));
        assert_eq!(other.find(&hash(3)), Some(why));
    }

    #[test]
    fn the_longest_unused_go_when_there_is_too_much() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kept = cache(&folder, 2_000_000);
        let size = encoded(match &noise(0) {
            Kept::Thumb(pixels) => pixels,
            Kept::Broken(_) => unreachable!(),
        })
        .expect("encoded")
        .len() as u64;
        let fit = 2_000_000 / size;
        assert!(fit > 8, "{size}");
        for number in 0..fit {
            kept.keep(&hash(number), &noise(number)).expect("kept");
            let used = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 + number);
            let path = kept.path(&hash(number)).expect("a path");
            File::options().write(true).open(path).expect("there").set_modified(used).expect("marked");
        }
        // The oldest is looked at, which makes it the newest.
        assert!(kept.find(&hash(0)).is_some());
        let bytes = |cache: &Cache| cache.files().iter().map(|(.., size)| size).sum::<u64>();
        for number in fit..fit + 2 {
            kept.keep(&hash(number), &noise(number)).expect("kept");
            assert!(bytes(&kept) <= 2_000_000, "{}", bytes(&kept));
        }
        assert!(kept.find(&hash(0)).is_some() && kept.find(&hash(fit + 1)).is_some());
        assert_eq!(kept.find(&hash(1)), None);
        // A screen that starts later counts what is there.
        let mut other = cache(&folder, 2_000_000);
        for number in 100..100 + fit {
            other.keep(&hash(number), &noise(number)).expect("kept");
            assert!(bytes(&other) <= 2_000_000, "{}", bytes(&other));
        }
    }

    #[test]
    fn what_is_no_thumbnail_is_as_good_as_none_and_is_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kept = cache(&folder, MOST_BYTES);
        let path = kept.path(&hash(1)).expect("a path");
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        let mut large = Cursor::new(Vec::new());
        RgbImage::new(SIDE + 1, 1).write_to(&mut large, ImageFormat::Png).expect("a picture");
        for bytes in [&b""[..], b"GIF89a", b"\xff\xd8\xff\xe0 cut off", large.get_ref()] {
            fs::write(&path, bytes).expect("written");
            assert_eq!(kept.find(&hash(1)), None);
        }
        kept.keep(&hash(1), &noise(1)).expect("kept");
        assert!(kept.find(&hash(1)).is_some());
    }

    #[test]
    fn a_hash_that_is_none_never_becomes_a_path() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kept = cache(&folder, MOST_BYTES);
        for none in ["", "../../etc/passwd", &"é".repeat(32), &format!("{}/", &hash(1)[1..])] {
            assert_eq!(kept.find(none), None);
            kept.keep(none, &noise(1)).expect_err("refused");
        }
        assert_eq!(kept.files(), []);
    }

    #[test]
    fn many_at_once_never_see_half_a_thumbnail() {
        let folder = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let folder = &folder;
                scope.spawn(move || {
                    // So little room that they remove what the others write.
                    let mut kept = cache(folder, 500_000);
                    for round in 0..10 {
                        kept.keep(&hash(round % 3), &noise(thread)).expect("kept");
                        let path = kept.path(&hash(round % 3)).expect("a path");
                        match fs::read(path) {
                            Ok(bytes) => assert!(decoded(&bytes).is_some(), "{} bytes", bytes.len()),
                            Err(error) => assert_eq!(error.kind(), io::ErrorKind::NotFound),
                        }
                    }
                });
            }
        });
        let left: Vec<_> = fs::read_dir(folder.path().join("thumbs/00")).expect("a folder").collect();
        let is_hidden = |entry: &io::Result<fs::DirEntry>| {
            entry.as_ref().expect("an entry").file_name().as_bytes().starts_with(b".")
        };
        assert!(!left.iter().any(is_hidden), "{left:?}");
    }
}
