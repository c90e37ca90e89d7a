use super::*;
use crate::config::Dirs;
use crate::domain::batch::Outline;
use crate::domain::run::{End, Output};
use crate::domain::{Notes, RunEvent, RunRequest, Search, Status, notebook};
use crate::store::{NewBatch, RunQuery};

fn place() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().expect("a folder");
    let store = Store::open(&Dirs::under(folder.path())).expect("a store");
    (folder, store)
}

/// A run that made so many outputs.
fn made(store: &Store, outputs: usize) -> RunId {
    let request = RunRequest { prompt: "a cat".to_owned(), ..RunRequest::default() };
    let run = store.queue(&request, 1).expect("queued");
    let output = |place: usize| Output {
        path: format!("/o/{run}-{place}.png").into(),
        name: "a.png".to_owned(),
        content_type: "image/png".to_owned(),
        size: 1,
        sha256: format!("{run}{place}"),
    };
    let end = End { status: Status::Done, error: None, server_seconds: None };
    let saved = (0..outputs).map(|place| RunEvent::OutputSaved(output(place)));
    let events: Vec<RunEvent> = saved.chain([RunEvent::Ended(end)]).collect();
    store.append(run, 2, &events).expect("written");
    run
}

fn listed(store: &Store, text: &str) -> Vec<RunId> {
    let query = RunQuery { hides_rejected: true, ..RunQuery::of(Search::parse(text, |_| None).expect(text)) };
    store.summaries(&query).expect("a list").iter().map(|run| run.id).collect()
}

type Marks = Vec<(OutputId, bool)>;

/// All that is noted of a run and its outputs.
fn state(store: &Store, run: RunId) -> (Notes, Marks, Marks) {
    let of = |column| outputs(&store.connection, About::Run(run), column).expect("read");
    (store.noted(run).expect("read").notes, of("starred_at"), of("rejected_at"))
}

#[test]
fn every_remark_can_be_undone_also_several_at_once() {
    let (_folder, store) = place();
    let run = made(&store, 3);
    let output = |place| About::Output(OutputId { run, place });
    let tags = |typed| Remark::Tags(run, notebook::tags(typed).expect("tags"));
    let steps = [
        vec![Remark::Star(output(1), true)],
        vec![Remark::Star(About::Run(run), true)],
        vec![tags("final hands"), Remark::Note(run, "too pink".to_owned())],
        vec![Remark::Reject(output(2), true)],
        vec![Remark::Star(About::Run(run), false), Remark::Reject(About::Run(run), true)],
        vec![Remark::Reject(output(0), false)],
        vec![tags(""), Remark::Note(run, String::new()), Remark::Reject(output(0), true)],
        vec![Remark::Reject(About::Run(run), false)],
        vec![tags("other")],
    ];
    let mut states = vec![state(&store, run)];
    let mut undos = Vec::new();
    for step in &steps {
        undos.push(store.note(step, 9).expect("noted"));
        states.push(state(&store, run));
    }
    for undo in undos.iter().rev() {
        let after = states.pop().expect("a state");
        assert_eq!(state(&store, run), after);
        let redo = store.note(undo, 10).expect("undone");
        assert_eq!(state(&store, run), *states.last().expect("a state"), "{undo:?}");
        store.note(&redo, 10).expect("done again");
        assert_eq!(state(&store, run), after, "{redo:?}");
        store.note(undo, 10).expect("undone");
    }
}

#[test]
fn a_rejected_run_is_not_listed_and_one_whose_outputs_are_all_rejected_is_rejected() {
    let (_folder, store) = place();
    let (first, second, failed) = (made(&store, 2), made(&store, 1), made(&store, 0));
    let output = |run, place| About::Output(OutputId { run, place });
    let note = |remark| store.note(&[remark], 9).expect("noted");
    note(Remark::Reject(About::Run(failed), true));
    note(Remark::Reject(output(first, 0), true));
    for text in ["", "cat", "status:done"] {
        assert_eq!(listed(&store, text), [second, first], "{text}");
    }
    note(Remark::Reject(output(first, 1), true));
    assert_eq!(listed(&store, ""), [second]);
    let all = store.summaries(&RunQuery::default()).expect("a list");
    let rejected: Vec<bool> = all.iter().map(|run| run.notes.rejected).collect();
    assert_eq!(rejected, [true, false, true]);
    note(Remark::Reject(output(first, 0), false));
    assert_eq!(listed(&store, ""), [second, first]);
}

