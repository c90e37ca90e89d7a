//! Tests the grammar against a small model of ComfyUI's `token_weights`.

use std::ops::Range;

use proptest::prelude::*;

use super::*;

/// A model of ComfyUI's parser: pieces of text with their weights.
mod comfyui {
    fn pieces(text: &str) -> Vec<String> {
        let (mut pieces, mut piece, mut level) = (Vec::new(), String::new(), 0);
        for c in text.chars() {
            match c {
                '(' if level == 0 => {
                    pieces.extend((!piece.is_empty()).then(|| std::mem::take(&mut piece)));
                    piece.push('(');
                    level += 1;
                }
                '(' => {
                    piece.push('(');
                    level += 1;
                }
                ')' => {
                    level -= 1;
                    piece.push(')');
                    if level == 0 {
                        pieces.push(std::mem::take(&mut piece));
                    }
                }
                c => piece.push(c),
            }
        }
        pieces.extend((!piece.is_empty()).then_some(piece));
        pieces
    }

    fn weigh(text: &str, weight: f64, read: &mut Vec<(String, f64)>) {
        for piece in pieces(text) {
            let inside = piece.strip_prefix('(').and_then(|piece| piece.strip_suffix(')'));
            let Some(inside) = inside else {
                read.push((piece, weight));
                continue;
            };
            let explicit = inside.rfind(':').filter(|at| *at > 0).and_then(|at| {
                let weight: f64 = inside[at + 1..].trim().parse().ok()?;
                Some((&inside[..at], weight))
            });
            match explicit {
                Some((inside, weight)) => weigh(inside, weight, read),
                None => weigh(inside, weight * 1.1, read),
            }
        }
    }

    /// Every character that is read, with its weight.
    pub(super) fn read(text: &str) -> Vec<(char, f64)> {
        // Escaped parentheses are replaced and restored.
        let hidden = text.replace("\\)", "\u{e001}").replace("\\(", "\u{e002}");
        let mut read = Vec::new();
        weigh(&hidden, 1.0, &mut read);
        let chars =
            read.into_iter().flat_map(|(text, weight)| text.chars().map(|c| (c, weight)).collect::<Vec<_>>());
        chars
            .map(|(c, weight)| {
                (
                    if c == '\u{e001}' {
                        ')'
                    } else if c == '\u{e002}' {
                        '('
                    } else {
                        c
                    },
                    weight,
                )
            })
            .collect()
    }
}

/// The tree's reading, without backslashes before parentheses, within tags too.
fn read(text: &str) -> Vec<(char, f64)> {
    let said = |range: Range<usize>| text[range].replace("\\)", ")").replace("\\(", "(");
    let pieces = Prompt::new(text).reading().map(|(range, weight)| (said(range), weight)).collect::<Vec<_>>();
    pieces.iter().flat_map(|(said, weight)| said.chars().map(|c| (c, *weight))).collect()
}

/// Whether ComfyUI misreads the end: with an open parenthesis it takes a final `)` as its
/// partner, whatever that one closes.
fn ends_open(text: &str) -> bool {
    let prompt = Prompt::new(text);
    let tokens = prompt.tokens();
    let is_open = |token: usize| tokens[token].kind == Kind::Open && prompt.partner(token).is_none();
    tokens.last().is_some_and(|last| last.kind == Kind::Close) && (0..tokens.len()).any(is_open)
}

/// `‸` is the cursor, `⟦…⟧` the selection.
fn marked(text: &str) -> (String, Range<usize>) {
    let selection = match (text.find('⟦'), text.find('⟧')) {
        (Some(start), Some(end)) => start..end - '⟦'.len_utf8(),
        _ => {
            let at = text.find('‸').expect("a cursor");
            at..at
        }
    };
    (text.replace(['⟦', '⟧', '‸'], ""), selection)
}

fn weigh(text: &str, tenths: i32) -> Result<String, Refusal> {
    let (text, selection) = marked(text);
    let mut weighing = Weighing::new(&text, selection);
    let (text, selection) = weighing.add(tenths)?;
    Ok(format!("{}⟦{}⟧{}", &text[..selection.start], &text[selection.clone()], &text[selection.end..]))
}

