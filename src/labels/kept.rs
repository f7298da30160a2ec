//! Aliases that SiteWise has in place of the desired ones.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Remark, RemarkKind};

/// Properties that are kept: whoever changes `TWIN_ALIASES` may have a million.
const MAX_PROPERTIES: usize = 10_000;

/// What properties have in place of the alias that `TWIN_ALIASES` gives them, as far as it is known:
/// another alias, or none since something else has the desired one.
#[derive(Debug, Default)]
pub(super) struct KeptAliases {
    by_asset: BTreeMap<Uuid, BTreeMap<Uuid, Option<Box<str>>>>,
    properties: usize,
}

impl KeptAliases {
    /// The properties of an asset are read again.
    pub(super) fn forget(&mut self, asset: Uuid) {
        let had = self.by_asset.remove(&asset).map_or(0, |of| of.len());
        self.properties = self.properties.saturating_sub(had);
    }

    /// Takes what a remark says of a property.
    pub(super) fn note(&mut self, remark: &Remark) {
        let is_of_alias = matches!(remark.kind, RemarkKind::OtherAlias | RemarkKind::AliasTaken);
        let Some((asset, property)) = remark.ids.filter(|_| is_of_alias) else { return };
        if self.properties < MAX_PROPERTIES {
            let of_asset = self.by_asset.entry(asset).or_default();
            let had = of_asset.insert(property, remark.kept.clone());
            self.properties += usize::from(had.is_none());
        }
    }

    /// What a property has in place of its desired alias; none if it has that one, or is not known.
    pub(super) fn of(&self, asset: Uuid, property: Uuid) -> Option<Option<&str>> {
        self.by_asset.get(&asset)?.get(&property).map(Option::as_deref)
    }

    /// The property that has this alias in place of its desired one.
    pub(super) fn holder(&self, alias: &str) -> Option<(Uuid, Uuid)> {
        self.by_asset.iter().find_map(|(asset, of)| {
            let (property, _) = of.iter().find(|(_, kept)| kept.as_deref() == Some(alias))?;
            Some((*asset, *property))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever changes `TWIN_ALIASES` has other aliases by the million.
    #[test]
    fn no_more_than_ten_thousand_are_kept_and_what_is_read_again_makes_room() {
        let mut kept = KeptAliases::default();
        let id = |at: usize| Uuid::from_u128(at as u128);
        let remark = |at: usize| Remark {
            ids: Some((id(at / 100), id(at))),
            kept: Some(format!("/a{at}").into()),
            ..Remark::new(RemarkKind::OtherAlias, String::new(), String::new())
        };
        (0..MAX_PROPERTIES + 5).for_each(|at| kept.note(&remark(at)));
        kept.note(&remark(7));
        assert_eq!(kept.properties, MAX_PROPERTIES);
        assert_eq!(kept.of(id(0), id(7)), Some(Some("/a7")));
        assert_eq!(kept.holder("/a9999"), Some((id(99), id(9_999))));
        assert_eq!(kept.holder("/a10000"), None);
        kept.forget(id(0));
        assert_eq!((kept.of(id(0), id(7)), kept.properties), (None, MAX_PROPERTIES - 100));
        kept.note(&remark(MAX_PROPERTIES));
        assert_eq!(kept.holder("/a10000"), Some((id(100), id(MAX_PROPERTIES))));
        kept.note(&Remark { kind: RemarkKind::Rejected, ..remark(1) });
        assert_eq!(kept.of(id(0), id(1)), None, "of another kind");
    }
}
