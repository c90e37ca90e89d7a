//! Looks at files on a thread of its own: decodes, scales and packs what is seen of them. The newest order wins.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, SystemTime};

use super::Wake;
use crate::picture::read::{Content, Pixels, ReadError, Seen, Watch, frames, look};
use crate::picture::{self, Canvas, Colours};
use crate::tui::msg::Msg;
use crate::tui::panes::output::{LookOrder, Looked, LookedBody};
use crate::tui::terminal::QUIET_THREAD;

/// The picture follows when the selection has rested for so long.
pub(super) const REST: Duration = Duration::from_millis(150);
/// One look may take so long.
const LIMIT: Duration = Duration::from_secs(10);
/// Bytes of pictures that are kept, ready to be shown again.
const KEPT: usize = 16 << 20;
/// A film's frame gets this part of what a picture may cost.
const FRAME_SHARE: usize = 4;

/// How the pictures of an order are packed, beside what it says itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct EncodeOptions {
    pub(super) budget: usize,
    pub(super) piece: usize,
    pub(super) ground: [u8; 3],
    pub(super) colours: Colours,
}

/// The thread's other end.
#[derive(Debug)]
pub(super) struct Pictures {
    orders: Sender<(u64, LookOrder, EncodeOptions)>,
    newest: Arc<AtomicU64>,
}

impl Pictures {
    pub(super) fn start(told: Sender<Wake>) -> std::io::Result<Self> {
        let (orders, taken) = mpsc::channel();
        let newest = Arc::new(AtomicU64::new(0));
        let at = newest.clone();
        thread::Builder::new()
            .name(QUIET_THREAD.to_owned())
            .spawn(move || OutputRenderer { newest: at, kept: Kept::default() }.serve(&taken, &told))?;
        Ok(Self { orders, newest })
    }

    /// What is being looked at is no longer wanted.
    pub(super) fn drop_work(&self) {
        self.newest.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn look(&self, order: LookOrder, encode_options: EncodeOptions) {
        let number = self.newest.fetch_add(1, Ordering::Relaxed) + 1;
        // The thread lives as long as the screen.
        let _ = self.orders.send((number, order, encode_options));
    }
}

struct OutputRenderer {
    newest: Arc<AtomicU64>,
    kept: Kept,
}

impl OutputRenderer {
    fn serve(mut self, orders: &Receiver<(u64, LookOrder, EncodeOptions)>, told: &Sender<Wake>) {
        while let Ok(first) = orders.recv() {
            let (number, order, encode_options) = orders.try_iter().last().unwrap_or(first);
            let watch = Watch::of(LIMIT, self.newest.clone(), number);
            let looked = match self.looked(&order, encode_options, &watch) {
                Err(ReadError::Superseded) => continue,
                looked => looked.map_err(|why| capital(&why.to_string())),
            };
            if told.send(Wake::Msg(Msg::Looked(order, looked))).is_err() {
                return;
            }
        }
    }

    fn looked(
        &mut self,
        order: &LookOrder,
        encode_options: EncodeOptions,
        watch: &Watch,
    ) -> Result<Looked, ReadError> {
        let state = state_of(order);
        if let Some(kept) = state.and_then(|state| self.kept.find(order, encode_options, state)) {
            return Ok(kept);
        }
        let looked = make(order, encode_options, watch)?;
        if let Some(state) = state {
            self.kept.keep(order, encode_options, state, &looked);
        }
        Ok(looked)
    }
}

/// A sentence begins with a capital letter.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn make(order: &LookOrder, encode_options: EncodeOptions, watch: &Watch) -> Result<Looked, ReadError> {
    let canvas = Canvas {
        room: order.room,
        cell: order.cell,
        kind: order.kind.unwrap_or(picture::Kind::Blocks),
        budget: if order.play { encode_options.budget / FRAME_SHARE } else { encode_options.budget },
        piece: encode_options.piece,
        ground: encode_options.ground,
        colours: encode_options.colours,
    };
    let wanted = canvas.pixels();
    let Seen { kind, bytes, content } = match order.kind {
        Some(_) => look(&order.path, wanted, watch)?,
        None => picture::read::look_at_text(&order.path, watch)?,
    };
    let pack = |pixels: &Pixels| Arc::new(picture::encode(pixels, &canvas));
    let (facts, body) = match content {
        Content::Text(lines, more) => (Vec::new(), LookedBody::Text(lines, more)),
        Content::Facts(mut facts) => {
            let body = match facts.pop() {
                Some(why) => LookedBody::Nothing(capital(&why)),
                None if order.kind.is_none() => LookedBody::Off,
                None => LookedBody::Nothing(format!("No picture: {kind}")),
            };
            (facts, body)
        }
        Content::Picture(still) => {
            let mut facts = vec![format!("{}×{}", still.size.0, still.size.1)];
            facts.extend(still.facts);
            let frames = if order.play && still.moves {
                let mut packed = Vec::new();
                for frame in frames(&order.path, wanted, watch)? {
                    watch.check()?;
                    packed.push((pack(&frame.pixels), frame.stands.as_millis() as u32));
                }
                packed
            } else {
                vec![(pack(&still.pixels), 0)]
            };
            (facts, LookedBody::Picture { frames, moves: still.moves })
        }
    };
    Ok(Looked { kind, bytes, facts, body })
}

/// When a file changed last, and its size.
type State = (SystemTime, u64);

fn state_of(order: &LookOrder) -> Option<State> {
    let metadata = std::fs::metadata(&order.path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// What was made lately, the newest last, within [`KEPT`] bytes.
#[derive(Default)]
struct Kept {
    all: VecDeque<(LookOrder, EncodeOptions, State, Looked)>,
    bytes: usize,
}

impl Kept {
    fn find(&mut self, order: &LookOrder, encode_options: EncodeOptions, state: State) -> Option<Looked> {
        let at = self.all.iter().position(|(kept, how, then, _)| {
            kept == order
                && *then == state
                && EncodeOptions { piece: encode_options.piece, ..*how } == encode_options
        })?;
        let found = self.all.remove(at)?;
        let looked = found.3.clone();
        self.all.push_back(found);
        Some(looked)
    }

    fn keep(&mut self, order: &LookOrder, encode_options: EncodeOptions, state: State, looked: &Looked) {
        self.bytes += weight(looked);
        self.all.push_back((order.clone(), encode_options, state, looked.clone()));
        while self.bytes > KEPT {
            let Some((.., oldest)) = self.all.pop_front() else { return };
            self.bytes -= weight(&oldest);
        }
    }
}

fn weight(looked: &Looked) -> usize {
    500 + match &looked.body {
        LookedBody::Picture { frames, .. } => frames.iter().map(|(picture, _)| picture.weight()).sum(),
        LookedBody::Text(lines, _) => lines.iter().map(|line| line.len() + 24).sum(),
        LookedBody::Nothing(why) => why.len(),
        LookedBody::Off => 0,
    }
}
