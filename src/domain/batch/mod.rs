//! A batch: one draft run with several values of some parameters, along named axes.

pub mod doubts;
pub mod table;
mod values;
mod variations;

use serde::{Deserialize, Serialize};

use super::run::UnixMs;
use super::{ParamKey, Setting, Status, value};

pub use values::{Files, Target, ValuesError, of_json, one, present, read, seeds};
pub use variations::{Variation, Variations};

/// A batch's number in the store, counted from 1.
pub type BatchId = i64;

/// Runs that one batch has at the most.
pub const MOST_RUNS: usize = 10_000;

/// A parameter, and the settings that it goes through.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    pub key: ParamKey,
    /// Further parameters that a person sets by the same name: they have the same settings.
    pub also: Vec<ParamKey>,
    /// What people call it: an alias or a label.
    pub name: String,
    pub settings: Vec<Setting>,
}

impl Axis {
    /// Every parameter that it sets.
    pub fn keys(&self) -> impl Iterator<Item = &ParamKey> {
        std::iter::once(&self.key).chain(&self.also)
    }
}

/// How axes are put together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// Each setting of an axis with each of the others: as many runs as the lengths multiply to.
    #[default]
    Grid,
    /// The first settings together, then the second ones: all axes are of one length.
    Zip,
}

impl Combine {
    /// The places on axes of these lengths that a run has.
    fn places(self, lengths: impl Iterator<Item = usize>, run: usize) -> Vec<usize> {
        let mut rest = run;
        let place = |length: usize| match self {
            Self::Zip => run,
            Self::Grid => {
                let place = rest % length.max(1);
                rest /= length.max(1);
                place
            }
        };
        lengths.map(place).collect()
    }
}

/// The axes of a batch as they are kept and shown: values as texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    pub axes: Vec<AxisOutline>,
    pub combine: Combine,
}

/// One axis of an [`Outline`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AxisOutline {
    pub key: ParamKey,
    /// What people call it: an alias or a label.
    pub name: String,
    pub values: Vec<String>,
}

impl Outline {
    /// Which value of each axis a run has, in the order of the axes.
    pub fn places(&self, run: usize) -> Vec<usize> {
        self.combine.places(self.axes.iter().map(|axis| axis.values.len()), run)
    }

    /// The names of the axes and the values on them that a run has.
    pub fn values(&self, run: usize) -> Vec<(&str, &str)> {
        let named = self.axes.iter().zip(self.places(run));
        named
            .filter_map(|(axis, place)| Some((axis.name.as_str(), axis.values.get(place)?.as_str())))
            .collect()
    }
}

/// Where a run stands in its batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchPlace {
    pub batch: BatchId,
    /// Number of the run in the batch, from 0. One that was retried has the number of the one before.
    pub place: usize,
}

/// Why a queued run is not sent though it is its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hold {
    /// A person wants it.
    Asked,
    /// The batch would cost more than it may.
    BatchCost,
    /// The runs of a day would cost more than they may.
    DayCost,
    /// What was left for the runner of its secrets is gone.
    Secrets,
    /// Its batch is being queued: not all of its runs are there yet.
    Queueing,
}

impl Hold {
    pub const ALL: [Self; 5] = [Self::Asked, Self::BatchCost, Self::DayCost, Self::Secrets, Self::Queueing];

    /// The word in the store and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::BatchCost => "batch_cost",
            Self::DayCost => "day_cost",
            Self::Secrets => "secrets",
            Self::Queueing => "queueing",
        }
    }

    /// Reads [`Hold::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hold| hold.word() == word)
    }

    /// The reason, for people.
    pub fn why(self) -> &'static str {
        match self {
            Self::Asked => "held",
            Self::BatchCost => "held: the batch's cost ceiling is reached",
            Self::DayCost => "held: the day's cost ceiling is reached",
            Self::Secrets => "held: its credentials are gone",
            Self::Queueing => "being queued",
        }
    }
}

impl Hold {
    /// What lets a batch go on; `None` where only waiting does.
    pub fn remedy(self, batch: BatchId) -> Option<String> {
        match self {
            Self::BatchCost => Some(format!("`comfydeck batch resume {batch} --max-cost AMOUNT` goes on")),
            Self::Asked | Self::DayCost | Self::Secrets | Self::Queueing => {
                self.remedied_by(&format!("`comfydeck batch resume {batch}`"))
            }
        }
    }

    /// What lets runs of no batch go on; `None` where only waiting does.
    pub fn remedy_of_runs(self) -> Option<String> {
        self.remedied_by("`comfydeck queue resume`")
    }

