//! A run as something to paste elsewhere: a command, a request, a preset, a workflow. Without a secret in any of them.

use serde_json::Value;

use crate::domain::preset::{Changes, edit};
use crate::domain::prompt::is_template;
use crate::domain::run::{Form, InputFile, Outgoing, Protocol};
use crate::domain::{Origin, ParamKey, Run, shape, value};

/// What a run is copied as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CopyAs {
    /// A `comfydeck run` line.
    Run,
    /// A line for curl, with variables for the secrets.
    Curl,
    Preset,
    /// A workflow_api.json with the values in it.
    Workflow,
}

impl CopyAs {
    pub const ALL: [Self; 4] = [Self::Run, Self::Curl, Self::Preset, Self::Workflow];

    /// The word of `show --as`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Curl => "curl",
            Self::Preset => "preset",
            Self::Workflow => "workflow",
        }
    }

    /// Parses [`CopyAs::word`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.word() == word)
    }

    pub fn about(self) -> &'static str {
        match self {
            Self::Run => "a `comfydeck run` line",
            Self::Curl => "curl, with variables for the secrets",
            Self::Preset => "a preset's TOML",
            Self::Workflow => "workflow_api.json with its values in it",
        }
    }
}

/// Values of a run that a preset or the workflow did not set, and what became of a preset's templates; all of a run whose
/// origins are not known.
fn said(run: &Run) -> impl Iterator<Item = (&ParamKey, &Value)> {
    let origins = &run.request.origins;
    let is_said = |key: &ParamKey| match origins.get(key) {
        Some(Origin::Preset { .. }) => run.request.preset.is_none(),
        Some(Origin::Form | Origin::Workflow) => false,
        Some(Origin::Person { .. } | Origin::Program { .. }) | None => true,
    };
    let templates = run.request.templates.as_ref();
    let was_template = move |key: &ParamKey| templates.is_some_and(|known| known.texts.contains_key(key));
    run.request.params.iter().filter(move |(key, _)| is_said(key) || was_template(key))
}

/// The command that runs the same again.
pub fn command(run: &Run) -> String {
    let request = &run.request;
    let mut words = vec!["comfydeck run".to_owned()];
    match &request.preset {
        Some(preset) => words.push(quoted(preset)),
        None => words.push(format!("--workflow {}", quoted(&request.workflow_name))),
    }
    if !request.profile.is_empty() {
        words.push(format!("--profile {}", quoted(&request.profile)));
    } else if !request.url.is_empty() {
        words.push(format!("--url {}", quoted(request.shown_url())));
    }
    if request.send_workflow {
        words.push("--send-workflow".to_owned());
    }
    // What was sent is not to be expanded once more.
    let mut has_templates = false;
    for (key, sent) in said(run) {
        let text = match sent {
            Value::String(text) => text.clone(),
            other => value::text(other),
        };
        has_templates |= is_template(&text);
        // A text that begins with @ would be a file, a lone - standard input.
        let text = if text.starts_with('@') { format!("@{text}") } else { text };
        words.push(format!("--set {}", quoted(&format!("{key}={text}"))));
    }
    if has_templates {
        words.push("--no-expand".to_owned());
    }
    words.extend(request.files.iter().map(|file| format!("--file {}", quoted(&pair(file)))));
    words.join(" \\\n  ")
}

fn pair(file: &InputFile) -> String {
    format!("{}={}", file.part, file.path.display())
}

