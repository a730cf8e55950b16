//! What a cluster would get.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::exporter_process::{run, text_of};
use crate::docs::pages::blocks;

pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// What the script of that name beside this file prints.
pub fn python(arguments: &[&str]) -> String {
    let python = std::env::var("POLYV_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = root().join("tests/integration/support/kubernetes.py");
    let output = run(Command::new(python).arg(script).args(arguments));
    assert!(output.status.success(), "{}", text_of(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// What kustomize makes of a directory, as YAML.
pub fn build(directory: &Path) -> String {
    let output = run(Command::new("kustomize").arg("build").arg(directory));
    let shown = directory.display();
    assert!(output.status.success(), "{shown}: {}", text_of(&output));
    assert!(output.stderr.is_empty(), "{shown}: {}", text_of(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// The objects of YAML files, file by file.
pub fn read(files: &[&Path]) -> Vec<Objects> {
    let mut arguments = vec!["read"];
    arguments.extend(files.iter().map(|path| path.to_str().unwrap()));
    let files: Vec<Vec<Value>> = serde_json::from_str(&python(&arguments)).unwrap();
    files.into_iter().map(Objects).collect()
}

/// A YAML document.
pub fn yaml(text: &str) -> Value {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    read(&[file.path()]).remove(0).0.remove(0)
}

/// What kustomize makes of a directory.
pub fn built(directory: &Path) -> Objects {
    built_each(&[directory.to_owned()]).remove(0)
}

/// The same of several.
pub fn built_each(directories: &[PathBuf]) -> Vec<Objects> {
    let files: Vec<_> = directories
        .iter()
        .map(|directory| {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), build(directory)).unwrap();
            file
        })
        .collect();
    read(
        &files
            .iter()
            .map(tempfile::NamedTempFile::path)
            .collect::<Vec<_>>(),
    )
}

/// The way from a directory to the repository's: kustomize takes no absolute one.
pub fn way_to_root(from: &Path) -> String {
    let from = from.canonicalize().unwrap();
    let up = "../".repeat(from.components().count() - 1);
    format!("{up}{}", root().to_str().unwrap().trim_start_matches('/'))
}

/// What a kustomization was built into.
pub struct Objects(pub Vec<Value>);

pub fn deploy() -> PathBuf {
    root().join("deploy/kubernetes")
}

pub fn page() -> String {
    std::fs::read_to_string(root().join("docs/kubernetes.md")).unwrap()
}

pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}"))
}

/// All files under a directory.
pub fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// The files that the page shows, where a reader would put them; what is ours comes from here.
pub struct Shown(tempfile::TempDir);

/// All that can be built: what is shipped, and what the page shows.
pub fn all(shown: &Shown) -> Vec<PathBuf> {
    let mut found = vec![deploy(), deploy().join("base")];
    found.extend(shown.kustomizations());
    assert!(found.len() >= 8, "{found:?}");
    found
}

// === impl Objects ===

impl Objects {
    pub fn of_kind(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|item| item["kind"] == kind).collect()
    }

    /// The one object of a kind.
    pub fn only(&self, kind: &str) -> &Value {
        let found = self.of_kind(kind);
        assert_eq!(found.len(), 1, "{kind}");
        found[0]
    }

    /// An object by its kind and name.
    pub fn get(&self, kind: &str, name: &str) -> &Value {
        self.of_kind(kind)
            .into_iter()
            .find(|item| item["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// What makes the pods: the Deployment, or the `StatefulSet` of shards.
    pub fn workload(&self) -> &Value {
        let shards = self.of_kind("StatefulSet");
        shards
            .first()
            .copied()
            .unwrap_or_else(|| self.only("Deployment"))
    }

    /// Its pod.
    pub fn pod(&self) -> &Value {
        &self.workload()["spec"]["template"]
    }

    /// Its container.
    pub fn container(&self) -> &Value {
        let containers = self.pod()["spec"]["containers"].as_array().unwrap();
        assert_eq!(containers.len(), 1);
        &containers[0]
    }
}

// === impl Shown ===

impl Shown {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let way = way_to_root(directory.path());
        let remote = "https://github.com/polyv-exporter/polyv-exporter//";
        let version = concat!("?ref=v", env!("CARGO_PKG_VERSION"));
        for block in blocks(&page(), "yaml") {
            let Some((path, content)) = block.strip_prefix("# ").and_then(|b| b.split_once('\n'))
            else {
                continue;
            };
            assert_eq!(
                content.matches(remote).count(),
                content.matches(version).count(),
                "{path}"
            );
            let content = content
                .replace(remote, &format!("../{way}/"))
                .replace(version, "");
            let path = directory.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content + "\n").unwrap();
        }
        Self(directory)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn kustomizations(&self) -> Vec<PathBuf> {
        files(self.0.path())
            .into_iter()
            .filter(|path| path.ends_with("kustomization.yaml"))
            .map(|path| path.parent().unwrap().to_owned())
            .collect()
    }
}