    fn remedied_by(self, resume: &str) -> Option<String> {
        match self {
            Self::Asked => Some(format!("{resume} goes on")),
            Self::BatchCost => Some("`comfydeck batch resume BATCH --max-cost AMOUNT` goes on".to_owned()),
            Self::DayCost => Some(format!(
                "Raise `per_day` under [spend] in config.toml, or wait for tomorrow; then {resume} goes on"
            )),
            Self::Secrets => {
                Some(format!("Set the variables with its credentials again; in that shell {resume} goes on"))
            }
            Self::Queueing => None,
        }
    }
}

/// A batch as its runs have made it. Of several runs of one place the newest counts.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Batch {
    pub id: BatchId,
    pub queued_at: UnixMs,
    /// How many of its runs stand in each status.
    pub counts: Vec<(Status, usize)>,
    /// Queued runs that are held, and why the first of them is.
    pub held: Option<(Hold, usize)>,
    /// What it may cost; `None` without a ceiling.
    pub most_cost: Option<f64>,
    /// Milliseconds from the start to the end of its runs that have ended, added up.
    pub worked_ms: i64,
    /// What the runs that have ended have cost. Those that were retried count too: they were paid.
    pub spent: f64,
    /// Its runs in flight: when each was started, and what a second of it costs.
    pub in_flight: Vec<(UnixMs, f64)>,
}

impl Batch {
    /// Runs in all.
    pub fn runs(&self) -> usize {
        self.count(|_| true)
    }

    /// Runs that stand in one of these.
    pub fn count(&self, wanted: impl Fn(Status) -> bool) -> usize {
        self.counts.iter().filter(|(status, _)| wanted(*status)).map(|(_, count)| count).sum()
    }

    /// Whether a run has not ended.
    pub fn is_open(&self) -> bool {
        self.count(|status| !status.is_end()) > 0
    }

    /// What it has cost so far.
    pub fn cost(&self, now: UnixMs) -> f64 {
        let in_flight = self.in_flight.iter().map(|(since, rate)| super::spend::cost(now - since, *rate));
        self.spent + in_flight.sum::<f64>()
    }
}

/// Why axes do not make a batch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    #[error("a batch needs at least one parameter with several values")]
    NoAxes,
    #[error("{name} has no values to go through")]
    Empty { name: String },
    #[error("{name} is varied twice")]
    Twice { name: String },
    #[error(
        "{first} has {first_len} values and {second} has {second_len}: values that go together must be as many"
    )]
    Lengths { first: String, first_len: usize, second: String, second_len: usize },
    #[error("these are {} runs, and a batch has {MOST_RUNS} at the most", .runs.map_or("far too many".to_owned(), |runs| runs.to_string()))]
    TooMany {
        /// `None` where the number is too large to say.
        runs: Option<usize>,
    },
}

/// The runs of a batch, numbered from 0. Of a grid the first axis changes fastest: it makes the columns of a sheet.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    axes: Vec<Axis>,
    combine: Combine,
    runs: usize,
}

impl Plan {
    /// Puts axes together.
    ///
    /// # Errors
    /// When they do not make a batch; the sentence names the axis.
    pub fn new(axes: Vec<Axis>, combine: Combine) -> Result<Self, PlanError> {
        let first = axes.first().ok_or(PlanError::NoAxes)?;
        for (at, axis) in axes.iter().enumerate() {
            if axis.settings.is_empty() {
                return Err(PlanError::Empty { name: axis.name.clone() });
            }
            if axes[..at].iter().flat_map(Axis::keys).any(|other| axis.keys().any(|key| key == other)) {
                return Err(PlanError::Twice { name: axis.name.clone() });
            }
        }
        let runs = match combine {
            Combine::Grid => {
                axes.iter().try_fold(1_usize, |product, axis| product.checked_mul(axis.settings.len()))
            }
            Combine::Zip => match axes.iter().find(|axis| axis.settings.len() != first.settings.len()) {
                None => Some(first.settings.len()),
                Some(other) => {
                    return Err(PlanError::Lengths {
                        first: first.name.clone(),
                        first_len: first.settings.len(),
                        second: other.name.clone(),
                        second_len: other.settings.len(),
                    });
                }
            },
        };
        match runs {
            Some(runs) if runs <= MOST_RUNS => Ok(Self { axes, combine, runs }),
            runs => Err(PlanError::TooMany { runs }),
        }
    }

    pub fn axes(&self) -> &[Axis] {
        &self.axes
    }

    pub fn combine(&self) -> Combine {
        self.combine
    }

