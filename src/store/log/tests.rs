//! Compares the reader with a model that holds the whole log.

use proptest::prelude::*;

use super::reader::LogReader;
use super::{LogLine, LogWriter};

/// The shown lines of a log, computed naively.
fn model(log: &str) -> Vec<LogLine> {
    let mut shown: Vec<LogLine> = Vec::new();
    for line in log.split_inclusive(['\n', '\r']) {
        let progress = line.ends_with('\r');
        if let Some(last) = shown.last_mut().filter(|last| last.progress && line == "\n") {
            last.progress = false;
            continue;
        }
        let text = line.trim_end_matches(['\n', '\r']).to_owned();
        if progress && shown.last().is_some_and(|last| last.progress) {
            shown.pop();
        }
        shown.push(LogLine { text, progress, cut: false });
    }
    shown
}

fn line() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        8 => "[a-dü]{0,6}",
        3 => Just(String::new()),
        2 => "(\u{1b}\\[3[1-6]m)?[a-d]{0,4}\u{1b}\\[0m[a-d]{0,4}",
        1 => "x{20000}",
    ];
    (text, prop::bool::ANY).prop_map(|(text, progress)| text + if progress { "\r" } else { "\n" })
}

fn plain(line: &LogLine) -> String {
    let mut text = String::new();
    let mut pieces = line.text.split('\u{1b}');
    text.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        text.push_str(piece.split_once('m').map_or("", |(_, rest)| rest));
    }
    text.to_lowercase()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_reader_shows_what_the_model_shows(
        batches in prop::collection::vec(prop::collection::vec(line(), 0..40), 1..5),
        unended in "[a-d]{0,3}",
        needle in "[a-dA-DüÜ]{1,2}",
        ends in (0_usize..200, 0_usize..200),
    ) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("1.log");
        let mut writer = LogWriter::open(path.clone(), u64::MAX).expect("a log");
        let mut reader = LogReader::new(path);
        let mut log = String::new();
        let mut settled = Vec::new();
        for batch in batches {
            let text = batch.concat();
            writer.append(&text).and_then(|()| writer.flush()).expect("written");
            log.push_str(&text);
            while reader.refresh_at_most(1_000).expect("read") {}
            prop_assert_eq!(reader.line_count(), model(&log).len());
            settled.push(reader.lines(0..reader.settled_count()).expect("read"));
        }
        writer.append(&unended).and_then(|()| writer.flush()).expect("written");
        log.push_str(&unended);
        reader.refresh().expect("read");

        let shown = model(&log);
        prop_assert_eq!(reader.line_count(), shown.len());
        prop_assert!(settled.iter().all(|early| shown.starts_with(early)));
        let ended = model(&log[..log.rfind(['\n', '\r']).map_or(0, |end| end + 1)]);
        let can_change = ended.last().is_some_and(|line| line.progress);
        prop_assert_eq!(reader.settled_count() + usize::from(can_change), ended.len());
        prop_assert_eq!(&reader.lines(0..usize::MAX).expect("read"), &shown);
        let range = ends.0.min(ends.1).min(shown.len())..ends.0.max(ends.1).min(shown.len());
        prop_assert_eq!(&reader.lines(range.clone()).expect("read")[..], &shown[range.clone()]);
        let has = |number: &usize| plain(&shown[*number]).contains(&needle.to_lowercase());
        prop_assert_eq!(reader.find(&needle, range.clone()).expect("read"), range.clone().find(has));
        prop_assert_eq!(reader.find_last(&needle, range.clone()).expect("read"), range.clone().rev().find(has));
        prop_assert_eq!(reader.count(&needle, range.clone()).expect("read"), range.clone().filter(has).count());
    }
}

#[test]
fn a_log_that_has_not_begun_is_empty() {
    let mut reader = LogReader::new("/nowhere/1.log".into());
    assert!(!reader.refresh().expect("no error"));
    assert_eq!((reader.line_count(), reader.lines(0..9).expect("no error")), (0, vec![]));
}

#[test]
fn a_huge_line_is_cut_between_characters() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("1.log");
    let mut writer = LogWriter::open(path.clone(), u64::MAX).expect("a log");
    writer.append(&format!("a{}\nnext\n", "é".repeat(100_000))).expect("written");
    writer.flush().expect("written");
    let mut reader = LogReader::new(path);
    reader.refresh().expect("read");
    let lines = reader.lines(0..2).expect("read");
    assert!(lines[0].cut && lines[0].text.len() <= LogLine::MAX_BYTES);
    assert!(lines[0].text.ends_with('é'));
    assert_eq!((lines[1].text.as_str(), lines[1].cut), ("next", false));
}

#[test]
fn a_progress_line_that_stays_takes_the_place_of_the_one_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("1.log");
    let mut writer = LogWriter::open(path.clone(), u64::MAX).expect("a log");
    let mut reader = LogReader::new(path);
    let table = [
        ("a\n99%\r", vec![("a", false), ("99%", true)], 1),
        ("100%\r", vec![("a", false), ("100%", true)], 1),
        ("\n", vec![("a", false), ("100%", false)], 2),
        ("0%\r50%\r\n", vec![("a", false), ("100%", false), ("50%", false)], 3),
        ("\n", vec![("a", false), ("100%", false), ("50%", false), ("", false)], 4),
    ];
    for (added, shown, settled) in table {
        writer.append(added).and_then(|()| writer.flush()).expect("written");
        reader.refresh().expect("read");
        let lines = reader.lines(0..9).expect("read");
        let lines: Vec<_> = lines.iter().map(|line| (line.text.as_str(), line.progress)).collect();
        assert_eq!(
            (lines, reader.line_count(), reader.settled_count()),
            (shown.clone(), shown.len(), settled)
        );
    }
}

#[test]
fn one_endless_progress_bar_is_one_line_and_quick_to_pass() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("1.log");
    let mut writer = LogWriter::open(path.clone(), u64::MAX).expect("a log");
    for step in 0..200_000 {
        writer.append(&format!("{step} of 200000\r")).expect("written");
    }
    writer.append("done\n").and_then(|()| writer.flush()).expect("written");
    let mut reader = LogReader::new(path);
    reader.refresh().expect("read");
    let texts: Vec<String> = reader.lines(0..9).expect("read").into_iter().map(|line| line.text).collect();
    assert_eq!(texts, ["199999 of 200000", "done"]);
}

#[test]
fn a_log_ends_at_its_ceiling_and_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("1.log");
    let mut writer = LogWriter::open(path.clone(), 1_000).expect("a log");
    for number in 0..1_000 {
        writer.append(&format!("line {number}\n")).and_then(|()| writer.flush()).expect("written");
    }
    let text = std::fs::read_to_string(path).expect("read");
    assert!(text.len() < 1_200 && text.starts_with("line 0\n"), "{}", text.len());
    assert!(text.ends_with("… the log ends here: it has reached `max_log` of [history] (1000 bytes)\n"));
    assert!(writer.take_remark().is_some_and(|text| text.contains("`max_log`")));
    assert_eq!(writer.take_remark(), None);
}
