use super::*;

fn written(folder: &OutputFolder, bytes: &[u8]) -> OutputFile {
    let mut file = folder.begin().expect("a file");
    file.write(bytes).expect("written");
    file
}

pub(in crate::backend) fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).expect("a folder");
    let mut names: Vec<_> =
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_file_gets_its_name_when_it_is_whole_and_no_file_is_lost() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = OutputFolder::new(dir.path().join("made/for it"), 7);
    let first = written(&folder, b"hello").keep("../a.png", "image/png").expect("kept").output;
    let second = written(&folder, b"other").keep("a.png", "image/png").expect("kept").output;
    assert_eq!(first.size, 5);
    assert_eq!(first.sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
    assert_eq!(first.path, dir.path().join("made/for it/a.png"));
    assert_eq!(fs::read(&first.path).expect("read"), b"hello");
    assert_eq!(fs::read(&second.path).expect("read"), b"other");
    assert_eq!(names_in(&dir.path().join("made/for it")), ["a-2.png", "a.png"]);
}

#[test]
fn a_template_puts_outputs_into_folders_of_its_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let template = OutputName::parse("{preset}/{run}-{name}").expect("a template");
    let fields = NameFields { preset: "../cat".to_owned(), run: "7".to_owned(), ..NameFields::default() };
    let folder = OutputFolder::new(dir.path(), 7).named(Naming { template, fields });
    let first = written(&folder, b"1").keep("../a.png", "").expect("kept").output;
    let second = written(&folder, b"2").keep("a.png", "").expect("kept").output;
    assert_eq!(first.path, dir.path().join("_cat/7-a.png"));
    assert_eq!(second.path, dir.path().join("_cat/7-a-2.png"));
    assert_eq!((first.name.as_str(), fs::read(&second.path).expect("read")), ("../a.png", b"2".to_vec()));
    assert_eq!(names_in(dir.path()), ["_cat"]);
    // A file in the place of the folder.
    fs::remove_dir_all(dir.path().join("_cat")).expect("removed");
    fs::write(dir.path().join("_cat"), "").expect("written");
    let third = written(&folder, b"3").keep("a.png", "").expect("kept all the same").output;
    assert_eq!(third.path, dir.path().join("a.png"));
}

#[test]
fn what_is_not_kept_is_gone() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = OutputFolder::new(dir.path(), 7);
    let file = written(&folder, b"half");
    assert_eq!(names_in(dir.path()).len(), 1);
    drop(file);
    assert_eq!(names_in(dir.path()), Vec::<String>::new());
}

#[test]
fn many_writers_of_one_name_never_clobber() {
    let dir = tempfile::tempdir().expect("a folder");
    let writers: Vec<_> = (0..8)
        .map(|run| {
            let folder = OutputFolder::new(dir.path(), run % 2);
            std::thread::spawn(move || {
                for n in 0..10 {
                    written(&folder, format!("{run} {n}").as_bytes()).keep("a.png", "").expect("kept");
                }
            })
        })
        .collect();
    for writer in writers {
        writer.join().expect("no panic");
    }
    let names = names_in(dir.path());
    let mut contents: Vec<_> =
        names.iter().map(|name| fs::read(dir.path().join(name)).expect("read")).collect();
    contents.sort();
    contents.dedup();
    assert_eq!((names.len(), contents.len()), (80, 80));
}

#[test]
fn a_free_number_is_found_with_few_looks() {
    for (last, hole) in [(1, 0), (2, 0), (3_000, 0), (3_000, 2_500), (99_999, 0)] {
        let mut looks = 0;
        let free = free_behind(1, |number| {
            looks += 1;
            number <= last && number != hole
        });
        assert!(free == last + 1 || free == hole, "{free} of {last}");
        assert!(looks < 40, "{looks} looks at {last}");
    }
    assert!(free_behind(1, |_| true) > MAX_NUMBER);
}

#[test]
fn what_was_decoded_becomes_text_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let folder = OutputFolder::new(dir.path(), 7);
    let bytes: Vec<u8> = (0..100_001_u32).map(|n| n.to_le_bytes()[0]).collect();
    let text = written(&folder, &bytes).to_base64().expect("turned");
    let kept = text.keep("a.png.base64", "").expect("kept").output;
    let text = fs::read(kept.path).expect("read");
    assert_eq!(base64::prelude::BASE64_STANDARD.decode(text).expect("base64"), bytes);
}

#[test]
fn a_folder_that_cannot_be_created_is_reported_with_the_remedy() {
    let dir = tempfile::tempdir().expect("a folder");
    fs::write(dir.path().join("file"), b"").expect("written");
    let error = OutputFolder::new(dir.path().join("file/under"), 1).begin().expect_err("no folder");
    assert!(error.to_string().contains("Choose another output folder"), "{error}");
}
