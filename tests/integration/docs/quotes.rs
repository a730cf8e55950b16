//! What documents call by name, or quote, is there under that name and in those words.

use std::collections::BTreeSet;
use std::path::Path;

use polyv_exporter::remote_write::METRIC_NAMES;

use crate::support::markdown::{Page, pages, read, root};

const TROUBLESHOOTING: &str = "docs/troubleshooting.md";

/// What the rest of a name may consist of.
fn name(text: &str) -> String {
    text.chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
        .collect()
}

/// Names in a text that begin like this, and what stands behind each.
fn names<'a>(text: &'a str, begin: &'a str) -> impl Iterator<Item = (String, char)> + 'a {
    text.match_indices(begin)
        .filter(|(at, _)| {
            let before = text[..*at].chars().next_back();
            before.is_none_or(|c| !c.is_ascii_alphanumeric() && !"_-/.:".contains(c))
        })
        .map(|(at, _)| {
            let name = name(&text[at..]);
            let behind = text[at + name.len()..].chars().next().unwrap_or(' ');
            (name, behind)
        })
}

#[test]
fn every_mentioned_metric_exists() {
    let table = read("docs/metrics.md");
    let metrics: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    let is_metric = |name: &str| {
        let histogram = ["_bucket", "_count", "_sum"].iter().any(|end| {
            name.strip_suffix(end)
                .is_some_and(|of| metrics.contains(of))
        });
        metrics.contains(name) || histogram || METRIC_NAMES.contains(&name)
    };
    let mut mentioned = BTreeSet::new();
    for page in pages() {
        for group in [
            "channel", "stream", "api", "account", "sample", "samples", "exporter", "recorder",
        ] {
            for (name, behind) in names(&page.text, &format!("polyv_{group}_")) {
                // `polyv_stream_*` stands for many, and this is a cookie.
                if behind == '*' || behind == '…' || name == "polyv_exporter_lang" {
                    continue;
                }
                let is_beginning =
                    name.ends_with('_') && metrics.iter().any(|metric| metric.starts_with(&name));
                assert!(
                    is_beginning || is_metric(&name),
                    "{}: there is no metric {name}",
                    page.path
                );
                mentioned.insert(name);
            }
        }
    }
    assert!(mentioned.len() > 40, "{}", mentioned.len());
}

#[test]
fn every_mentioned_alert_exists() {
    let rules = read("alerts/polyv.rules.yml");
    let mut mentioned = BTreeSet::new();
    for page in pages() {
        for group in [
            "Api", "Channel", "Clock", "Config", "Exporter", "Poller", "Recorder", "Stream",
        ] {
            for (name, _) in names(&page.text, &format!("Polyv{group}")) {
                assert!(
                    rules.contains(&format!("- alert: {name}\n")),
                    "{}: there is no alert {name}",
                    page.path
                );
                mentioned.insert(name);
            }
        }
    }
    assert!(mentioned.len() > 15, "{}", mentioned.len());
}

/// All of the program's source without comments and tests, with what it says in one piece where it
/// is broken over lines.
fn source() -> String {
    fn collect(folder: &Path, text: &mut String) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.file_stem().is_some_and(|name| name == "tests") {
                continue;
            }
            if path.is_dir() {
                collect(&path, text);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let file = std::fs::read_to_string(path).unwrap();
                // A module of tests is the last thing in a file.
                let program = file.split("#[cfg(test)]\nmod tests {").next().unwrap();
                let is_code = |line: &&str| !line.trim_start().starts_with("//");
                for line in program.lines().filter(is_code) {
                    text.push_str(line);
                    text.push('\n');
                }
            }
        }
    }
    let mut text = String::new();
    collect(&root().join("src"), &mut text);
    collect(&root().join("crates"), &mut text);
    let mut whole = String::new();
    let mut parts = text.split("\\\n");
    whole.push_str(parts.next().unwrap());
    for part in parts {
        whole.push_str(part.trim_start());
    }
    whole.replace("\\\"", "\"")
}

/// Whether the program says so; `…` stands for what is different each time.
fn is_said(words: &str, source: &str) -> bool {
    let said = |part: &str| source.contains(part.trim());
    words.split('…').all(said)
}

#[test]
fn every_quoted_message_exists() {
    let source = source();
    let mut quoted = 0;
    for page in pages() {
        for behind in page.text.split("message=\"").skip(1) {
            let message = behind.split('"').next().unwrap();
            assert!(
                is_said(message, &source),
                "{}: the program never logs \"{message}\"",
                page.path
            );
            quoted += 1;
        }
    }
    assert!(quoted >= 10, "{quoted}");
}

#[test]
fn every_quote_in_troubleshooting_exists() {
    let source = source();
    let page = Page::open(TROUBLESHOOTING);
    let mut quoted = 0;
    for (line, span) in page.spans() {
        let is_command = ["polyv-exporter ", "curl ", "message=", "example="]
            .iter()
            .any(|begin| span.starts_with(begin));
        if span.split(' ').count() < 4 || is_command {
            continue;
        }
        assert!(
            is_said(&span, &source),
            "{TROUBLESHOOTING}:{line}: the program never says `{span}`"
        );
        quoted += 1;
    }
    assert!(quoted >= 5, "{quoted}");
}

#[test]
fn every_fault_in_troubleshooting_is_listed_with_cause_and_remedy() {
    let page = Page::open(TROUBLESHOOTING);
    let (head, rest) = page.text.split_once("\n## ").unwrap();
    let faults: Vec<&str> = rest.split("\n## ").collect();
    assert!(faults.len() >= 12, "{}", faults.len());
    let linked = Page {
        path: TROUBLESHOOTING.to_owned(),
        text: head.to_owned(),
    };
    let listed = linked
        .links()
        .into_iter()
        .filter(|(_, to)| to.starts_with('#'));
    let listed: BTreeSet<&str> = listed.map(|(_, to)| to).collect();
    assert_eq!(listed.len(), faults.len(), "{listed:?}");
    for fault in faults {
        let heading = fault.lines().next().unwrap();
        for part in ["**Why**", "**What to do**"] {
            assert!(fault.contains(part), "{heading}: no {part}");
        }
        let shows = fault.contains("```console\n$ ");
        assert!(shows, "{heading}: no command shows it");
        let seen = ["`polyv_", "`process_", "message=", "`up`"];
        assert!(
            seen.iter().any(|mark| fault.contains(mark)),
            "{heading}: neither a metric nor a line of the log"
        );
    }
}
