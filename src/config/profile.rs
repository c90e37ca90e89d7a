//! Profiles: where to run, and with which credentials.

use std::path::{Path, PathBuf};

use url::Url;

use super::{Credential, Credentials, Dirs, Secret, source};
use crate::domain::OutputName;
use crate::domain::run::{Asked, Form, Protocol, Trust, called_url};

/// Runs of one endpoint in flight at once, when the profile does not say.
pub(super) const DEFAULT_CONCURRENCY: u32 = 1;

#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// Name in `config.toml`; empty for a bare `--url`.
    pub name: String,
    pub protocol: Protocol,
    pub url: String,
    /// Address of the service in front of the endpoint, for protocols with one.
    pub api_url: Option<String>,
    /// The secrets sent with each request.
    pub secrets: Vec<CredentialSource>,
    /// Whether the endpoint needs no credentials, so that missing ones are not an error.
    pub without_credentials: bool,
    /// Most runs in flight at once; at least 1.
    pub concurrency: u32,
    /// What a second of a run costs; `None` when it is not known.
    pub cost_per_second: Option<f64>,
    pub workflow: Option<PathBuf>,
    /// A file with the `object_info` of its server.
    pub schema: Option<PathBuf>,
    /// Folder for outputs; `None` for the default, [`Dirs::outputs`].
    pub output_dir: Option<PathBuf>,
    /// File name template for outputs; `None` keeps the server's names.
    pub output_name: Option<OutputName>,
    /// Whether to write a description beside each output.
    pub sidecar: bool,
    /// Which certificates its server may have.
    pub trust: Trust,
}

/// A request header with the source of its secret.
#[derive(Clone, Debug, PartialEq)]
pub struct CredentialSource {
    /// Its key in the profile, or `headers.NAME` for a custom header.
    pub name: String,
    pub header: String,
    pub form: Form,
    pub source: SecretSource,
}

#[derive(Clone, Debug, PartialEq)]
pub enum SecretSource {
    /// The text in the config file.
    Text(Secret),
    Env {
        name: String,
        /// Without the variable there is no secret and no error, for old deployments.
        optional: bool,
    },
    /// The first line of a file.
    File(PathBuf),
    /// The first line of a command's output, run by `sh -c`.
    Command(String),
}

impl SecretSource {
    /// Whether only the submitting process can find it: the background runner has another environment, and nobody to
    /// type a passphrase for a command.
    pub fn is_ambient(&self) -> bool {
        matches!(self, Self::Env { .. } | Self::Command(_))
    }
}

impl Profile {
    /// A bare address, with credentials from `VIEWCOMFY_CLIENT_ID` and `VIEWCOMFY_CLIENT_SECRET` when these are set.
    pub fn of_url(url: &str) -> Self {
        let env = |name: &str| SecretSource::Env { name: name.to_owned(), optional: true };
        let profile = Self {
            name: String::new(),
            protocol: Protocol::Stream,
            url: url.to_owned(),
            api_url: None,
            secrets: Vec::new(),
            without_credentials: false,
            concurrency: DEFAULT_CONCURRENCY,
            cost_per_second: None,
            workflow: None,
            schema: None,
            output_dir: None,
            output_name: None,
            sidecar: false,
            trust: Trust::default(),
        };
        profile
            .with_secret("client_id", env("VIEWCOMFY_CLIENT_ID"))
            .with_secret("client_secret", env("VIEWCOMFY_CLIENT_SECRET"))
    }

    /// Sets a secret of the protocol, replacing one with the same key. Other keys are ignored.
    pub fn with_secret(mut self, key: &str, source: SecretSource) -> Self {
        self.secrets.retain(|secret| secret.name != key);
        if let Some(asked) = self.protocol.credentials().iter().find(|asked| asked.key == key) {
            let (name, header) = (key.to_owned(), asked.header.to_owned());
            self.secrets.push(CredentialSource { name, header, form: asked.form, source });
        }
        self
    }

    /// The address that requests and credentials go to.
    pub fn called_url(&self) -> &str {
        called_url(&self.url, self.api_url.as_deref())
    }

    /// Whether the background runner cannot find these credentials by the profile's name, so that
    /// they must be handed over.
    pub fn is_ambient(&self) -> bool {
        self.name.is_empty() || self.sources().any(SecretSource::is_ambient)
    }

    /// The folder for its outputs.
    pub fn outputs<'a>(&'a self, dirs: &'a Dirs) -> &'a Path {
        self.output_dir.as_deref().unwrap_or(&dirs.outputs)
    }

