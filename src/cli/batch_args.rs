//! `run --count`, `--sweep` and `--batch`: which runs a batch has.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clap_complete::ArgValueCompleter;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::error::Category;

use super::names::known;
use super::pairs::Pair;
use super::{Failure, complete};
use crate::config::dirs::expand;
use crate::domain::batch::{self, Axis, Combine, Plan, Target};
use crate::domain::draft::{Named, Unnamed};
use crate::domain::{Draft, Setting};
use crate::library::values::{DiskFiles, bounded, read_text};

/// Several runs instead of one.
#[derive(Debug, Default, clap::Args)]
pub struct BatchArgs {
    /// Run N times, each with another seed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub count: Option<u32>,
    /// Run once for each of these values: 5,6,7 or 6..10:0.5 or ±20% or @lines.txt or a JSON array; several sweeps make a grid
    #[arg(long, value_name = "KEY=VALUES", value_parser = Pair::parse, allow_hyphen_values = true, add = ArgValueCompleter::new(complete::settings))]
    pub sweep: Vec<Pair>,
    /// Go through the values of all sweeps together, instead of each with each
    #[arg(long, requires = "sweep")]
    pub zip: bool,
    /// Run once for each line of a .jsonl or .csv file; - for JSON lines on standard input
    #[arg(long, value_name = "FILE", conflicts_with_all = ["count", "sweep", "zip"])]
    pub batch: Option<PathBuf>,
    /// Do not ask before a batch is queued
    #[arg(short, long)]
    pub yes: bool,
    /// Hold the rest of the batch before it costs more than this
    #[arg(long, value_name = "AMOUNT", value_parser = amount)]
    pub max_cost: Option<f64>,
}

/// Reads an amount of money.
///
/// # Errors
/// When it is none.
pub fn amount(text: &str) -> Result<f64, String> {
    let amount = text.parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount >= 0.0);
    amount.ok_or_else(|| "expected an amount of money such as 2.50".to_owned())
}

impl BatchArgs {
    /// Whether several runs are wanted.
    pub fn is_given(&self) -> bool {
        self.count.is_some() || !self.sweep.is_empty() || self.batch.is_some()
    }

    /// The runs that the options say, over a draft. `workflow` is its name, for errors.
    ///
    /// # Errors
    /// A sentence that names the option and the value at fault.
    pub fn plan(&self, draft: &Draft, workflow: &str, working: &Path) -> Result<Plan, Failure> {
        let disk = DiskFiles { working };
        if let Some(file) = &self.batch {
            let read = Table::read(file, working)?;
            let fault =
                |why: &str| Failure::usage(format!("--batch {}: {why}, so there is no run", file.display()));
            if read.rows.is_empty() {
                return Err(fault("it has no line with values"));
            }
            if read.columns.is_empty() {
                return Err(fault("its lines set nothing"));
            }
            let axes = table(draft, workflow, &read, &disk)?;
            return Plan::new(axes, Combine::Zip).map_err(|why| Failure::usage(format!("--batch: {why}")));
        }
        let mut axes = Vec::new();
        for pair in &self.sweep {
            let (name, text) = pair.split(|name| draft.named(name) != Err(Unnamed::Unknown))?;
            let Named { mut keys, field } = known(draft, name, workflow)?;
            let key = keys.remove(0);
            let (Some(parameter), Some(now)) = (draft.param(&key), batch::present(draft, &key)) else {
                continue;
            };
            let target = Target { parameter, field: field.as_deref(), now: &now };
            let settings = batch::read(target, text, &disk)
                .map_err(|why| Failure::usage(format!("--sweep {name}: {why}")))?;
            axes.push(Axis { key, also: keys, name: name.to_owned(), settings });
        }
        if let Some(count) = self.count {
            axes.push(seeds(draft, workflow, count)?);
        }
        let combine = if self.zip { Combine::Zip } else { Combine::Grid };
        Plan::new(axes, combine).map_err(Failure::usage)
    }
}

