//! Outputs of many runs, as the gallery lists them.

use super::run::{Output, RunRequest, UnixMs};
use super::{Notes, RunId, inputs, scalar};

/// Identifies an output by its run and its index.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OutputId {
    pub run: RunId,
    /// Index in [`Run::outputs`](super::Run::outputs), in the order they were saved.
    pub place: u32,
}

/// An output with the parts of its run that a caption needs.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputCard {
    pub id: OutputId,
    pub output: Output,
    pub starred: bool,
    /// Nobody wants it: it is not listed unless asked for.
    pub rejected: bool,
    /// What people noted of its run.
    pub notes: Notes,
    /// The first seed sent, in digits.
    pub seed: Option<String>,
    pub preset: Option<String>,
    /// The first line of the run's prompt, shortened.
    pub prompt: String,
    /// When its run ended or, for a run at work, when its current phase began.
    pub at: UnixMs,
}

impl RunRequest {
    /// The first seed sent, in digits: it may exceed any integer type.
    pub fn first_seed(&self) -> Option<String> {
        let mut seeds = self.params.iter().filter(|(key, _)| inputs::is_seed_name(key.input()));
        seeds.find_map(|(_, value)| {
            value.as_number().filter(|number| scalar::is_whole(number)).map(ToString::to_string)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ParamKey;

    #[test]
    fn the_first_seed_is_a_whole_number_of_that_name() {
        let request = |params: &[(&str, &str)]| RunRequest {
            params: params
                .iter()
                .map(|(key, json)| {
                    let key = ParamKey::parse(key).expect("a key");
                    (key, serde_json::from_str(json).expect("json"))
                })
                .collect(),
            ..RunRequest::default()
        };
        for (params, seed) in [
            (
                &[("3-inputs-steps", "20"), ("3-inputs-noise_seed", "18446744073709551615")][..],
                "18446744073709551615",
            ),
            (&[("1-inputs-seed_mode", "\"fixed\""), ("3-inputs-seed", "7"), ("4-inputs-seed", "8")], "7"),
            (&[("3-inputs-seed", "1.5")], ""),
            (&[], ""),
        ] {
            assert_eq!(request(params).first_seed().unwrap_or_default(), seed, "{params:?}");
        }
    }
}
