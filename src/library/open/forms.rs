//! Workflows with a form around or beside them.

use std::path::Path;
use std::sync::Arc;

use super::file::{parse, text_in, undescribed};
use super::known::{Knowledge, whole};
use super::{OpenError, OpenForm, OpenWorkflow};
use crate::domain::form::{self, Form};
use crate::library::presets::WorkflowSource;

/// The workflow embedded in a `view_comfy.json`.
pub(super) fn from_form(
    source: &WorkflowSource,
    path: &Path,
    text: &str,
    title: Option<&str>,
    known: &mut Knowledge<'_>,
) -> Result<OpenWorkflow, OpenError> {
    let file = path.display().to_string();
    let forms = form::parse(text).map_err(|why| OpenError::Form { file: file.clone(), why })?;
    let names = names(&forms);
    let titles = names.join(", ");
    let chosen = match title {
        None => forms.first(),
        Some(title) => {
            let named = names.iter().position(|name| name == title);
            named.and_then(|at| forms.get(at)).or_else(|| forms.iter().find(|form| form.title == title))
        }
    };
    let Some(chosen) = chosen else {
        return Err(OpenError::NoSuchTitle { file, title: title.unwrap_or_default().to_owned(), titles });
    };
    let inner = chosen.workflow.as_deref().ok_or_else(|| OpenError::FormWithoutWorkflow(file.clone()))?;
    let mut opened = undescribed(source, parse(inner, &file, known)?, &file, known);
    if forms.len() > 1 && title.is_none() {
        opened.others = names;
    }
    put_form(&mut opened, chosen, false, text, &file);
    Ok(opened)
}

/// The name of each workflow of a form for `FILE#NAME`: its title, or its number when that is empty or ambiguous.
fn names(forms: &[Form]) -> Vec<String> {
    let is_free =
        |title: &str| !title.is_empty() && forms.iter().filter(|form| form.title == title).count() == 1;
    let name = |(at, form): (usize, &Form)| match is_free(&form.title) {
        true => form.title.clone(),
        false => (at + 1).to_string(),
    };
    forms.iter().enumerate().map(name).collect()
}

/// Arranges a workflow by the form beside it; a broken form becomes a message.
pub(super) fn add_form(opened: &mut OpenWorkflow, path: &Path) {
    let file = path.display().to_string();
    let forms = text_in(path).map_err(|e| e.to_string()).and_then(|text| {
        let forms = form::parse(&text).map_err(|e| format!("{e}, so it is ignored"))?;
        Ok((forms, text))
    });
    match forms {
        Err(why) => opened.diagnostics.push(whole(&file, why)),
        Ok((forms, text)) => match form::fitting(&forms, &opened.params) {
            Some(form) => put_form(opened, form, true, &text, &file),
            None => {
                let why = "no field of this form is a parameter of the workflow beside it, so it is ignored";
                opened.diagnostics.push(whole(&file, why.to_owned()));
            }
        },
    }
}

fn put_form(opened: &mut OpenWorkflow, form: &Form, is_beside: bool, text: &str, file: &str) {
    let mut form = form.clone();
    // It is parsed already, and can be megabytes long.
    form.workflow = None;
    opened.form = Some(Arc::new(OpenForm { form, is_beside }));
    let found = opened.describe(text, file);
    opened.diagnostics.extend(found);
}
