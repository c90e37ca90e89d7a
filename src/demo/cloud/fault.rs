//! Faults of the cloud API, or of the network in front of it, for tests.

/// A fault of the demo's cloud API. Several can be combined. A fault with `times` happens that often, counted over all
/// clients; afterwards the server works normally.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloudFault {
    /// The socket is refused: 503 instead of the upgrade.
    SocketDown { times: u32 },
    /// `44` instead of `40`, whatever the credentials.
    ConnectRefused { times: u32 },
    /// The socket breaks without a close frame, after its n-th event.
    SocketCut {
        /// Number of events still sent; with 0 the socket breaks in place of the first.
        after: u32,
        times: u32,
    },
    /// The socket stays open, but sends neither pings nor events any more.
    SocketSilent {
        /// Number of events still sent.
        after: u32,
        times: u32,
    },
    /// Every event asks for an acknowledgement; the next one waits for it.
    WantsReceipts,
    /// A binary event with its attachment precedes every event.
    BinaryEvents,
    /// The reply to a submission is sent after the run has ended and all its events have been sent.
    EventsBeforeReply,
    /// The run is accepted and begins, then the connection breaks in place of the reply.
    ReplyLost { times: u32 },
    /// The connection breaks in place of the reply, and the run is not accepted.
    RequestLost { times: u32 },
    /// The reply to a submission is the record itself, in camelCase.
    BareReply,
    /// The payload of the result's event is `null`.
    NullResult,
    /// No event reports the end of a run; only its record does.
    NoEnd,
    /// Every event is sent twice.
    Duplicated,
    /// Every second event is sent before its predecessor, and the end before the last events.
    Reordered,
    /// A cancel is accepted, but the run goes on to its end.
    CancelIgnored,
    /// A cancel in `snake_case` is answered with 422.
    CancelCamelCase,
    /// A cancel in `camelCase` is answered with 422.
    CancelSnakeCase,
    /// Subscribing is answered with this status.
    SubscribeRefused(u16),
    /// Requests for records are answered with 503.
    RecordsBusy { times: u32 },
    /// Requests for records are answered with an empty list.
    RecordsUnknown { times: u32 },
    /// Records have their field names in `snake_case`.
    SnakeRecords,
    /// A download link has expired, and with it all earlier links of its run; the next one works.
    LinkExpired {
        times: u32,
        /// Status of the response: 403 or 404.
        status: u16,
    },
    /// Records name this address for their outputs.
    LinkTo(String),
    /// The connection breaks in the middle of an output.
    StorageCut {
        /// Bytes of each response that still arrive.
        after: u64,
        times: u32,
    },
    /// Storage ignores `Range` and sends the whole output.
    StorageWhole,
    /// The output's `ETag` changes between two requests.
    StorageChanges,
}