#[test]
fn weights_go_up_and_down() {
    for (text, tenths, expected) in [
        ("a ca‸t here", 1, "a (⟦cat⟧:1.1) here"),
        ("a (⟦cat⟧:1.1) here", 1, "a (⟦cat⟧:1.2) here"),
        ("a (ca‸t:1.1) here", -1, "a ⟦cat⟧ here"),
        ("a (big ca‸t) here", 1, "a (⟦big cat⟧:1.2) here"),
        ("a ⟦big cat ⟧here", -1, "a (⟦big cat⟧:0.9) here"),
        ("a (cat:1.05) h‸ere", 1, "a (cat:1.05) (⟦here⟧:1.1)"),
        ("a (c‸at:1.05)", 1, "a (⟦cat⟧:1.15)"),
        ("猫‸", 1, "(⟦猫⟧:1.1)"),
        ("x-ray‸", 1, "(⟦x-ray⟧:1.1)"),
        ("the cat's‸ whiskers", 1, "the (⟦cat's⟧:1.1) whiskers"),
        ("(ca‸t:0)", -1, "(⟦cat⟧:-0.1)"),
        ("(ca‸t:-0.5)", 1, "(⟦cat⟧:-0.4)"),
        ("(ca‸t:-0.1)", 1, "(⟦cat⟧:0.0)"),
        ("(ca‸t: 1.25 )", 1, "(⟦cat⟧: 1.35 )"),
        // A name with literal parentheses is one word.
        ("saber \\(fa‸te\\)", 1, "saber (⟦\\(fate\\)⟧:1.1)"),
        ("⟦saber \\(fate\\)⟧", 2, "(⟦saber \\(fate\\)⟧:1.2)"),
        ("<lora:de‸tail:0.8>", 1, "⟦<lora:detail:0.9>⟧"),
        ("<lora:detail:-0.‸1>, cat", 1, "⟦<lora:detail:0.0>⟧, cat"),
        ("<lora:detail‸>", -1, "⟦<lora:detail:0.9>⟧"),
        ("<lora:a b:0.8:0.‸5>", 1, "⟦<lora:a b:0.8:0.6>⟧"),
        ("⟦<lora:detail:0.8>⟧", 1, "⟦<lora:detail:0.9>⟧"),
        ("(a (cat:1.2) h‸ere:0.9)", 1, "⟦a (cat:1.2) here⟧"),
        ("(a (cat:1.2) h‸ere:0.9)", 2, "(⟦a (cat:1.2) here⟧:1.1)"),
        ("(a (c‸at:1.2) here:0.9)", 1, "(a (⟦cat⟧:1.3) here:0.9)"),
        // Within a group, the weight around applies.
        ("(a ⟦cat⟧ here:0.9)", 1, "(a (⟦cat⟧:1.0) here:0.9)"),
        ("(a (c‸at:1.0) here:0.9)", -1, "(a ⟦cat⟧ here:0.9)"),
        ("((ca‸t))", 1, "((⟦cat⟧:1.31))"),
        ("embedding:easy‸neg, x", 1, "(⟦embedding:easyneg⟧:1.1), x"),
        ("a __anim‸al__", 1, "a (⟦__animal__⟧:1.1)"),
        ("{red|gre‸en} cat", 1, "{red|(⟦green⟧:1.1)} cat"),
        ("{2::red|gre‸en} cat", 1, "{2::red|(⟦green⟧:1.1)} cat"),
        // A selection that cuts through a group means the whole group.
        ("{red|⟦green} c⟧at", 1, "(⟦{red|green} c⟧:1.1)at"),
        ("{r⟦ed|gre⟧en} cat", 1, "(⟦{red|green}⟧:1.1) cat"),
        ("a (b⟦ig cat:1.⟧2)", 1, "a (⟦big cat⟧:1.3)"),
        ("a [ca‸t]", 1, "a [(⟦cat⟧:1.1)]"),
        ("cat‸dog", 1, "(⟦catdog⟧:1.1)"),
        ("⟦cat⟧dog", 1, "(⟦cat⟧:1.1)dog"),
        ("(cat:1.1)‸", 1, "(⟦cat⟧:1.2)"),
        ("wide 16‸:9", 1, "wide (⟦16⟧:1.1):9"),
        ("(embedding:1.2)‸", 1, "(⟦embedding⟧:1.3)"),
        // Without its parentheses the 2 would become a weight.
        ("(a (b:2‸:1.1))", 0, "(a (b:2⟦⟧:1.1))"),
        ("(a (b:2‸:1.2))", -1, "(a (⟦b:2⟧:1.1))"),
    ] {
        assert_eq!(weigh(text, tenths).as_deref(), Ok(expected), "{text} by {tenths}");
    }
}

