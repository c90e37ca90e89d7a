//! Options for what to open and where to run it, the same on all subcommands.

use std::path::PathBuf;

use clap_complete::ArgValueCandidates;

use super::complete;

#[derive(Clone, Debug, Default, clap::Args)]
pub struct Open {
    /// The preset, by name or by the path of its file
    #[arg(short = 'P', long, value_name = "NAME", add = ArgValueCandidates::new(complete::presets))]
    pub preset: Option<String>,
    /// The workflow_api.json, instead of the preset's or the profile's
    #[arg(short, long, value_name = "FILE")]
    pub workflow: Option<PathBuf>,
    #[command(flatten)]
    pub place: Destination,
}

#[derive(Clone, Debug, Default, clap::Args)]
pub struct Destination {
    /// A profile of config.toml, instead of the preset's or the default
    #[arg(short, long, value_name = "NAME", conflicts_with = "url", add = ArgValueCandidates::new(complete::profiles))]
    pub profile: Option<String>,
    /// An endpoint's address; credentials come from VIEWCOMFY_CLIENT_ID and VIEWCOMFY_CLIENT_SECRET
    #[arg(short, long, value_name = "ADDRESS")]
    pub url: Option<String>,
}
