use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

struct Some3;

impl Wildcards for Some3 {
    fn lines(&self, name: &str) -> Result<Option<Vec<String>>, String> {
        let lines: &[&str] = match name {
            "colour" => &["red", "9::{dark|light} green"],
            "loop" => &["__loop__"],
            "empty" => &[],
            "a/*" => &["one", "two", "three"],
            _ => return Ok(None),
        };
        Ok(Some(lines.iter().map(|line| (*line).to_owned()).collect()))
    }

    fn nearest(&self, name: &str) -> Option<String> {
        (name == "color").then(|| "colour".to_owned())
    }
}

fn all(template: &str) -> BTreeSet<String> {
    (0..400).map(|seed| expand(template, seed, &Some3).expect(template)).collect()
}

fn set(texts: &[&str]) -> BTreeSet<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn a_template_becomes_one_of_its_texts() {
    for (template, texts) in [
        ("a cat", &["a cat"][..]),
        ("a {red|green} cat", &["a red cat", "a green cat"]),
        ("{a|{b|c}d}", &["a", "bd", "cd"]),
        ("cat{| red}", &["cat", "cat red"]),
        ("{0::a|b}", &["b"]),
        ("{2$$a|b}", &["a, b", "b, a"]),
        ("{2$$ and $$a | b}", &["a and b", "b and a"]),
        ("{0-1$$a|b}", &["", "a", "b"]),
        ("{9$$a|b}", &["a, b", "b, a"]),
        ("{2$$0::a|b|c}", &["b, c", "c, b"]),
        ("{2$$__a/*__}", &["one, two", "two, one", "one, three", "three, one", "two, three", "three, two"]),
        ("a __colour__ cat", &["a red cat", "a dark green cat", "a light green cat"]),
        ("${c=!{x|y}}${c} ${c}", &["x x", "y y"]),
        ("${c={x|y}}${c} ${c}", &["x x", "x y", "y x", "y y"]),
        ("${c:d}", &["d"]),
        ("${c=!\\{x\\|y\\}}${c}", &["{x|y}"]),
        // Invalid choices and escaped ones are plain text.
        ("{\"a\": 1}", &["{\"a\": 1}"]),
        ("\\{a|b\\}", &["{a|b}"]),
        ("\\(a\\) \\[b\\]", &["\\(a\\) \\[b\\]"]),
        ("\\__colour__", &["__colour__"]),
        ("snake_case __ x", &["snake_case __ x"]),
        ("({a|b}:1.2)", &["(a:1.2)", "(b:1.2)"]),
        ("<lora:{a|b}:0.5> x", &["<lora:a:0.5> x", "<lora:b:0.5> x"]),
        ("{<lora:{a|b}:{0.5|1}>|c}", &["<lora:a:0.5>", "<lora:a:1>", "<lora:b:0.5>", "<lora:b:1>", "c"]),
        ("<lora:__colour__:1>", &["<lora:red:1>", "<lora:dark green:1>", "<lora:light green:1>"]),
        ("<lora:a\\(b\\):1>", &["<lora:a\\(b\\):1>"]),
        ("{(a:1.2)|<lora:x:0.5>}", &["(a:1.2)", "<lora:x:0.5>"]),
        // Comments.
        ("# all of it\na\n  # and\nb # 1", &["a\nb # 1"]),
        ("a /* {b|c} */d // e\nf https://x.y", &["a d \nf https://x.y"]),
        ("a cat,//b\n//c\na dog// d", &["a cat,\n\na dog"]),
        // Paths and data are no comments.
        ("share//models/x and iVBOR//8AAAD+//\nAB//", &["share//models/x and iVBOR//8AAAD+//\nAB//"]),
    ] {
        assert_eq!(all(template), set(texts), "{template}");
    }
}

#[test]
fn shares_are_kept() {
    let reds =
        (0..4_000).filter(|seed| expand("{3::red|green}", *seed, &NoWildcards).as_deref() == Ok("red"));
    let reds = reds.count();
    assert!((2_850..3_150).contains(&reds), "{reds}");
}

#[test]
fn what_cannot_be_expanded_is_an_error() {
    for (template, why) in [
        ("__color__", ExpandError::UnknownWildcard { name: "color".into(), near: Some("colour".into()) }),
        // Reported even when the random choice would not have used it.
        ("{a|__loop__}", ExpandError::TooDeep),
        ("__empty__", ExpandError::EmptyWildcard("empty".into())),
        ("${c}", ExpandError::UnknownVariable("c".into())),
        ("${c=${c}}${c}", ExpandError::TooDeep),
    ] {
        let found = (0..64).find_map(|seed| expand(template, seed, &Some3).err());
        assert_eq!(found, Some(why), "{template}");
    }
    let bomb = format!(
        "${{a={}}}${{b={}}}${{c={}}}{}",
        "x".repeat(999),
        "${a}".repeat(999),
        "${b}".repeat(99),
        "${c}"
    );
    assert_eq!(expand(&bomb, 1, &NoWildcards), Err(ExpandError::TooLong));
}

#[test]
fn only_a_template_is_one() {
    for (text, is) in [
        ("a cat, (b:1.2)", false),
        ("{a}", false),
        ("{a|b}", true),
        ("__a__", true),
        ("\\{", true),
        ("\\(", false),
        ("# x", true),
        ("snake_case", false),
    ] {
        assert_eq!(is_template(text), is, "{text}");
    }
}

proptest! {
    #[test]
    fn the_same_seed_gives_the_same_text_and_plain_text_stays(text in "[a-c{}|$_:()\\\\\n =!0-9,]{0,40}", seed in any::<u64>()) {
        let once = expand(&text, seed, &Some3);
        prop_assert_eq!(&once, &expand(&text, seed, &Some3));
        if !is_template(&text) {
            prop_assert_eq!(once, Ok(text));
        }
    }

    #[test]
    fn an_escaped_text_is_itself(text in "[a-c{}|$_#:(),]{0,40}") {
        prop_assert_eq!(expand(&escaped(&text), 1, &NoWildcards), Ok(text));
    }
}
