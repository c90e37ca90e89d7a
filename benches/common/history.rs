//! A long history, made quickly: as the store writes it, but in one transaction.

use comfydeck::config::Dirs;
use comfydeck::domain::run::{End, RunId};
use comfydeck::domain::{ParamKey, RunEvent, RunRequest, Status};
use comfydeck::store::Store;
use serde_json::Value;

const ANIMALS: [&str; 10] =
    ["flamingo", "cat", "otter", "heron", "whale", "fox", "lynx", "owl", "crane", "seal"];
const PLACES: [&str; 7] = ["server", "lighthouse", "meadow", "harbour", "attic", "glacier", "market"];

/// What somebody might have asked for as run number `number`.
pub(crate) fn request(number: RunId) -> RunRequest {
    let pick =
        |from: &'static [&'static str], step: RunId| from[((number / step) % from.len() as RunId) as usize];
    let prompt = format!(
        "A {} dancing on top of a {} in a pink universe, masterpiece, best quality, take {number}",
        pick(&ANIMALS, 1),
        pick(&PLACES, 10)
    );
    let params = [
        (ParamKey::new("6", "text"), Value::from(prompt.as_str())),
        (ParamKey::new("3", "seed"), Value::from(268_261_030_599_666_u64 + number as u64)),
        (ParamKey::new("3", "steps"), Value::from(20)),
        (ParamKey::new("3", "cfg"), Value::from(6)),
    ];
    RunRequest {
        profile: "prod".to_owned(),
        url: "https://example.invalid/run".to_owned(),
        concurrency: 2,
        preset: Some(pick(&ANIMALS, 1).to_owned()),
        workflow_name: "wan-i2v.json".to_owned(),
        workflow_hash: format!("{:064}", number % 5),
        params: params.into_iter().collect(),
        prompt,
        output_dir: "/home/me/outputs".into(),
        ..RunRequest::default()
    }
}

/// Fills an empty history with runs that have ended.
///
/// One run goes through the store; the others are copies of its rows with values of their own, so that a
/// hundred thousand take seconds.
pub(crate) fn fill(dirs: &Dirs, runs: RunId) {
    let store = Store::open(dirs).expect("a store");
    let id = store.queue(&request(1), 1_000).expect("queued");
    store.append(id, 2_000, &[RunEvent::Phase { status: Status::Running }]).expect("written");
    let end = End { status: Status::Done, error: None, server_seconds: Some(2.5) };
    store.append(id, 125_000, &[RunEvent::Ended(end)]).expect("written");

    let mut database = rusqlite::Connection::open(dirs.data.join("history.db")).expect("the database");
    let transaction = database.transaction().expect("a transaction");
    let columns: Vec<String> = {
        let mut names = transaction.prepare("SELECT name FROM pragma_table_info('runs')").expect("sql");
        let names = names.query_map([], |row| row.get(0)).expect("columns");
        names.map(|name| name.expect("a name")).collect()
    };
    let value = |column: &String| match column.as_str() {
        "id" | "turn" => "?1".to_owned(),
        "preset" => "?2".to_owned(),
        "workflow_hash" => "?3".to_owned(),
        "prompt" => "?4".to_owned(),
        "queued_at" | "started_at" | "phase_at" | "began_at" | "ended_at" => format!("{column} + ?1 * 60000"),
        same => same.to_owned(),
    };
    let values: Vec<String> = columns.iter().map(value).collect();
    let copy = format!(
        "INSERT INTO runs ({}) SELECT {} FROM runs WHERE id = 1",
        columns.join(", "),
        values.join(", ")
    );
    for number in 2..=runs {
        let request = request(number);
        let json = serde_json::to_string(&request).expect("json");
        let words: Vec<String> = request.params.iter().map(|(key, value)| format!("{key} {value}")).collect();
        let one = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            transaction.prepare_cached(sql).expect("sql").execute(values).expect("written");
        };
        one(&copy, &[&number, &request.preset, &request.workflow_hash, &request.prompt]);
        one("INSERT INTO requests VALUES (?1, ?2)", &[&number, &json]);
        one("INSERT INTO events SELECT ?1, seq, at + ?1, json FROM events WHERE run = 1", &[&number]);
        one(
            "INSERT INTO runs_fts (rowid, prompt, preset, workflow, params, error) VALUES (?1, ?2, ?3, ?4, ?5, '')",
            &[&number, &request.prompt, &request.preset, &request.workflow_name, &words.join("\n")],
        );
    }
    transaction.commit().expect("committed");
}

/// Gives each ninth run an output, of any animal, and each hundred-and-eleventh of these a star.
#[allow(dead_code)]
pub(crate) fn make_outputs(dirs: &Dirs) {
    let database = rusqlite::Connection::open(dirs.data.join("history.db")).expect("the database");
    let sql = "
        UPDATE runs SET outputs = 1 WHERE id % 9 = 0;
        INSERT INTO outputs (run, place, path, name, content_type, size, sha256, seed, starred_at)
        SELECT id, 0, '/home/me/outputs/' || id || '.png', id || '.png', 'image/png', 500000, printf('%064d', id), id,
            CASE WHEN id % 999 = 0 THEN id END
        FROM runs WHERE id % 9 = 0;";
    database.execute_batch(sql).expect("written");
}