/// The request as curl sends it. `outgoing` was made without credentials.
pub fn curl(run: &Run, outgoing: &Outgoing) -> String {
    let request = &run.request;
    let mut lines = Vec::new();
    let mut words = vec![format!("curl -sS -N {}", quoted(&outgoing.url))];
    words.extend(credentials(request.protocol));
    if outgoing.content_type == "application/json" {
        let mut body = body(outgoing);
        if request.protocol == Protocol::Comfyui {
            for file in &request.files {
                lines.push(upload(outgoing, file));
                body = body.replace(&format!("(the server's name of {})", file.name), &file.name);
            }
        }
        words.push("-H 'content-type: application/json'".to_owned());
        words.push(format!("-d {}", quoted(&body)));
    } else {
        let is_multipart = outgoing.content_type.starts_with("multipart/");
        let option = if is_multipart { "--form-string" } else { "--data-urlencode" };
        for (name, text) in &outgoing.fields {
            words.push(format!("{option} {}", quoted(&format!("{name}={text}"))));
        }
        for file in &outgoing.files {
            let part = format!("{}=@{};type={}", file.part, file.path.display(), file.content_type);
            words.push(format!("-F {}", quoted(&part)));
        }
    }
    lines.push(words.join(" \\\n  "));
    lines.join("\n")
}

/// Headers with variables for the secrets that a protocol cannot do without.
fn credentials(protocol: Protocol) -> impl Iterator<Item = String> {
    protocol.credentials().iter().filter(move |asked| asked.required || protocol == Protocol::V2).map(
        |asked| {
            let variable = match asked.key {
                "client_id" => "VIEWCOMFY_CLIENT_ID".to_owned(),
                "client_secret" => "VIEWCOMFY_CLIENT_SECRET".to_owned(),
                key => key.to_ascii_uppercase(),
            };
            let before = match asked.form {
                Form::Plain => "",
                Form::Bearer => "Bearer ",
                Form::Basic => "Basic ",
            };
            format!("-H \"{}: {before}${variable}\"", asked.header)
        },
    )
}

/// The fields as one JSON object, without those that are made for each run.
fn body(outgoing: &Outgoing) -> String {
    let fields = outgoing.fields.iter().filter_map(|(name, text)| {
        let value: Value = serde_json::from_str(text).ok()?;
        Some((name.clone(), value))
    });
    Value::Object(fields.collect()).to_string()
}

/// The line that uploads an input to ComfyUI under its own name.
fn upload(outgoing: &Outgoing, file: &InputFile) -> String {
    let base = outgoing.url.trim_end_matches("/prompt");
    let part = format!("image=@{};filename={}", file.path.display(), file.name);
    format!("curl -sS -F {} {}", quoted(&part), quoted(&format!("{base}/upload/image")))
}

/// A preset that sets what the run sent.
///
/// # Errors
/// When a value cannot be written as TOML.
pub fn preset(run: &Run) -> Result<String, String> {
    let request = &run.request;
    let files = request
        .files
        .iter()
        .filter_map(|file| Some((ParamKey::parse(&file.part)?, file.path.display().to_string())));
    let is_literal = |value: &Value| value.as_str().is_some_and(is_template);
    let literal = request.params.iter().filter(|(_, value)| is_literal(value));
    let literal = literal.map(|(key, _)| (key.clone(), false));
    let changes = Changes {
        fields: [("workflow", Some(request.workflow_name.clone()))].into_iter().collect(),
        params: request.params.clone(),
        files: files.collect(),
        expand: literal.collect(),
        ..Changes::default()
    };
    edit("", &changes).map_err(|why| why.to_string())
}

