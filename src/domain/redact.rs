//! What of a run's texts must not leave this machine: secrets, by what they are called or look like, and paths.

use std::collections::BTreeSet;

use serde_json::Value;

/// What stands where a part of a text was taken out.
const GONE: &str = "••••";
/// Secrets shorter than this are not looked for: they could be ordinary words.
const SHORTEST: usize = 6;

/// Takes secrets and paths of this machine out of texts.
pub struct Redaction<'a> {
    /// Secrets that are known, the longest first.
    secrets: Vec<String>,
    /// Folders of this machine, the longest first, without a slash at the end.
    folders: Vec<String>,
    /// Whether this machine has a file at a path.
    is_here: &'a dyn Fn(&str) -> bool,
    /// Names of what held a secret.
    pub held_secrets: BTreeSet<String>,
    /// Names of what held a path of this machine.
    pub held_paths: BTreeSet<String>,
}

/// What was taken out of a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Taken {
    secret: bool,
    path: bool,
}

impl<'a> Redaction<'a> {
    pub fn new(
        secrets: impl IntoIterator<Item = String>,
        folders: impl IntoIterator<Item = String>,
        is_here: &'a dyn Fn(&str) -> bool,
    ) -> Self {
        let longest_first = |mut texts: Vec<String>| {
            texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
            texts.dedup();
            texts
        };
        let secrets = secrets.into_iter().filter(|secret| secret.len() >= SHORTEST).collect();
        let folders = folders.into_iter().map(|folder| folder.trim_end_matches('/').to_owned());
        // The root and its children are of any machine.
        let folders = folders.filter(|folder| folder.starts_with('/') && folder.matches('/').count() > 1);
        Self {
            secrets: longest_first(secrets),
            folders: longest_first(folders.collect()),
            is_here,
            held_secrets: BTreeSet::new(),
            held_paths: BTreeSet::new(),
        }
    }

