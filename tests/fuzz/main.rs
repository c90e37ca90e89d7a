//! The targets of `fuzz/` on random inputs made from good ones, so that they hold with every run of the tests, on any
//! toolchain. `FUZZ_SECONDS=60 cargo test --release --test fuzz` tries each that long.

#[path = "../../fuzz/src/lib.rs"]
#[allow(dead_code, unreachable_pub)] // it is a crate of its own
mod targets;

use std::path::Path;
use std::time::{Duration, Instant};

use fastrand::Rng;

/// Inputs of each target when no time is said.
const USUAL: u32 = 400;

/// Longest input.
const LONGEST: usize = 4096;

/// Pieces that mean something somewhere.
const PIECES: [&[u8]; 40] = [
    b"\x1b[",
    b"\x1b]",
    b"\x1b[200~",
    b"\x1b[201~",
    b"\x1bO",
    b"\x1b_G",
    b"\x07",
    b"\x1b\\",
    b"\r\n",
    b"\r",
    b"\n\n",
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc3",
    b"\xe2\x80\xae",
    b"data:",
    b"event: prompt_result\n",
    b"\"data\":\"",
    b"\\u00",
    b"\\ud83d",
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b":",
    b",",
    b"1e999",
    b"-0",
    b"NaN",
    b"null",
    b"42[\"a\",{}]",
    b"451-[",
    b"=",
    b"__wild__",
    b"(a:1.1)",
    b"{a|b}",
    b"<lora:x:1>",
    b"99999999999999999999",
];

fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    paths.iter().filter(|path| path.is_file()).map(|path| std::fs::read(path).expect("read")).collect()
}