#[test]
fn tags_and_notes_are_found_by_their_words_and_belong_to_a_run() {
    let (_folder, store) = place();
    let (first, second) = (made(&store, 0), made(&store, 0));
    let tags = notebook::tags("final/v2").expect("tags");
    let remarks = [Remark::Tags(first, tags.clone()), Remark::Note(second, "six fingers".to_owned())];
    store.note(&remarks, 9).expect("noted");
    assert_eq!((listed(&store, "final"), listed(&store, "finger")), (vec![first], vec![second]));
    assert_eq!(store.tags().expect("read"), [("final/v2".to_owned(), 1)]);
    store.note(&[Remark::Note(second, String::new())], 9).expect("noted");
    assert_eq!(listed(&store, "finger"), [0; 0]);
    for unknown in [Remark::Tags(99, tags), Remark::Note(99, "x".to_owned())] {
        assert!(matches!(store.note(&[unknown], 9), Err(StoreError::NoSuchRun(99))));
    }
    let none = About::Output(OutputId { run: first, place: 0 });
    let both = [Remark::Note(first, "x".to_owned()), Remark::Star(none, true)];
    assert!(matches!(store.note(&both, 9), Err(StoreError::NoSuchOutput(_))));
    assert_eq!(store.noted(first).expect("read").notes.text, "", "all or none");
}

#[test]
fn what_is_noted_of_a_batch_is_of_all_of_its_runs_and_can_be_taken_back() {
    let (_folder, store) = place();
    let new = NewBatch { runs: 3, outline: Outline::default(), most_cost: None };
    let request = || RunRequest { prompt: "a cat".to_owned(), ..RunRequest::default() };
    let batch = store.queue_batch(&new, 1, |_| Ok::<_, StoreError>(request())).expect("queued");
    let runs: Vec<RunId> =
        store.batch_runs(batch, 0, 9).expect("read").into_iter().map(|run| run.id).collect();
    let alone = made(&store, 1);
    for run in &runs[..2] {
        let output = Output {
            path: format!("/o/{run}.png").into(),
            name: "a.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 1,
            sha256: run.to_string(),
        };
        let end = End { status: Status::Done, error: None, server_seconds: None };
        store.append(*run, 2, &[RunEvent::OutputSaved(output), RunEvent::Ended(end)]).expect("written");
    }
    let all = || runs.iter().chain([&alone]).map(|run| state(&store, *run)).collect::<Vec<_>>();
    let own = [
        Remark::Tags(runs[0], notebook::tags("best draft").expect("tags")),
        Remark::Note(runs[1], "too pink".to_owned()),
        Remark::Star(About::Run(runs[0]), true),
    ];
    store.note(&own, 3).expect("noted");
    let tags = |typed: &str| notebook::tags(typed).expect("tags");
    let steps = [
        (BatchRemark::Star, 1, true),
        (BatchRemark::Star, 2, false),
        (BatchRemark::Reject, 3, true),
        (BatchRemark::Reject, 3, false),
        (BatchRemark::tags(&tags("draft"), &tags("final")), 3, true),
        (BatchRemark::Note { before: String::new(), after: "for Ann".to_owned() }, 2, true),
    ];
    for (remark, count, is_set) in steps {
        let before = all();
        let (undo, changed, set) = store.note_batch(batch, &remark, 4).expect("noted");
        assert_eq!((changed, set), (count, is_set), "{remark:?}");
        assert_eq!(all()[3], before[3], "{remark:?} is of the batch alone");
        let after = all();
        store.note(&undo, 5).expect("undone");
        assert_eq!(all(), before, "{remark:?}");
        store.note_batch(batch, &remark, 6).expect("noted again");
        assert_eq!(all(), after, "{remark:?}");
    }
    let notes = |at: usize| state(&store, runs[at]).0;
    assert_eq!((notes(0).tags, notes(2).tags), (tags("best final"), tags("final")));
    assert_eq!((notes(0).text, notes(1).text), ("for Ann".to_owned(), "too pink".to_owned()));
}
