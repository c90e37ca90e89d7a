//! Explore: several runs of the draft, each with another value of some parameters, put together before they are queued.

mod keys;
mod view;

use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;

use tui_textarea::TextArea;

use crate::domain::batch::{self, Axis, Combine, Files, MOST_RUNS, Plan, Target};
use crate::domain::{Draft, ParamKey, ParamKind, Parameter, Setting, value};
use crate::tui::typing::line_editor;

pub use keys::pressed;
pub use view::{draw, told};

/// Seeds that are offered at first.
const SEEDS: &str = "4";

/// Which parameters are varied, and over which values.
#[derive(Debug)]
pub struct Explore {
    pub rows: Vec<Row>,
    /// The name of a parameter to add.
    pub adding: TextArea<'static>,
    /// Place among the rows; behind them is the line that adds one, and with several rows a line that says how they go
    /// together.
    pub selected: usize,
    pub combine: Combine,
    /// The texts of the rows at first.
    offered: Vec<String>,
    /// Random bits that new seeds are made of.
    random: u64,
    /// Files that were asked for, and their answers once these are here.
    files: HashMap<FileQuestion, Option<FileAnswer>>,
    /// The runs, or what is wrong with them as a whole.
    pub plan: Result<Plan, String>,
}

/// A parameter that is varied.
#[derive(Debug)]
pub struct Row {
    pub key: ParamKey,
    /// The other texts of the prompt that it is one of: they get the same values.
    pub also: Vec<ParamKey>,
    /// An alias or a label.
    pub name: String,
    pub text: TextArea<'static>,
    /// How many values it has, or what is wrong with the text.
    pub values: Result<usize, String>,
    /// The first of its values that the server does not take, and why.
    pub doubt: Option<String>,
}

/// What has to be read for the values of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FileQuestion {
    /// The text of a file.
    Text(String),
    /// The file of a path, or those of a folder.
    Files(String),
}

/// What was read, or why it could not be.
#[derive(Clone, Debug, PartialEq)]
pub enum FileAnswer {
    Text(Result<String, String>),
    Files(Result<Vec<PathBuf>, String>),
}

/// A parameter and the text to begin with.
pub type Offer = (ParamKey, String);

impl Row {
    /// Its name, and how many texts of a prompt it sets.
    pub fn shown(&self) -> String {
        match self.also.len() {
            0 => self.name.clone(),
            others => format!("{}, {} texts", self.name, others + 1),
        }
    }

    fn sets(&self, key: &ParamKey) -> bool {
        self.key == *key || self.also.contains(key)
    }

    pub fn typed(&self) -> String {
        self.text.lines().join("")
    }
}

impl Explore {
    /// With some seeds of the draft, and what else is offered.
    pub fn new(draft: &Draft, offers: Vec<Offer>, random: u64) -> Self {
        let seed = draft.params().iter().find(|parameter| parameter.decides);
        let seed = seed.map(|seed| (seed.key.clone(), SEEDS.to_owned()));
        let offers = if offers.is_empty() { seed.into_iter().collect() } else { offers };
        let mut explore = Self {
            rows: Vec::new(),
            adding: line_editor(""),
            selected: 0,
            combine: Combine::Grid,
            offered: Vec::new(),
            random,
            files: HashMap::new(),
            plan: Err(String::new()),
        };
        for (key, text) in offers {
            explore.put(draft, &key, &text);
        }
        explore.selected = 0;
        explore.offered = explore.rows.iter().map(Row::typed).collect();
        explore
    }

    /// Whether nobody has changed anything yet.
    pub fn is_as_offered(&self) -> bool {
        self.rows.iter().map(Row::typed).eq(self.offered.iter().cloned())
    }

    /// Adds a parameter, or goes to it when it is there.
    fn put(&mut self, draft: &Draft, key: &ParamKey, text: &str) {
        let Some(parameter) = draft.param(key) else { return };
        let known = self.rows.iter().position(|row| row.sets(key));
        self.selected = known.unwrap_or(self.rows.len());
        if known.is_none() {
            let also = draft.together_with(key);
            let (key, name) = (key.clone(), draft.name(parameter).to_owned());
            let mut text = line_editor(text);
            // What is offered gives way to what is typed.
            text.select_all();
            self.rows.push(Row { key, also, name, text, values: Ok(0), doubt: None });
        }
        self.adding = line_editor("");
    }