    /// How many runs there are; never 0.
    #[expect(clippy::len_without_is_empty, reason = "a plan without runs cannot be made")]
    pub fn len(&self) -> usize {
        self.runs
    }

    /// Which setting of each axis a run has, in the order of the axes; `None` behind the last run.
    pub fn places(&self, run: usize) -> Option<Vec<usize>> {
        (run < self.runs).then(|| self.combine.places(self.axes.iter().map(|axis| axis.settings.len()), run))
    }

    /// What is kept with the runs, to tell them apart.
    pub fn outline(&self) -> Outline {
        let axis = |axis: &Axis| AxisOutline {
            key: axis.key.clone(),
            name: axis.name.clone(),
            values: axis.settings.iter().map(shown).collect(),
        };
        Outline { axes: self.axes.iter().map(axis).collect(), combine: self.combine }
    }

    /// What a run sets beyond the draft.
    pub fn settings(&self, run: usize) -> impl Iterator<Item = (&ParamKey, &Setting)> {
        let places = self.places(run).unwrap_or_default();
        let set = self.axes.iter().zip(places);
        set.flat_map(|(axis, place)| axis.keys().map(move |key| (key, &axis.settings[place])))
    }
}

fn shown(setting: &Setting) -> String {
    match setting {
        Setting::Value(value) => value::text(value),
        Setting::File(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn axis(name: &str, values: std::ops::Range<usize>) -> Axis {
        let settings = values.map(|value| Setting::Value(value.into())).collect();
        Axis { key: ParamKey::new("3", name), also: Vec::new(), name: name.to_owned(), settings }
    }

    fn runs(plan: &Plan) -> Vec<Vec<usize>> {
        (0..plan.len()).filter_map(|run| plan.places(run)).collect()
    }

    #[test]
    fn a_grid_goes_through_the_first_axis_fastest() {
        let plan = Plan::new(vec![axis("cfg", 0..3), axis("seed", 0..2)], Combine::Grid).expect("a plan");
        assert_eq!(runs(&plan), [[0, 0], [1, 0], [2, 0], [0, 1], [1, 1], [2, 1]]);
        assert_eq!(plan.places(6), None);
    }

    #[test]
    fn zipped_axes_go_together() {
        let plan = Plan::new(vec![axis("cfg", 0..3), axis("steps", 10..13)], Combine::Zip).expect("a plan");
        assert_eq!(runs(&plan), [[0, 0], [1, 1], [2, 2]]);
        let set: Vec<_> = plan.settings(1).map(|(key, setting)| (key.to_string(), setting.clone())).collect();
        let value = |number: i32| Setting::Value(number.into());
        assert_eq!(set, [("3-inputs-cfg".to_owned(), value(1)), ("3-inputs-steps".to_owned(), value(11))]);
    }

    #[test]
    fn what_makes_no_batch_is_told_with_the_axis() {
        let many = |count: usize| axis("seed", 0..count);
        let table: [(Vec<Axis>, Combine, &str); 6] = [
            (vec![], Combine::Grid, "a batch needs at least one parameter with several values"),
            (vec![axis("cfg", 0..0)], Combine::Grid, "cfg has no values to go through"),
            (vec![axis("cfg", 0..2), axis("cfg", 0..2)], Combine::Zip, "cfg is varied twice"),
            (
                vec![axis("cfg", 0..2), axis("steps", 0..3)],
                Combine::Zip,
                "cfg has 2 values and steps has 3: values that go together must be as many",
            ),
            (
                vec![axis("cfg", 0..101), many(100)],
                Combine::Grid,
                "these are 10100 runs, and a batch has 10000 at the most",
            ),
            (
                (0..40).map(|n| axis(&n.to_string(), 0..10)).collect(),
                Combine::Grid,
                "these are far too many runs, and a batch has 10000 at the most",
            ),
        ];
        for (axes, combine, expected) in table {
            assert_eq!(Plan::new(axes, combine).map_err(|why| why.to_string()), Err(expected.to_owned()));
        }
    }

    proptest! {
        #[test]
        fn no_two_runs_of_a_grid_are_the_same(lengths in prop::collection::vec(1..7_usize, 1..4)) {
            let axes = lengths.iter().enumerate().map(|(at, len)| axis(&at.to_string(), 0..*len)).collect();
            let plan = Plan::new(axes, Combine::Grid).expect("a plan");
            let mut all = runs(&plan);
            prop_assert_eq!(all.len(), lengths.iter().product::<usize>());
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(all.len(), plan.len());
        }
    }
}
