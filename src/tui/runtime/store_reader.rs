//! Reads the store for the screen on a thread of its own, so that no key waits for the disk.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;

use super::Replies;
use crate::config::Dirs;
use crate::domain::batch::{Batch, BatchId, Outline};
use crate::domain::graph_changes::{self, NodeChange};
use crate::domain::run::{Counts, Listed, UnixMs};
use crate::domain::{OutputCard, Run, RunId, RunSummary, Workflow};
use crate::runner::replay::repeats;
use crate::store::{self, LogReader, OutputQuery, RunQuery, Store, StoreError};
use crate::tui::effect::{Compared, Question, Take};
use crate::tui::msg::{EndedRun, Msg};
use crate::tui::notice::Tone;
use crate::tui::panes::gallery::Tile;
use crate::tui::panes::log::Matches;
use crate::tui::panes::params::recall;
use crate::tui::panes::sheet::{SheetPage, SheetQuery, SheetRun};
use crate::tui::query::{OutputsQuery, RunsQuery, SearchWords};

/// The store, and the last read log with its index of lines.
#[derive(Debug)]
pub(super) struct StoreReader {
    dirs: Dirs,
    store: Store,
    log: Option<(RunId, LogReader)>,
    outlines: HashMap<BatchId, Arc<Outline>>,
    /// Number of the newest search of a log: the others end.
    newest_search: Arc<AtomicU64>,
    replies: Replies,
}

impl StoreReader {
    pub(super) fn new(dirs: Dirs, store: Store, replies: Replies) -> Self {
        Self { dirs, store, log: None, outlines: HashMap::new(), newest_search: Arc::default(), replies }
    }

    /// Answers questions until the channel closes.
    pub(super) fn serve(mut self, questions: &Receiver<Question>) {
        while let Ok(question) = questions.recv() {
            self.answers(question).into_iter().for_each(|answer| self.replies.send(answer));
        }
    }

    /// Answers one question. A failed read gets an answer, too, beside a notice, since the screen waits for one; it
    /// asks again at the next change.
    pub(super) fn answers(&mut self, question: Question) -> Vec<Msg> {
        match question {
            Question::Runs(query) => match self.runs(&query) {
                Ok((rows, more, total, open)) => {
                    let trouble = self.store.disk_trouble().map(Msg::DiskFull);
                    let (batches, error) = or_empty(self.batches(&rows));
                    let batches = (!batches.is_empty()).then_some(Msg::Batches(batches));
                    let rows = with(Msg::Runs { query, rows, more, total, open }, error);
                    batches.into_iter().chain(rows).chain(trouble).collect()
                }
                Err(error) => vec![Msg::RunsNotRead(error.to_string())],
            },
            Question::Run(id) => {
                let (run, error) = or_empty(self.store.run(id));
                with(Msg::Run(id, run.map(Box::new)), error)
            }
            Question::Differences(compared) => {
                let (found, error) = or_empty(self.compared(&compared));
                let (runs, graph) = found;
                with(Msg::Differences(compared, runs, graph), error)
            }
            Question::Take(take) => {
                let (run, error) = or_empty(self.taken(&take));
                with(Msg::Taken(take, run.map(Box::new)), error)
            }
            Question::Lineage(id) => {
                let (lineage, error) = or_empty(self.store.lineage(id));
                with(Msg::Lineage(id, Box::new(lineage)), error)
            }
            Question::Ended(ids) => {
                let (runs, errors): (Vec<_>, Vec<_>) =
                    ids.into_iter().map(|id| or_empty(self.ended(id))).unzip();
                let ended = runs.into_iter().flatten().collect();
                with(Msg::Ended(ended), errors.into_iter().flatten().next())
            }
            Question::Briefs(asked) => {
                let ids: Vec<RunId> = asked.iter().map(|(id, _)| *id).collect();
                let (told, error) = or_empty(self.store.briefs(&ids));
                with(Msg::Briefs { asked, told }, error)
            }
            Question::Made(id) => {
                let (run, error) = or_empty(self.store.run(id));
                with(Msg::Made(id, run.map(Box::new)), error)
            }
            Question::Outputs(query) => match self.outputs(&query) {
                Ok((tiles, more)) => vec![Msg::Outputs { query, tiles, more }],
                Err(error) => vec![Msg::OutputsNotRead(error.to_string())],
            },
            Question::Pair(ids) => {
                let (runs, errors): (Vec<_>, Vec<_>) =
                    ids.map(|id| or_empty(self.store.run(id))).into_iter().unzip();
                let mut runs = runs.into_iter();
                let pair = Box::new(ids.map(|_| runs.next().flatten()));
                with(Msg::Pair(ids, pair), errors.into_iter().flatten().next())
            }
            Question::Typical(workflow_hash) => self.typical(&workflow_hash),
            Question::Today => {
                let (today, error) = or_empty(self.store.today(store::now()));
                with(Msg::Today(today), error)
            }
            Question::Warmth(url) => {
                let (warmth, error) = or_empty(self.store.warmth(&url));
                let until = warmth.and_then(|warmth| warmth.until()).map(|until| (until, clock(until)));
                with(Msg::Warmth { url, until }, error)
            }
            Question::Sheet(query) => match self.sheet(query) {
                Ok(page) => vec![Msg::Sheet(Box::new(page))],
                Err(error) => vec![Msg::SheetNotRead(error.to_string())],
            },
            Question::SearchWords => {
                let (words, error) = or_empty(self.search_words());
                with(Msg::SearchWords(words), error)
            }
            Question::Recall { key, field, typed } => {
                let (found, error) = or_empty(self.store.recall(&field, &typed, recall::MOST));
                with(Msg::Recalled { key, typed, found }, error)
            }
            Question::Log { run, range, follow } => {
                let (answer, error) = or_empty(self.log(run, range, follow));
                let (total, first, lines) = answer;
                with(Msg::Log { run, total, first, lines }, error)
            }
            Question::SearchLog { run, text, from, backward } => self.search_log(run, text, from, backward),
        }
    }

