//! Which run came from which.

use rusqlite::{Connection, OptionalExtension, params};

use super::list::COLUMNS;
use super::{Store, StoreError};
use crate::domain::lineage::{self, How, Kin, Lineage};
use crate::domain::{Brief, RunId, RunRequest, RunSummary};

/// Ancestors that are followed.
const DEEPEST: usize = 64;
/// Ancestors that are only likely, the nearest ones.
const MOST_LIKELY: usize = 8;
/// Children that are listed.
const CHILDREN: i64 = 12;

const CHILDREN_OF: &str = "SELECT run, how FROM parents INDEXED BY parents_by_parent
    WHERE parent = ?1 ORDER BY run DESC LIMIT ?2";

impl Store {
    /// Where a run came from, and what came of it. Takes time proportional to its kin, not to the history.
    ///
    /// # Errors
    /// When the history cannot be read.
    pub fn lineage(&self, id: RunId) -> Result<Lineage, StoreError> {
        let Some(request) = self.request(id)? else { return Ok(Lineage::default()) };
        let mut found = Lineage { imported: lineage::is_imported(&request), ..Lineage::default() };
        let (mut child, mut of_child, mut is_first, mut likely) = (id, Some(request), true, 0);
        while found.ancestors.len() < DEEPEST {
            let mut parents = self.parents(child, of_child.as_ref())?;
            parents.sort_by_key(|(run, how)| (*how, -run));
            let Some((parent, how)) = parents.first().copied() else { break };
            likely += usize::from(how == How::Likely);
            if likely > MOST_LIKELY {
                break;
            }
            let request = self.request(parent)?;
            let change = changed(how, (parent, request.as_ref()), of_child.as_ref());
            if is_first {
                found.own = Some((how, change));
                found.others = parents.split_off(1);
            } else if let Some(kin) = found.ancestors.last_mut() {
                (kin.how, kin.change) = (Some(how), change);
            }
            found.ancestors.push(Kin { id: parent, run: self.summary_of(parent)?, how: None, change: None });
            (child, of_child, is_first) = (parent, request, false);
        }
        found.ancestors.reverse();
        self.add_children(id, &mut found)?;
        Ok(found)
    }