    /// The text of the line that has the keys.
    pub fn text(&self) -> Option<&TextArea<'static>> {
        match self.rows.get(self.selected) {
            Some(row) => Some(&row.text),
            None => (self.selected == self.adding_line()).then_some(&self.adding),
        }
    }

    /// The same, to be changed.
    pub fn text_mut(&mut self) -> Option<&mut TextArea<'static>> {
        let adding = self.adding_line();
        match self.rows.get_mut(self.selected) {
            Some(row) => Some(&mut row.text),
            None if self.selected == adding => Some(&mut self.adding),
            None => None,
        }
    }

    fn adding_line(&self) -> usize {
        self.rows.len()
    }

    /// The last line that can be selected.
    fn last_line(&self) -> usize {
        self.rows.len() + usize::from(self.rows.len() > 1)
    }

    /// Reads the rows anew. Gives what has to be read for them first.
    pub fn refresh(&mut self, draft: &Draft) -> Vec<FileQuestion> {
        let known = Known { files: &self.files, wanted: RefCell::default() };
        let mut axes = Vec::new();
        for (at, row) in self.rows.iter_mut().enumerate() {
            let settings = settings(draft, row, &known, self.random.wrapping_add(at as u64));
            row.values = settings.as_ref().map(Vec::len).map_err(Clone::clone);
            row.doubt = settings.iter().flatten().find_map(|setting| doubt(draft, &row.key, setting));
            if let Ok(settings) = settings {
                axes.push(Axis {
                    key: row.key.clone(),
                    also: row.also.clone(),
                    name: row.name.clone(),
                    settings,
                });
            }
        }
        let wanted = known.wanted.into_inner();
        self.plan = match axes.len() == self.rows.len() {
            true => Plan::new(axes, self.combine).map_err(|why| why.to_string()),
            false => Err(String::new()),
        };
        self.files.extend(wanted.iter().map(|question| (question.clone(), None)));
        wanted
    }

    /// What was read of a file.
    pub fn read(&mut self, question: FileQuestion, answer: FileAnswer) {
        self.files.insert(question, Some(answer));
    }

    /// Parameters that what is typed in the last line may mean, best first.
    fn matches<'a>(&self, draft: &'a Draft) -> Vec<&'a Parameter> {
        let typed = self.adding.lines().join("").trim().to_lowercase();
        let free = |parameter: &&Parameter| {
            parameter.is_editable() && !self.rows.iter().any(|row| row.sets(&parameter.key))
        };
        let rank = |parameter: &&Parameter| {
            let name = draft.name(parameter).to_lowercase();
            let whole = format!("{} {name} {}", parameter.group.to_lowercase(), parameter.key.as_str());
            match () {
                () if name == typed => Some(0),
                () if name.starts_with(&typed) => Some(1),
                () if whole.contains(&typed) => Some(2),
                () => None,
            }
        };
        let mut found: Vec<_> =
            draft.params().iter().filter(free).filter_map(|p| Some((rank(&p)?, p))).collect();
        // What people vary: numbers, choices and texts of the nodes that they see.
        found.sort_by_key(|(rank, parameter)| {
            (*rank, parameter.hidden, parameter.advanced, parameter.role.is_none())
        });
        found.into_iter().map(|(_, parameter)| parameter).collect()
    }
}

/// Why the server does not take a value, with the nearest that it does.
fn doubt(draft: &Draft, key: &ParamKey, setting: &Setting) -> Option<String> {
    let doubt = draft.doubt(key, setting)?;
    let near = doubt.nearest.as_ref().map(|near| format!(" (nearest: {})", value::text(near)));
    Some(format!("{}{}", doubt.why, near.unwrap_or_default()))
}

/// The text that a parameter begins with when it is added.
fn offered(draft: &Draft, parameter: &Parameter) -> String {
    let now = batch::present(draft, &parameter.key).unwrap_or_default();
    match &parameter.kind {
        ParamKind::Seed => SEEDS.to_owned(),
        ParamKind::Integer | ParamKind::Float => "±20%".to_owned(),
        ParamKind::Boolean => "false, true".to_owned(),
        ParamKind::Choice => "*".to_owned(),
        ParamKind::LongText | ParamKind::Text => serde_json::json!([value::text(&now)]).to_string(),
        ParamKind::Json | ParamKind::Lora | ParamKind::Several => format!("[{now}]"),
        ParamKind::File(_) | ParamKind::Link => String::new(),
    }
}

/// The values of a row. Of a seed a bare number says how many new ones.
fn settings(draft: &Draft, row: &Row, files: &dyn Files, random: u64) -> Result<Vec<Setting>, String> {
    let (parameter, now) = match (draft.param(&row.key), batch::present(draft, &row.key)) {
        (Some(parameter), Some(now)) => (parameter, now),
        _ => return Err("the open workflow does not have it".to_owned()),
    };
    let typed = row.typed();
    let count = typed.trim().parse().ok().filter(|_| parameter.kind == ParamKind::Seed);
    match count {
        Some(0) => Err("how many seeds?".to_owned()),
        Some(MOST_RUNS_AND_MORE..) => {
            Err(format!("at most {MOST_RUNS} seeds; a seed itself is written `= SEED`"))
        }
        Some(count) => {
            let mut random = fastrand::Rng::with_seed(random);
            Ok(batch::seeds(parameter, &now, count, || random.u64(..)))
        }
        None => {
            let typed = typed.trim().strip_prefix('=').unwrap_or(&typed);
            batch::read(Target { parameter, field: None, now: &now }, typed, files)
                .map_err(|why| why.to_string())
        }
    }
}

const MOST_RUNS_AND_MORE: usize = MOST_RUNS + 1;

/// Files as far as they were read.
struct Known<'a> {
    files: &'a HashMap<FileQuestion, Option<FileAnswer>>,
    wanted: RefCell<Vec<FileQuestion>>,
}

impl Known<'_> {
    fn answer(&self, question: FileQuestion) -> Option<&FileAnswer> {
        match self.files.get(&question) {
            Some(answer) => answer.as_ref(),
            None => {
                self.wanted.borrow_mut().push(question);
                None
            }
        }
    }
}

const READING: &str = "reading…";

impl Files for Known<'_> {
    fn text(&self, path: &str) -> Result<String, String> {
        match self.answer(FileQuestion::Text(path.to_owned())) {
            Some(FileAnswer::Text(text)) => text.clone(),
            Some(FileAnswer::Files(_)) | None => Err(READING.to_owned()),
        }
    }

    fn files(&self, path: &str) -> Result<Vec<PathBuf>, String> {
        match self.answer(FileQuestion::Files(path.to_owned())) {
            Some(FileAnswer::Files(files)) => files.clone(),
            Some(FileAnswer::Text(_)) | None => Err(READING.to_owned()),
        }
    }
}
