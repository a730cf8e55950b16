//! The Chinese README says what the English one says.

use super::support::pages::{Block, Page};

const ENGLISH: &str = "README.md";
const CHINESE: &str = "README.zh-CN.md";

fn both() -> (Page, Page) {
    (Page::open(ENGLISH), Page::open(CHINESE))
}

#[test]
fn both_have_the_same_headings() {
    let (english, chinese) = both();
    let (english, chinese) = (english.headings(), chinese.headings());
    assert!(english.len() > 5);
    for (number, ours) in english.iter().enumerate() {
        let Some(theirs) = chinese.get(number) else {
            panic!("{CHINESE} ends before the heading `{}`", ours.1);
        };
        assert_eq!(
            ours.0, theirs.0,
            "heading {number}: `{}` of {ENGLISH} is not as deep as `{}` of {CHINESE}",
            ours.1, theirs.1
        );
    }
    let more = chinese.get(english.len());
    assert_eq!(more, None, "{ENGLISH} has no such heading");
}

#[test]
fn both_show_the_same_blocks() {
    let (english, chinese) = both();
    let (english, chinese) = (english.blocks(), chinese.blocks());
    assert!(english.len() > 5);
    let shown = |block: &Block| format!("```{}\n{}```", block.language, block.text);
    for (number, ours) in english.iter().enumerate() {
        let Some(theirs) = chinese.get(number) else {
            panic!("{CHINESE} has no block like {}", ours.place());
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
    let more = chinese.get(english.len());
    assert!(more.is_none(), "{ENGLISH} has no block like {more:?}");
}

#[test]
fn both_lead_to_the_same_places_and_show_the_same_pictures() {
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
fn tables_have_as_many_rows_and_lists_as_many_points() {
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
