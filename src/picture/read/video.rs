//! Videos: one frame through `ffmpeg` if it is installed, and facts from the container's headers.

use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use image::codecs::png::PngDecoder;

use super::container::about;
use super::still::{self, limits};
use super::{Content, OpenFile, ReadError, Watch};

/// Name of the program, searched in `PATH`.
const FFMPEG: &str = "ffmpeg";
/// Time limit of ffmpeg.
const LIMIT: Duration = Duration::from_secs(5);
/// Interval at which ffmpeg's exit is checked.
const LOOK: Duration = Duration::from_millis(10);
/// Largest frame read from ffmpeg, in bytes.
const LARGEST_FRAME: u64 = 32 << 20;

pub(super) fn read(
    path: &Path,
    opened: OpenFile,
    wanted: (u32, u32),
    watch: &Watch,
) -> Result<Content, ReadError> {
    let about = about(opened, watch);
    let mut facts = about.lines();
    match frame(Path::new(FFMPEG), path, about.seconds, wanted, watch) {
        Ok(png) => {
            let decoder = PngDecoder::with_limits(std::io::Cursor::new(png), limits());
            let still = still::decode(decoder, wanted, watch)?;
            let size = about.pixels.unwrap_or(still.size);
            let facts = about.seconds.map(|seconds| format!("{seconds:.1} s")).into_iter().collect();
            Ok(Content::Picture(super::Still { size, facts, ..still }))
        }
        Err(ReadError::Superseded) => Err(ReadError::Superseded),
        Err(why) => {
            facts.push(why.to_string());
            Ok(Content::Facts(facts))
        }
    }
}

/// A frame from near the beginning, as PNG bytes.
pub(super) fn frame(
    program: &Path,
    path: &Path,
    seconds: Option<f64>,
    wanted: (u32, u32),
    watch: &Watch,
) -> Result<Vec<u8>, ReadError> {
    // `file:` and an absolute path: a name can then be neither an option nor an URL of another protocol.
    let absolute = std::path::absolute(path).map_err(|error| ReadError::Unreadable(error.to_string()))?;
    let mut input = std::ffi::OsString::from("file:");
    input.push(absolute);
    // The very first frame is often black.
    let at = seconds.map_or(0.0, |seconds| (seconds * 0.1).min(1.0));
    let (width, height) = wanted;
    let scale = format!(
        "scale=w='min(iw,{})':h='min(ih,{})':force_original_aspect_ratio=decrease",
        width.max(16) * 2,
        height.max(16) * 2
    );
    let mut child = Command::new(program)
        .args(["-nostdin", "-loglevel", "error", "-threads", "1", "-protocol_whitelist", "file,pipe"])
        .args(["-ss", &format!("{at:.2}"), "-i"])
        .arg(input)
        .args(["-an", "-sn", "-dn", "-frames:v", "1", "-vf", &scale])
        .args(["-c:v", "png", "-f", "image2pipe", "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                ReadError::Unreadable("install ffmpeg to see a frame of a video here".to_owned())
            }
            _ => ReadError::Unreadable(format!("ffmpeg could not be started: {error}")),
        })?;
    let pipe = child.stdout.take();
    // Read in a thread: ffmpeg would block once the pipe is full.
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let read = pipe.map(|pipe| pipe.take(LARGEST_FRAME).read_to_end(&mut bytes));
        read.transpose().map(|_| bytes)
    });
    let limit = LIMIT.min(watch.left());
    let end = std::time::Instant::now() + limit;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break Ok(status),
            Ok(None) if watch.check() == Err(ReadError::Superseded) => break Err(ReadError::Superseded),
            Ok(None) if std::time::Instant::now() < end => std::thread::sleep(LOOK),
            Ok(None) => break Err(ReadError::TooSlow(limit)),
            Err(error) => break Err(ReadError::Unreadable(error.to_string())),
        }
    };
    if status.is_err() {
        // Fails if ffmpeg has just exited on its own; the wait below covers both.
        let _ = child.kill();
        let _ = child.wait();
    }
    let bytes = reader.join();
    let bytes = match (status?, bytes) {
        (status, Ok(Ok(bytes))) if status.success() && !bytes.is_empty() => bytes,
        _ => return Err(ReadError::Broken("ffmpeg finds no frame in it".to_owned())),
    };
    Ok(bytes)
}