fn seeds(draft: &Draft, workflow: &str, count: u32) -> Result<Axis, Failure> {
    let parameter = draft.params().iter().find(|parameter| parameter.decides).ok_or_else(|| {
        Failure::usage(format!("--count: {workflow} has no seed, so every run would make the same"))
    })?;
    let now = batch::present(draft, &parameter.key).unwrap_or_default();
    let settings = batch::seeds(parameter, &now, count as usize, || fastrand::u64(..));
    let (key, name) = (parameter.key.clone(), draft.name(parameter).to_owned());
    Ok(Axis { key, also: Vec::new(), name, settings })
}

/// Values by the names of their columns, a row a run. What a row does not say stays as the draft has it.
#[derive(Debug, Default)]
struct Table {
    columns: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    /// For errors, from 1.
    line: u64,
    /// By the place of the column.
    cells: HashMap<usize, Value>,
}

impl Table {
    fn read(file: &Path, working: &Path) -> Result<Self, Failure> {
        let fault = |why: String| Failure::usage(format!("--batch {}: {why}", file.display()));
        if file.as_os_str() == "-" {
            return Self::of_lines(&bounded(std::io::stdin().lock()).map_err(fault)?).map_err(fault);
        }
        let text = read_text(&expand(&file.to_string_lossy(), working)).map_err(fault)?;
        match file.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).as_deref() {
            Some("csv") => Self::of_csv(&text),
            Some("jsonl" | "ndjson" | "json") => Self::of_lines(&text),
            _ => Err("its name should end in .jsonl or .csv".to_owned()),
        }
        .map_err(fault)
    }

    /// One JSON object a line.
    fn of_lines(text: &str) -> Result<Self, String> {
        let mut table = Self::default();
        let mut places: HashMap<String, usize> = HashMap::new();
        for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
            let Pairs(pairs) = serde_json::from_str(text).map_err(|why| match why.classify() {
                Category::Data => format!("line {line} is not a JSON object such as {{\"cfg\": 5}}"),
                Category::Io | Category::Syntax | Category::Eof => {
                    format!("line {line} is not JSON (column {})", why.column())
                }
            })?;
            let mut cells = HashMap::new();
            for (name, value) in pairs {
                let place = *places.entry(name).or_insert_with_key(|name| {
                    table.columns.push(name.clone());
                    table.columns.len() - 1
                });
                if cells.insert(place, value).is_some() {
                    return Err(format!("line {line} says {} twice", table.columns[place]));
                }
            }
            table.rows.push(Row { line, cells });
        }
        Ok(table)
    }

    /// The first line names the columns; an empty cell says nothing.
    fn of_csv(text: &str) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new()
            .trim(csv::Trim::Headers)
            .delimiter(delimiter(text))
            .from_reader(text.as_bytes());
        let columns: Vec<String> =
            reader.headers().map_err(|why| told(&why))?.iter().map(str::to_owned).collect();
        if let Some(twice) = (1..columns.len()).find(|at| columns[..*at].contains(&columns[*at])) {
            return Err(format!("its first line names {} twice", columns[twice]));
        }
        let mut table = Self { columns, rows: Vec::new() };
        for record in reader.records() {
            let record = record.map_err(|why| told(&why))?;
            let line = record.position().map_or(0, csv::Position::line);
            let cells = record.iter().enumerate().filter(|(_, cell)| !cell.is_empty());
            let cells = cells.map(|(place, cell)| (place, Value::from(cell))).collect();
            table.rows.push(Row { line, cells });
        }
        Ok(table)
    }
}

/// What stands between the cells: a comma; where the first line has none, a semicolon or a tab, as some spreadsheets write.
fn delimiter(text: &str) -> u8 {
    let names = text.lines().next().unwrap_or_default();
    let others = [b';', b'\t'].into_iter().filter(|_| !names.contains(','));
    others.into_iter().find(|sign| names.as_bytes().contains(sign)).unwrap_or(b',')
}

/// What is wrong with a CSV file.
fn told(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
            let line = pos.as_ref().map_or(0, csv::Position::line);
            let cells = if *len == 1 { "1 cell".to_owned() } else { format!("{len} cells") };
            format!(
                "line {line} has {cells}, the first line {expected_len}. A cell with a comma or a line end stands in quotes"
            )
        }
        _ => error.to_string(),
    }
}

