//! File names of outputs: a template such as `{date}/{preset}/{run}-{seed}-{name}`.

use std::fmt;

use super::diagnostic::did_you_mean;

/// Most folders in a template.
const MOST_FOLDERS: usize = 8;
/// Longest template, in bytes.
const LONGEST: usize = 300;

/// A placeholder in a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Local date when the run was sent: `2026-11-24`.
    Date,
    /// Local time when the run was sent: `09-30-05`.
    Time,
    Preset,
    Workflow,
    Profile,
    Run,
    Seed,
    /// The output's file name at the server, without extension.
    Name,
    /// File extension without the dot.
    Extension,
}

impl Field {
    /// All fields with their names.
    pub const ALL: [(&'static str, Self); 9] = [
        ("date", Self::Date),
        ("time", Self::Time),
        ("preset", Self::Preset),
        ("workflow", Self::Workflow),
        ("profile", Self::Profile),
        ("run", Self::Run),
        ("seed", Self::Seed),
        ("name", Self::Name),
        ("ext", Self::Extension),
    ];
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Segment {
    Text(String),
    Field(Field),
}

/// A parsed template. The last part is the file name, those before are folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputName {
    text: String,
    parts: Vec<Vec<Segment>>,
}

impl OutputName {
    /// Parses a template.
    ///
    /// # Errors
    /// One sentence with what is wrong, and a similar field name if there is one.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LONGEST {
            return Err(format!("is longer than {LONGEST} bytes"));
        }
        if text.starts_with(['/', '~']) || text.contains('\\') {
            return Err(
                "is not a path below the output folder: use folder and file names separated by /".to_owned()
            );
        }
        let parts = text.split('/').map(part).collect::<Result<Vec<_>, _>>()?;
        if parts.len() > MOST_FOLDERS + 1 {
            return Err(format!("has more than {MOST_FOLDERS} folders"));
        }
        if parts.iter().any(Vec::is_empty) {
            return Err("has an empty folder or file name in it".to_owned());
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Segments of each folder and of the file name.
    pub fn parts(&self) -> &[Vec<Segment>] {
        &self.parts
    }
}

impl fmt::Display for OutputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

fn part(text: &str) -> Result<Vec<Segment>, String> {
    if text.trim().trim_matches('.').is_empty() && !text.is_empty() {
        return Err(format!("has an invalid part: `{text}`"));
    }
    let mut segments = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (before, after) = rest.split_once('{').unwrap_or((rest, ""));
        if before.contains('}') {
            return Err("has a } without its {".to_owned());
        }
        if !before.is_empty() {
            segments.push(Segment::Text(before.to_owned()));
        }
        if before.len() == rest.len() {
            break;
        }
        let (word, after) = after.split_once('}').ok_or("has a { without its }")?;
        let field = Field::ALL.into_iter().find(|(known, _)| *known == word).ok_or_else(|| {
            let words = Field::ALL.map(|(known, _)| known);
            let near = did_you_mean(word, words);
            let near = if near.is_empty() { format!(". There is: {}", words.join(", ")) } else { near };
            format!("has {{{word}}} in it, which is not known{near}")
        })?;
        segments.push(Segment::Field(field.1));
        rest = after;
    }
    Ok(segments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_folders_and_a_name() {
        let name = OutputName::parse("{date}/of {preset}/{run}-{name}.{ext}").expect("a template");
        let text = |text: &str| Segment::Text(text.to_owned());
        let field = Segment::Field;
        assert_eq!(
            name.parts(),
            [
                vec![field(Field::Date)],
                vec![text("of "), field(Field::Preset)],
                vec![field(Field::Run), text("-"), field(Field::Name), text("."), field(Field::Extension)],
            ]
        );
        assert_eq!(name.to_string(), "{date}/of {preset}/{run}-{name}.{ext}");
    }

    #[test]
    fn what_is_none_says_why() {
        let table = [
            ("{sed}-{name}", "has {sed} in it, which is not known. Did you mean `seed`?"),
            ("{something else}", "which is not known. There is: date, time, preset"),
            ("{Run}", "Did you mean `run`?"),
            ("/tmp/{name}", "is not a path below the output folder"),
            ("~/{name}", "is not a path below the output folder"),
            ("..\\{name}", "is not a path below the output folder"),
            ("../{name}", "has an invalid part: `..`"),
            ("a/. /{name}", "has an invalid part: `. `"),
            ("{name}/", "has an empty folder or file name in it"),
            ("a//{name}", "has an empty folder or file name in it"),
            ("", "has an empty folder or file name in it"),
            ("{name", "has a { without its }"),
            ("name}", "has a } without its {"),
            ("a/b/c/d/e/f/g/h/i/{name}", "has more than 8 folders"),
        ];
        for (text, why) in table {
            let error = OutputName::parse(text).expect_err(text);
            assert!(error.contains(why), "{text}: {error}");
        }
        assert!(OutputName::parse(&"x".repeat(LONGEST + 1)).is_err());
    }
}
