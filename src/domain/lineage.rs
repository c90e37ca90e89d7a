//! Which run came from which: told by what its values and files came from.

use super::brief::{Short, Told};
use super::{Brief, Origin, RunId, RunRequest, RunSummary, Said};

/// How a run came from another one. The order is that in which the nearest parent is chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// It sent the same once more.
    Again,
    /// Values of the other one were loaded, then changed.
    Loaded,
    /// The same, in a batch.
    Explored,
    /// A file that the other one made is one of its inputs.
    Input,
    /// Nothing says so, but it was sent next and differs in one thing, seeds apart.
    Likely,
}

impl How {
    pub const ALL: [Self; 5] = [Self::Again, Self::Loaded, Self::Explored, Self::Input, Self::Likely];

    pub fn word(self) -> &'static str {
        match self {
            Self::Again => "again",
            Self::Loaded => "loaded",
            Self::Explored => "explored",
            Self::Input => "input",
            Self::Likely => "likely",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|how| how.word() == word)
    }
}

/// The runs that values of a request came from, as far as the request itself says.
pub fn parents(request: &RunRequest) -> Vec<(RunId, How)> {
    // A fetch is the same run once more, not another one.
    if request.adopt.is_some() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for origin in request.origins.values() {
        let parent = match origin {
            Origin::Person { how: Said::Repeat(run) } => (*run, How::Again),
            Origin::Person { how: Said::Run(run) } if request.batch.is_some() => (*run, How::Explored),
            Origin::Person { how: Said::Run(run) } => (*run, How::Loaded),
            Origin::Person { .. }
            | Origin::Program { .. }
            | Origin::Preset { .. }
            | Origin::Form
            | Origin::Workflow => continue,
        };
        if !found.contains(&parent) {
            found.push(parent);
        }
    }
    found
}

/// Whether a run most likely came from the one of the same workflow and preset before it: they differ in one thing at the most,
/// seeds apart. Not one of a batch, which came from a draft.
pub fn is_likely(request: &RunRequest, change: &Brief) -> bool {
    let is_seed = |told: &&Told| matches!(told.change, Short::Seed(_));
    let others = change.told.iter().filter(|told| !is_seed(told)).count() + change.more;
    request.adopt.is_none() && request.batch.is_none() && others <= 1
}

/// Whether values were imported from a file.
pub fn is_imported(request: &RunRequest) -> bool {
    request.origins.values().any(|origin| matches!(origin, Origin::Person { how: Said::Import }))
}

/// A run among its kin.
#[derive(Clone, Debug, PartialEq)]
pub struct Kin {
    pub id: RunId,
    /// `None` for one that was removed from the history.
    pub run: Option<RunSummary>,
    /// How it came from the one above it; `None` for the root.
    pub how: Option<How>,
    /// What changed from that one; `None` where that is not known.
    pub change: Option<Brief>,
}

/// Where a run came from, and what came of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lineage {
    /// From the root down to the run's own parent.
    pub ancestors: Vec<Kin>,
    /// How the run itself came from the last of them, and what changed.
    pub own: Option<(How, Option<Brief>)>,
    /// Other parents of the run, such as those of its input files.
    pub others: Vec<(RunId, How)>,
    /// Values were imported from a file.
    pub imported: bool,
    /// The newest that came of it.
    pub children: Vec<Kin>,
    /// How many came of it.
    pub count: usize,
}

impl Lineage {
    pub fn is_empty(&self) -> bool {
        self.ancestors.is_empty() && self.children.is_empty() && !self.imported
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ParamKey;
    use crate::domain::batch::BatchPlace;

    fn request(origins: &[Said]) -> RunRequest {
        let keys = (0..).map(|number: usize| ParamKey::new(&number.to_string(), "cfg"));
        let origins = keys.zip(origins.iter().map(|how| Origin::Person { how: how.clone() })).collect();
        RunRequest { origins, ..RunRequest::default() }
    }

    #[test]
    fn values_tell_where_a_run_came_from() {
        let loaded = request(&[Said::Typed, Said::Run(4), Said::Run(4), Said::Run(2)]);
        assert_eq!(parents(&loaded), [(4, How::Loaded), (2, How::Loaded)]);
        let batch = Some(BatchPlace { batch: 1, place: 0 });
        assert_eq!(parents(&RunRequest { batch, ..loaded.clone() })[0], (4, How::Explored));
        assert_eq!(parents(&request(&[Said::Repeat(7)])), [(7, How::Again)]);
        assert_eq!(parents(&RunRequest { adopt: Some("x".to_owned()), ..loaded }), []);
        assert!(is_imported(&request(&[Said::Import])) && !is_imported(&request(&[Said::Typed])));
        for how in How::ALL {
            assert_eq!(How::from_word(how.word()), Some(how));
        }
    }
}
