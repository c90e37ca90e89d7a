//! Pure types and rules: no IO, no clock, no randomness of their own.

pub mod compare;
pub mod diagnostic;
pub mod draft;
pub mod fit;
pub mod flatten;
pub mod form;
pub mod inputs;
pub mod key;
pub mod lora;
pub mod media;
pub mod naming;
pub mod node_facts;
pub mod output;
pub mod param;
pub mod pasted;
pub mod preset;
pub mod prompt;
pub mod role;
pub mod run;
pub mod scalar;
pub mod tables;
pub mod time;
pub mod value;
pub mod workflow;

pub use diagnostic::Diagnostic;
pub use draft::{Draft, Origin, SeedPolicy, Setting};
pub use fit::Fit;
pub use key::ParamKey;
pub use media::FileKind;
pub use naming::OutputName;
pub use output::{OutputCard, OutputId};
pub use param::{ParamKind, Parameter};
pub use role::Role;
pub use run::{Run, RunEvent, RunId, RunRequest, RunSummary, Status};
pub use workflow::Workflow;