#[test]
fn what_cannot_weigh_says_why() {
    for (text, tenths, why) in [
        ("a , ‸ b", 1, Refusal::NoWord),
        ("‸", 1, Refusal::NoWord),
        ("(‸)", 1, Refusal::NoWord),
        ("(cat‸:10)", 1, Refusal::Limit),
        ("(cat‸:-10)", -1, Refusal::Limit),
        ("(cat‸:nan)", 1, Refusal::NoNumber),
        ("(a big ca‸t", 1, Refusal::Unclosed),
        ("a :) ca‸t", 1, Refusal::Unclosed),
    ] {
        assert_eq!(weigh(text, tenths), Err(why), "{text}");
    }
    // Beyond the limit one can still go back.
    assert_eq!(weigh("(cat‸:12)", -1).as_deref(), Ok("(⟦cat⟧:11.9)"));
}

#[test]
fn there_and_back_is_the_text_as_it_was() {
    for text in ["(ca‸t)", "(ca‸t:1)", "(ca‸t:.9)", "(ca‸t:1.10)", "<lora:a‸>", "(ca‸t:1e0)", "((ca‸t))"]
    {
        let (text, selection) = marked(text);
        let mut weighing = Weighing::new(&text, selection.clone());
        for tenths in [1, 1, 1, -1, -1, -1] {
            weighing.add(tenths).expect("weighed");
        }
        assert!(weighing.is_at(&text, &selection), "{text}: {weighing:?}");
    }
}

#[test]
fn a_huge_prompt_of_brackets_takes_no_time() {
    for piece in ["(", ")", "[", "{", "((a:1)", "{a|", "__", "<lora:"] {
        let text = piece.repeat(50_000);
        let prompt = Prompt::new(&text);
        assert_eq!(prompt.tokens().last().map(|token| token.range.end), Some(text.len()));
    }
}

#[test]
fn steps_go_by_clusters_and_words() {
    for line in ["a👨‍👩‍👧‍👦b", "a🇩🇪b", "a👍🏽b", "ae\u{301}b"] {
        let end = line.chars().count() - 1;
        let letter = 1 + line.chars().skip(1).take_while(|c| *c != 'b').count();
        assert_eq!((cluster_before(line, end), cluster_after(line, 1)), (1, letter), "{line}");
    }
    assert_eq!((cluster_before("", 0), cluster_after("", 0), cluster_after("a", 1)), (0, 0, 1));
    let line = "the cat's \\(big\\) x-ray, <lora:a b:1> end";
    let mut stops = vec![0];
    while let Some(last) = stops.last().copied().filter(|last| *last < line.len()) {
        stops.push(word_after(line, last));
    }
    let words: Vec<&str> =
        stops.windows(2).map(|pair| line[pair[0]..pair[1]].trim_matches([' ', ','])).collect();
    assert_eq!(words, ["the", "cat's", "\\(big\\)", "x-ray", "<lora:a b:1>", "end"]);
    assert_eq!(
        (word_before(line, line.len()), word_before(line, 3), word_before(line, 0)),
        (line.len() - 3, 0, 0)
    );
}

