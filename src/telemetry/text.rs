//! Lines of the log as text: a field that the message says already is not written behind it.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::{RecordFields, VisitOutput};
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultVisitor, Writer};

/// The name of the message among the fields of an event.
const MESSAGE: &str = "message";

/// Writes the message, and the fields whose values are not in it. In JSON all fields are written.
#[derive(Debug)]
pub(super) struct UnmentionedFields;

impl<'writer> FormatFields<'writer> for UnmentionedFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut message = Message::default();
        fields.record(&mut message);
        let mut visitor = DefaultVisitor::new(writer, true);
        fields.record(&mut Unmentioned { message: &message.0, visitor: &mut visitor });
        visitor.finish()
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE {
            self.0 = format!("{value:?}");
        }
    }
}

/// Passes on what is not in the message.
struct Unmentioned<'a, V> {
    message: &'a str,
    visitor: &'a mut V,
}

impl<V: Visit> Visit for Unmentioned<'_, V> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if !mentions(self.message, value) {
            self.visitor.record_str(field, value);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE || !mentions(self.message, &format!("{value:?}")) {
            self.visitor.record_debug(field, value);
        }
    }
}

/// Whether `message` has `value` in it, not as a part of another word.
fn mentions(message: &str, value: &str) -> bool {
    let is_end = |c: Option<char>| !c.is_some_and(char::is_alphanumeric);
    message.match_indices(value).any(|(at, found)| {
        let (before, from) = message.split_at(at);
        let behind = from.get(found.len()..).unwrap_or_default();
        is_end(before.chars().next_back()) && is_end(behind.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex, PoisonError};

    use tracing::subscriber::with_default;
    use tracing::{info, warn};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let visitor = lines.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(UnmentionedFields)
            .with_writer(move || visitor.clone())
            .with_ansi(false)
            .without_time()
            .with_target(false)
            .finish();
        with_default(subscriber, log);
        let bytes = lines.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_the_message_says_is_not_written_twice() {
        let source = "Plant 1/Gateway/Line 1";
        let line = written(|| {
            info!(sparkplug.source = %source, mqtt.server = "one", "{source} is offline");
        });
        assert_eq!(line, " INFO Plant 1/Gateway/Line 1 is offline mqtt.server=\"one\"\n");
    }

    #[test]
    fn a_part_of_a_word_is_not_the_word() {
        let line = written(|| warn!(count = 12, limit = 5, "Line 1 of Line 123 has 5 of 120 tags"));
        assert_eq!(line, " WARN Line 1 of Line 123 has 5 of 120 tags count=12\n");
        let line = written(|| warn!(error = "full", "the disk is full"));
        assert_eq!(line, " WARN the disk is full\n");
    }
}