    fn add_children(&self, id: RunId, found: &mut Lineage) -> Result<(), StoreError> {
        let request = self.request(id)?;
        let mut statement = self.connection.prepare_cached(CHILDREN_OF)?;
        let rows =
            statement.query_map(params![id, CHILDREN], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        for row in rows.collect::<Result<Vec<(RunId, String)>, _>>()? {
            let (child, Some(how)) = (row.0, How::from_word(&row.1)) else { continue };
            let change = changed(how, (id, request.as_ref()), self.request(child)?.as_ref());
            found.children.push(Kin { id: child, run: self.summary_of(child)?, how: Some(how), change });
        }
        let count = "SELECT count(*) FROM parents INDEXED BY parents_by_parent WHERE parent = ?1";
        let count: i64 = self.connection.prepare_cached(count)?.query_row([id], |row| row.get(0))?;
        found.count = usize::try_from(count).unwrap_or_default();
        self.add_likely_child(id, request.as_ref(), found)
    }

    /// The next run of the same workflow and preset, where it most likely came from this one.
    fn add_likely_child(
        &self,
        id: RunId,
        request: Option<&RunRequest>,
        found: &mut Lineage,
    ) -> Result<(), StoreError> {
        let Some(own) = request else { return Ok(()) };
        let Some(next) = self.next_like(id, &own.workflow_hash, own.preset.as_deref())? else {
            return Ok(());
        };
        let child = self.request(next)?;
        if self.parents(next, child.as_ref())? == [(id, How::Likely)] {
            let change = changed(How::Likely, (id, request), child.as_ref());
            let how = Some(How::Likely);
            found.children.push(Kin { id: next, run: self.summary_of(next)?, how, change });
            found.count += 1;
        }
        Ok(())
    }

    /// The runs that one came from: as it was kept when it was queued; of one that is older than that, as its request and its
    /// files tell; failing that the one before it, where that is likely.
    fn parents(&self, run: RunId, request: Option<&RunRequest>) -> Result<Vec<(RunId, How)>, StoreError> {
        let kept = parents(&self.connection, run)?;
        let Some(request) = request.filter(|_| kept.is_empty()) else { return Ok(kept) };
        let mut told = told_by(&self.connection, run, request)?;
        told.retain(|(parent, _)| *parent < run);
        let before = match told.is_empty() {
            true => self.before(run, &request.workflow_hash, request.preset.as_deref())?,
            false => None,
        };
        if let Some(before) = before
            && let Some(change) =
                changed(How::Likely, (before, self.request(before)?.as_ref()), Some(request))
            && lineage::is_likely(request, &change)
        {
            told.push((before, How::Likely));
        }
        Ok(told)
    }

    /// A run's request; `None` where there is none, or it cannot be read.
    fn request(&self, id: RunId) -> Result<Option<RunRequest>, StoreError> {
        let sql = "SELECT json FROM requests WHERE run = ?1";
        let json = self.connection.prepare_cached(sql)?.query_row([id], |row| row.get::<_, String>(0));
        Ok(json.optional()?.and_then(|json| serde_json::from_str(&json).ok()))
    }

    fn summary_of(&self, id: RunId) -> Result<Option<RunSummary>, StoreError> {
        Ok(self.list(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"), [id])?.pop())
    }
}

fn changed(how: How, parent: (RunId, Option<&RunRequest>), child: Option<&RunRequest>) -> Option<Brief> {
    // What takes a picture may be of another workflow than what made it.
    let is_alike = how != How::Input;
    Some(Brief::of((parent.0, parent.1?), child?)).filter(|_| is_alike)
}

fn parents(connection: &Connection, run: RunId) -> Result<Vec<(RunId, How)>, StoreError> {
    let sql = "SELECT parent, how FROM parents WHERE run = ?1 AND parent < ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let rows = statement.query_map([run], |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
    let rows = rows.collect::<Result<Vec<(RunId, String)>, _>>()?;
    Ok(rows.into_iter().filter_map(|(parent, how)| Some((parent, How::from_word(&how)?))).collect())
}

/// The runs that one came from, as its request and the content of its files tell.
fn told_by(
    connection: &Connection,
    run: RunId,
    request: &RunRequest,
) -> Result<Vec<(RunId, How)>, StoreError> {
    let mut found = lineage::parents(request);
    for file in request.files.iter().filter(|_| request.adopt.is_none()) {
        let sql = "SELECT run FROM outputs INDEXED BY outputs_by_content
            WHERE sha256 = ?1 AND run < ?2 ORDER BY run DESC LIMIT 1";
        let made: Option<RunId> = connection
            .prepare_cached(sql)?
            .query_row(params![file.sha256, run], |row| row.get(0))
            .optional()?;
        found.extend(made.map(|made| (made, How::Input)));
    }
    Ok(found)
}

/// Keeps which runs a new one came from, inside the transaction that queues it.
pub(super) fn remember(connection: &Connection, run: RunId, request: &RunRequest) -> Result<(), StoreError> {
    let found = told_by(connection, run, request)?;
    let sql = "INSERT OR IGNORE INTO parents (run, parent, how) VALUES (?1, ?2, ?3)";
    for (parent, how) in found {
        connection.prepare_cached(sql)?.execute(params![run, parent, how.word()])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::config::Dirs;
    use crate::domain::run::{InputFile, Output};
    use crate::domain::{Origin, ParamKey, RunEvent, Said};

    fn request(cfg: u32, from: Option<Said>) -> RunRequest {
        let key = ParamKey::parse("3-inputs-cfg").expect("a key");
        let origins =
            from.into_iter().map(|how| (ParamKey::new("6", "text"), Origin::Person { how })).collect();
        RunRequest { params: [(key, json!(cfg))].into_iter().collect(), origins, ..RunRequest::default() }
    }

    #[test]
    fn a_run_knows_the_way_to_its_root_and_what_came_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Dirs::under(folder.path())).expect("a store");
        let queue = |request: &RunRequest| store.queue(request, 1).expect("queued");
        let root = queue(&request(5, None));
        let second = queue(&request(6, Some(Said::Run(root))));
        let again = queue(&request(6, Some(Said::Repeat(second))));
        let third = queue(&request(7, Some(Said::Run(second))));
        let found = store.lineage(third).expect("read");
        let differ = |change: &Option<Brief>| change.as_ref().map(|brief| brief.told.len());
        let told = |kin: &Kin| (kin.id, kin.how, differ(&kin.change));
        let ancestors: Vec<_> = found.ancestors.iter().map(told).collect();
        let loaded = Some(How::Loaded);
        assert_eq!(ancestors, [(root, None, None), (second, loaded, Some(1))]);
        assert_eq!(found.own.map(|(how, change)| (how, differ(&change))), Some((How::Loaded, Some(1))));
        let children: Vec<_> = store.lineage(second).expect("read").children.iter().map(told).collect();
        assert_eq!(children, [(third, loaded, Some(1)), (again, Some(How::Again), Some(0))]);
        assert!(store.lineage(99).expect("read").is_empty());
    }

    #[test]
    fn a_picture_that_is_an_input_leads_to_the_run_that_made_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Dirs::under(folder.path())).expect("a store");
        let maker = store.queue(&request(5, None), 1).expect("queued");
        let output = Output {
            path: "/o/a.png".into(),
            name: "a.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 1,
            sha256: "abc".to_owned(),
        };
        store.append(maker, 2, &[RunEvent::OutputSaved(output)]).expect("saved");
        let file = InputFile {
            part: "52-inputs-image".to_owned(),
            path: "/o/a.png".into(),
            name: "a.png".to_owned(),
            content_type: "image/png".to_owned(),
            size: 1,
            sha256: "abc".to_owned(),
        };
        let other = store.queue(&request(1, None), 3).expect("queued");
        let both = RunRequest { files: vec![file], ..request(2, Some(Said::Run(other))) };
        let user = store.queue(&both, 3).expect("queued");
        let found = store.lineage(user).expect("read");
        let nearest = found.ancestors.last().map(|kin| kin.id);
        assert_eq!((nearest, found.others), (Some(other), vec![(maker, How::Input)]));
        assert_eq!(store.lineage(maker).expect("read").children[0].how, Some(How::Input));
    }

