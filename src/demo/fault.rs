//! Every way in which a server or the network between can break the protocol.

/// A fault of the demo endpoint. Each is a run like any other up to the fault.
///
/// In the cloud API those strike that are not about the stream's form: [`Fault::Unauthorized`], [`Fault::BadGateway`],
/// [`Fault::TooManyRequests`], [`Fault::WebPage`], [`Fault::EmptyBody`], [`Fault::RedirectTo`] and [`Fault::Silent`] when
/// a run is sent; [`Fault::ErrorInPassing`], [`Fault::HugeLine`], [`Fault::LogLines`] and [`Fault::Hostile`] in its log;
/// [`Fault::FailedResult`], [`Fault::EmptyResult`], [`Fault::Hostile`] and [`Fault::OutputBytes`] in its result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks in the middle of the log.
    CutInLog,
    /// The connection breaks in the middle of an output's base64.
    CutInData,
    /// The stream ends, well, in the middle of an output's base64.
    EndInData,
    /// The stream ends, well, behind the result but before its blank line.
    NoBlankLine,
    /// Behind the result's line comes neither its blank line nor the stream's end, only comments.
    OpenEnd,
    /// The stream ends, well, without a result.
    NoResult,
    /// An `error` event, then the end.
    ErrorThenEnd,
    /// An `error` event in the middle of a run that goes on and ends well.
    ErrorInPassing,
    /// The result says that the run failed.
    FailedResult,
    /// A result without outputs.
    EmptyResult,
    /// 201 and nothing at all behind it.
    EmptyBody,
    /// 502 with a gateway's HTML page.
    BadGateway,
    /// 401, whatever the credentials.
    Unauthorized,
    /// 429 with `Retry-After`, in seconds.
    TooManyRequests(u32),
    /// 201 with an HTML page.
    WebPage,
    /// JSON although a stream was asked for.
    JsonForStream,
    /// An event stream without a content type, behind a status of 200.
    Unlabelled,
    /// One log line of so many bytes.
    HugeLine(usize),
    /// Terminal escapes in the log and in names, names that are paths.
    Hostile,
    /// The first output's base64 is damaged, a second one is whole.
    BadBase64,
    /// The result stops being JSON behind the first output.
    BrokenJson,
    /// `data` before `filename`, escaped slashes, line breaks in base64, no padding, null and unknown fields.
    OddResult,
    /// Outputs as addresses under `/output/` instead of data.
    Links,
    /// So many log lines before the result.
    LogLines(u32),
    /// One output of so many bytes, of a pattern that repeats.
    OutputBytes(u64),
    /// CR LF line ends, comments, a byte-order mark, another event, several data lines.
    OtherForm,
    /// So many redirects with status 303 before the answer.
    Redirects(u32),
    /// One redirect to an address, with a status.
    RedirectTo(u16, String),
    /// No answer at all.
    Silent,
}

/// Bytes of the pattern that [`Fault::OutputBytes`] repeats: a multiple of three, so that its base64 repeats too.
pub const PATTERN: usize = 48 * 1024;

/// The pattern that [`Fault::OutputBytes`] repeats. It looks random to whoever compresses.
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
