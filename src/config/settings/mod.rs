//! The fields of `config.toml` and of presets, one row each: the source of the JSON schemas for editors and of the
//! comments in a new `config.toml`.

use serde_json::{Map, Value, json};

use super::load::{Notify, ThemeChoice};
use crate::domain::run::Protocol;
use crate::domain::{SeedPolicy, Status};
use crate::picture::{BlockSet, PictureMode};

/// The type of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    Text,
    Boolean,
    Integer {
        least: u64,
        most: Option<u64>,
    },
    /// An amount of money.
    Money,
    /// A list of these words.
    List(Vec<&'static str>),
    /// One of these words.
    Words(Vec<&'static str>),
    /// A text, or a table with its source.
    Secret,
    /// Secrets by names of request headers.
    Headers,
    /// One or several keys.
    Keys,
    /// Any value that a workflow's parameter takes.
    Any,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub name: &'static str,
    pub kind: Kind,
    /// The default value, or an example where there is none.
    pub example: &'static str,
    pub about: &'static str,
}

/// A table of fields. A table with free names has a single row, named after an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// `profiles` is a table of such tables.
    pub name: &'static str,
    pub about: &'static str,
    pub names: Names,
    pub settings: Vec<Setting>,
}

/// Who chooses the names in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Only these fields are allowed.
    Own,
    /// People choose the names, each for a table of these fields.
    Tables,
    /// People choose the names, or the workflow does.
    Any,
}

fn row(name: &'static str, kind: Kind, example: &'static str, about: &'static str) -> Setting {
    Setting { name, kind, example, about }
}

/// The fields common to `[output]` and profiles.
fn output() -> [Setting; 3] {
    [
        row("output_dir", Kind::Text, "\"~/comfydeck\"", "folder for the outputs of runs"),
        row(
            "output_name",
            Kind::Text,
            "\"{date}/{preset}/{run}-{seed}-{name}\"",
            "what outputs are called below that folder; the server's name when not set",
        ),
        row("sidecar", Kind::Boolean, "false", "write a .json beside each output that says how it was made"),
    ]
}

/// The fields of a profile.
fn profile() -> Vec<Setting> {
    use Kind::{Boolean, Headers, Integer, Money, Secret, Text, Words};
    let mut profile = vec![
        row("protocol", Words(Protocol::ALL.map(Protocol::word).to_vec()), "\"stream\"", "how runs are sent"),
        row("url", Text, "\"https://example.modal.run\"", "the endpoint's address"),
        row(
            "api_url",
            Text,
            "\"https://api.viewcomfy.com\"",
            "the service in front of it, for protocol \"cloud\"",
        ),
        row(
            "client_id",
            Secret,
            "{ env = \"VIEWCOMFY_CLIENT_ID\" }",
            "a text, or { env | file | command = … }",
        ),
        row("client_secret", Secret, "{ command = \"pass show viewcomfy\" }", "in the same forms"),
        row(
            "password",
            Secret,
            "{ file = \"~/.comfyui-password\" }",
            "with protocol \"comfyui\": user:password for a proxy in front of it, in the same forms",
        ),
        row(
            "token",
            Secret,
            "{ env = \"COMFYUI_TOKEN\" }",
            "with protocol \"comfyui\": a bearer token for a proxy in front of it",
        ),
        row(
            "api_key",
            Secret,
            "{ env = \"COMFY_API_KEY\" }",
            "with protocol \"v2\": the key of Comfy Cloud or of a deployment, in the same forms",
        ),
        row(
            "headers",
            Headers,
            "{ X-Team = \"pictures\" }",
            "request headers of your own, each in these forms",
        ),
        row("without_credentials", Boolean, "false", "the endpoint needs no credentials"),
        row(
            "ca",
            Text,
            "\"server.pem\"",
            "certificates to trust besides the system's: an authority's, or the server's own",
        ),
        row(
            "insecure",
            Boolean,
            "false",
            "take any certificate: whoever is in between reads and changes all",
        ),
        row("concurrency", Integer { least: 1, most: Some(1000) }, "1", "runs at once"),
        row("cost_per_second", Money, "0.0012", "what a second of a run costs, for prices and ceilings"),
        row("workflow", Text, "\"~/flows/workflow_api.json\"", "the workflow to open by default"),
        row(
            "schema",
            Text,
            "\"~/flows/object_info.json\"",
            "what the server's nodes take, as a ComfyUI like it answers to /object_info",
        ),
    ];
    profile.extend(output());
    profile
}

