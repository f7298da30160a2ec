//! Counters of every value received.

use super::caps::Cap;
use super::mapping::Adjustment;
use crate::delivery::figures::RejectedCounts;

/// Why a value was dropped before it became a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// `is_transient`: not for a historian.
    Transient,
    /// An alarm under the name of its tag.
    Alarm,
    /// Bytes, files, and metrics without a known datatype.
    NotCarried,
    /// Past `TWIN_MAX_MODELS`.
    CappedModels,
    /// Past `TWIN_MAX_PROPERTIES`.
    CappedProperties,
    /// Past `TWIN_MAX_ASSETS`.
    CappedAssets,
    /// A birth repeated what was written already.
    Unchanged,
    /// The buffer was full before the initial sync.
    BeforeSync,
    /// A control metric such as `bdSeq`: the session's, not the plant's.
    Control,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Transient,
        Self::Alarm,
        Self::NotCarried,
        Self::CappedModels,
        Self::CappedProperties,
        Self::CappedAssets,
        Self::Unchanged,
        Self::BeforeSync,
        Self::Control,
    ];

    /// The cap that was exceeded, if one was.
    pub fn cap(self) -> Option<Cap> {
        match self {
            Self::CappedModels => Some(Cap::Models),
            Self::CappedProperties => Some(Cap::Properties),
            Self::CappedAssets => Some(Cap::Assets),
            Self::Transient
            | Self::Alarm
            | Self::NotCarried
            | Self::Unchanged
            | Self::BeforeSync
            | Self::Control => None,
        }
    }

    /// The reason as a label.
    pub fn label(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::Alarm => "alarm",
            Self::NotCarried => "not_carried",
            Self::CappedModels => "capped_models",
            Self::CappedProperties => "capped_properties",
            Self::CappedAssets => "capped_assets",
            Self::Unchanged => "unchanged",
            Self::BeforeSync => "before_sync",
            Self::Control => "control",
        }
    }
}

/// Counts since the start. `values = points + refused + dropped + buffered`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueCounts {
    /// Values that came in.
    pub values: u64,
    /// Of these: became points.
    pub points: u64,
    /// Of these: rejected, and handed to the dead letters.
    pub refused: RejectedCounts,
    /// Points that the bridge made by itself: presence, attributes, stale marks, heartbeats.
    pub own_points: u64,
    /// Latest values that could not be read after a start, so that it is not known whether what
    /// was written is what SiteWise shows.
    pub unread: u64,
    dropped: [u64; DropReason::ALL.len()],
    adjusted: [u64; 4],
}

impl ValueCounts {
    /// One more value was dropped.
    pub(super) fn drop_value(&mut self, why: DropReason) {
        self.drop_values(why, 1);
    }

    /// This many more values were dropped.
    #[expect(clippy::indexing_slicing, reason = "the array has a place for each variant")]
    pub(super) fn drop_values(&mut self, why: DropReason, values: u64) {
        self.dropped[why as usize] += values;
    }

    /// One more value was adjusted.
    #[expect(clippy::indexing_slicing, reason = "the array has a place for each variant")]
    pub(super) fn adjust(&mut self, how: Adjustment) {
        self.adjusted[how as usize] += 1;
    }

    /// This many values were sent early, and counted as the bridge's own while their events were
    /// buffered: from now on they count as the plant's.
    pub(super) fn count_early_as_plant_values(&mut self, values: u64) {
        self.points += values;
        self.own_points -= values;
    }

    /// Values dropped for this reason.
    #[expect(clippy::indexing_slicing, reason = "the array has a place for each variant")]
    pub fn dropped(&self, why: DropReason) -> u64 {
        self.dropped[why as usize]
    }

    /// Values dropped in all.
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }

    /// Values adjusted in this way.
    #[expect(clippy::indexing_slicing, reason = "the array has a place for each variant")]
    pub fn adjusted(&self, how: Adjustment) -> u64 {
        self.adjusted[how as usize]
    }
}

impl From<Cap> for DropReason {
    fn from(cap: Cap) -> Self {
        match cap {
            Cap::Models => Self::CappedModels,
            Cap::Properties => Self::CappedProperties,
            Cap::Assets => Self::CappedAssets,
        }
    }
}
