//! Reads the dashboard's settings: the table `[ui]`.

use toml::de::DeTable;

use crate::domain::diagnostic::Diagnostics;
use crate::domain::tables::Fields;
use crate::picture::{BlockSet, PictureMode};

/// Settings of the dashboard: the table `[ui]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ui {
    pub theme: ThemeChoice,
    /// Whether to use the mouse.
    pub mouse: bool,
    /// Whether each frame waits until the terminal has processed the one before.
    pub flow_control: bool,
    /// This machine's name as seen from the person's own, for `scp`; by default its address.
    pub scp_host: Option<String>,
    pub pictures: PictureMode,
    /// The block characters for pictures where the terminal has no pixels.
    pub blocks: BlockSet,
    /// Most bytes for drawing a picture; `None` adapts to the connection.
    pub picture_bytes: Option<usize>,
    /// Whether to ask before sending a request identical to a finished run's.
    pub ask_if_same: bool,
    /// Whether only ASCII is drawn; `None` adapts to the terminal.
    pub ascii: Option<bool>,
    /// Whether the terminal's cursor stays at the selection.
    pub park_cursor: bool,
    /// Whether the dashboard is reported in lines, for a screen reader.
    pub reader: bool,
}

impl Default for Ui {
    fn default() -> Self {
        Self {
            theme: ThemeChoice::Auto,
            mouse: true,
            flow_control: true,
            scp_host: None,
            pictures: PictureMode::Auto,
            blocks: BlockSet::default(),
            picture_bytes: None,
            ask_if_same: true,
            ascii: None,
            park_cursor: false,
            reader: false,
        }
    }
}

/// Smallest number allowed for `picture_bytes`.
const FEWEST_PICTURE_BYTES: usize = 1_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThemeChoice {
    /// By the terminal's background colour, else dark.
    #[default]
    Auto,
    Dark,
    Light,
}

impl ThemeChoice {
    pub const ALL: [Self; 3] = [Self::Auto, Self::Dark, Self::Light];

    /// The word in `config.toml`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Dark => "dark",
            Self::Light => "light",
        }
    }

    /// Parses [`ThemeChoice::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|choice| choice.word() == word)
    }
}

pub(super) fn read_ui(table: &DeTable<'_>, found: &mut Diagnostics<'_>) -> Ui {
    let mut fields = Fields::new(table, "ui");
    let default = Ui::default();
    let themes = "\"auto\", \"dark\" or \"light\"";
    let theme = fields.typed("theme", themes, found, |value| ThemeChoice::from_word(value.as_str()?));
    let mouse = fields.boolean("mouse", found);
    let flow_control = fields.boolean("flow_control", found);
    let scp_host = fields.text("scp_host", found).filter(|host| !host.is_empty());
    let kinds = "\"auto\", \"kitty\", \"iterm2\", \"sixel\", \"blocks\" or \"off\"";
    let pictures = fields.typed("pictures", kinds, found, |value| PictureMode::of_name(value.as_str()?));
    let sets = "\"half\", \"quad\" or \"sextant\"";
    let blocks = fields.typed("blocks", sets, found, |value| BlockSet::of_name(value.as_str()?));
    let picture_bytes = fields.typed("picture_bytes", "a whole number from 1000 on", found, |value| {
        let number = value.as_integer().filter(|number| number.radix() == 10)?;
        number.as_str().parse::<usize>().ok().filter(|number| *number >= FEWEST_PICTURE_BYTES)
    });
    let ask_if_same = fields.boolean("ask_if_same", found);
    let ascii =
        fields.typed("ascii", "\"auto\", \"on\" or \"off\"", found, |value| match value.as_str()? {
            "auto" => Some(None),
            "on" => Some(Some(true)),
            "off" => Some(Some(false)),
            _ => None,
        });
    let park_cursor = fields.boolean("park_cursor", found);
    let reader = fields.boolean("reader", found);
    fields.finish(found);
    Ui {
        theme: theme.unwrap_or(default.theme),
        mouse: mouse.unwrap_or(default.mouse),
        flow_control: flow_control.unwrap_or(default.flow_control),
        scp_host,
        pictures: pictures.unwrap_or(default.pictures),
        blocks: blocks.unwrap_or(default.blocks),
        picture_bytes,
        ask_if_same: ask_if_same.unwrap_or(default.ask_if_same),
        ascii: ascii.unwrap_or(default.ascii),
        park_cursor: park_cursor.unwrap_or(default.park_cursor),
        reader: reader.unwrap_or(default.reader),
    }
}
