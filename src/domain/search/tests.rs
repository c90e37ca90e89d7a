use jiff::Zoned;

use super::when::when;
use super::*;

fn parse(typed: &str) -> Result<Search, String> {
    let saved = |name: &str| match name {
        "bad" => Some("status:failed,lost -blurry"),
        "itself" => Some("@itself"),
        _ => None,
    };
    Search::parse(typed, saved).map_err(|error| error.to_string())
}

fn word(text: &str) -> Word {
    Word { text: text.to_owned(), is_beginning: false, without: false }
}

fn term(fact: Fact) -> Term {
    Term { fact, without: false }
}

#[test]
fn words_phrases_and_keys_are_told_apart() {
    let search =
        parse("seed:42 status:failed,lost preset:cat tag:Final after:yesterday \"red hat\" -blurry x")
            .expect("a search");
    assert_eq!(
        search.terms,
        [
            term(Fact::Seed(vec!["42".to_owned()])),
            term(Fact::Status(vec![Status::Failed, Status::Lost])),
            term(Fact::Preset(vec!["cat".to_owned()])),
            term(Fact::Tag(vec!["final".to_owned()])),
            term(Fact::After(When::DaysBack(1))),
        ]
    );
    let without = Word { without: true, ..word("blurry") };
    assert_eq!(search.words, [word("red hat"), without, Word { is_beginning: true, ..word("x") }]);
}

#[test]
fn what_is_no_key_is_a_text() {
    for (typed, words) in [
        ("cat ", &["cat"][..]),
        ("- -- \" ", &[]),
        ("(hat:1.2) 16:9 a:b", &["(hat:1.2)", "16:9", "a:b"]),
        ("\"seed:42\" \"open end", &["seed:42", "open end"]),
        ("\"@bad\" @", &["@bad"]),
        ("6-inputs-text", &["6-inputs-text"]),
    ] {
        let search = parse(typed).expect(typed);
        let found: Vec<&str> = search.words.iter().map(|word| word.text.as_str()).collect();
        assert_eq!((found.as_slice(), search.terms.len()), (words, 0), "{typed}");
    }
}

#[test]
fn an_error_names_the_nearest() {
    for (typed, told) in [
        ("sede:42", "there is no key `sede:`. Did you mean `seed`?"),
        ("status:faild", "there is no status:faild. Did you mean status:failed?"),
        ("is:stared", "there is no is:stared. Did you mean is:starred?"),
        ("zzzz:1", "there is no key `zzzz:`: the keys are seed, status, preset"),
        ("seed:", "seed: needs a value, as in seed:42"),
        ("seed:4x", "`4x` is not a seed"),
        ("run:0", "`0` is not a number"),
        ("after:tomorow", "`tomorow` is not a time"),
        ("tag:a:b", "`a:b` is not a tag"),
        ("@none", "no search is saved as @none"),
        ("@itself", "no search is saved as @itself"),
    ] {
        let error = parse(typed).expect_err(typed);
        assert!(error.starts_with(told), "{typed}: {error}");
    }
}

#[test]
fn a_saved_search_stands_for_its_text() {
    let search = parse("-cat @bad dog").expect("a search");
    assert_eq!(search.terms, [term(Fact::Status(vec![Status::Failed, Status::Lost]))]);
    let words: Vec<(&str, bool)> =
        search.words.iter().map(|word| (word.text.as_str(), word.without)).collect();
    assert_eq!(words, [("cat", true), ("blurry", true), ("dog", false)]);
}

#[test]
fn times_are_those_of_the_time_zone() {
    // A Friday.
    let now: Zoned = "2026-11-27T15:00:00+01:00[+01:00]".parse().expect("a time");
    let start = |typed: &str| {
        let started = when(typed).expect(typed).start(&now);
        let started = jiff::Timestamp::from_millisecond(started).expect("a time");
        started.to_zoned(now.time_zone().clone()).strftime("%F %R").to_string()
    };
    for (typed, started) in [
        ("today", "2026-11-27 00:00"),
        ("yesterday", "2026-11-26 00:00"),
        ("friday", "2026-11-27 00:00"),
        ("Monday", "2026-11-23 00:00"),
        ("sat", "2026-11-21 00:00"),
        ("2026-11-01", "2026-11-01 00:00"),
        ("2026-10", "2026-10-01 00:00"),
        ("2026", "2026-01-01 00:00"),
        ("3d", "2026-11-24 15:00"),
        ("90m", "2026-11-27 13:30"),
    ] {
        assert_eq!(start(typed), started, "{typed}");
    }
    let day = when("yesterday").expect("a day");
    assert_eq!(day.end_of_day(&now) - day.start(&now), 24 * 3_600_000);
    for wrong in ["", "13x", "2026-13-01", "99999999999999999d", "mo", "é"] {
        assert!(when(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn what_is_typed_at_the_end_can_be_completed() {
    for (typed, expected) in [
        ("cat st", Some((Typing::Key("st"), 4))),
        ("status:fai", Some((Typing::Value("status", "fai"), 7))),
        ("-status:done,fai", Some((Typing::Value("status", "fai"), 13))),
        ("tag:", Some((Typing::Value("tag", ""), 4))),
        ("a @ba", Some((Typing::Saved("ba"), 3))),
        ("cat ", None),
        ("\"red st", None),
        ("nokey:x", None),
        ("", None),
    ] {
        assert_eq!(typing(typed), expected, "{typed}");
    }
}

proptest::proptest! {
    #[test]
    fn any_text_is_read_or_refused(typed in ".{0,60}") {
        let _ = parse(&typed);
        let _ = typing(&typed);
    }
}
