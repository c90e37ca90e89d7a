//! Runs named on the command line: by number, or `last`.

use std::str::FromStr;

use super::Failure;
use crate::domain::{Run, RunId};
use crate::store::{RunQuery, Store, StoreError};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunArg {
    /// The newest run, `last`.
    Last,
    Number(RunId),
}

impl FromStr for RunArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "last" => Ok(Self::Last),
            number => match number.parse() {
                Ok(number) if number > 0 => Ok(Self::Number(number)),
                _ => {
                    Err("a run is named by its number, as `comfydeck runs` shows it, or by `last`".to_owned())
                }
            },
        }
    }
}

impl RunArg {
    /// # Errors
    /// When there is no such run.
    pub fn find(self, store: &Store) -> Result<Run, Failure> {
        let id = match self {
            Self::Number(number) => number,
            Self::Last => {
                let newest = store.summaries(&RunQuery { limit: 1, ..RunQuery::default() })?;
                newest.first().ok_or_else(|| Failure::usage("there are no runs yet"))?.id
            }
        };
        Ok(store.run(id)?.ok_or(StoreError::NoSuchRun(id))?)
    }
}
