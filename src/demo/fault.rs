//! Faults of a streaming server, or of the network in front of it, for tests.

/// A fault of the demo endpoint. Up to the fault, the run is like any other.
///
/// The cloud API has those that are not about the form of a stream: [`Fault::Unauthorized`], [`Fault::BadGateway`],
/// [`Fault::TooManyRequests`], [`Fault::WebPage`], [`Fault::EmptyBody`], [`Fault::RedirectTo`] and [`Fault::Silent`]
/// for submissions; [`Fault::ErrorInPassing`], [`Fault::HugeLine`], [`Fault::LogLines`] and [`Fault::Hostile`] in a
/// log; [`Fault::FailedResult`], [`Fault::EmptyResult`], [`Fault::Hostile`] and [`Fault::OutputBytes`] in a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks in the middle of the log.
    CutInLog,
    /// The connection breaks in the middle of an output's base64.
    CutInData,
    /// The stream ends properly, but in the middle of an output's base64.
    EndInData,
    /// The stream ends properly after the result, but without the result's blank line.
    NoBlankLine,
    /// The result's line is followed by neither a blank line nor the stream's end, only by comments.
    OpenEnd,
    /// The stream ends properly, but without a result.
    NoResult,
    /// An `error` event, then the end.
    ErrorThenEnd,
    /// An `error` event in the middle of a run that then succeeds.
    ErrorInPassing,
    /// A result with a failed status and an error.
    FailedResult,
    /// A result without outputs.
    EmptyResult,
    /// 201 with an empty body.
    EmptyBody,
    /// 502 with a gateway's HTML page.
    BadGateway,
    /// 401, whatever the credentials.
    Unauthorized,
    /// 429 with `Retry-After`, in seconds.
    TooManyRequests(u32),
    /// 201 with an HTML page.
    WebPage,
    /// JSON although a stream was requested.
    JsonForStream,
    /// An event stream without a content type, with status 200.
    Unlabelled,
    /// One log line of this many bytes.
    HugeLine(usize),
    /// Terminal escapes in the log and in file names; file names that are paths.
    Hostile,
    /// The first output's base64 is damaged, the second one's is valid.
    BadBase64,
    /// The result stops being JSON after the first output.
    BrokenJson,
    /// `data` before `filename`, escaped slashes, line breaks in base64, no padding, null and unknown fields.
    OddResult,
    /// Outputs as addresses under `/output/` instead of data.
    Links,
    /// This many log lines before the result.
    LogLines(u32),
    /// One output of this many bytes, a repeated [`pattern`].
    OutputBytes(u64),
    /// CR LF line ends, comments, a byte-order mark, an unknown event, several data lines.
    OtherForm,
    /// This many redirects with status 303 before the response.
    Redirects(u32),
    /// One redirect with this status to this address.
    RedirectTo(u16, String),
    /// Takes the request and never answers.
    Silent,
}

/// Length of the [`pattern`] in bytes: a multiple of three, so that its base64 repeats too.
pub const PATTERN: usize = 48 * 1024;

/// The bytes that [`Fault::OutputBytes`] repeats. They do not compress.
pub fn pattern() -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()[1]
    };
    std::iter::repeat_with(next).take(PATTERN).collect()
}
