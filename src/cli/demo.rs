//! `comfydeck demo`: the dashboard with the built-in endpoint, or the endpoint alone.

use std::time::Duration;

use super::{Exit, Failure, dashboard, out, words};
use crate::config::dirs::private_dir;
use crate::config::{Config, Dirs, files};
use crate::demo::{self, DemoOptions};
use crate::domain::run::Protocol;
use crate::store::{RunQuery, Store};
use crate::tui;

/// The demo's profile for a protocol. The config has all of them, so that runs of
/// another protocol find their credentials.
fn profile(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Stream => "demo",
        Protocol::Cloud => "demo-cloud",
        Protocol::Comfyui => "demo-comfyui",
        Protocol::V2 => "demo-v2",
    }
}

/// The preset opened at the first start.
const PRESET: &str = "flamingo";

/// Folder for the outputs, beside the history.
const OUTPUTS: &str = "outputs";

#[derive(Debug, Default, clap::Args)]
pub struct Args {
    /// Run only the endpoint, on this port of 127.0.0.1 (0: any that is free), until it is stopped
    #[arg(long, value_name = "PORT")]
    pub serve: Option<u16>,
    /// How runs are sent; the endpoint speaks all of it
    #[arg(long, value_name = "WORD", value_parser = words::protocol(), default_value = "stream")]
    pub protocol: Protocol,
    /// Milliseconds of silence before the first call is answered
    #[arg(long, value_name = "MS", hide = true)]
    pub cold_start: Option<u64>,
    /// Milliseconds without a new run after which the next one finds the endpoint cold again; never when not said
    #[arg(long, value_name = "MS", hide = true)]
    pub cold_after: Option<u64>,
    /// Milliseconds to load the model, in each run
    #[arg(long, value_name = "MS", hide = true)]
    pub load: Option<u64>,
    /// Milliseconds for each step
    #[arg(long, value_name = "MS", hide = true)]
    pub step: Option<u64>,
    /// Milliseconds that the dashboard's endpoint lives on when nobody is connected
    #[arg(long, value_name = "MS", hide = true)]
    pub idle: Option<u64>,
    /// Serve the socket that is standard input, for the dashboard
    #[arg(long, hide = true, conflicts_with = "serve")]
    pub background: bool,
}

/// Serves the endpoint, or opens the dashboard with it.
///
/// # Errors
/// When the endpoint cannot be started.
pub fn main(args: Args) -> Result<Exit, Failure> {
    let options = options(&args);
    if args.background {
        let idle = args.idle.map_or(demo::process::IDLE, Duration::from_millis);
        demo::process::serve_handed_over(&dirs()?, options, idle)?;
        return Ok(Exit::Success);
    }
    if let Some(port) = args.serve {
        demo::process::serve_here(port, options, |address| {
            let url = format!("http://{address}");
            out::note(how_to_use(args.protocol, &url));
            // Printed last: a script that waits for this line may stop the endpoint at once.
            out::print(&format!("{url}\n"))?;
            Ok::<(), Failure>(())
        })?;
        return Ok(Exit::Success);
    }
    screen(&dirs()?, args.protocol, &background(&args))
}

/// How to use an endpoint that runs alone.
fn how_to_use(protocol: Protocol, url: &str) -> String {
    match protocol {
        Protocol::Stream => {
            "a demo endpoint: any VIEWCOMFY_CLIENT_ID and VIEWCOMFY_CLIENT_SECRET will do; Ctrl+C stops it"
                .to_owned()
        }
        Protocol::Cloud => format!(
            "a demo endpoint; Ctrl+C stops it. Any credentials will do in config.toml:\n\n{}",
            place(protocol, url)
        ),
        Protocol::Comfyui => format!(
            "a demo of ComfyUI's own server; Ctrl+C stops it. In config.toml:\n\n{}",
            place(protocol, url)
        ),
        Protocol::V2 => format!(
            "a demo of Comfy API v2; Ctrl+C stops it. Any API key will do, or none. In config.toml:\n\n{}",
            place(protocol, url)
        ),
    }
}

