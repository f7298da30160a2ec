//! The documentation, shown by the console itself: what to do about a problem is one click away,
//! also where there is no way to the internet.

use bytes::Bytes;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd, html};
use rustc_hash::FxHashSet;

use super::page::StaticFile;

/// Each file of `docs/` that people read, by its name there.
const FILES: &[(&str, &str)] = &[
    ("commands.md", include_str!("../../docs/commands.md")),
    ("configuration.md", include_str!("../../docs/configuration.md")),
    ("conformance.md", include_str!("../../docs/conformance.md")),
    ("connecting.md", include_str!("../../docs/connecting.md")),
    ("dashboards.md", include_str!("../../docs/dashboards.md")),
    ("deploy.md", include_str!("../../docs/deploy.md")),
    ("faq.md", include_str!("../../docs/faq.md")),
    ("glossary.md", include_str!("../../docs/glossary.md")),
    ("labels.md", include_str!("../../docs/labels.md")),
    ("late.md", include_str!("../../docs/late.md")),
    ("limits.md", include_str!("../../docs/limits.md")),
    ("metrics.md", include_str!("../../docs/metrics.md")),
    ("moving.md", include_str!("../../docs/moving.md")),
    ("operations.md", include_str!("../../docs/operations.md")),
    ("outbox.md", include_str!("../../docs/outbox.md")),
    ("performance.md", include_str!("../../docs/performance.md")),
    ("scaling.md", include_str!("../../docs/scaling.md")),
    ("security.md", include_str!("../../docs/security.md")),
    ("semantics.md", include_str!("../../docs/semantics.md")),
    ("troubleshooting.md", include_str!("../../docs/troubleshooting.md")),
    ("upgrading.md", include_str!("../../docs/upgrading.md")),
];

/// The page of a file of `docs/`, at `/docs/NAME.md`.
pub(super) fn page(path: &str) -> Option<StaticFile> {
    let name = path.strip_prefix("/docs/")?;
    let (_, text) = FILES.iter().find(|(known, _)| *known == name)?;
    Some(StaticFile {
        content_type: "text/html; charset=utf-8",
        content: Bytes::from(render(text)),
    })
}

/// A Markdown text as a page.
fn render(markdown: &str) -> String {
    let mut anchors = Anchors::default();
    let mut body = String::new();
    html::push_html(&mut body, anchors.of(Parser::new_ext(markdown, Options::ENABLE_TABLES)));
    let title = escaped(anchors.title.as_deref().unwrap_or("Documentation"));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title} · Sparkwise</title>\n\
         <link rel=\"icon\" href=\"/icon.svg\" type=\"image/svg+xml\">\n\
         <link rel=\"stylesheet\" href=\"/style.css\">\n</head>\n<body>\n\
         <header class=\"top\"><a class=\"brand\" href=\"/\"><img src=\"/icon.svg\" alt=\"\" \
         width=\"26\" height=\"26\"><span>Sparkwise</span></a></header>\n\
         <main class=\"guide\">\n{body}</main>\n</body>\n</html>\n"
    )
}

/// The anchors of a page: headings have those that GitHub gives them, and a row of a table that
/// begins with a code has that code, where it is the first of its kind.
#[derive(Debug, Default)]
struct Anchors {
    known: FxHashSet<String>,
    /// The first heading.
    title: Option<String>,
}

impl Anchors {
    /// Reserves an anchor. False if the name cannot be one, or the page has it already.
    fn reserve(&mut self, name: &str) -> bool {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        name.chars().all(is_name) && self.known.insert(name.to_owned())
    }

    /// What a Markdown text consists of, with its anchors, without comments, and without links to
    /// what is not served here, and pictures.
    fn of<'a>(&mut self, parser: Parser<'a>) -> std::vec::IntoIter<Event<'a>> {
        let mut events: Vec<Event<'a>> = Vec::new();
        // Where the current heading begins, and its text.
        let mut heading: Option<(usize, String)> = None;
        let mut cell = Cell::Other;
        let mut dead_link = false;
        for event in parser {
            cell = match (&event, cell) {
                (Event::Start(Tag::TableRow), _) => Cell::Next,
                (Event::Start(Tag::TableCell), Cell::Next) => Cell::Begins,
                _ if cell == Cell::Begins && matches!(event, Event::Code(_)) => Cell::Begins,
                _ => Cell::Other,
            };
            match event {
                Event::Html(_) | Event::InlineHtml(_) => continue,
                Event::Start(Tag::Heading { .. }) => heading = Some((events.len(), String::new())),
                Event::Text(ref text) | Event::Code(ref text) if heading.is_some() => {
                    if let Some((_, words)) = &mut heading {
                        words.push_str(text);
                    }
                }
                Event::Code(code) if cell == Cell::Begins && self.reserve(&code) => {
                    let code = escaped(&code);
                    let row = format!("<code id=\"{code}\">{code}</code>");
                    events.push(Event::InlineHtml(row.into()));
                    continue;
                }
                // Of a picture its words are left.
                Event::Start(Tag::Link { ref dest_url, .. } | Tag::Image { ref dest_url, .. })
                    if !is_served(dest_url) =>
                {
                    dead_link = true;
                    continue;
                }
                Event::End(TagEnd::Link | TagEnd::Image) if std::mem::take(&mut dead_link) => {
                    continue;
                }
                Event::End(TagEnd::Heading(_)) => {
                    if let Some((begin, words)) = heading.take() {
                        let anchor = heading_anchor(&words);
                        self.known.insert(anchor.clone());
                        self.title.get_or_insert(words);
                        if let Some(Event::Start(Tag::Heading { id, .. })) = events.get_mut(begin) {
                            *id = Some(anchor.into());
                        }
                    }
                }
                _ => {}
            }
            events.push(event);
        }
        events.into_iter()
    }
}

