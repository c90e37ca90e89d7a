//! Calls that fail as they do on odd disks and machines: a small library in C, put before the system's.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The library, compiled once; `None`, with the reason printed, where there is no C compiler.
fn library() -> Option<&'static PathBuf> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let compile = || {
        let out = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("shim-{}.so", std::process::id()));
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .arg(&out)
            .args([source, "-ldl"])
            .output();
        match compiled {
            Ok(done) if done.status.success() => Some(out),
            Ok(done) => panic!("the shim does not compile: {}", String::from_utf8_lossy(&done.stderr)),
            Err(why) => {
                println!("skipped: there is no C compiler here ({why})");
                None
            }
        }
    };
    LIBRARY.get_or_init(compile).as_ref()
}

/// The variables that have a command, and what it starts, meet these faults; see `shim.c` for the words. `None` where that
/// cannot be done here.
pub(crate) fn faults(faults: &str) -> Option<[(&'static str, String); 2]> {
    let library = library()?.to_str()?.to_owned();
    Some([("LD_PRELOAD", library), ("FAULTS", faults.to_owned())])
}

/// Has a command meet these faults. Whether that can be done here.
pub(crate) fn put_before(command: &mut Command, faults: &str) -> bool {
    let Some(variables) = self::faults(faults) else { return false };
    command.envs(variables);
    true
}
