//! The documents, as their readers see them.

use std::path::{Path, PathBuf};

/// Where the repository is.
pub fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// A file of the repository.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A document.
#[derive(Debug, Clone)]
pub struct Page {
    /// Where it is, from the root of the repository.
    pub path: String,
    pub text: String,
}

/// What stands between two fences.
#[derive(Debug, Clone)]
pub struct Block {
    /// The path of its page.
    pub page: String,
    /// The line of its first fence.
    pub line: usize,
    pub language: String,
    pub text: String,
}

/// All documents: those at the root, and whatever is under `docs` and `deploy`.
pub fn pages() -> Vec<Page> {
    let mut paths = Vec::new();
    collect(&root(), false, &mut paths);
    collect(&root().join("docs"), true, &mut paths);
    collect(&root().join("deploy"), true, &mut paths);
    paths.sort();
    let pages: Vec<_> = paths
        .into_iter()
        .map(|path| Page::open(path.strip_prefix(root()).unwrap().to_str().unwrap()))
        .collect();
    assert!(pages.len() > 30, "{}", pages.len());
    pages
}

fn collect(folder: &Path, deep: bool, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if deep && path.is_dir() {
            collect(&path, deep, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The fenced blocks of a text in one language.
pub fn blocks(text: &str, language: &str) -> Vec<String> {
    let page = Page {
        path: "a text".to_owned(),
        text: text.to_owned(),
    };
    page.blocks()
        .into_iter()
        .filter(|block| block.language == language)
        .map(|block| block.text.trim_end().to_owned())
        .collect()
}

// === impl Page ===

impl Page {
    pub fn open(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: read(path),
        }
    }

    /// Its fenced blocks. Where a fence is indented, so is what it holds, and that is taken away.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(Block, usize)> = None;
        for (number, line) in self.text.lines().enumerate() {
            let fence = line.trim_start().strip_prefix("```");
            match (&mut open, fence) {
                (None, Some(language)) => {
                    let block = Block {
                        page: self.path.clone(),
                        line: number + 1,
                        language: language.trim().to_owned(),
                        text: String::new(),
                    };
                    open = Some((block, line.len() - line.trim_start().len()));
                }
                (Some(_), Some(_)) => blocks.extend(open.take().map(|(block, _)| block)),
                (Some((block, indent)), None) => {
                    block.text.push_str(line.get(*indent..).unwrap_or(""));
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block does not end", self.path);
        blocks
    }

    /// Its text without what is fenced, line by line, each with its number.
    pub fn prose(&self) -> Vec<(usize, &str)> {
        let mut fenced = false;
        self.text
            .lines()
            .enumerate()
            .filter(|(_, line)| {
                let fence = line.trim_start().starts_with("```");
                fenced ^= fence;
                !fenced && !fence
            })
            .map(|(number, line)| (number + 1, line))
            .collect()
    }

    /// Its headings: how deep each is, and what it says.
    pub fn headings(&self) -> Vec<(usize, &str)> {
        self.prose()
            .into_iter()
            .filter(|(_, line)| line.starts_with('#'))
            .map(|(_, line)| {
                let text = line.trim_start_matches('#');
                (line.len() - text.len(), text.trim())
            })
            .collect()
    }

    /// Where its links lead and its pictures come from, in the order of the text.
    pub fn links(&self) -> Vec<(bool, &str)> {
        let mut links = Vec::new();
        for (_, line) in self.prose() {
            let mut rest = line;
            while let Some((before, behind)) = rest.split_once("](") {
                let target = behind.split(')').next().unwrap();
                // The bracket that this one closes.
                let mut open = 1;
                let begin = before.char_indices().rev().find_map(|(at, c)| {
                    open += i32::from(c == ']') - i32::from(c == '[');
                    (open == 0).then_some(at)
                });
                let picture = begin.is_some_and(|at| before[..at].ends_with('!'));
                links.push((picture, target));
                rest = behind;
            }
        }
        links
    }

    /// What stands between two backticks, each with its line. One may go on in the next line.
    pub fn spans(&self) -> Vec<(usize, String)> {
        let mut spans = Vec::new();
        let mut open: Option<(usize, String)> = None;
        for (number, line) in self.prose() {
            if line.trim().is_empty() {
                open = None;
            }
            for (place, part) in line.split('`').enumerate() {
                if place > 0 {
                    match open.take() {
                        Some(span) => spans.push(span),
                        None => open = Some((number, String::new())),
                    }
                }
                if let Some((_, text)) = &mut open {
                    text.push_str(part);
                }
            }
            if let Some((_, text)) = &mut open {
                text.push(' ');
            }
        }
        spans
    }
}

// === impl Block ===

impl Block {
    /// Where it is, for a message.
    pub fn place(&self) -> String {
        format!("{}:{}", self.page, self.line)
    }
}

/// Whether a file of tests names a page, and so has to do with it.
pub fn tests_name(tests: &str, page: &str) -> bool {
    let path = root().join(format!("tests/integration/{tests}.rs"));
    std::fs::read_to_string(path).is_ok_and(|text| text.contains(page))
}

/// Whether there is a test of that name in a file of tests.
pub fn has_test(file: &str, test: &str) -> bool {
    let path = root().join(file);
    std::fs::read_to_string(path).is_ok_and(|text| text.contains(&format!("fn {test}()")))
}