    /// Looks up the secrets. May run commands, which can take seconds. A missing secret is an error, since a request
    /// without it would fail at the server, unless the profile says that none are needed.
    ///
    /// # Errors
    /// Which secret could not be found, why, and what to do; never the secret.
    pub fn credentials(&self) -> Result<Credentials, SecretError> {
        let find = |CredentialSource { name, header, form, source }: &CredentialSource| {
            let fault = |why| SecretError { profile: self.name.clone(), secret: name.clone(), why };
            let secret = source::resolve(source).map_err(fault).transpose()?;
            Some(secret.map(|secret| Credential {
                name: name.clone(),
                header: header.clone(),
                form: *form,
                secret,
            }))
        };
        let credentials: Credentials = self.secrets.iter().filter_map(find).collect::<Result<_, _>>()?;
        let is_missing = |asked: &&Asked| asked.required && credentials.get(asked.key).is_none();
        match self.protocol.credentials().iter().find(is_missing).filter(|_| !self.without_credentials) {
            Some(Asked { key, .. }) => Err(SecretError {
                profile: self.name.clone(),
                secret: (*key).to_owned(),
                why: self.missing(key),
            }),
            None => Ok(credentials),
        }
    }

    /// Every text that would reveal one of its secrets, as far as they can be found without an error to anybody. Commands
    /// may ask a person for a passphrase: they run only where `asks` allows it.
    pub fn known_secrets(&self, asks: bool) -> Vec<Secret> {
        let found = self.secrets.iter().filter_map(|CredentialSource { name, header, form, source }| {
            if matches!(source, SecretSource::Command(_)) && !asks {
                return None;
            }
            let secret = source::resolve(source).ok()??;
            let credential = Credential { name: name.clone(), header: header.clone(), form: *form, secret };
            Some(credential.secrets())
        });
        found.flatten().collect()
    }

    /// The source of each secret.
    pub fn sources(&self) -> impl Iterator<Item = &SecretSource> {
        self.secrets.iter().map(|secret| &secret.source)
    }

    /// Whether a secret is in the config file itself.
    pub(super) fn holds_secret(&self) -> bool {
        self.sources().any(|source| matches!(source, SecretSource::Text(_)))
    }

    /// Why a required secret is missing, and what to do.
    fn missing(&self, key: &str) -> String {
        match self.secrets.iter().find(|secret| secret.name == key).map(|secret| &secret.source) {
            Some(SecretSource::Env { name, .. }) => format!(
                "the environment variable {name} is not set, and without credentials nothing is sent. Set it, or run `comfydeck init` to set up a profile"
            ),
            _ => format!(
                "config.toml has none, and without credentials nothing is sent. Run `comfydeck init --profile {} --force`; if the endpoint needs none, add `without_credentials = true` to the profile",
                self.name
            ),
        }
    }
}

/// A secret that could not be found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{secret}{of}: {why}", of = if .profile.is_empty() { String::new() } else { format!(" of profile `{}`", .profile) })]
pub struct SecretError {
    /// Empty for a bare address.
    pub profile: String,
    /// Its key in the profile.
    pub secret: String,
    /// What went wrong and what to do.
    pub why: String,
}

/// Checks that an address can be used.
///
/// # Errors
/// Why not, in one sentence.
pub fn check_url(url: &str) -> Result<(), String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split(['/', '?', '#']).next().unwrap_or(""));
    match host {
        None => Err("the address must begin with https:// (or http://)".to_owned()),
        Some("") => Err("the address has no host".to_owned()),
        Some(host) if host.contains('@') => {
            Err("the address contains a user name or password; secrets belong in fields of their own (`password`, `headers`)"
                .to_owned())
        }
        Some(_) if url.chars().any(|c| c.is_whitespace() || c.is_control()) => {
            Err("the address contains a space".to_owned())
        }
        Some(_) => match Url::parse(url) {
            Ok(_) => Ok(()),
            Err(why) => Err(format!("the address is not valid: {why}")),
        },
    }
}

/// Resolves a path in a profile, relative to the config file's folder.
pub(super) fn path_of(text: &str, folder: &Path) -> PathBuf {
    super::dirs::expand(text, folder)
}

#[cfg(test)]
mod tests {
    use super::check_url;

    #[test]
    fn addresses_that_no_run_could_be_sent_to_are_told_at_once() {
        for good in [
            "https://a.example.com",
            "http://127.0.0.1:8188/path?x=1",
            "http://[::1]:8188/",
            "https://bücher.example/",
        ] {
            assert_eq!(check_url(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            ("a.example.com", "must begin with"),
            ("ftp://a.example.com", "must begin with"),
            ("https://", "no host"),
            ("https:///path", "no host"),
            ("http://[::1", "not valid"),
            ("http://a:70000/", "not valid"),
            ("http://a b/", "space"),
            ("https://me:secret@a.example.com/", "user name or password"),
        ] {
            let told = check_url(bad).expect_err(bad);
            assert!(told.contains(why) && !told.contains("secret@"), "{bad}: {told}");
        }
    }
}
