use super::*;
use crate::outbox::disk::tests::world::{number, point};

/// The write that takes changes in these tests.
const WRITE: u64 = 7;

fn came(value: f64) -> QueuedPoint {
    QueuedPoint { point: point(1, 1, value), gate: None }
}

fn key() -> Key {
    came(0.0).point.key()
}

/// What is known of the key, in the words of the table.
fn state(held: &MemoryPoints) -> &'static str {
    let state = match held.states.get(&key()) {
        None => "no state",
        Some(KeyState::Queued { .. }) => "waits",
        Some(KeyState::Taken { with, .. }) => match **with {
            TakenPoint::Own(_) => "taken",
            TakenPoint::Successor(_) => "taken, with a successor",
        },
    };
    let (waiting, successors, lacking) = match held.states.get(&key()) {
        None => (0, 0, false),
        Some(KeyState::Queued { record, .. }) => (1, 0, record.is_unwritten()),
        Some(KeyState::Taken { record, with }) => {
            let successor = matches!(**with, TakenPoint::Successor(_));
            (0, usize::from(successor), record.is_unwritten())
        }
    };
    let counted = (held.waiting(), held.successors(), held.unwritten());
    assert_eq!(counted, (waiting, successors, usize::from(lacking)), "{state}");
    state
}

/// A key in each of the states, its last point with the value 1 or 2.
fn all(write: Option<u64>) -> [MemoryPoints; 4] {
    let none = MemoryPoints::default;
    let waits = || {
        let mut held = none();
        assert!(held.put(came(1.0), write, |_| false).overwritten.is_none());
        held
    };
    let taken = || {
        let mut held = waits();
        assert_eq!(held.take(9.into()).len(), 1);
        held
    };
    let followed = || {
        let mut held = taken();
        assert!(held.put(came(2.0), write, |_| false).overwritten.is_none());
        held
    };
    [none(), waits(), taken(), followed()]
}

fn after<T>(
    write: Option<u64>,
    mut happens: impl FnMut(&mut MemoryPoints) -> T,
) -> Vec<(&'static str, T)> {
    all(write)
        .into_iter()
        .map(|mut held| {
            let given = happens(&mut held);
            (state(&held), given)
        })
        .collect()
}

#[test]
fn a_state_changes_as_the_table_says() {
    use SettleResult::{Removed, SuccessorQueued, Unknown};

    let states = after(Some(WRITE), |_| ()).into_iter().map(|(state, ())| state);
    assert!(states.eq(["no state", "waits", "taken", "taken, with a successor"]));

    let put = |held: &mut MemoryPoints| {
        held.put(came(3.0), Some(WRITE), |_| false).overwritten.as_ref().map(number)
    };
    let successor = "taken, with a successor";
    let (one, two) = (Some(1.0), Some(2.0));
    let expected = [("waits", None), ("waits", one), (successor, None), (successor, two)];
    assert_eq!(after(Some(WRITE), put), expected);

    let take = |held: &mut MemoryPoints| held.take(9.into()).first().map(number);
    let expected = [("no state", None), ("taken", one), ("taken", None), (successor, None)];
    assert_eq!(after(Some(WRITE), take), expected);

    let settle = |held: &mut MemoryPoints| held.settle(key());
    let gone = Removed(SavingWrite::in_write(WRITE));
    let expected =
        [("no state", Unknown), ("waits", Unknown), ("no state", gone), ("waits", SuccessorQueued)];
    assert_eq!(after(Some(WRITE), settle), expected);

    let leave = |held: &mut MemoryPoints| held.spill(WRITE).map(|left| number(&left.point));
    let expected = [("no state", None), ("no state", one), ("taken", None), (successor, None)];
    assert_eq!(after(Some(WRITE), leave), expected);
    assert!(
        after(Some(WRITE), |held| held.spill(WRITE - 1)).iter().all(|(_, left)| left.is_none())
    );

    let shed = |held: &mut MemoryPoints| held.drop_oldest().map(|(point, _)| number(&point));
    assert_eq!(after(Some(WRITE), shed), expected);

    let mut held = MemoryPoints::default();
    held.restore(&came(1.0).point);
    assert_eq!(state(&held), "taken");
    assert_eq!(held.settle(key()), Removed(SavingWrite::FLUSHED));
}

/// What is saved when the disk takes writes again: the value, and whether it is fresh.
fn made_up(held: &mut MemoryPoints) -> Vec<(f64, bool)> {
    let mut saved = Vec::new();
    held.rewrite_unwritten(|op| {
        if let StoreOp::Save { point, fresh } = op {
            saved.push((number(&point), fresh));
        }
        WRITE + 1
    });
    assert_eq!(held.unwritten(), 0);
    saved
}