    /// A search may read gigabytes: a thread of its own answers it, until the next search begins.
    fn search_log(&self, run: RunId, text: String, from: usize, backward: bool) -> Vec<Msg> {
        let (dirs, replies) = (self.dirs.clone(), self.replies.clone());
        let number = self.newest_search.fetch_add(1, Ordering::Relaxed) + 1;
        let newest = self.newest_search.clone();
        let search = move || {
            let is_wanted = || newest.load(Ordering::Relaxed) == number;
            let tell = |msg| replies.send(msg);
            if let Err(why) = find_in_log(&dirs, run, text, (from, backward), is_wanted, tell) {
                replies.send(notice(&why));
            }
        };
        match thread::Builder::new().name("search".to_owned()).spawn(search) {
            Ok(_) => Vec::new(),
            Err(why) => vec![Msg::Notice(Tone::Bad, format!("The log cannot be searched: {why}"))],
        }
    }

    fn typical(&self, workflow_hash: &str) -> Vec<Msg> {
        let (ms, error) = or_empty(self.store.typical_ms(workflow_hash));
        let (usual, _) = or_empty(self.store.usual(workflow_hash));
        let workflow_hash = workflow_hash.to_owned();
        let ms = ms.map(|ms| Msg::TypicalMs { workflow_hash: workflow_hash.clone(), ms });
        let usual = usual.map(|usual| Msg::Usual { workflow_hash, usual });
        ms.into_iter().chain(usual).chain(error.as_ref().map(notice)).collect()
    }

    /// The batches that rows belong to.
    fn batches(&mut self, rows: &[RunSummary]) -> Result<Vec<(Batch, Arc<Outline>)>, StoreError> {
        let ids: BTreeSet<BatchId> = rows.iter().filter_map(|run| Some(run.batch?.batch)).collect();
        let mut batches = Vec::new();
        for id in ids {
            if let Some(batch) = self.store.batch(id)? {
                batches.push((batch, self.outline(id)?));
            }
        }
        Ok(batches)
    }

    /// The axes of a batch, which never change.
    fn outline(&mut self, id: BatchId) -> Result<Arc<Outline>, StoreError> {
        if let Some(outline) = self.outlines.get(&id) {
            return Ok(outline.clone());
        }
        let outline = Arc::new(self.store.outline(id)?.unwrap_or_default());
        self.outlines.insert(id, outline.clone());
        Ok(outline)
    }

    fn sheet(&mut self, query: SheetQuery) -> Result<SheetPage, StoreError> {
        let state = self.store.batch(query.batch)?.ok_or(StoreError::NoSuchBatch(query.batch))?;
        let outline = self.outline(query.batch)?;
        let mut runs = Vec::new();
        for run in self.store.batch_runs(query.batch, query.first, query.count)? {
            let made = if run.outputs > 0 { self.store.first_output(&run)? } else { None };
            let output = made.map(|card| Tile { gone: !card.output.path.exists(), card });
            runs.push(SheetRun { run, output });
        }
        Ok(SheetPage { query, state, outline, runs })
    }

