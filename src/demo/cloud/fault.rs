//! Every way in which the cloud API, or the network before it, can break its protocol.

/// A fault of the demo's cloud API. Several go together. Where one has a number of times, the server counts them
/// over all its clients, and behaves when they are used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CloudFault {
    /// The socket cannot be had: 503 instead of the upgrade.
    SocketDown { times: u32 },
    /// `44` instead of `40`, whatever the credentials.
    ConnectRefused { times: u32 },
    /// The socket breaks, without a word, behind its n-th event.
    SocketCut {
        /// Events of that socket that are still sent; with 0 it breaks in place of the first.
        after: u32,
        times: u32,
    },
    /// The socket stays open, but neither pings nor events come any more.
    SocketSilent {
        /// Events of that socket that are still sent.
        after: u32,
        times: u32,
    },
    /// Every event wants to be acknowledged; the next one waits for it.
    WantsReceipts,
    /// A binary event, with its attachment, goes ahead of every event.
    BinaryEvents,
    /// The reply to a submit comes only when the run has ended and all its events were sent.
    EventsBeforeReply,
    /// The run is taken and begins, then the connection breaks in place of the reply.
    ReplyLost { times: u32 },
    /// The connection breaks in place of the reply, and the run is not taken.
    RequestLost { times: u32 },
    /// The reply to a submit is the record itself, camelCase.
    BareReply,
    /// The result's event says `null` and nothing more.
    NullResult,
    /// No event tells of an end, only records do.
    NoEnd,
    /// Every event comes twice.
    Duplicated,
    /// Every second event comes ahead of the one before it, and the end ahead of what was still to come.
    Reordered,
    /// A cancel is accepted, and the run goes on to its end.
    CancelIgnored,
    /// A cancel in `snake_case` is answered with 422.
    CancelCamelCase,
    /// A cancel in `camelCase` is answered with 422.
    CancelSnakeCase,
    /// Subscribing is answered with this status.
    SubscribeRefused(u16),
    /// Records are answered with 503.
    RecordsBusy { times: u32 },
    /// Records are answered as if there were none.
    RecordsUnknown { times: u32 },
    /// Records in `snake_case`.
    SnakeRecords,
    /// A link has expired, and with it all that were given out for its run so far; the next one is good.
    LinkExpired {
        times: u32,
        /// How it is answered: 403 or 404.
        status: u16,
    },
    /// Outputs are said to be at this address.
    LinkTo(String),
    /// The connection breaks in the middle of an output.
    StorageCut {
        /// Bytes of each answer that still arrive.
        after: u64,
        times: u32,
    },
    /// Storage answers with the whole output, whatever range was asked for.
    StorageWhole,
    /// The output changes between two requests for it: another `ETag`.
    StorageChanges,
}