/// The dashboard with an endpoint that outlives it, and the person's own keys and colours.
fn screen(dirs: &Dirs, protocol: Protocol, endpoint: &[String]) -> Result<Exit, Failure> {
    // Held until the screen is closed: the endpoint stays while a client is connected.
    let endpoint = demo::process::ensure(dirs, endpoint)?;
    write_config(dirs, protocol, &endpoint.url)?;
    let own = Config::load(&super::dirs()?).map_err(Failure::usage)?;
    let config = Config { ui: own.ui, keys: own.keys, ..Config::load(dirs).map_err(Failure::usage)? };
    let is_first = Store::open(dirs)?.summaries(&RunQuery { limit: 1, ..RunQuery::default() })?.is_empty();
    let _in_the_demo = dashboard::show(tui::Options {
        dirs: dirs.clone(),
        config,
        profile: Some(profile(protocol).to_owned()),
        url: None,
        workflow: None,
        preset: is_first.then(|| PRESET.to_owned()),
        demo: true,
        start_demo: start,
    })?;
    Ok(Exit::Success)
}

/// Starts the dashboard's endpoint, or finds the one that is there, without staying connected to it.
///
/// # Errors
/// The reason in words, when it cannot be started or reached.
pub fn start() -> Result<(), String> {
    let dirs = dirs().map_err(|failure| failure.message)?;
    demo::process::ensure(&dirs, &background(&Args::default())).map(drop).map_err(|why| why.to_string())
}

/// Writes the demo's config, in which the runner finds its credentials as usual.
fn write_config(dirs: &Dirs, protocol: Protocol, url: &str) -> Result<(), Failure> {
    let path = dirs.config_file();
    let outputs = dirs.data.with_file_name(OUTPUTS);
    let outputs = toml_edit::value(outputs.to_string_lossy().into_owned());
    let mut text = format!(
        "# Written by `comfydeck demo` at every start.\ndefault_profile = \"{}\"\n",
        profile(protocol)
    );
    for protocol in Protocol::ALL {
        text += &format!("\n{}concurrency = 2\noutput_dir = {outputs}\n", place(protocol, url));
    }
    private_dir(&dirs.config)
        .and_then(|()| files::replace(&path, text.as_bytes(), 0o600))
        .map_err(|e| Failure::usage(format!("{} cannot be written: {e}", path.display())))
}

/// The address of a profile, as in `config.toml`.
fn place(protocol: Protocol, url: &str) -> String {
    let (name, word) = (profile(protocol), protocol.word());
    // The demo accepts any credentials.
    let credentials = "client_id = \"demo\"\nclient_secret = \"demo\"\n";
    let fields = match protocol {
        Protocol::Stream => format!("url = \"{url}\"\n{credentials}"),
        Protocol::Cloud => format!("url = \"{url}/demo\"\napi_url = \"{url}\"\n{credentials}"),
        Protocol::Comfyui => format!("url = \"{url}\"\n"),
        Protocol::V2 => format!("url = \"{url}\"\napi_key = \"demo\"\n"),
    };
    format!("[profiles.{name}]\nprotocol = \"{word}\"\n{fields}")
}

/// The demo's own folders, separate from the real history.
fn dirs() -> Result<Dirs, Failure> {
    Ok(Dirs::under(&super::dirs()?.state.join("demo")))
}

/// Arguments for the endpoint process behind the dashboard.
fn background(args: &Args) -> Vec<String> {
    let given = [
        ("--cold-start", args.cold_start),
        ("--cold-after", args.cold_after),
        ("--load", args.load),
        ("--step", args.step),
        ("--idle", args.idle),
    ];
    let given = given.into_iter().filter_map(|(name, ms)| Some([name.to_owned(), ms?.to_string()]));
    ["demo", "--background"].map(str::to_owned).into_iter().chain(given.flatten()).collect()
}

fn options(args: &Args) -> DemoOptions {
    let usual = DemoOptions::default();
    let or = |given: Option<u64>, usual| given.map_or(usual, Duration::from_millis);
    DemoOptions {
        cold_start: or(args.cold_start, usual.cold_start),
        cold_after: args.cold_after.map(Duration::from_millis),
        load: or(args.load, usual.load),
        step: or(args.step, usual.step),
        ..usual
    }
}

impl From<demo::process::DemoError> for Failure {
    fn from(error: demo::process::DemoError) -> Self {
        Self::usage(error)
    }
}
