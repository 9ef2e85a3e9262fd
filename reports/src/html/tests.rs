use std::path::PathBuf;

use hwptop_bench::run_file::BatchingRun;

use super::*;
use crate::{Inputs, fixture, report};

fn page(runs: &[(PathBuf, BatchingRun)]) -> String {
    text(&fixture::document(runs)).unwrap()
}

/// Every tag of the page, without its brackets.
fn tags(page: &str) -> Vec<&str> {
    let after = page.split('<').skip(1);
    after.map(|rest| rest.split('>').next().unwrap()).collect()
}

#[test]
fn nothing_in_it_is_loaded_from_elsewhere() {
    let page = page(&fixture::hostile());
    assert!(page.contains("default-src 'none'"));
    for tag in tags(&page) {
        let name = tag.split([' ', '/']).next().unwrap();
        let loads = [
            "script", "img", "iframe", "object", "embed", "image", "use", "base", "form",
        ];
        assert!(!loads.contains(&name), "{tag}");
        for attribute in [" src=", " srcset=", " style=", " onload="] {
            assert!(!tag.contains(attribute), "{tag}");
        }
        if let Some((_, href)) = tag.split_once("href=\"") {
            assert!(
                href.starts_with('#') || href.starts_with("data:,\""),
                "{tag}"
            );
        }
    }
    for loading in ["url(", "@import", "http-equiv=\"refresh\""] {
        assert!(!page.contains(loading), "{loading}");
    }
}

#[test]
fn every_figure_has_a_text_and_is_drawn_for_wide_and_for_narrow_screens() {
    let page = page(&fixture::two_instances());
    assert_eq!(page.matches("<figure>").count(), 2);
    for class in ["wide", "narrow"] {
        assert_eq!(
            page.matches(&format!("<svg class=\"{class}\" role=\"img\" aria-label="))
                .count(),
            2
        );
    }
    assert!(page.contains(
        "aria-label=\"Time per entry against batch size, both logarithmic. On model-vtd0"
    ));
    assert!(page.contains("p99 "), "percentiles are told in words");
}

#[test]
fn hostile_names_are_text_and_not_markup() {
    let page = page(&fixture::hostile());
    let control = |c: char| (c.is_control() && c != '\n') || c == '\u{ffff}';
    assert!(!page.contains(control));
    assert!(!page.contains("<script"));
    assert!(page.contains("&lt;script&gt;alert(1)"));
    let mut open = Vec::new();
    for tag in tags(&page).into_iter().filter(|tag| !tag.starts_with('!')) {
        let name = tag.trim_start_matches('/').split([' ', '/']).next();
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        if tag.starts_with('/') {
            assert_eq!(open.pop(), name, "{tag}");
        } else if !tag.ends_with('/') && !matches!(name, Some("meta" | "link")) {
            open.extend(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn every_colour_of_a_picture_has_one_for_dark_paper() {
    let css = colours();
    let inputs = Inputs {
        runs: vec![("policies.json".into(), fixture::policies())],
        ..fixture::inputs(&fixture::two_instances())
    };
    let page = text(&report::document(&inputs).unwrap()).unwrap();
    for property in ["fill", "stroke"] {
        let start = format!(" {property}=\"");
        for (at, _) in page.match_indices(&start) {
            let value = page[at + start.len()..].split('"').next().unwrap();
            let known = css.contains(&format!("[{property}=\"{value}\"]"));
            assert!(known || value == "none", "{property} {value}");
        }
    }
}

#[test]
fn what_stood_in_for_hardware_is_said_at_the_top() {
    let page = page(&fixture::two_instances());
    let (header, _) = page.split_once("</header>").unwrap();
    assert!(header.contains("<p class=\"mark\">modelled: a model stood in for hardware</p>"));
}
