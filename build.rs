//! Tells the program what it was built from.

use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-env-changed=POLYV_EXPORTER_REVISION");
    // A packager's word counts; a checkout knows; a source archive does not.
    let revision = std::env::var("POLYV_EXPORTER_REVISION")
        .ok()
        .filter(|revision| !revision.is_empty())
        .or_else(|| {
            // Its last line changes with every commit. (Naming a file that is not there would
            // run this script at every build.)
            if let Some(log) = output("git", &["rev-parse", "--git-path", "logs/HEAD"])
                && std::path::Path::new(&log).exists()
            {
                println!("cargo:rerun-if-changed={log}");
            }
            output("git", &["rev-parse", "--short=12", "HEAD"])
        })
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=POLYV_EXPORTER_REVISION={revision}");

    let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = output(&rustc, &["--version"])
        .and_then(|line| line.split_whitespace().nth(1).map(str::to_owned))
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=POLYV_EXPORTER_RUST_VERSION={version}");
}

fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    if !output.status.success() {
        return None;
    }
    let text = String::from_utf8(output.stdout).ok()?;
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}