/// The fields of `[notify]`.
fn notify() -> Vec<Setting> {
    use Kind::{Boolean, Integer, List, Text};
    let ends = || List(Notify::ENDS.map(Status::word).to_vec());
    vec![
        row("title", Boolean, "true", "say in the window's title what runs, and how far it is"),
        row("taskbar", Boolean, "true", "show progress in tab or taskbar, in terminals that have it"),
        row("bell", ends(), "[]", "ends of runs that ring the bell"),
        row(
            "desktop",
            ends(),
            "[\"done\", \"failed\", \"lost\"]",
            "ends of runs that are shown on the desktop, by terminals that can",
        ),
        row(
            "after_seconds",
            Integer { least: 0, most: None },
            "10",
            "bell and desktop only after runs that took so long",
        ),
        row("unfocused", Boolean, "true", "bell and desktop only while the terminal has not the focus"),
        row(
            "on_finish",
            Text,
            "\"jq -r .status >> ~/runs.txt\"",
            "a shell's command that gets each run that ended, as JSON on its standard input",
        ),
        row(
            "on_finish_for",
            ends(),
            "[\"done\", \"failed\", \"cancelled\", \"lost\"]",
            "the ends of runs that it is for",
        ),
    ]
}

fn ui() -> Vec<Setting> {
    use Kind::{Boolean, Integer, Text, Words};
    vec![
        row(
            "theme",
            Words(ThemeChoice::ALL.map(ThemeChoice::word).to_vec()),
            "\"auto\"",
            "colours for a dark or a light background",
        ),
        row("mouse", Boolean, "true", "use the mouse"),
        row("flow_control", Boolean, "true", "wait for a slow terminal before drawing again"),
        row("scp_host", Text, "\"gpu\"", "this machine's name as seen from your own, for scp"),
        row(
            "pictures",
            Words(PictureMode::ALL.map(PictureMode::name).to_vec()),
            "\"auto\"",
            "how pictures are drawn",
        ),
        row(
            "blocks",
            Words(BlockSet::ALL.map(BlockSet::name).to_vec()),
            "\"half\"",
            "characters for pictures without pixels; sextants are sharper, if the font has them",
        ),
        row(
            "picture_bytes",
            Integer { least: 1000, most: None },
            "32768",
            "most bytes to send for one picture",
        ),
        row("ask_if_same", Boolean, "true", "ask before a run identical to a finished one"),
        row(
            "ascii",
            Words(vec!["auto", "on", "off"]),
            "\"auto\"",
            "draw with ASCII alone; auto does on a terminal that shows no more",
        ),
        row(
            "park_cursor",
            Boolean,
            "false",
            "keep the cursor at what is selected, for braille and magnifiers",
        ),
        row("reader", Boolean, "false", "tell the dashboard in lines, for a screen reader"),
    ]
}

/// The tables of `config.toml`.
pub fn config() -> Vec<Table> {
    use Kind::{Keys, Money, Text};
    vec![
        Table {
            name: "",
            about: "",
            names: Names::Own,
            settings: vec![row("default_profile", Text, "\"prod\"", "the profile to use by default")],
        },
        Table { name: "profiles", about: "where to run", names: Names::Tables, settings: profile() },
        Table {
            name: "pipes",
            about: "commands that a text can be piped through",
            names: Names::Any,
            settings: vec![row(
                "enhance",
                Text,
                "\"llm -s 'Say this prompt better'\"",
                "gets the text on its standard input; what it writes may take the text's place",
            )],
        },
        Table { name: "notify", about: "who looks elsewhere is told", names: Names::Own, settings: notify() },
        Table {
            name: "output",
            about: "defaults for the outputs of all profiles",
            names: Names::Own,
            settings: output().to_vec(),
        },
        Table { name: "ui", about: "the dashboard", names: Names::Own, settings: ui() },
        Table {
            name: "history",
            about: "what is kept of runs",
            names: Names::Own,
            settings: vec![row("max_log", Text, "\"1 GB\"", "size limit of one run's log")],
        },
        Table {
            name: "spend",
            about: "what runs may cost where profiles have a cost_per_second; what would cost more is held",
            names: Names::Own,
            settings: vec![
                row("per_batch", Money, "2.50", "all runs of a batch"),
                row("per_day", Money, "20", "all runs of a day"),
            ],
        },
        Table {
            name: "keys",
            about: "keys of commands, replacing the defaults; ? in the dashboard lists them",
            names: Names::Any,
            settings: vec![row("run", Keys, "[\"ctrl+r\", \"f5\"]", "")],
        },
    ]
}

