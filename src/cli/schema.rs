//! `comfydeck schema`: writes the JSON schema of a file for editors.

use clap::ValueEnum;

use super::{Exit, Failure, out};
use crate::config::settings;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file that the schema is of
    #[arg(value_name = "FILE", default_value = "config")]
    pub of: Of,
}

/// Files with a schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Of {
    /// config.toml
    Config,
    /// A preset
    Preset,
}

/// Writes a JSON schema to stdout, for editors that use it to complete and check TOML.
///
/// # Errors
/// When stdout cannot be written.
pub fn main(args: &Args) -> Result<Exit, Failure> {
    let schema = match args.of {
        Of::Config => settings::schema("comfydeck's config.toml", &settings::config()),
        Of::Preset => settings::schema("a preset of comfydeck", &settings::preset()),
    };
    out::print(&format!("{schema:#}\n"))?;
    Ok(Exit::Success)
}
