//! Names as text: Grafana replaces variables in titles, labels and descriptions, and expands templates
//! in alert rules.

/// A name in which Grafana finds no variable and no line break, which SiteWise's names do not have either.
///
/// It replaces `$name`, `${name}` and `[[name]]`, and has no way to escape them
/// (<https://github.com/grafana/grafana/issues/40603>). So their first character becomes its full-width
/// form, which looks alike; all other dollar signs and brackets stay.
pub(super) fn literal(name: &str) -> String {
    let mut chars = name.chars().peekable();
    let mut text = String::with_capacity(name.len());
    while let Some(c) = chars.next() {
        let next = chars.peek();
        text.push(match c {
            '$' if next.is_some_and(|n| matches!(n, '{' | '_') || n.is_ascii_alphanumeric()) => {
                '＄'
            }
            '[' if next == Some(&'[') => '［',
            c if c.is_control() => ' ',
            c => c,
        });
    }
    text
}

/// A name in an annotation or a label of an alert rule: both are templates of Go's, in which `{{` begins
/// an action.
pub(super) fn templated(name: &str) -> String {
    name.replace("{{", r#"{{"{{"}}"#)
}

/// A name in an annotation: some versions expand `${name}` and `$__env{name}` there, with no way to escape
/// them, so their first character becomes its full-width form.
pub(super) fn annotated(name: &str) -> String {
    templated(name).replace("${", "＄{").replace("$__", "＄__")
}

/// A name in a title or a label of an alert rule that is provisioned: `$` begins a variable of Grafana's
/// environment there, and not in annotations.
pub(super) fn provisioned(name: &str) -> String {
    name.replace('$', "$$")
}

/// The name of which [`provisioned`] and [`templated`] made a label.
pub(super) fn named_by(label: &str) -> String {
    label.replace("$$", "$").replace(r#"{{"{{"}}"#, "{{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_no_variable_and_looks_the_same() {
        for (name, text) in [
            ("Pump $asset", "Pump ＄asset"),
            ("${asset:raw} $__all", "＄{asset:raw} ＄__all"),
            ("[[asset]] [[[x]]]", "［[asset]] ［［[x]]]"),
            ("{{asset}}", "{{asset}}"),
            ("5 $, $$ and [a][b]", "5 $, $$ and [a][b]"),
            ("$$asset $é $", "$＄asset $é $"),
            ("Grüße\n zwei\t", "Grüße  zwei "),
        ] {
            assert_eq!(literal(name), text);
        }
    }

    #[test]
    fn a_template_of_gos_gives_the_name() {
        assert_eq!(templated("a {{ $labels }} }}"), r#"a {{"{{"}} $labels }} }}"#);
        assert_eq!(templated("{{{"), r#"{{"{{"}}{"#);
        assert_eq!(provisioned("$x {{"), "$$x {{");
        for name in ["$x {{ $$ }}", "{{{", r#"{{"{{"}}"#, "plain", ""] {
            assert_eq!(named_by(&provisioned(&templated(name))), name);
        }
        assert_eq!(annotated("$x ${HOME} $__env{HOME}"), "$x ＄{HOME} ＄__env{HOME}");
    }
}
