//! What is known of the nodes of a workflow that is opened.

use std::sync::Arc;

use crate::domain::Workflow;
use crate::domain::diagnostic::Diagnostic;
use crate::domain::schema::Schema;
use crate::library::schemas::{KeepError, KnownNodes, SchemaOrigin, Schemas};

/// What can be known of nodes.
#[derive(Default)]
pub(super) struct Knowledge<'k> {
    pub(super) from: Option<(&'k Schemas, &'k SchemaOrigin)>,
    /// Why nothing could be read.
    pub(super) problem: Option<Diagnostic>,
}

impl Knowledge<'_> {
    /// Of the nodes of a workflow.
    pub(super) fn of(&mut self, workflow: &Workflow) -> Option<Arc<KnownNodes>> {
        let (schemas, origin) = self.from?;
        self.read(origin, schemas.known(origin, workflow))
    }

    /// Of every node.
    pub(super) fn all(&mut self) -> Option<Schema> {
        let (schemas, origin) = self.from?;
        self.read(origin, schemas.all(origin))
    }

    fn read<T>(&mut self, origin: &SchemaOrigin, read: Result<Option<T>, KeepError>) -> Option<T> {
        read.unwrap_or_else(|why| {
            self.problem = Some(whole(&origin.shown(), why.to_string()));
            None
        })
    }
}

pub(super) fn whole(file: &str, message: String) -> Diagnostic {
    Diagnostic { file: file.to_owned(), line: None, key: String::new(), message, unsure: false }
}
