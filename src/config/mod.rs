//! Folders, profiles, secrets and settings.

pub mod dirs;
pub mod disk;
pub mod files;
pub mod handover;
mod load;
mod profile;
mod secret;
pub mod settings;
mod source;
pub mod write;

pub use dirs::{Dirs, DirsError};
pub use load::{Config, ConfigError, Notify, Spend, ThemeChoice, Ui};
pub use profile::{Profile, SecretError, SecretSource, check_url};
pub use secret::{Credential, Credentials, Secret, Veil};
