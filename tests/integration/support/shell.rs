//! Command lines in documents.

use std::collections::BTreeMap;

use regex::{Captures, Regex};

/// A command: the variables set for it, and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub variables: Vec<(String, String)>,
    /// The program and its arguments; empty where only variables are set.
    pub words: Vec<String>,
}

/// The commands of a script in order, with the variables that the script sets replaced.
pub fn commands(script: &str) -> Result<Vec<Command>, String> {
    let variable = Regex::new(r"\$(?:\{(?<braced>\w+)\}|(?<name>\w+))").unwrap();
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    let mut commands = Vec::new();
    for line in script.replace("\\\n", " ").lines() {
        let value = |found: &Captures<'_>| {
            let name = found.name("name").or(found.name("braced")).unwrap();
            let value = known.get(name.as_str());
            value.map_or(found[0].to_owned(), Clone::clone)
        };
        let line = variable.replace_all(line, value);
        let words = shlex::split(&line).ok_or_else(|| format!("a quote is open: {line}"))?;
        let is_operator = |word: &String| ["|", "||", "&&", "&", ";"].contains(&word.as_str());
        for words in words.split(is_operator).filter(|words| !words.is_empty()) {
            if words.iter().any(|word| word.starts_with(['<', '>'])) {
                return Err(format!("redirections are not supported: {line}"));
            }
            let command = Command::new(words);
            if command.words.is_empty() {
                known.extend(command.variables.iter().cloned());
            }
            commands.push(command);
        }
    }
    Ok(commands)
}

/// The input of a terminal session: the lines after `$ `, with their continuations.
pub fn typed(session: &str) -> String {
    let mut script = String::new();
    let mut continues = false;
    for line in session.lines() {
        let input = if continues {
            Some(line)
        } else {
            line.strip_prefix("$ ")
        };
        if let Some(input) = input {
            script.push_str(input);
            script.push('\n');
            continues = input.ends_with('\\');
        }
    }
    script
}

// === impl Command ===

impl Command {
    fn new(words: &[String]) -> Self {
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
        };
        let variables: Vec<_> = words
            .iter()
            .map_while(|word| word.split_once('=').filter(|(name, _)| is_name(name)))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self {
            words: words[variables.len()..].to_vec(),
            variables,
        }
    }

    pub fn program(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    pub fn arguments(&self) -> &[String] {
        self.words.get(1..).unwrap_or_default()
    }
}

#[test]
fn script_is_split_into_commands() {
    let script =
        "A=1 run --to 'a b' \"$U/x\" ; U=http://h\nnext \"${U}/y?a=b&c\" \\\n  -z | last # all\n";
    let programs: Vec<_> = commands(script)
        .unwrap()
        .into_iter()
        .map(|command| (command.variables.len(), command.words.join("·")))
        .collect();
    assert_eq!(
        programs,
        [
            (1, "run·--to·a b·$U/x".to_owned()),
            (1, String::new()),
            (0, "next·http://h/y?a=b&c·-z".to_owned()),
            (0, "last".to_owned()),
        ]
    );
    assert_eq!(typed("$ a \\\n  b\noutput\n# c\n$ d"), "a \\\n  b\nd\n");
    assert!(commands("a 'b").is_err());
    assert!(commands("a >file").is_err());
}
