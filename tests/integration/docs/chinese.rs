//! The Chinese README and pages say what the English ones say.

use crate::support::markdown::{Block, Page, pages};

const ENGLISH: &str = "README.md";
const CHINESE: &str = "README.zh-CN.md";

fn both() -> (Page, Page) {
    (Page::open(ENGLISH), Page::open(CHINESE))
}

/// Both READMEs, and each page of `docs/zh` with the one that it translates.
fn pairs() -> Vec<(Page, Page)> {
    let translated = pages().into_iter().filter_map(|page| {
        let name = page.path.strip_prefix("docs/zh/")?;
        Some((Page::open(&format!("docs/{name}")), page))
    });
    let pairs: Vec<_> = std::iter::once(both()).chain(translated).collect();
    assert!(pairs.len() > 15, "{}", pairs.len());
    pairs
}

#[test]
fn every_runbook_is_translated() {
    let all = pages();
    let names = |folder: &str| -> Vec<String> {
        let inside = all.iter().filter_map(|page| page.path.strip_prefix(folder));
        inside.map(str::to_owned).collect()
    };
    let english = names("docs/runbooks/");
    assert!(english.len() > 15, "{english:?}");
    assert_eq!(english, names("docs/zh/runbooks/"));
}

#[test]
fn translations_have_the_same_headings() {
    for (english, chinese) in pairs() {
        let (ours, theirs) = (english.headings(), chinese.headings());
        for (number, ours) in ours.iter().enumerate() {
            let Some(theirs) = theirs.get(number) else {
                panic!("{} ends before the heading `{}`", chinese.path, ours.1);
            };
            assert_eq!(
                ours.0, theirs.0,
                "heading {number}: `{}` of {} is not as deep as `{}` of {}",
                ours.1, english.path, theirs.1, chinese.path
            );
        }
        let more = theirs.get(ours.len());
        assert_eq!(more, None, "{} has no such heading", english.path);
    }
}

#[test]
fn translations_show_the_same_blocks() {
    // What a picture of letters says is translated.
    let shown = |block: &Block| match block.language.as_str() {
        "text" => format!("```text of {} lines```", block.text.lines().count()),
        language => format!("```{language}\n{}```", block.text),
    };
    for (english, chinese) in pairs() {
        let (ours, theirs) = (english.blocks(), chinese.blocks());
        for (number, ours) in ours.iter().enumerate() {
            let Some(theirs) = theirs.get(number) else {
                panic!("{} has no block like {}", chinese.path, ours.place());
            };
            assert!(
                shown(ours) == shown(theirs),
                "{} and {} differ:\n{}\n{}",
                ours.place(),
                theirs.place(),
                shown(ours),
                shown(theirs)
            );
        }
        let more = theirs.get(ours.len());
        assert!(
            more.is_none(),
            "{} has no block like {more:?}",
            english.path
        );
    }
}

#[test]
fn readmes_have_the_same_links_and_pictures() {
    let (english, chinese) = both();
    // Words may come in another order, and each leads to the other one.
    let sorted = |page: &Page, other: &str| {
        let mut links: Vec<(bool, String)> = page
            .links()
            .into_iter()
            .map(|(picture, target)| (picture, target.to_owned()))
            .collect();
        links.sort();
        let place = links.iter().position(|(_, target)| target == other);
        links.remove(place.unwrap_or_else(|| panic!("{} does not lead to {other}", page.path)));
        links
    };
    let (english, chinese) = (sorted(&english, CHINESE), sorted(&chinese, ENGLISH));
    assert!(english.len() > 20);
    let only = |of: &[(bool, String)], not: &[(bool, String)]| -> Vec<String> {
        let mut not = not.to_vec();
        of.iter()
            .filter(|link| match not.iter().position(|other| other == *link) {
                Some(place) => {
                    not.remove(place);
                    false
                }
                None => true,
            })
            .map(|(_, target)| target.clone())
            .collect()
    };
    assert_eq!(
        (only(&english, &chinese), only(&chinese, &english)),
        (vec![], vec![]),
        "only in {ENGLISH}, only in {CHINESE}"
    );
}

#[test]
fn readmes_have_equally_long_tables_and_lists() {
    let (english, chinese) = both();
    let count = |page: &Page, mark: &str| {
        let lines = page.prose();
        lines
            .iter()
            .filter(|(_, line)| line.starts_with(mark))
            .count()
    };
    for mark in ["- ", "| "] {
        let (ours, theirs) = (count(&english, mark), count(&chinese, mark));
        assert_eq!(ours, theirs, "lines that begin with `{mark}`");
    }
}

/// What stands below each heading, of the lines given.
fn by_section<T: Ord>(page: &Page, all: Vec<(usize, T)>) -> Vec<Vec<T>> {
    let prose = page.prose().into_iter();
    let headings = prose.filter(|(_, line)| line.starts_with('#'));
    let begins: Vec<usize> = headings.map(|(number, _)| number).collect();
    let mut sections: Vec<Vec<T>> = begins.iter().map(|_| Vec::new()).collect();
    for (line, one) in all {
        let section = begins.iter().rposition(|begin| *begin <= line).unwrap();
        sections[section].push(one);
    }
    for section in &mut sections {
        section.sort();
    }
    sections
}

/// The numbers that are written in digits, outside of code, of links' targets and of names.
fn numbers(page: &Page) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (line, text) in page.prose() {
        let text: String = text.split('`').step_by(2).collect::<Vec<_>>().join(" ");
        // A target ends with the first bracket, an address with its own.
        let mut words = String::new();
        let mut rest = text.as_str();
        while let Some(at) = ["](", "<http"]
            .iter()
            .filter_map(|mark| rest.find(mark))
            .min()
        {
            words.push_str(&rest[..at]);
            words.push(' ');
            rest = &rest[at..];
            let end = rest.find([')', '>']).unwrap_or(rest.len() - 1);
            rest = &rest[end + 1..];
        }
        words.push_str(rest);
        let part = |c: char| c.is_ascii_alphanumeric() || ",.-".contains(c);
        for word in words.split(|c: char| !part(c)) {
            let number = word.trim_matches([',', '.', '-']);
            if number.starts_with(|c: char| c.is_ascii_digit()) {
                found.push((line, number.to_owned()));
            }
        }
    }
    found
}

#[test]
fn readmes_have_the_same_numbers_and_code_in_each_section() {
    let (english, chinese) = both();
    let headings = english.headings();
    let compare = |what: &str, ours: Vec<(usize, String)>, theirs: Vec<(usize, String)>, least| {
        assert!(ours.len() >= least, "{ours:?}");
        let (ours, theirs) = (by_section(&english, ours), by_section(&chinese, theirs));
        for (number, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "{what} below `{}`", headings[number].1);
        }
    };
    compare("numbers", numbers(&english), numbers(&chinese), 8);
    compare("code", english.spans(), chinese.spans(), 15);
}
