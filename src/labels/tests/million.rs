//! A million aliases, with a SiteWise that keeps no more than a byte of each property.

use super::*;

/// A million properties; where `LABELS_ASSETS` is set while the tests are built, as many assets of a
/// hundred as it says.
fn assets() -> u32 {
    option_env!("LABELS_ASSETS").and_then(|assets| assets.parse().ok()).unwrap_or(10_000)
}

const EACH: u32 = 100;
const KILLS: u32 = 10;

/// How often each property was written. What others have set stands beside.
struct Bytes {
    written: Vec<u8>,
    others: BTreeMap<(u32, u32), AssetProperty>,
}

impl Bytes {
    fn at(asset: u32, property: u32) -> usize {
        (asset * EACH + property) as usize
    }

    fn property(&self, asset: u32, property: u32) -> AssetProperty {
        if let Some(other) = self.others.get(&(asset, property)) {
            return other.clone();
        }
        let alias =
            (self.written[Self::at(asset, property)] > 0).then(|| alias_of(asset, property));
        AssetProperty { alias, notification: NotificationState::Disabled, unit: None }
    }

    fn call(&mut self, call: &ApiCall) -> CallResult {
        match call {
            ApiCall::ReadProperties(id, None) => {
                let one = |at| (property_id(at), self.property(number(*id), at));
                CallResult::Properties(Page { items: (0..EACH).map(one).collect(), next: None })
            }
            ApiCall::DescribeProperty { asset, property } => {
                CallResult::Property(self.property(number(*asset), number(*property)))
            }
            ApiCall::UpdateProperty(update) => {
                let (asset, property) = (number(update.asset), number(update.property));
                if let Some(other) = self.others.get_mut(&(asset, property)) {
                    assert_eq!(other.alias, None, "an alias of others is replaced");
                    assert_eq!(other.unit, update.unit, "their unit goes back as it was");
                    assert_eq!(other.notification, update.notification);
                    other.alias.clone_from(&update.alias);
                }
                assert_eq!(update.alias, Some(alias_of(asset, property)));
                self.written[Self::at(asset, property)] += 1;
                CallResult::Accepted
            }
            other => panic!("{other}"),
        }
    }
}

/// At half the quota, 50 a second, that takes 5.6 hours. What was written when the process is killed
/// is read by the next.
#[test]
fn a_million_aliases_are_set_once_each_though_the_process_is_killed_ten_times() {
    let assets = assets();
    let plant = Turbines::new(assets, EACH);
    let mut sitewise =
        Bytes { written: vec![0; (assets * EACH) as usize], others: BTreeMap::new() };
    let own = |alias: Option<&str>, notification, unit: Option<&str>| AssetProperty {
        alias: alias.map(str::to_owned),
        notification,
        unit: unit.map(str::to_owned),
    };
    let (enabled, disabled) = (NotificationState::Enabled, NotificationState::Disabled);
    sitewise.others.insert((17, 3), own(Some("/people/chose/this"), disabled, None));
    sitewise.others.insert((assets - 1, 99), own(None, enabled, Some("furlong")));

    let mut random = fastrand::Rng::with_seed(7);
    let due = Duration::from_secs(u64::from(assets * EACH / 50));
    let mut kills: Vec<Instant> =
        (0..KILLS).map(|_| Instant::START + due.mul_f64(random.f64())).collect();
    kills.sort_unstable_by(|one, other| other.cmp(one));

    let mut lane = Labels::new(aliases(), 1);
    let (mut now, end) = (Instant::START, Instant::START + due * 2);
    let mut answers: VecDeque<(Instant, CallId, CallResult)> = VecDeque::new();
    let (mut recent, mut most, mut last) = (VecDeque::new(), 0, Instant::START);
    let mut remarks = BTreeSet::new();
    loop {
        while let Some(output) = lane.poll_output(&plant, now) {
            match output {
                Output::Call(id, call) => {
                    if call.is_write() {
                        recent.push_back(now);
                        while recent.front().is_some_and(|first| now.since(*first) >= SECOND) {
                            recent.pop_front();
                        }
                        most = most.max(recent.len());
                        last = now;
                    }
                    answers.push_back((now + SECOND / 10, id, sitewise.call(&call)));
                }
                Output::Remark(remark) => {
                    remarks.insert(remark.to_string());
                }
                Output::Denied { .. } | Output::Failing { .. } | Output::Allowed(_) => {
                    panic!("nothing is denied, and nothing fails")
                }
            }
        }
        let answered = answers.front().map(|(at, ..)| *at);
        let next = [answered, lane.poll_timeout(), kills.last().copied()];
        match next.into_iter().flatten().min() {
            Some(next) if next <= end => now = now.max(next),
            _ => break,
        }
        if kills.last().is_some_and(|kill| *kill <= now) {
            kills.pop();
            // What was in flight was carried out; nobody hears the answers.
            answers.clear();
            lane = Labels::new(aliases(), kills.len() as u64);
        }
        while let Some((at, ..)) = answers.front()
            && *at <= now
            && let Some((_, id, result)) = answers.pop_front()
        {
            lane.handle_result(id, Ok(result), now);
        }
    }
    let foreign = Bytes::at(17, 3);
    for (at, written) in sitewise.written.iter().enumerate() {
        assert_eq!(*written, u8::from(at != foreign), "{at}");
    }
    assert_eq!(sitewise.property(17, 3), own(Some("/people/chose/this"), disabled, None));
    let theirs = own(Some(&alias_of(assets - 1, 99)), enabled, Some("furlong"));
    assert_eq!(sitewise.property(assets - 1, 99), theirs);
    let told = "Nordsee/gw/T17/p3: it keeps its alias `/people/chose/this`, and does not get \
                `/Nordsee/gw/T17/p3`";
    assert_eq!(remarks, BTreeSet::from([told.to_owned()]));
    assert!(most <= limits::PROPERTY_UPDATES_PER_SECOND as usize / 2, "{most}");
    let took = last.since(Instant::START);
    assert!(took < due.mul_f64(1.2), "{took:?} instead of {due:?}");
}
