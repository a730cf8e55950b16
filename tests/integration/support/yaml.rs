//! YAML of other programs' files, read by Python.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::exporter_process::{run, text_of};

const TO_JSON: &str = "
import json, sys
from ruamel.yaml import YAML
yaml = YAML(typ='safe', pure=True)
# A workflow's `on` is a word and not `true`, as YAML 1.2 has it.
yaml.version = (1, 2)
json.dump(yaml.load(open(sys.argv[1], encoding='utf-8')), sys.stdout)
";

/// The Python that has what the tests need.
pub fn python() -> String {
    std::env::var("POLYV_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned())
}

/// What a file says.
pub fn yaml(path: &Path) -> Value {
    let output = run(Command::new(python()).args(["-c", TO_JSON]).arg(path));
    assert!(
        output.status.success(),
        "{}: {}",
        path.display(),
        text_of(&output)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Asserts that files are as a schema says that `check-jsonschema` brings along.
pub fn assert_schema(schema: &str, files: &[std::path::PathBuf]) {
    let output = run(Command::new(python())
        .args(["-m", "check_jsonschema", "--builtin-schema", schema])
        .args(files));
    assert!(output.status.success(), "{}", text_of(&output));
}
