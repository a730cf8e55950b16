//! Command lines as a shell reads them, as far as documents need it.

use std::collections::BTreeMap;

/// One command: what it is given in the environment, and its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    pub variables: Vec<(String, String)>,
    /// Its name and its arguments; none where variables are set and nothing else is done.
    pub words: Vec<String>,
}

/// The commands of a script, in their order: pipes, lists and continued lines are taken apart, and
/// variables that it sets itself are put in. Where a file or a result goes is left out.
pub fn commands(script: &str) -> Result<Vec<Command>, String> {
    let mut known = BTreeMap::new();
    let mut commands = Vec::new();
    for line in whole_lines(script) {
        for words in split(&line, &known)? {
            let command = Command::new(words);
            if command.words.is_empty() {
                known.extend(command.variables.iter().cloned());
            }
            commands.push(command);
        }
    }
    Ok(commands)
}

/// What is typed into a terminal: the lines behind `$ `, with what continues them.
pub fn typed(session: &str) -> String {
    let mut script = String::new();
    let mut continues = false;
    let mut document = None;
    for line in session.lines() {
        let input = if continues || document.is_some() {
            Some(line)
        } else {
            line.strip_prefix("$ ")
        };
        if let Some(input) = input {
            script.push_str(input);
            script.push('\n');
            continues = input.ends_with('\\');
            match &document {
                Some(end) if line == end => document = None,
                Some(_) => {}
                None => document = here_document(input),
            }
        }
    }
    script
}

/// The line that ends the text which a command is given in the lines after it.
fn here_document(line: &str) -> Option<String> {
    let (_, end) = line.split_once("<<")?;
    let end = end.split_whitespace().next()?;
    Some(end.trim_matches(['\'', '"']).to_owned())
}

fn whole_lines(script: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open = String::new();
    let mut document = None;
    for line in script.lines() {
        if let Some(end) = &document {
            if line == end {
                document = None;
            }
            continue;
        }
        document = here_document(line);
        if let Some(begin) = line.strip_suffix('\\') {
            open.push_str(begin);
        } else {
            open.push_str(line);
            lines.push(std::mem::take(&mut open));
        }
    }
    lines
}

/// The words of each command of a line.
fn split(line: &str, known: &BTreeMap<String, String>) -> Result<Vec<Vec<String>>, String> {
    let mut commands = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut redirected = false;
    let mut rest = line.chars().peekable();
    let end =
        |word: &mut Option<String>, redirected: &mut bool, commands: &mut Vec<Vec<String>>| {
            if let Some(word) = word.take()
                && !std::mem::take(redirected)
                && let Some(command) = commands.last_mut()
            {
                command.push(word);
            }
        };
    while let Some(c) = rest.next() {
        match c {
            ' ' | '\t' => end(&mut word, &mut redirected, &mut commands),
            '#' if word.is_none() => break,
            '|' | ';' | '&' => {
                end(&mut word, &mut redirected, &mut commands);
                commands.push(Vec::new());
            }
            '<' | '>' => {
                // `2>` is not a word of its own.
                word = word.filter(|word| word != "2");
                end(&mut word, &mut redirected, &mut commands);
                redirected = true;
                if rest.peek() == Some(&c) || rest.peek() == Some(&'&') {
                    rest.next();
                }
            }
            '\'' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next() {
                        Some('\'') => break,
                        Some(c) => word.push(c),
                        None => return Err(format!("a ' is not closed: {line}")),
                    }
                }
            }
            '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match rest.next() {
                        Some('"') => break,
                        Some('\\') => word.extend(rest.next()),
                        Some('$') => word.push_str(&variable(&mut rest, known)?),
                        Some(c) => word.push(c),
                        None => return Err(format!("a \" is not closed: {line}")),
                    }
                }
            }
            '\\' => word.get_or_insert_default().extend(rest.next()),
            '$' => {
                let value = variable(&mut rest, known)?;
                word.get_or_insert_default().push_str(&value);
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    end(&mut word, &mut redirected, &mut commands);
    commands.retain(|command| !command.is_empty());
    Ok(commands)
}

type Rest<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// The value of the variable that `rest` goes on with; its name in braces where it is not set.
fn variable(rest: &mut Rest<'_>, known: &BTreeMap<String, String>) -> Result<String, String> {
    // What another command writes is not known here.
    if rest.next_if_eq(&'(').is_some() {
        let inner: String = rest.take_while(|c| *c != ')').collect();
        return Ok(format!("$({inner})"));
    }
    let braces = rest.next_if_eq(&'{').is_some();
    let mut name = String::new();
    while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
        name.push(c);
    }
    if braces && rest.next() != Some('}') || name.is_empty() {
        return Err(format!("`${name}…` is more than a variable"));
    }
    let value = known.get(&name).cloned();
    Ok(value.unwrap_or_else(|| format!("${{{name}}}")))
}

// === impl Command ===

impl Command {
    fn new(words: Vec<String>) -> Self {
        let mut words = words.into_iter().peekable();
        let mut variables = Vec::new();
        while let Some((name, value)) = words.peek().and_then(|word| word.split_once('='))
            && !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            variables.push((name.to_owned(), value.to_owned()));
            words.next();
        }
        Self {
            variables,
            words: words.collect(),
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
fn script_is_split_as_by_a_shell() {
    let script = "A=1 run --to 'a b' \"$U/x\"; U=http://h\nnext \"${U}/y?a=b&c\" \\\n  -z >file 2>&1 | last # all\n";
    let programs: Vec<_> = commands(script)
        .unwrap()
        .into_iter()
        .map(|command| (command.variables.len(), command.words.join("·")))
        .collect();
    assert_eq!(
        programs,
        [
            (1, "run·--to·a b·${U}/x".to_owned()),
            (1, String::new()),
            (0, "next·http://h/y?a=b&c·-z".to_owned()),
            (0, "last".to_owned()),
        ]
    );
    assert_eq!(typed("$ a \\\n  b\nsaid\n# c\n$ d"), "a \\\n  b\nd\n");
    assert_eq!(typed("$ a <<'E'\nb\nE\nsaid"), "a <<'E'\nb\nE\n");
    assert_eq!(commands("a <<'E' >file\nb\nE\nc").unwrap().len(), 2);
    assert!(commands("a 'b").is_err());
}
