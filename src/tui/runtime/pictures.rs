//! Decodes, scales and encodes the file that the output pane shows.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::Replies;
use super::encode_options::EncodeOptions;
use super::worker::Ticket;
use crate::picture::read::{Content, Pixels, ReadError, Seen, Watch, frames, look};
use crate::picture::{self, Canvas};
use crate::tui::msg::Msg;
use crate::tui::panes::output::{RenderOrder, Rendered, RenderedBody};

/// Timeout of reading and decoding one file.
const LIMIT: Duration = Duration::from_secs(10);
/// Most bytes of encoded pictures that are kept to be shown again.
const KEPT: usize = 16 << 20;
/// A frame of an animation gets this fraction of a picture's budget.
const FRAME_SHARE: usize = 4;

/// Renders files for the output pane.
pub(super) struct OutputRenderer {
    replies: Replies,
    kept: Kept,
}

impl OutputRenderer {
    pub(super) fn new(replies: Replies) -> Self {
        Self { replies, kept: Kept::default() }
    }

    /// Answers an order, unless another one takes its place meanwhile.
    pub(super) fn render(&mut self, order: RenderOrder, options: EncodeOptions, ticket: &Ticket) {
        let rendered = match self.rendered(&order, options, &ticket.watch(LIMIT)) {
            Err(ReadError::Superseded) => return,
            rendered => rendered.map_err(|why| capital(&why.to_string())),
        };
        self.replies.send(Msg::Rendered(order, rendered));
    }

    fn rendered(
        &mut self,
        order: &RenderOrder,
        options: EncodeOptions,
        watch: &Watch,
    ) -> Result<Rendered, ReadError> {
        let state = state_of(order);
        if let Some(kept) = state.and_then(|state| self.kept.find(order, options, state)) {
            return Ok(kept);
        }
        let rendered = make(order, options, watch)?;
        if let Some(state) = state {
            self.kept.keep(order, options, state, &rendered);
        }
        Ok(rendered)
    }
}

/// The text with a capital first letter.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

fn make(order: &RenderOrder, options: EncodeOptions, watch: &Watch) -> Result<Rendered, ReadError> {
    let protocol = order.protocol.unwrap_or(picture::PictureProtocol::Blocks);
    let canvas = Canvas {
        room: options.room_of_one(order.room, order.cell, protocol),
        cell: order.cell,
        protocol,
        budget: if order.play { options.budget / FRAME_SHARE } else { options.budget },
        piece: options.piece,
        ground: options.ground,
        colours: options.colours,
        blocks: options.blocks,
    };
    let wanted = canvas.pixels();
    let Seen { kind, bytes, content } = match order.protocol {
        Some(_) => look(&order.path, wanted, watch)?,
        None => picture::read::look_at_text(&order.path, watch)?,
    };
    let pack = |pixels: &Pixels| Arc::new(picture::encode(pixels, &canvas));
    let (facts, body) = match content {
        Content::Text(lines, more) => (Vec::new(), RenderedBody::Text(lines, more)),
        Content::Facts(mut facts) => {
            let body = match facts.pop() {
                Some(why) => RenderedBody::Nothing(capital(&why)),
                None if order.protocol.is_none() => RenderedBody::Off,
                None => RenderedBody::Nothing(format!("No picture: {kind}")),
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
            (facts, RenderedBody::Picture { frames, moves: still.moves })
        }
    };
    Ok(Rendered { kind, bytes, facts, body })
}

/// Time of modification and size of a file.
type State = (SystemTime, u64);

fn state_of(order: &RenderOrder) -> Option<State> {
    let metadata = std::fs::metadata(&order.path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// The last rendered pictures, newest last, within [`KEPT`] bytes.
#[derive(Default)]
struct Kept {
    all: VecDeque<(RenderOrder, EncodeOptions, State, Rendered)>,
    bytes: usize,
}

impl Kept {
    fn find(&mut self, order: &RenderOrder, options: EncodeOptions, state: State) -> Option<Rendered> {
        let at = self.all.iter().position(|(kept, how, then, _)| {
            kept == order && *then == state && EncodeOptions { piece: options.piece, ..*how } == options
        })?;
        let found = self.all.remove(at)?;
        let rendered = found.3.clone();
        self.all.push_back(found);
        Some(rendered)
    }

    fn keep(&mut self, order: &RenderOrder, options: EncodeOptions, state: State, rendered: &Rendered) {
        self.bytes += weight(rendered);
        self.all.push_back((order.clone(), options, state, rendered.clone()));
        while self.bytes > KEPT {
            let Some((.., oldest)) = self.all.pop_front() else { return };
            self.bytes -= weight(&oldest);
        }
    }
}

fn weight(rendered: &Rendered) -> usize {
    500 + match &rendered.body {
        RenderedBody::Picture { frames, .. } => frames.iter().map(|(picture, _)| picture.weight()).sum(),
        RenderedBody::Text(lines, _) => lines.iter().map(|line| line.len() + 24).sum(),
        RenderedBody::Nothing(why) => why.len(),
        RenderedBody::Off => 0,
    }
}
