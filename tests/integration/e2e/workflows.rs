//! What runs on changes and releases: workflows as GitHub reads them, scripts as a shell does.
//!
//! Needs `shellcheck`, and a Python with GitHub's schemas: `make test` sees to it, or leaves these
//! tests out and says so.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::exporter_process::{run, text_of};
use crate::support::yaml::{assert_schema, yaml};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn files(directory: &str) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(root().join(directory))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .collect();
    files.sort();
    files
}

/// All files of the repository, those of hidden directories too.
fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["target", ".git"].contains(&name) {
                files.extend(sources(&path));
            }
        } else {
            files.push(path);
        }
    }
    files
}

fn workflows() -> Vec<PathBuf> {
    files(".github/workflows")
}

/// All steps of a workflow's jobs.
fn steps(workflow: &Value) -> Vec<Value> {
    let jobs = workflow["jobs"].as_object().unwrap().values();
    jobs.filter_map(|job| job["steps"].as_array())
        .flatten()
        .cloned()
        .collect()
}

fn shellcheck(file: &Path) {
    let output = run(Command::new("shellcheck").arg(file));
    assert!(output.status.success(), "{}", text_of(&output));
}

#[test]
fn workflows_are_valid() {
    let workflows = workflows();
    assert!(!workflows.is_empty());
    assert_schema("vendor.github-workflows", &workflows);
    assert_schema(
        "vendor.dependabot",
        &[root().join(".github/dependabot.yml")],
    );
    for path in workflows {
        let workflow = yaml(&path);
        // Whatever a step runs can only read, unless its own job says otherwise.
        assert_eq!(workflow["permissions"]["contents"], "read");
        for step in steps(&workflow) {
            let Some(action) = step["uses"].as_str() else {
                continue;
            };
            let (name, version) = action.split_once('@').unwrap();
            let major = version.strip_prefix('v').map(str::parse::<u32>);
            assert!(matches!(major, Some(Ok(_))), "{action}");
            if name == "actions/checkout" {
                assert_eq!(step["with"]["persist-credentials"], false, "{step}");
            }
        }
    }
}

#[test]
fn scripts_and_workflow_steps_pass_shellcheck() {
    let mut scripts = 0;
    for file in sources(&root()) {
        let text = std::fs::read(&file).unwrap();
        let shebang = text.split(|byte| *byte == b'\n').next().unwrap();
        if shebang.starts_with(b"#!") && shebang.ends_with(b"sh") {
            shellcheck(&file);
            scripts += 1;
        }
    }
    assert!(scripts > 5);
    let makefile = std::fs::read_to_string(root().join("Makefile")).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let mut count = 0;
    for path in workflows() {
        for step in steps(&yaml(&path)) {
            let Some(text) = step["run"].as_str() else {
                continue;
            };
            // Text of others' that is put into a script would be run.
            assert!(!text.contains("${{"), "{text}");
            // As GitHub runs it.
            let script = directory.path().join(format!("step-{count}"));
            std::fs::write(
                &script,
                format!("#!/usr/bin/env bash\nset -eo pipefail\n{text}\n"),
            )
            .unwrap();
            shellcheck(&script);
            let named = text.split_whitespace().find_map(|word| {
                let ours = word.starts_with("scripts/") || word.starts_with(".ci/");
                ours.then(|| root().join(word))
            });
            assert!(named.is_none_or(|script| script.is_file()), "{text}");
            if let Some(chore) = text.strip_prefix("make ") {
                assert!(makefile.contains(&format!("\n{chore}:")), "{text}");
            }
            count += 1;
        }
    }
    assert!(count > 0);
}

#[test]
fn release_runs_the_checks_of_every_change() {
    let ci = yaml(&root().join(".github/workflows/ci.yml"));
    let judged = steps(&ci).iter().any(|step| step["run"] == "bash .ci/run");
    assert!(judged, "{ci}");
    let release = yaml(&root().join(".github/workflows/release.yml"));
    let jobs = release["jobs"].as_object().unwrap();
    assert_eq!(jobs["ci"]["uses"], "./.github/workflows/ci.yml");
    assert_eq!(jobs["archives"]["needs"], "ci");
    // A tag that is pushed stays, so nothing that can fail comes after it.
    assert_eq!(
        jobs["image"]["needs"],
        serde_json::json!(["ci", "archives"])
    );
    // What the archives hold was compiled by the compiler of the image.
    let dockerfile = std::fs::read_to_string(root().join("Dockerfile")).unwrap();
    let rust = jobs["archives"]["container"]["image"].as_str().unwrap();
    let version = rust.split_once('-').unwrap().0;
    assert!(dockerfile.contains(&format!("/{version}-")), "{rust}");
    // And what the page says is needed is there.
    let page = std::fs::read_to_string(root().join("docs/release.md")).unwrap();
    let made = jobs["archives"]["steps"].to_string();
    for tool in [
        "packaging/requirements.txt",
        "cargo install --locked cargo-deb@",
    ] {
        let from = page.find(tool).unwrap();
        let words = page[from..].lines().next().unwrap();
        assert!(made.contains(words), "{words}");
    }
}

/// What the release of a tag would say, from these two files.
fn notes(manifest: &str, changelog: &str, tag: &str) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("scripts/release-notes");
    std::fs::create_dir(script.parent().unwrap()).unwrap();
    std::fs::copy(root().join("scripts/release-notes"), &script).unwrap();
    std::fs::write(directory.path().join("Cargo.toml"), manifest).unwrap();
    std::fs::write(directory.path().join("CHANGELOG.md"), changelog).unwrap();
    run(Command::new(script).arg(tag))
}

#[test]
fn release_has_its_version_and_notes() {
    let manifest = "[package]\nname = \"x\"\nversion = \"1.2.0\"\n\n[dependencies]\ny = \"1\"\n";
    let changelog = "# Changelog

## [Unreleased]

- Later.

## [1.2.0] - 2026-11-21

- New: [a page](docs/a.md), [elsewhere](https://example.com/).

## [1.1.0] - 2026-10-01

- Old.
";
    let output = notes(manifest, changelog, "v1.2.0");
    assert!(output.status.success(), "{}", text_of(&output));
    let repository = "https://github.com/polyv-exporter/polyv-exporter";
    let expected = format!(
        "\n- New: [a page]({repository}/blob/v1.2.0/docs/a.md), [elsewhere](https://example.com/).\n"
    );
    assert_eq!(text_of(&output), expected);
    for (tag, changelog, why) in [
        ("v1.2.1", changelog, "the version of Cargo.toml 1.2.0"),
        ("1.2.0", changelog, "the version of Cargo.toml 1.2.0"),
        (
            "v1.2.0",
            "## [Unreleased]\n\n- All.\n",
            "no section [1.2.0]",
        ),
        (
            "v1.2.0",
            "## [1.2.0]\n\n## [1.1.0]\n\n- Old.\n",
            "nothing in it",
        ),
    ] {
        let output = notes(manifest, changelog, tag);
        assert!(!output.status.success(), "{tag}");
        assert!(text_of(&output).contains(why), "{}", text_of(&output));
    }
}
