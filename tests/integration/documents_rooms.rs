//! The page on the architecture describes the rooms that there are, and who uses whom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::documents_blocks::arrow;
use super::support::pages::{Page, blocks, read, root};

const PAGE: &str = "docs/architecture.md";

type Uses = BTreeMap<String, BTreeSet<String>>;

/// Who uses whom, as the code has it.
fn in_the_code() -> Uses {
    let mut rooms = Uses::new();
    let source = root().join("src");
    for entry in std::fs::read_dir(&source).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        // The door, and the map of the house.
        if !["main", "lib"].contains(&name.as_str()) {
            let used = rooms.entry(name).or_default();
            collect(&path, used);
        }
    }
    let names: BTreeSet<String> = rooms.keys().cloned().collect();
    for (room, used) in &mut rooms {
        used.retain(|other| other != room && names.contains(other));
    }
    rooms
}

/// What is named behind `crate::` in a file, or in all files of a folder.
fn collect(path: &Path, used: &mut BTreeSet<String>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            collect(&entry.unwrap().path(), used);
        }
        return;
    }
    if path.extension().is_none_or(|extension| extension != "rs") {
        return;
    }
    let code: String = std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    for behind in code.split("crate::").skip(1) {
        let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
        match behind.strip_prefix('{') {
            None => {
                used.insert(behind.chars().take_while(|c| is_name(*c)).collect());
            }
            Some(list) => {
                // Every name in the braces: those of rooms are only ever rooms'.
                let list = list.split(';').next().unwrap();
                used.extend(list.split(|c| !is_name(c)).map(str::to_owned));
            }
        }
    }
}

/// Who uses whom, as the page's table has it.
fn in_the_table() -> Uses {
    let page = Page::open(PAGE);
    let mut rooms = Uses::new();
    for (_, line) in page.prose() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, room, _, _, uses, _] = cells.as_slice() else {
            continue;
        };
        let named = |cell: &str| -> Vec<String> {
            let parts = cell.split('`').skip(1).step_by(2);
            parts.map(str::to_owned).collect()
        };
        if let [room] = named(room).as_slice()
            && let Some(room) = room.strip_prefix("src/")
        {
            let name = room.trim_end_matches('/').trim_end_matches(".rs");
            assert!(root().join("src").join(room).exists(), "src/{room}");
            let uses = named(uses).into_iter().collect();
            assert!(
                rooms.insert(name.to_owned(), uses).is_none(),
                "twice: {room}"
            );
        }
    }
    rooms
}

#[test]
fn the_table_has_every_room_and_whom_it_uses() {
    let (table, code) = (in_the_table(), in_the_code());
    let names = |rooms: &Uses| rooms.keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        names(&table),
        names(&code),
        "the rooms of {PAGE} and of src"
    );
    for (room, used) in &code {
        let told = &table[room];
        let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| -> Vec<String> {
            one.difference(other).cloned().collect()
        };
        assert_eq!(
            (only(used, told), only(told, used)),
            (vec![], vec![]),
            "src/{room} uses what the table of {PAGE} does not have; it has what is not used"
        );
    }
}

#[test]
fn no_two_rooms_need_each_other() {
    let mut left = in_the_code();
    while !left.is_empty() {
        let rooms: BTreeSet<String> = left.keys().cloned().collect();
        let free = left
            .iter()
            .find(|(_, used)| used.is_disjoint(&rooms))
            .map(|(room, _)| room.clone());
        let Some(free) = free else {
            panic!("these go round in a circle: {left:?}");
        };
        left.remove(&free);
    }
}

#[test]
fn the_diagram_has_every_room_and_its_arrows_are_between_rooms_that_know_each_other() {
    let code = in_the_code();
    let diagrams = blocks(&read(PAGE), "mermaid");
    let [diagram] = diagrams.as_slice() else {
        panic!("{PAGE} has one diagram");
    };
    let id = |node: &str| -> String {
        node.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    // What is round is outside.
    let outside: BTreeSet<String> = diagram
        .lines()
        .filter(|line| line.contains("([\""))
        .map(|line| id(line.trim()))
        .collect();
    let inside: BTreeSet<String> = diagram
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("[\"") && !line.contains("([\"") && arrow(line).is_none())
        .filter(|line| !line.starts_with("subgraph "))
        .map(id)
        .collect();
    let rooms: BTreeSet<String> = code.keys().cloned().collect();
    assert_eq!(
        inside, rooms,
        "the nodes of the diagram and the rooms of src"
    );
    let mut arrows = 0;
    for line in diagram.lines() {
        let Some((from, to)) = arrow(line) else {
            continue;
        };
        arrows += 1;
        for end in [&from, &to] {
            assert!(rooms.contains(end) || outside.contains(end), "{line}");
        }
        if let (Some(ours), Some(theirs)) = (code.get(&from), code.get(&to)) {
            assert!(
                ours.contains(&to) || theirs.contains(&from),
                "{line}: neither uses the other"
            );
        }
    }
    assert!(arrows >= 10, "{arrows}");
}