/// The fields of a JSON object in their order, also those of the same name.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = Pairs;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Pairs, M::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        from.deserialize_map(Fields)
    }
}

fn table(draft: &Draft, workflow: &str, table: &Table, disk: &DiskFiles<'_>) -> Result<Vec<Axis>, Failure> {
    let mut axes = Vec::new();
    for (place, name) in table.columns.iter().enumerate() {
        let Named { mut keys, field } = known(draft, name, workflow)?;
        let key = keys.remove(0);
        let (Some(parameter), Some(now)) = (draft.param(&key), batch::present(draft, &key)) else { continue };
        let target = Target { parameter, field: field.as_deref(), now: &now };
        let unsaid = draft.setting(&key).unwrap_or_else(|| Setting::Value(now.clone()));
        let setting = |row: &Row| -> Result<Setting, Failure> {
            let fault = |why: &dyn std::fmt::Display| {
                Failure::usage(format!("--batch: line {}, {name}: {why}", row.line))
            };
            let Some(cell) = row.cells.get(&place) else { return Ok(unsaid.clone()) };
            let found = batch::of_json(target, cell, disk).map_err(|why| fault(&why))?;
            match <[Setting; 1]>::try_from(found) {
                Ok([only]) => Ok(only),
                Err(several) => Err(fault(&format!("one file is wanted, not {}", several.len()))),
            }
        };
        let settings = table.rows.iter().map(setting).collect::<Result<_, _>>()?;
        axes.push(Axis { key, also: keys, name: name.clone(), settings });
    }
    Ok(axes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: &Table) -> Vec<Vec<Option<String>>> {
        let cell = |row: &Row, place: &usize| row.cells.get(place).map(Value::to_string);
        table.rows.iter().map(|row| (0..table.columns.len()).map(|at| cell(row, &at)).collect()).collect()
    }

    #[test]
    fn lines_may_say_different_columns() {
        let table =
            Table::of_lines("{\"cfg\": 6.50}\n\n{\"prompt\": \"a cat\", \"cfg\": 7}\r\n").expect("a table");
        assert_eq!(table.columns, ["cfg", "prompt"]);
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(rows(&table), [[text("6.50"), None], [text("7"), text("\"a cat\"")]]);
        assert_eq!(table.rows[1].line, 3);
        assert!(Table::of_lines("{}\n[1]").is_err_and(|why| why.starts_with("line 2 is not a JSON object")));
    }

    #[test]
    fn cells_of_csv_may_hold_commas_and_lines_and_empty_ones_say_nothing() {
        let table = Table::of_csv("cfg , prompt\n6,\"a cat, asleep\nor not\"\n,b\n").expect("a table");
        assert_eq!(table.columns, ["cfg", "prompt"]);
        assert_eq!(table.rows[0].cells[&1], Value::from("a cat, asleep\nor not"));
        assert_eq!((table.rows[1].cells.get(&0), table.rows[1].line), (None, 4));
        let why = Table::of_csv("a,b\n1,2\n1\n").expect_err("a cell is missing");
        assert!(why.starts_with("line 3 has 1 cell, the first line 2"), "{why}");
        assert_eq!(Table::of_csv("a,b,a\n1,2,3\n").expect_err("twice"), "its first line names a twice");
    }

    #[test]
    fn spreadsheets_may_write_semicolons_or_tabs() {
        for text in ["cfg;prompt\n6;a cat, asleep\n", "cfg\tprompt\n6\ta cat, asleep\n"] {
            let table = Table::of_csv(text).expect("a table");
            assert_eq!(table.columns, ["cfg", "prompt"]);
            assert_eq!(table.rows[0].cells[&1], Value::from("a cat, asleep"));
        }
        assert_eq!(Table::of_csv("cfg,a;b\n6,x;y\n").expect("a table").columns, ["cfg", "a;b"]);
    }

    #[test]
    fn a_line_that_says_a_value_twice_is_not_guessed_at() {
        assert_eq!(Table::of_lines(r#"{"cfg": 5, "cfg": 6}"#).expect_err("twice"), "line 1 says cfg twice");
        assert_eq!(Table::of_lines("{}\n{\"cfg\": 5").expect_err("cut"), "line 2 is not JSON (column 9)");
    }
}