    #[test]
    fn edges_that_nobody_kept_are_told_as_far_as_they_can_be() {
        let folder = tempfile::tempdir().expect("a folder");
        let store = Store::open(&Dirs::under(folder.path())).expect("a store");
        let (steps, seed) = (ParamKey::new("3", "steps"), ParamKey::new("3", "seed"));
        let with = |cfg, steps_now: u32, seed_now: u32, from| {
            let mut request = request(cfg, from);
            request.params.insert(steps.clone(), json!(steps_now));
            request.params.insert(seed.clone(), json!(seed_now));
            request
        };
        let queue = |request: &RunRequest| store.queue(request, 1).expect("queued");
        let first = queue(&with(5, 20, 1, None));
        let typed = queue(&with(6, 20, 2, None));
        let far = queue(&with(9, 40, 3, None));
        let loaded = queue(&with(6, 30, 2, Some(Said::Run(typed))));
        // As a history from before edges were kept.
        store.connection.execute("DELETE FROM parents", []).expect("forgotten");
        let way = |id| {
            let found = store.lineage(id).expect("read");
            let ancestors: Vec<RunId> = found.ancestors.iter().map(|kin| kin.id).collect();
            (ancestors, found.own.map(|(how, _)| how))
        };
        assert_eq!(way(typed), (vec![first], Some(How::Likely)), "one value and the seed");
        assert_eq!(way(far), (vec![], None), "two values: nobody knows");
        assert_eq!(way(loaded), (vec![first, typed], Some(How::Loaded)), "its request says so");
        let found = store.lineage(first).expect("read");
        let children: Vec<_> = found.children.iter().map(|kin| (kin.id, kin.how)).collect();
        assert_eq!((children, found.count), (vec![(typed, Some(How::Likely))], 1));
        let chain: Vec<RunId> = (50..70).map(|seed| queue(&with(9, 40, seed, None))).collect();
        assert_eq!(way(chain[19]).0, chain[11..19], "the nearest ones");
    }
}