fn texts(texts: &[&str]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// A good input, spoilt.
fn mutated(rng: &mut Rng, seeds: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = rng.choice(seeds).cloned().unwrap_or_default();
    if bytes.len() > LONGEST {
        let from = rng.usize(0..bytes.len() - LONGEST);
        bytes = if rng.bool() { bytes[..LONGEST].to_vec() } else { bytes[from..from + LONGEST].to_vec() };
    }
    for _ in 0..rng.usize(0..12) {
        let at = rng.usize(0..=bytes.len());
        let end = (at + rng.usize(0..24)).min(bytes.len());
        match rng.u8(0..7) {
            0 => drop(bytes.drain(at..end)),
            1 => bytes.truncate(at),
            2 => {
                let piece = rng.choice(PIECES).unwrap_or(b"");
                bytes.splice(at..at, piece.iter().copied());
            }
            3 => {
                let copied = bytes[at..end].to_vec();
                let to = rng.usize(0..=bytes.len());
                bytes.splice(to..to, copied);
            }
            4 => {
                let other = rng.choice(seeds).cloned().unwrap_or_default();
                let from = rng.usize(0..=other.len());
                let until = (from + rng.usize(0..200)).min(other.len());
                bytes.splice(at..end, other[from..until].iter().copied());
            }
            _ if at < bytes.len() => bytes[at] = rng.u8(..),
            _ => bytes.push(rng.u8(..)),
        }
    }
    bytes
}

fn try_out(name: &str, target: fn(&[u8]), seeds: &[Vec<u8>]) {
    let told = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seconds = told("FUZZ_SECONDS").map(Duration::from_secs);
    let seed = told("SEED").unwrap_or_else(|| fastrand::u64(..1 << 32));
    let (mut rng, begun, mut count) = (Rng::with_seed(seed), Instant::now(), 0);
    while seconds.map_or(count < USUAL, |seconds| begun.elapsed() < seconds) {
        let input = mutated(&mut rng, seeds);
        let since = Instant::now();
        let tried = std::panic::catch_unwind(|| target(&input));
        let input = || String::from_utf8_lossy(&input).into_owned();
        assert!(tried.is_ok(), "{name}, SEED={seed}, input {count}: {:?}", input());
        assert!(since.elapsed() < Duration::from_secs(10), "{name} takes for ever: {:?}", input());
        count += 1;
    }
    println!("{name}: {count} inputs from SEED={seed}");
}

#[test]
fn streams_of_events() {
    let seeds = texts(&[
        "\u{1}event: log_message\ndata: {\"a\": 1}\n\nevent: prompt_result\ndata: {\"outputs\": []}\n\n: ping\r\n\r\n",
        "\u{5}data: a\ndata: b\rdata: c\r\n\r\nevent: error\nid: 1\nwhat is this\n\n",
    ]);
    try_out("sse", targets::sse, &seeds);
}

#[test]
fn results() {
    let seeds = texts(&[
        r#"x{"prompt_id": "p", "status": "success", "outputs": [{"filename": "a.png", "content_type": "image/png", "data": "iVBORw0KGgo=", "size": 8}], "execution_time_seconds": 1.5}"#,
        "y{\"outputs\":[{\"data\":\"aGVsbG8\",\"filename\":\"\\u00e9\\ud83d\\ude00\"},{\"filepath\":\"/a\"}],\"prompt\":{\"1\":{}}}",
    ]);
    try_out("result", targets::result, &seeds);
    let seeds = texts(&["xaGVsbG8gd29ybGQ=", "\u{3}aGVs\nbG8=", "zaGVsbG8_LXdvcmxk"]);
    try_out("base64", targets::base64, &seeds);
}

#[test]
fn answers_of_servers() {
    let seeds = texts(&[
        "0{\"sid\":\"a\",\"pingInterval\":25000,\"pingTimeout\":20000}\u{0}40{\"sid\":\"s\"}\u{0}42[\"infer_log_message\",{\"prompt_id\":\"p\",\"message\":\"x\"}]\u{0}2\u{0}451-[\"a\",{\"_placeholder\":true,\"num\":0}]\u{0}44{\"message\":\"no\"}",
        "42[\"infer_result_message\",{\"promptId\":\"p\",\"status\":\"success\",\"outputs\":[]}]",
    ]);
    try_out("socketio", targets::socketio, &seeds);
    let seeds = texts(&[
        r#"{"type":"progress","data":{"value":3,"max":20,"prompt_id":"p","node":"3"}}"#,
        r#"{"p":{"prompt":[1,"p",{},{},[]],"outputs":{"9":{"images":[{"filename":"a.png","subfolder":"","type":"output"}]}},"status":{"status_str":"success","completed":true,"messages":[["execution_start",{"timestamp":1}]]}}}"#,
        r#"{"error":{"type":"prompt_outputs_failed_validation","message":"Prompt has no outputs","details":""},"node_errors":{"3":{"errors":[]}}}"#,
        r#"[{"promptId":"p","status":"running","outputs":[{"filename":"a","filepath":"https://x/a?sig=1","size":3}]}]"#,
        r#"{"queue_running":[[1,"p",{},{},[]]],"queue_pending":[]}"#,
        r#"{"detail":[{"loc":["body","params"],"msg":"field required"}]}"#,
        "<html><title>502 Bad Gateway</title></html>",
    ]);
    try_out("answers", targets::answers, &seeds);
}

#[test]
fn texts_for_a_terminal() {
    let seeds = texts(&[
        "\u{1b}[31mred\u{1b}[0m \u{1b}]0;title\u{7} \u{1b}[2J\u{9b}1m a\u{202e}b\tc\r\n",
        "\u{1b}[38;2;1;2;3;48:5:7mx\u{1b}P1$r\u{1b}\\y\u{1b}_Gf=1;AAAA\u{1b}\\",
    ]);
    try_out("ansi", targets::ansi, &seeds);
    let seeds = texts(&[
        " 45%|████▌     | 9/20 [00:04<00:05,  2.03it/s]\r\0\n 50%|█████     | 10/20 [00:05<00:04,  2.01it/s]\0done\n",
        "Loading: 100%|##########| 1.2G/1.2G [01:00<00:00, 20MB/s]",
    ]);
    try_out("log", targets::log, &seeds);
    let seeds = texts(&[
        "\u{1}a\u{1b}[A\u{1b}[1;5C\u{1b}[<0;10;20M\u{1b}[200~pasted\ntext\u{1b}[201~\u{1b}OP\u{1b}[?62;4c\u{1b}]11;rgb:0/0/0\u{7}é",
    ]);
    try_out("input", targets::input, &seeds);
}

#[test]
fn files_of_people() {
    let workflows = files("tests/workflows");
    try_out("workflow", targets::workflow, &workflows);
    let form = br#"{"workflows":[{"viewComfyJSON":{"title":"t","inputs":[{"title":"g","inputs":[{"title":"Prompt","key":"6-inputs-text","value":"a","valueType":"long-text"}]}],"advancedInputs":[]}}]}"#;
    let mut forms = vec![form.to_vec()];
    forms.extend(workflows.iter().take(6).map(|workflow| [workflow, &b"\0"[..], form].concat()));
    try_out("form", targets::form, &forms);
    let mut presets: Vec<_> = files("presets").into_iter().filter(|text| text.len() < 20_000).collect();
    presets.push(b"workflow = \"a.json\"\nextends = 'b'\n[params]\n\"3-inputs-seed\" = 18446744073709551615\n'6-inputs-text' = \"\"\"\na\n\"\"\"\n[seeds]\n\"3-inputs-seed\" = \"fixed\" # why\n".to_vec());
    try_out("preset", targets::preset, &presets);
    let seeds = texts(&[
        "xa (red:1.2) [cat], {2$$a|b|__c__}, <lora:x:0.8>, ${v=!{a|b}} \\(no\\)",
        "y((a)) [b:c:0.5] AND {0.5::x|y}",
    ]);
    try_out("prompt", targets::prompt, &seeds);
    try_out("metadata", targets::metadata, &files("src/wire/metadata/samples"));
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let shared = format!(
        r#"{{"comfydeck_run":1,"workflow":{{"3":{{"class_type":"K","inputs":{{"cfg":7.50}}}}}},"workflow_name":"a.json","params":{{"3-inputs-cfg":6.5}},"files":[{{"part":"5-inputs-image","name":"../a.png","sha256":"{empty}","content":""}}],"outputs":[{{"name":"b.png","size":1,"sha256":"{empty}"}}],"note":"n","tags":["t"]}}"#
    );
    try_out("share", targets::share, &[shared.into_bytes()]);
}