/// The workflow with the run's values in it; of files their names, as ComfyUI has them once they are uploaded.
///
/// # Errors
/// When the workflow is none.
pub fn workflow(run: &Run, text: &str) -> Result<String, String> {
    let files = run
        .request
        .files
        .iter()
        .filter_map(|file| Some((ParamKey::parse(&file.part)?, Value::from(file.name.as_str()))));
    let files: Vec<(ParamKey, Value)> = files.collect();
    let values = run.request.params.iter().chain(files.iter().map(|(key, value)| (key, value)));
    let graph = shape::graph(text, values).map_err(|why| why.to_string())?;
    let text = serde_json::to_string_pretty(&graph).map_err(|why| why.to_string())?;
    Ok(text)
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:@%,=".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{RunRequest, Said};

    fn run() -> Run {
        let key = |text: &str| ParamKey::parse(text).expect("a key");
        let params = [
            (key("6-inputs-text"), Value::from("@home it's $5")),
            (key("3-inputs-steps"), Value::from(20)),
            (key("3-inputs-cfg"), serde_json::from_str("6.50").expect("a number")),
        ];
        let origins = [
            (key("6-inputs-text"), Origin::Person { how: Said::Typed }),
            (key("3-inputs-steps"), Origin::Preset { name: "cat".to_owned() }),
            (key("3-inputs-cfg"), Origin::Person { how: Said::Typed }),
        ];
        let request = RunRequest {
            preset: Some("cat".to_owned()),
            profile: "prod".to_owned(),
            url: "https://a.example/x?token=hush".to_owned(),
            workflow_name: "wan.json".to_owned(),
            params: params.into_iter().collect(),
            origins: origins.into_iter().collect(),
            ..RunRequest::default()
        };
        Run::queued(7, request, 1)
    }

    #[test]
    fn a_command_says_what_the_preset_does_not_and_a_shell_reads_it_as_it_was() {
        assert_eq!(
            command(&run()),
            "comfydeck run \\\n  cat \\\n  --profile prod \\\n  --set '6-inputs-text=@@home it'\\''s $5' \\\n  --set 3-inputs-cfg=6.50"
        );
    }

    #[test]
    fn what_was_sent_is_not_expanded_once_more_and_what_was_expanded_is_said() {
        let key = ParamKey::parse("6-inputs-text").expect("a key");
        let mut literal = run();
        literal.request.params.insert(key.clone(), Value::from("a {red|blue} cat"));
        assert!(command(&literal).ends_with("--no-expand"), "{}", command(&literal));
        let text = preset(&literal).expect("a preset");
        assert!(text.contains("[expand]\n6-inputs-text = false"), "{text}");
        let mut expanded = run();
        expanded.request.params.insert(key.clone(), Value::from("a red cat"));
        expanded.request.origins.insert(key.clone(), Origin::Preset { name: "cat".to_owned() });
        let texts = [(key, "a {red|blue} cat".to_owned())].into_iter().collect();
        expanded.request.templates = Some(crate::domain::prompt::Templates { seed: 1, texts });
        let line = command(&expanded);
        assert!(line.contains("--set '6-inputs-text=a red cat'") && !line.contains("--no-expand"), "{line}");
    }

    #[test]
    fn curl_has_variables_for_secrets_and_no_token() {
        let run = run();
        let outgoing = Outgoing {
            url: run.request.shown_url().to_owned(),
            headers: Vec::new(),
            content_type: "application/x-www-form-urlencoded".to_owned(),
            fields: vec![("params".to_owned(), "{\"a\": \"it's\"}".to_owned())],
            files: Vec::new(),
        };
        let text = curl(&run, &outgoing);
        assert!(text.contains("$VIEWCOMFY_CLIENT_SECRET\"") && !text.contains("hush"), "{text}");
        assert!(text.ends_with("--data-urlencode 'params={\"a\": \"it'\\''s\"}'"), "{text}");
    }

    #[test]
    fn a_preset_is_one_and_keeps_numbers_as_they_were() {
        let text = preset(&run()).expect("a preset");
        let (read, problems) = crate::domain::preset::Preset::parse(&text, "p.toml");
        assert_eq!(problems, []);
        assert_eq!(read.workflow.as_deref(), Some("wan.json"));
        assert!(text.contains("3-inputs-cfg = 6.50"), "{text}");
    }

    #[test]
    fn the_values_are_in_the_workflow() {
        let text = r#"{"3": {"class_type": "K", "inputs": {"cfg": 1, "steps": 1}}, "6": {"class_type": "C", "inputs": {"text": ""}}}"#;
        let graph: Value = serde_json::from_str(&workflow(&run(), text).expect("a graph")).expect("JSON");
        assert_eq!(graph["3"]["inputs"]["cfg"].to_string(), "6.50");
        assert_eq!(graph["6"]["inputs"]["text"], "@home it's $5");
    }
}