/// Prompts as people write them, and worse.
fn prompt() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => "[a-z]{1,5}",
        3 => Just(" ".to_owned()),
        2 => Just(", ".to_owned()),
        3 => Just("(".to_owned()),
        3 => Just(")".to_owned()),
        2 => ":-?[0-9]\\.[0-9]{1,2}\\)",
        1 => Just("\\(".to_owned()),
        1 => Just("\\)".to_owned()),
        1 => Just("\\".to_owned()),
        1 => "[\\[\\]{}|:<>_$\n]",
        1 => "<lora:[a-z (]{1,4}:-?[0-9]\\.[0-9]>",
        1 => "embedding:[a-z.]{0,3}",
        1 => "__[a-z/*]{1,4}__",
        1 => "\\{[a-z]{1,2}(\\|[a-z]{1,2}){1,2}\\}",
        1 => "\\{(2::|2\\$\\$|1-2\\$\\$ and \\$\\$)[a-z]\\|[a-z]\\}",
        1 => "[👨‍👩‍👧🇩🇪é猫’']",
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

/// A prompt and a range between two character boundaries.
fn selected() -> impl Strategy<Value = (String, Range<usize>)> {
    (prompt(), any::<prop::sample::Index>(), any::<prop::sample::Index>()).prop_map(|(text, a, b)| {
        let borders: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
        let (a, b) = (borders[a.index(borders.len())], borders[b.index(borders.len())]);
        (text, a.min(b)..a.max(b))
    })
}

/// Length of the common beginning and the common end.
fn shared(a: &[(char, f64)], b: &[(char, f64)]) -> (usize, usize) {
    let alike = |(a, b): &(&(char, f64), &(char, f64))| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9;
    let ahead = a.iter().zip(b).take_while(alike).count();
    let behind = a[ahead..].iter().rev().zip(b[ahead..].iter().rev()).take_while(alike).count();
    (ahead, behind)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn tokens_put_together_are_the_text(text in prompt()) {
        let prompt = Prompt::new(&text);
        let mut at = 0;
        for token in prompt.tokens() {
            prop_assert_eq!(token.range.start, at);
            prop_assert!(token.range.end > at || token.kind == Kind::Weight);
            at = token.range.end;
        }
        prop_assert_eq!(at, text.len());
    }

    #[test]
    fn the_tree_reads_what_comfyui_reads(text in prompt()) {
        prop_assume!(!ends_open(&text));
        prop_assert_eq!(read(&text), comfyui::read(&text), "{}", text);
    }

    #[test]
    fn up_then_down_gives_the_text_back((text, selection) in selected(), steps in 1..20_i32) {
        let mut weighing = Weighing::new(&text, selection.clone());
        let mut done = 0;
        while done < steps && weighing.add(1).is_ok() {
            done += 1;
        }
        for _ in 0..done {
            prop_assert!(weighing.add(-1).is_ok());
        }
        prop_assert!(weighing.is_at(&text, &selection), "{:?}", weighing);
    }

    #[test]
    fn a_key_changes_its_target_and_nothing_around_it((text, selection) in selected(), tenths in -3..4_i32) {
        let mut weighing = Weighing::new(&text, selection);
        let Ok((changed, inside)) = weighing.add(tenths) else { return Ok(()) };
        let target = changed[inside.clone()].to_owned();
        // Everything but the target's parentheses and number stays, in order.
        let bare = |text: &str| text.chars().filter(|c| !"()0123456789.:-".contains(*c)).collect::<String>();
        prop_assert_eq!(bare(&text), bare(changed));
        prop_assert!(text.starts_with(changed[..inside.start].trim_end_matches('(')), "{} {}", text, changed);
        if !ends_open(&text) {
            let (before, after) = (comfyui::read(&text), comfyui::read(changed));
            let (ahead, behind) = shared(&before, &after);
            let touched = before.len().saturating_sub(ahead + behind);
            prop_assert!(touched <= target.chars().count(), "{} → {}", text, changed);
            let (before, after): (String, String) = (
                before.iter().map(|(c, _)| *c).collect(),
                after.iter().map(|(c, _)| *c).collect(),
            );
            if !target.starts_with('<') {
                prop_assert_eq!(before, after, "the words stay");
            }
        }
    }
}