    /// A page of runs, whether there are older ones, how many there are in all, and what has not ended.
    fn runs(&self, query: &RunsQuery) -> Result<(Vec<RunSummary>, bool, Option<Listed>, Counts), StoreError> {
        let limit = u32::try_from(query.limit).unwrap_or(u32::MAX - 1);
        let mut rows = self.store.summaries(&RunQuery {
            search: query.filter.meant(),
            unfolded: Some(query.filter.unfolded.clone()),
            hides_rejected: !query.filter.shows_rejected,
            before: query.before,
            // One more than needed, to know whether there are more.
            limit: limit + 1,
        })?;
        let more = rows.len() > query.limit;
        rows.truncate(query.limit);
        let is_whole = query.filter.search.is_empty() && query.filter.status.is_none();
        let total = match is_whole {
            true => Some(self.store.listed(&query.filter.unfolded, !query.filter.shows_rejected)?),
            false => None,
        };
        Ok((rows, more, total, self.store.counts()?))
    }

    fn taken(&self, take: &Take) -> Result<Option<Run>, StoreError> {
        let id = match take {
            Take::LastSeeds { workflow_hash, preset } => {
                self.store.last_like(workflow_hash, preset.as_deref())?
            }
            Take::Seeds(run) | Take::Prompt(run) => Some(*run),
        };
        id.map_or(Ok(None), |id| self.store.run(id))
    }

    fn compared(&self, compared: &Compared) -> Result<(Vec<Run>, Vec<NodeChange>), StoreError> {
        let ids = match compared {
            Compared::Draft { workflow_hash, preset } => {
                self.store.last_like(workflow_hash, preset.as_deref())?.into_iter().collect()
            }
            Compared::Runs(ids) => ids.to_vec(),
        };
        let mut runs = Vec::new();
        for id in ids {
            runs.extend(self.store.run(id)?);
        }
        let graph = match runs.as_slice() {
            [one, other] if one.request.workflow_hash != other.request.workflow_hash => {
                match (self.workflow(one)?, self.workflow(other)?) {
                    (Some(before), Some(after)) => graph_changes::between(&before, &after),
                    _ => Vec::new(),
                }
            }
            _ => Vec::new(),
        };
        Ok((runs, graph))
    }

    /// The workflow kept with a run, where it can be read.
    fn workflow(&self, run: &Run) -> Result<Option<Workflow>, StoreError> {
        let text = self.store.workflow(&run.request.workflow_hash)?;
        Ok(text.and_then(|text| Workflow::parse(&text).ok()))
    }

    fn search_words(&self) -> Result<SearchWords, StoreError> {
        let tags = self.store.tags()?.into_iter().map(|(tag, _)| tag).collect();
        Ok(SearchWords { tags, presets: self.store.presets_of_runs()?, saved: self.store.searches()? })
    }

    fn ended(&self, id: RunId) -> Result<Option<EndedRun>, StoreError> {
        let Some(run) = self.store.run(id)? else { return Ok(None) };
        let same_as = match run.request.adopt {
            // What was fetched once more is meant to be the same.
            Some(_) => None,
            None => self.store.same_picture(id)?,
        };
        let batch = match run.request.batch {
            Some(place) if !self.store.is_batch_open(place.batch)? => self.store.batch(place.batch)?,
            _ => None,
        };
        Ok(Some(EndedRun { run: RunSummary::from(&run), same_as, batch, repeats: repeats(&run) }))
    }

    /// Also checks whether the files exist, which may be slow on a network disk; here no key waits for it.
    fn outputs(&self, query: &OutputsQuery) -> Result<(Vec<Tile>, bool), StoreError> {
        let limit = u32::try_from(query.limit).unwrap_or(u32::MAX - 1);
        let cards = self.store.outputs(&OutputQuery {
            // One more than wanted tells whether there are more.
            runs: RunQuery {
                search: query.filter.runs.meant(),
                hides_rejected: !query.filter.runs.shows_rejected,
                limit: limit + 1,
                ..RunQuery::default()
            },
            starred: query.filter.starred,
            before: query.before,
        })?;
        let more = cards.len() > query.limit;
        let tile = |card: OutputCard| Tile { gone: !card.output.path.exists(), card };
        Ok((cards.into_iter().take(query.limit).map(tile).collect(), more))
    }

    fn log(
        &mut self,
        run: RunId,
        range: Range<usize>,
        follow: bool,
    ) -> Result<(usize, usize, Vec<String>), StoreError> {
        let (_, reader) = match self.log.take() {
            Some(known) if known.0 == run => self.log.insert(known),
            _ => self.log.insert((run, self.store.log(run))),
        };
        reader.refresh()?;
        let total = reader.line_count();
        let range = if follow {
            total.saturating_sub(range.len())..total
        } else {
            range.start.min(total)..range.end.min(total)
        };
        let first = range.start;
        let lines = reader.lines(range)?;
        Ok((total, first, lines.into_iter().map(|line| line.text).collect()))
    }
}

/// Lines of a log that are searched between two checks whether the search is still wanted.
const SEARCHED_AT_ONCE: usize = 50_000;