    /// Cleans a value, with all that is in it. `input` is what the input is called, `told` how it is named to the person.
    pub fn value(&mut self, told: &str, input: &str, value: &mut Value) {
        match value {
            Value::String(text) if !text.is_empty() && is_secret_name(input) => {
                text.clear();
                self.held_secrets.insert(told.to_owned());
            }
            Value::String(text) => self.text(told, text),
            Value::Array(items) => items.iter_mut().for_each(|item| self.value(told, input, item)),
            Value::Object(fields) => {
                fields.iter_mut().for_each(|(field, value)| self.value(told, field, value));
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Cleans a text.
    pub fn text(&mut self, told: &str, text: &mut String) {
        let taken = self.take(text);
        if taken.secret {
            self.held_secrets.insert(told.to_owned());
        }
        if taken.path {
            self.held_paths.insert(told.to_owned());
        }
    }

    /// Whether bytes contain a known secret.
    pub fn is_in(&self, bytes: &[u8]) -> bool {
        self.secrets.iter().any(|secret| memchr::memmem::find(bytes, secret.as_bytes()).is_some())
    }

    fn take(&self, text: &mut String) -> Taken {
        let mut taken = Taken::default();
        for secret in &self.secrets {
            if text.contains(secret) {
                *text = text.replace(secret, GONE);
                taken.secret = true;
            }
        }
        if let Some(name) = self.name_of_path(text) {
            *text = name;
            taken.path = true;
        }
        if text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----") {
            GONE.clone_into(text);
            taken.secret = true;
        }
        // Words are what blanks, quotes and the like part; what parts them stays.
        let mut clean = String::with_capacity(text.len());
        for piece in text.split_inclusive(is_between) {
            let word = piece.trim_end_matches(is_between);
            match self.word(word) {
                Some((replaced, found)) => {
                    taken.secret |= found.secret;
                    taken.path |= found.path;
                    clean.push_str(&replaced);
                    clean.push_str(&piece[word.len()..]);
                }
                None => clean.push_str(piece),
            }
        }
        if clean != *text {
            *text = clean;
        }
        taken
    }

    /// What is left of a word with something in it that must not leave; `None` when it may.
    fn word(&self, word: &str) -> Option<(String, Taken)> {
        if let Some(url) = without_credentials(word) {
            return Some((url, Taken { secret: true, path: false }));
        }
        // `embedding:/home/ada/x` has a path in it, `key=sk-…` a token.
        let begins = |at: usize| at == 0 || word[..at].ends_with([':', '=', ',', ';']);
        let path = word.char_indices().filter(|(at, c)| matches!(c, '/' | '~') && begins(*at));
        for (at, _) in path {
            if let Some(name) = self.name_of_path(&word[at..]) {
                return Some((format!("{}{name}", &word[..at]), Taken { secret: false, path: true }));
            }
        }
        let is_part = |c: char| matches!(c, ':' | '=' | ',' | ';');
        let parts = word.split_inclusive(is_part).map(|part| match part.trim_end_matches(is_part) {
            token if is_token(token) => format!("{GONE}{}", &part[token.len()..]),
            _ => part.to_owned(),
        });
        let clean: String = parts.collect();
        (clean != word).then_some((clean, Taken { secret: true, path: false }))
    }

    /// The name of a file of this machine by its whole path.
    fn name_of_path(&self, text: &str) -> Option<String> {
        let path = text.strip_prefix("file://").unwrap_or(text);
        let is_below = |folder: &String| {
            path.strip_prefix(folder.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let is_ours = self.folders.iter().any(is_below)
            || path.starts_with("~/")
            || (path.starts_with('/') && path.matches('/').count() > 1 && (self.is_here)(path));
        let is_one = is_ours && !path.contains(['\n', '"']);
        is_one.then(|| path.trim_end_matches('/').rsplit('/').next().unwrap_or_default().to_owned())
    }
}

fn is_between(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '\'' | '`' | '<' | '>' | '|' | '(' | ')' | '[' | ']' | '{' | '}')
}

/// Whether an input of this name holds a secret: nodes that call paid services have such.
pub fn is_secret_name(name: &str) -> bool {
    const WORDS: [&str; 11] = [
        "apikey",
        "password",
        "passwd",
        "secret",
        "authtoken",
        "accesstoken",
        "accesskey",
        "privatekey",
        "bearer",
        "credential",
        "authorization",
    ];
    let letters: String =
        name.chars().filter(|c| c.is_alphanumeric()).collect::<String>().to_ascii_lowercase();
    let last = name.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    WORDS.iter().any(|word| letters.contains(word)) || last.eq_ignore_ascii_case("token")
}

/// An address without user, password and what its query has of secrets; `None` when it has none of these.
fn without_credentials(word: &str) -> Option<String> {
    let (scheme, rest) = word.split_once("://").filter(|(scheme, _)| !scheme.is_empty())?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let (path, query) = tail.split_once('?').unwrap_or((tail, ""));
    let is_secret = |field: &str| {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let name = name.to_ascii_lowercase();
        let is_named = ["token", "key", "secret", "sig", "signature", "pass", "pwd", "auth", "credential"]
            .iter()
            .any(|word| name.rsplit(['-', '_']).next().is_some_and(|last| last.starts_with(word)));
        !value.is_empty() && (is_named || is_secret_name(&name) || is_token(value))
    };
    let fields: Vec<String> = query
        .split('&')
        .map(|field| match field.split_once('=') {
            Some((name, _)) if is_secret(field) => format!("{name}="),
            _ => field.to_owned(),
        })
        .collect();
    let clean = fields.join("&");
    let path: Vec<&str> = path.split('/').map(|part| if is_token(part) { GONE } else { part }).collect();
    let sign = if tail.contains('?') { "?" } else { "" };
    let url = format!("{scheme}://{host}{}{sign}{clean}", path.join("/"));
    (url != word).then_some(url)
}

/// Whether a word is shaped like a key or a token: what services begin theirs with, a JWT, or many letters and digits as
/// chance has them.
fn is_token(word: &str) -> bool {
    const BEGIN: [&str; 18] = [
        "sk-",
        "sk_",
        "rk_",
        "hf_",
        "ghp_",
        "gho_",
        "ghs_",
        "ghu_",
        "github_pat_",
        "glpat-",
        "xoxb-",
        "xoxp-",
        "xoxa-",
        "r8_",
        "AKIA",
        "ASIA",
        "AIza",
        "comfyui-",
    ];
    let word = word.trim_matches('.');
    let is_file = word.rsplit_once('.').is_some_and(|(_, end)| end.len() <= 11 && !end.is_empty())
        && !word.starts_with("eyJ");
    if is_file || !word.is_ascii() {
        return false;
    }
    let is_begun = BEGIN.iter().any(|begin| {
        word.strip_prefix(begin)
            .is_some_and(|rest| rest.len() >= 16 && rest.bytes().any(|b| b.is_ascii_digit()))
    });
    let is_jwt = word.starts_with("eyJ") && word.split('.').filter(|part| part.len() > 8).count() >= 2;
    is_begun || is_jwt || word.split(['_', '-', '.', '/', '+']).any(is_by_chance)
}

/// Whether a piece of a word changes between small and capital letters and digits as often as chance does. Names of models
/// in camel case do so less.
fn is_by_chance(piece: &str) -> bool {
    // What is longer is data.
    if !(24..=512).contains(&piece.len()) {
        return false;
    }
    let class = |b: u8| match b {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        _ => 2,
    };
    let bytes = piece.as_bytes();
    let changes = bytes.windows(2).filter(|pair| class(pair[0]) != class(pair[1])).count();
    let has = |kind: fn(&u8) -> bool| bytes.iter().any(kind);
    let of_100 = if bytes.len() < 32 { 38 } else { 30 };
    has(u8::is_ascii_digit) && has(u8::is_ascii_alphabetic) && changes * 100 >= (bytes.len() - 1) * of_100
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nowhere(_: &str) -> bool {
        false
    }

    fn clean(text: &str) -> String {
        let is_here = |path: &str| path == "/mnt/pics/cat.png";
        let folders = ["/home/ada", "/srv/out/", "/"].map(str::to_owned);
        let mut redaction = Redaction::new(["hush-hush-1".to_owned(), "abc".to_owned()], folders, &is_here);
        let mut text = text.to_owned();
        redaction.text("x", &mut text);
        text
    }

    #[test]
    fn secrets_go_wherever_they_stand() {
        for (text, left) in [
            ("hush-hush-1", "••••"),
            ("Bearer hush-hush-1, please", "Bearer ••••, please"),
            ("hf_QwErTyUiOpAsDfGh1234", "••••"),
            ("use sk-proj-AbCd1234EfGh5678IjKl now", "use •••• now"),
            ("key=AKIAIOSFODNN7EXAMPLE1;", "key=••••;"),
            ("AKIAIOSFODNN7EXAMPLE1", "••••"),
            ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4", "••••"),
            ("9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "••••"),
            ("(Zk3vQ9xT7bLm2Rw8Yp4Nc6Hd1Jf5Gs0A)", "(••••)"),
            ("https://ada:pw@x.example/a.png?w=1", "https://x.example/a.png?w=1"),
            ("https://x.example/a?X-Amz-Signature=ab12&w=1", "https://x.example/a?X-Amz-Signature=&w=1"),
            ("see https://x.example/hook?api_key=1 there", "see https://x.example/hook?api_key= there"),
            ("wss://tok3n@x.example/", "wss://x.example/"),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----", "••••"),
        ] {
            assert_eq!(clean(text), left, "{text}");
        }
    }

    #[test]
    fn what_people_write_and_models_are_called_stays() {
        for text in [
            "",
            "a flamingo dancing on top of a server, (masterpiece:1.2), 8k, [dusk|dawn], {a|b}",
            "wan2.2_i2v_high_noise_14B_fp8_scaled.safetensors",
            "flux1-dev-kontext_fp8_scaled",
            "realisticVisionV60B1VAEv51",
            "SDXL/juggernautXL_v9Rdphoto2Lightning.safetensors",
            "dpmpp_2m_sde_gpu",
            "https://huggingface.co/black-forest-labs/FLUX.1-dev/resolve/main/ae.safetensors?download=true",
            "/workspace/input/clip.mp4",
            "f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
            "abc",
            "supercalifragilisticexpialidocious",
            "1024x1024",
            "data:image/png;base64,",
        ] {
            assert_eq!(clean(text), text);
        }
    }

    #[test]
    fn of_a_path_of_this_machine_its_name_is_left() {
        for (text, left) in [
            ("/home/ada/in/pink flamingo.png", "pink flamingo.png"),
            ("/home/ada", "ada"),
            ("/home/adam/x.png", "/home/adam/x.png"),
            ("~/in/pink.png", "pink.png"),
            ("file:///srv/out/a.png", "a.png"),
            ("/mnt/pics/cat.png", "cat.png"),
            ("like \"/home/ada/in/pink.png\", but blue", "like \"pink.png\", but blue"),
            ("embedding:/home/ada/x", "embedding:x"),
            ("file=/home/ada/a.png", "file=a.png"),
            ("and/or ~ 5", "and/or ~ 5"),
        ] {
            assert_eq!(clean(text), left, "{text}");
        }
    }

    #[test]
    fn values_are_cleaned_by_the_names_of_their_inputs_and_fields() {
        let mut redaction = Redaction::new([], [], &nowhere);
        let mut value = serde_json::json!({
            "OpenAI API Key": "short", "hf_token": "x", "max_tokens": 7, "tokenizer": "t5", "key": "C major",
            "nested": [{"password": "pw"}, "hf_QwErTyUiOpAsDfGh1234"], "secret": "", "seed": 12_345_678_901_234_567_u64
        });
        redaction.value("7-inputs-all", "all", &mut value);
        let left = serde_json::json!({
            "OpenAI API Key": "", "hf_token": "", "max_tokens": 7, "tokenizer": "t5", "key": "C major",
            "nested": [{"password": ""}, "••••"], "secret": "", "seed": 12_345_678_901_234_567_u64
        });
        assert_eq!(value, left);
        assert_eq!(redaction.held_secrets.into_iter().collect::<Vec<_>>(), ["7-inputs-all"]);
        assert!(redaction.held_paths.is_empty());
    }
}
