//! What Helm makes of the chart.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::exporter_process::text_of;
use super::kubernetes::{Objects, root};

/// A release: its name, its namespace, and its files of values, of which the last counts.
pub struct Release<'a> {
    pub name: &'a str,
    pub namespace: &'a str,
    pub values: Vec<String>,
}

/// What Helm renders of a release.
pub struct Rendered {
    pub objects: Objects,
    /// What each template became.
    pub templates: BTreeMap<String, String>,
    /// What `helm lint` warns of.
    pub lint: Vec<String>,
}

pub fn chart() -> PathBuf {
    root().join("deploy/helm/polyv-exporter")
}

/// Renders the chart for each release, or says why Helm refuses.
pub fn render_each(releases: &[Release<'_>]) -> Vec<Result<Rendered, String>> {
    let releases: Vec<Value> = releases
        .iter()
        .map(|r| json!({"name": r.name, "namespace": r.namespace, "values": r.values}))
        .collect();
    let input = json!({"chart": chart(), "releases": releases}).to_string();
    let python = std::env::var("POLYV_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut program = Command::new(python)
        .arg(root().join("tests/integration/support/helm.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("there is a Python");
    let mut stdin = program.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
    drop(stdin);
    let output = program.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text_of(&output));
    let rendered: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    rendered.into_iter().map(read).collect()
}

/// Renders the chart with these files of values, as the release `polyv-exporter`.
pub fn render(values: &[&str]) -> Result<Rendered, String> {
    let values = values.iter().map(|text| (*text).to_owned()).collect();
    let release = Release {
        name: "polyv-exporter",
        namespace: "polyv",
        values,
    };
    render_each(&[release]).remove(0)
}

/// The files of values that are rendered in tests, by their names without `-values.yaml`.
pub fn values_files() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(chart().join("ci")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let name = name.strip_suffix("-values.yaml").expect(name).to_owned();
        found.insert(name, std::fs::read_to_string(path).unwrap());
    }
    assert!(found.len() >= 6, "{found:?}");
    found
}

fn read(mut rendered: Value) -> Result<Rendered, String> {
    if let Some(error) = rendered["error"].as_str() {
        return Err(error.to_owned());
    }
    Ok(Rendered {
        objects: Objects(serde_json::from_value(rendered["objects"].take()).unwrap()),
        templates: serde_json::from_value(rendered["templates"].take()).unwrap(),
        lint: serde_json::from_value(rendered["lint"].take()).unwrap(),
    })
}
