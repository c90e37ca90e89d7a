//! Checks whether the open files changed on disk.

use std::path::PathBuf;

use super::{Operations, said};
use crate::library::open::{self, OpenError, OpenRequest, OpenWorkflow};
use crate::library::presets::{OpenPreset, WorkflowSource};
use crate::tui::effect::NewRun;
use crate::tui::msg::Msg;
use crate::tui::open::{Open, OpenFile};

/// The files of a workflow and its preset, as they are now.
pub(super) fn files(preset: Option<&OpenPreset>, workflow: Option<&OpenWorkflow>) -> Vec<OpenFile> {
    let of_preset = preset.into_iter().flat_map(|preset| preset.content.files.iter().cloned());
    let of_workflow = workflow.and_then(|open| match &open.source {
        WorkflowSource::File(path) => Some(path.clone()),
        WorkflowSource::BuiltIn(_) => None,
    });
    of_preset.chain(of_workflow).map(now).collect()
}

fn now(path: PathBuf) -> OpenFile {
    let found = std::fs::metadata(&path).ok();
    let bytes = found.as_ref().map_or(0, std::fs::Metadata::len);
    OpenFile { path, modified: found.and_then(|found| found.modified().ok()), bytes }
}

impl Operations {
    /// Reports files that changed since they were read. A file rewritten with the same content does not count.
    pub(super) fn check_open_files(&self, open: &Open, order: Option<&NewRun>) -> Option<Msg> {
        let files = files(open.preset.as_deref(), open.workflow.as_deref());
        let changed = files.iter().filter(|file| !open.files.contains(file));
        let changed: Vec<PathBuf> = changed.map(|file| file.path.clone()).collect();
        if changed.is_empty() {
            return None;
        }
        let fresh = self.read_again(open).ok();
        if fresh.is_some_and(|fresh| fresh.content() == open.content()) {
            return None;
        }
        Some(Msg::ChangedOnDisk { changed, files, order: order.cloned().map(Box::new) })
    }

    fn read_again(&self, open: &Open) -> Result<Open, OpenError> {
        let opening = self.opening(open)?;
        let (workflow, preset) = (Some(opening.workflow.into()), opening.preset.map(Into::into));
        Ok(Open { workflow, preset, ..Open::default() })
    }

    fn opening(&self, open: &Open) -> Result<open::Opening, OpenError> {
        let preset = open.preset.as_deref();
        let name = preset.map(|preset| match preset.source.path() {
            Some(path) => path.display().to_string(),
            None => preset.name.clone(),
        });
        // A workflow that the preset does not name was named beside it.
        let of_preset = preset.and_then(|preset| preset.workflow.as_ref());
        let source =
            open.workflow.as_ref().map(|open| &open.source).filter(|source| Some(*source) != of_preset);
        let workflow = match source {
            Some(WorkflowSource::File(path)) => Some(path.as_path()),
            Some(WorkflowSource::BuiltIn(_)) | None => None,
        };
        let wanted = OpenRequest { preset: name.as_deref(), workflow, profile: None, url: None };
        open::open(&self.config, &self.presets, &self.schemas, &wanted)
    }

    /// Reads the open files again. The profile stays.
    pub(super) fn reload(&self, open: &Open) -> Vec<Msg> {
        match self.opening(open) {
            Ok(opening) => vec![Msg::Reloaded(Box::new(self.opened(opening, None)))],
            Err(why) => {
                vec![Msg::NotOpened(format!("it cannot be read again: {}", said(why)))]
            }
        }
    }

    /// The preset that a run began from over its workflow, or the open workflow without one; `None` when it is open already.
    pub(super) fn under(&self, preset: Option<&str>, open: &Open) -> Option<Msg> {
        let is_open = open.preset.as_ref().map(|preset| preset.name.as_str()) == preset;
        if is_open {
            return None;
        }
        let wanted = OpenRequest { preset, ..OpenRequest::default() };
        let opening =
            preset.and_then(|_| open::open(&self.config, &self.presets, &self.schemas, &wanted).ok());
        let opened = match opening {
            Some(opening) => self.opened(opening, None),
            None => self.without_preset(open)?,
        };
        Some(Msg::Opened(Box::new(opened)))
    }
}