/// Tells the number of the nearest line that holds a text, forwards or backwards from a line; then, which of
/// how many that is.
fn find_in_log(
    dirs: &Dirs,
    run: RunId,
    text: String,
    (from, backward): (usize, bool),
    is_wanted: impl Fn() -> bool,
    tell: impl Fn(Msg),
) -> Result<(), StoreError> {
    let mut log = Store::open(dirs)?.log(run);
    log.refresh()?;
    let total = log.line_count();
    let parts = |range: Range<usize>| {
        let end = range.end;
        range.step_by(SEARCHED_AT_ONCE).map(move |start| start..end.min(start + SEARCHED_AT_ONCE))
    };
    let mut found = None;
    let ahead: Vec<Range<usize>> = match backward {
        true => parts(0..(from + 1).min(total)).rev().collect(),
        false => parts(from.min(total)..total).collect(),
    };
    for part in ahead {
        if !is_wanted() {
            return Ok(());
        }
        found = if backward { log.find_last(&text, part)? } else { log.find(&text, part)? };
        if found.is_some() {
            break;
        }
    }
    tell(Msg::LogFound { run, text: text.clone(), line: found });
    let Some(line) = found else { return Ok(()) };
    let (mut at, mut count) = (0, 0);
    for part in parts(0..line + 1).chain(parts(line + 1..total)) {
        if !is_wanted() {
            return Ok(());
        }
        let end = part.end;
        count += log.count(&text, part)?;
        if end == line + 1 {
            at = count;
        }
    }
    tell(Msg::LogMatches { run, text, matches: Matches { line, at, count } });
    Ok(())
}

/// What a clock on the wall shows at a time: `16:42`.
fn clock(at: UnixMs) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map(|time| time.to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M").to_string())
        .unwrap_or_default()
}

fn or_empty<T: Default>(answer: Result<T, StoreError>) -> (T, Option<StoreError>) {
    match answer {
        Ok(answer) => (answer, None),
        Err(error) => (T::default(), Some(error)),
    }
}

fn with(answer: Msg, error: Option<StoreError>) -> Vec<Msg> {
    let mut answers = vec![answer];
    answers.extend(error.as_ref().map(notice));
    answers
}

fn notice(error: &StoreError) -> Msg {
    Msg::Notice(Tone::Bad, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_search_finds_the_line_and_then_counts_matches() {
        let home = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(home.path());
        let store = Store::open(&dirs).expect("a store");
        let lines: String =
            (0..120_000).map(|n| if n % 40_000 == 9 { "Needle\n" } else { "hay\n" }).collect();
        let mut writer = store.log_writer(1).expect("a log");
        writer.append(&lines).and_then(|()| writer.flush()).expect("written");
        let search = |from: usize, backward: bool, is_wanted: bool| {
            let messages = std::cell::RefCell::new(Vec::new());
            let tell = |msg| messages.borrow_mut().push(msg);
            find_in_log(&dirs, 1, "needle".to_owned(), (from, backward), || is_wanted, tell)
                .expect("searched");
            messages.into_inner()
        };
        let expected = |line: usize, at: usize| {
            let text = || "needle".to_owned();
            let matches = Matches { line, at, count: 3 };
            vec![
                Msg::LogFound { run: 1, text: text(), line: Some(line) },
                Msg::LogMatches { run: 1, text: text(), matches },
            ]
        };
        for (from, backward, line, at) in [
            (0, false, 9, 1),
            (9, false, 9, 1),
            (10, false, 40_009, 2),
            (119_999, true, 80_009, 3),
            (80_008, true, 40_009, 2),
        ] {
            assert_eq!(search(from, backward, true), expected(line, at), "from {from}");
        }
        let nothing = vec![Msg::LogFound { run: 1, text: "needle".to_owned(), line: None }];
        assert_eq!(search(8, true, true), nothing);
        assert_eq!(search(80_010, false, true), nothing);
        // Another search has begun.
        assert_eq!(search(0, false, false), []);
    }

    #[test]
    fn an_unreadable_history_is_not_an_empty_one() {
        let home = tempfile::tempdir().expect("a folder");
        let dirs = Dirs::under(home.path());
        let mut reader =
            StoreReader::new(dirs.clone(), Store::open(&dirs).expect("a store"), Replies::to_test().0);
        let ask = || Question::Runs(RunsQuery { limit: 100, ..RunsQuery::default() });
        let answers = reader.answers(ask());
        assert!(matches!(&answers[..], [Msg::Runs { rows, .. }] if rows.is_empty()), "{answers:?}");
        let other = rusqlite::Connection::open(dirs.data.join("history.db")).expect("the database");
        other.execute_batch("ALTER TABLE runs RENAME TO gone").expect("a broken history");
        let answers = reader.answers(ask());
        assert!(matches!(&answers[..], [Msg::RunsNotRead(why)] if !why.is_empty()), "{answers:?}");
    }
}
