//! The page's files, as they were written.

use bytes::Bytes;

/// A file of the page.
#[derive(Clone, Debug)]
pub(super) struct StaticFile {
    pub(super) content_type: &'static str,
    pub(super) content: Bytes,
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, type and text of each.
const FILES: &[(&str, &str, &str)] = &[
    ("/", HTML, include_str!("page/index.html")),
    ("/style.css", CSS, include_str!("page/style.css")),
    ("/icon.svg", SVG, include_str!("page/icon.svg")),
    ("/app.js", JS, include_str!("page/app.js")),
    ("/chart.js", JS, include_str!("page/chart.js")),
    ("/dom.js", JS, include_str!("page/dom.js")),
    ("/feed.js", JS, include_str!("page/feed.js")),
    ("/format.js", JS, include_str!("page/format.js")),
    ("/models.js", JS, include_str!("page/models.js")),
    ("/nodes.js", JS, include_str!("page/nodes.js")),
    ("/plant.js", JS, include_str!("page/plant.js")),
    ("/problems.js", JS, include_str!("page/problems.js")),
    ("/stream.js", JS, include_str!("page/stream.js")),
    ("/tree.js", JS, include_str!("page/tree.js")),
    ("/delivery.js", JS, include_str!("page/delivery.js")),
    ("/words.js", JS, include_str!("page/words.js")),
];

/// The file at a path.
pub(super) fn file(path: &str) -> Option<StaticFile> {
    let (_, content_type, text) = FILES.iter().find(|(at, ..)| *at == path)?;
    Some(StaticFile { content_type, content: Bytes::from_static(text.as_bytes()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_small() {
        let bytes: usize = FILES.iter().map(|(_, _, text)| text.len()).sum();
        assert!(bytes < 150_000, "{bytes} bytes");
    }
}