/// The tables of a preset.
pub fn preset() -> Vec<Table> {
    use Kind::{Any, Text, Words};
    let table = |name, about, example| Table { name, about, names: Names::Any, settings: vec![example] };
    vec![
        Table {
            name: "",
            about: "",
            names: Names::Own,
            settings: vec![
                row("workflow", Text, "\"workflow_api.json\"", "the workflow's path, relative to this file"),
                row(
                    "schema",
                    Text,
                    "\"object_info.json\"",
                    "what the nodes take, as a ComfyUI answers to /object_info",
                ),
                row("title", Text, "\"Flamingo\"", "for lists"),
                row("description", Text, "\"A flamingo\"", "a sentence about it"),
                row("profile", Text, "\"prod\"", "the profile to run on by default"),
                row("extends", Text, "\"base\"", "the preset that this one is based on"),
                row("pins", Any, "[\"prompt\"]", "what stands at the top: keys or aliases, in this order"),
                row(
                    "expand",
                    Any,
                    "false",
                    "whether {a|b} and __wildcard__ in texts are expanded; a table sets it by key",
                ),
            ],
        },
        table("params", "values by key", row("3-inputs-steps", Any, "24", "")),
        table("files", "files to upload, by key", row("52-inputs-image", Text, "\"in/pink.png\"", "")),
        table("aliases", "short names of keys", row("prompt", Text, "\"6-inputs-text\"", "")),
        table(
            "seeds",
            "how seeds change from run to run, by key",
            row("3-inputs-seed", Words(SeedPolicy::ALL.map(SeedPolicy::word).to_vec()), "\"randomize\"", ""),
        ),
    ]
}

/// The JSON schema of a file with these tables.
pub fn schema(title: &str, tables: &[Table]) -> Value {
    let mut properties = Map::new();
    for table in tables {
        if table.name.is_empty() {
            properties.extend(fields(&table.settings));
            continue;
        }
        let own = || json!({"type": "object", "properties": fields(&table.settings), "additionalProperties": false});
        let mut schema = match table.names {
            Names::Own => own(),
            Names::Tables => json!({"type": "object", "additionalProperties": own()}),
            Names::Any => {
                let kind = table.settings.first().map_or_else(|| json!({}), |setting| kind(&setting.kind));
                json!({"type": "object", "additionalProperties": kind})
            }
        };
        schema["description"] = Value::from(table.about);
        properties.insert(table.name.to_owned(), schema);
    }
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": title,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    })
}

fn fields(settings: &[Setting]) -> Map<String, Value> {
    let field = |setting: &Setting| {
        let mut schema = kind(&setting.kind);
        schema["description"] = Value::from(setting.about);
        (setting.name.to_owned(), schema)
    };
    settings.iter().map(field).collect()
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text => json!({"type": "string"}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Integer { least, most: None } => json!({"type": "integer", "minimum": least}),
        Kind::Integer { least, most: Some(most) } => {
            json!({"type": "integer", "minimum": least, "maximum": most})
        }
        Kind::Money => json!({"type": "number", "minimum": 0}),
        Kind::Words(words) => json!({"enum": words}),
        Kind::List(words) => json!({"type": "array", "items": {"enum": words}}),
        Kind::Headers => json!({"type": "object", "additionalProperties": self::kind(&Kind::Secret)}),
        Kind::Secret => {
            let source = |name: &str| json!({"type": "object", "properties": {name: {"type": "string"}}, "required": [name], "additionalProperties": false});
            json!({"oneOf": [{"type": "string"}, source("env"), source("file"), source("command")]})
        }
        Kind::Keys => json!({"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
        Kind::Any => json!({}),
    }
}

/// The fields of `config.toml` as comments, to append to a new one.
pub fn comments() -> String {
    let mut text = String::from("\n# All settings, with defaults or examples. Remove the # to set one.\n");
    for table in config() {
        let head = match table.names {
            _ if table.name.is_empty() => continue,
            Names::Own | Names::Any => table.name.to_owned(),
            Names::Tables => format!("{}.NAME", table.name),
        };
        text += &format!("\n# [{head}]  # {}\n", table.about);
        for setting in &table.settings {
            let line = format!("# {} = {}", setting.name, setting.example);
            let about =
                if setting.about.is_empty() { String::new() } else { format!("  # {}", setting.about) };
            text += &format!("{line}{about}\n");
        }
    }
    text
}

#[cfg(test)]
mod tests;