/// Where in a row of a table an event stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// The next cell is the first.
    Next,
    /// At the beginning of the first.
    Begins,
    Other,
}

/// A heading's anchor: lower case, blanks as hyphens, no other punctuation.
fn heading_anchor(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// Whether a link leads to a page of ours, or into the internet.
fn is_served(link: &str) -> bool {
    let file = link.split_once('#').map_or(link, |(file, _)| file);
    file.is_empty() || file.starts_with("https://") || FILES.iter().any(|(name, _)| *name == file)
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::console::degraded::DegradedReason;
    use crate::console::health::NotReadyReason;
    use crate::sitewise::cause::Cause;

    fn text(name: &str) -> String {
        let page = page(&format!("/docs/{name}")).unwrap();
        String::from_utf8(page.content.to_vec()).unwrap()
    }

    #[test]
    fn every_file_of_the_documentation_is_a_page() {
        let folder = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/docs")).unwrap();
        for file in folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()) {
            if file.ends_with(".md") {
                assert!(text(&file).contains("<h1 id="), "{file}");
            }
        }
    }

    #[test]
    fn every_reason_for_degraded_has_its_row() {
        let operations = text("operations.md");
        for label in DegradedReason::LABELS {
            assert_eq!(operations.matches(&format!("id=\"{label}\"")).count(), 1, "{label}");
        }
    }

    /// Some had none.
    #[test]
    fn every_reason_and_cause_has_its_row_with_what_to_do() {
        let operations = include_str!("../../docs/operations.md");
        let rows: Vec<Vec<&str>> = operations
            .lines()
            .filter(|line| line.starts_with('|') && line.ends_with('|'))
            .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
            .collect();
        let labels = NotReadyReason::LABELS.into_iter().chain(DegradedReason::LABELS);
        for label in labels.chain(Cause::ALL.map(Cause::label)) {
            let code = format!("`{label}`");
            let mut own = rows.iter().filter(|row| row.first().is_some_and(|of| *of == code));
            let row = own.next().unwrap_or_else(|| panic!("{label} has no row"));
            let remedy = row.get(2).copied().unwrap_or_default();
            assert!(row.len() == 3 && remedy.len() > 5, "{label}: {row:?}");
        }
    }

    /// The head of the page said `values_too_fast` where it had no words for it.
    #[test]
    fn the_page_has_words_for_every_reason_for_degraded() {
        let words = include_str!("page/words.js");
        let (_, degraded) = words.split_once("const DEGRADED = {").unwrap();
        let (degraded, _) = degraded.split_once("};").unwrap();
        for label in DegradedReason::LABELS {
            assert!(degraded.contains(&format!("\n  {label}: '")), "{label}");
        }
    }

    #[test]
    fn every_link_between_the_pages_leads_to_an_anchor() {
        let mut links = 0;
        for (name, _) in FILES {
            for link in text(name).split("href=\"").skip(1) {
                let link = link.split('"').next().unwrap();
                let Some((file, anchor)) = link.split_once('#') else { continue };
                if file.starts_with("https:") {
                    continue;
                }
                let page = text(if file.is_empty() { name } else { file });
                assert!(page.contains(&format!("id=\"{anchor}\"")), "{name}: {link}");
                links += 1;
            }
        }
        assert!(links > 30, "{links}");
    }

    #[test]
    fn comments_and_links_to_elsewhere_are_left_out() {
        let page = render("# A & B\n\n<!-- not run -->\n[c](../infra/x.md) [d](limits.md#e)\n");
        assert!(page.contains("<title>A &amp; B · Sparkwise</title>"), "{page}");
        assert!(page.contains("<p>c <a href=\"limits.md#e\">d</a></p>"), "{page}");
        assert!(!page.contains("not run"), "{page}");
    }
}