#[test]
fn what_a_refusal_leaves_unsafe_is_made_up_for() {
    let lost = |value| StoreOp::Save { point: came(value).point, fresh: false };
    // The disk had the one before last.
    let refuse = |held: &mut MemoryPoints| {
        let ops = match held.successors() {
            0 => vec![lost(1.0), lost(0.0)],
            _ => vec![lost(2.0), lost(1.0)],
        };
        held.mark_unwritten(WRITE - 1, ops.iter());
        state(held)
    };
    let states = after(Some(WRITE), refuse).into_iter().map(|(state, _)| state);
    assert!(states.eq(["no state", "waits", "taken", "taken, with a successor"]));
    let again = after(Some(WRITE), |held| {
        refuse(held);
        made_up(held)
    });
    let again = again.into_iter().map(|(_, saved)| saved);
    assert!(again.eq([vec![], vec![(1.0, false)], vec![(1.0, false)], vec![(2.0, false)]]));
    // What was flushed is not written again.
    let safe = after(Some(WRITE), |held| {
        held.mark_unwritten(WRITE, [lost(0.0)].iter());
        made_up(held)
    });
    assert!(safe.iter().all(|(_, saved)| saved.is_empty()));
}

#[test]
fn what_comes_while_the_disk_takes_none_is_made_up_for() {
    let again = after(None, made_up).into_iter().map(|(_, saved)| saved);
    assert!(again.eq([vec![], vec![(1.0, true)], vec![(1.0, true)], vec![(2.0, true)]]));
    // It overwrites what the disk may have.
    let again = after(Some(WRITE), |held| {
        let put = held.put(came(3.0), None, |_| false);
        assert!(put.op.is_none());
        made_up(held)
    });
    let unsure = vec![(3.0, false)];
    let again = again.into_iter().map(|(_, saved)| saved);
    assert!(again.eq([vec![(3.0, true)], unsure.clone(), unsure.clone(), unsure]));
}

/// What delivery had was never saved again, and lost by the next kill.
#[test]
fn what_the_disk_lost_is_saved_again_wherever_it_is_in_memory() {
    let again = after(Some(WRITE), |held| {
        let doubted = held.mark_all_unwritten(WRITE);
        (doubted, state(held), made_up(held))
    });
    let again: Vec<_> = again.into_iter().map(|(_, again)| again).collect();
    let expected = [
        (0, "no state", vec![]),
        (1, "waits", vec![(1.0, false)]),
        (1, "taken", vec![(1.0, false)]),
        (1, "taken, with a successor", vec![(2.0, false)]),
    ];
    assert_eq!(again, expected);
    // One that comes from disk alone, and one that was not flushed.
    let mut held = MemoryPoints::default();
    held.restore(&came(1.0).point);
    assert_eq!((held.mark_all_unwritten(0), made_up(&mut held)), (1, vec![(1.0, false)]));
    assert!(
        after(Some(WRITE), |held| held.mark_all_unwritten(WRITE - 1))
            .iter()
            .all(|(_, safe)| *safe == 0)
    );
}

#[test]
fn what_delivery_has_is_kept_as_it_was_last() {
    // The one that the disk has not saved was overwritten while it took no writes, and taken.
    let mut held = MemoryPoints::default();
    let _ = held.put(came(1.0), Some(WRITE), |_| false);
    let _ = held.put(came(2.0), None, |_| false);
    let _ = held.take(9.into());
    let lost = StoreOp::Save { point: came(1.0).point, fresh: true };
    held.mark_unwritten(WRITE - 1, [lost].iter());
    assert_eq!(state(&held), "taken");
    assert_eq!(made_up(&mut held), [(2.0, false)]);
}

#[test]
fn a_point_over_a_cold_one_is_not_fresh() {
    let mut held = MemoryPoints::default();
    let put = held.put(came(1.0), Some(WRITE), |_| true);
    assert!(matches!(put.op, Some(StoreOp::Save { fresh: false, .. })));
    let put = MemoryPoints::default().put(came(1.0), Some(WRITE), |_| false);
    assert!(matches!(put.op, Some(StoreOp::Save { fresh: true, .. })));
}

#[test]
fn a_state_is_small() {
    // There is one for each point in memory.
    assert!(size_of::<(Key, KeyState)>() <= 72, "{}", size_of::<(Key, KeyState)>());
}

/// It came while delivery had the one before, behind a gate that opened meanwhile: it was put behind
/// that gate, which nobody opened again.
#[test]
fn what_follows_a_point_goes_although_its_gate_opened_meanwhile() {
    let gate = Gate::Asset(uuid::Uuid::from_u128(1));
    let mut held = MemoryPoints::default();
    held.put(came(1.0), None, |_| false);
    assert_eq!(held.take(9.into()).len(), 1);
    held.put(QueuedPoint { gate: Some(gate), ..came(2.0) }, None, |_| false);
    held.open(gate, &|_| None);
    held.settle(key());
    assert_eq!(held.take(9.into()).len(), 1);
}
