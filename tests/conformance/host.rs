//! The statements that bind a host application, each judged by recorded sessions.

use std::time::Duration;

use aws_sdk_iotsitewise::types::Quality;
use sparkwise::sparkplug::findings::Finding;

use crate::consumer::Stage;
use crate::judged;
use crate::recordings::{self, LIFE, LOSS, PAIR, Recording, Session, UNHEARD, state, state_topic};
use crate::server::{Packet, Publish, What};
use crate::world::HOST;

mod reactions;

fn sessions() -> impl Iterator<Item = Session<'static>> {
    recordings::all().into_iter().flat_map(Recording::sessions)
}

// Identity, session, STATE birth.

judged! {
    intro_sparkplug_host_state, components_ph_state, conformance_primary_host =>
    fn both_states_are_published() {
        let session = LIFE.recording.session(0);
        assert!(!session.states(true).is_empty());
        assert_eq!(session.states(false).len(), 1);
    }
}

judged! {
    principles_birth_certificates_order, host_topic_phid_birth_message =>
    fn the_first_publish_of_every_session_is_the_birth() {
        for session in sessions() {
            let (_, first) = session.published().next().unwrap();
            assert_eq!((first.topic.as_str(), state(first).0), (&*state_topic(), true));
        }
    }
}

judged! {
    operational_behavior_host_application_host_id =>
    fn the_id_is_the_configured_one_and_a_rival_is_found() {
        for session in sessions() {
            assert_eq!(session.will().topic, format!("spBv1.0/STATE/{HOST}"));
        }
        // Two that go by one id contradict each other for ever: not answered for ever.
        let mut stage = Stage::new();
        for _ in 0..100 {
            stage.raw("spBv1.0/STATE/h", br#"{"online":false,"timestamp":1}"#, false);
            stage.pass(Duration::from_millis(10));
        }
        assert!(stage.look().len() < 10);
        assert!(stage.found(Finding::HostConflict) > 90);
    }
}

judged! {
    message_flow_phid_sparkplug_clean_session_311 =>
    fn every_session_is_clean() {
        for session in sessions() {
            assert!(session.connect().1.clean_session);
        }
    }
}

judged! {
    message_flow_phid_sparkplug_clean_session_50 =>
    fn no_session_is_one_of_mqtt_5() {
        for session in sessions() {
            assert_eq!(session.connect().1.level, 4, "clean start is to be judged, too");
        }
    }
}

judged! {
    operational_behavior_host_application_connect_will, host_topic_phid_death_required =>
    fn every_connect_has_a_will() {
        for session in sessions() {
            assert!(session.connect().1.will.is_some());
        }
    }
}

judged! {
    operational_behavior_host_application_connect_will_topic, payloads_state_will_message,
    host_topic_phid_death_topic =>
    fn the_will_is_of_the_own_state() {
        for session in sessions() {
            assert_eq!(session.will().topic, state_topic());
        }
    }
}

judged! {
    operational_behavior_host_application_connect_will_payload,
    payloads_state_will_message_payload, host_topic_phid_death_payload =>
    fn the_will_says_offline_and_a_time() {
        for session in sessions() {
            let (online, time) = state(session.will());
            assert!(!online && time > 1_600_000_000_000);
        }
    }
}

judged! {
    host_topic_phid_death_payload_timestamp_connect =>
    fn the_will_has_the_time_of_its_own_connect() {
        for session in sessions() {
            let (record, connect) = session.connect();
            let time = state(connect.will.as_ref().unwrap()).1;
            // CONNECT is on the way for less than ten seconds, or the client gives up.
            assert!(time <= record.at && record.at - time < 10_000, "{time} {}", record.at);
        }
        let times: Vec<_> = LOSS.recording.sessions().map(|s| state(s.will()).1).collect();
        assert_eq!(times.len(), 2);
        assert!(times[0] < times[1], "the will is made anew: {times:?}");
    }
}

judged! {
    operational_behavior_host_application_connect_will_qos, payloads_state_will_message_qos,
    host_topic_phid_death_qos =>
    fn the_will_and_the_death_travel_at_qos_1() {
        for session in sessions() {
            assert_eq!(session.will().qos, 1);
            assert!(session.states(false).iter().all(|(_, death)| death.qos == 1));
        }
    }
}

judged! {
    operational_behavior_host_application_connect_will_retained,
    payloads_state_will_message_retain, host_topic_phid_death_retain =>
    fn the_will_and_the_death_are_retained() {
        for session in sessions() {
            assert!(session.will().retain);
            assert!(session.states(false).iter().all(|(_, death)| death.retain));
        }
    }
}

judged! {
    host_topic_phid_birth_sub_required, payloads_state_subscribe,
    message_flow_phid_sparkplug_subscription =>
    fn both_filters_are_granted_before_the_birth() {
        for session in sessions() {
            let mut filters = Vec::new();
            let mut granted = 0;
            for record in &session.0 {
                match &record.what {
                    What::Said(Packet::Subscribe(_, asked)) => filters.extend(asked.clone()),
                    What::Granted => granted = filters.len(),
                    What::Said(Packet::Publish(_)) => break,
                    What::Said(_) | What::Told(_) | What::Closed => {}
                }
            }
            assert_eq!(granted, filters.len());
            let filters: Vec<_> = filters.iter().map(|(filter, _)| filter.as_str()).collect();
            assert_eq!(filters, [&*state_topic(), "spBv1.0/#"]);
            assert_eq!(session.place(|what| matches!(what, What::Said(Packet::Subscribe(..)))), 1);
        }
    }
}

judged! {
    message_flow_phid_sparkplug_state_publish, host_topic_phid_birth_required,
    operational_behavior_host_application_connect_birth =>
    fn the_birth_is_what_follows_the_subscriptions() {
        for session in sessions() {
            let kinds: Vec<_> = session.said().map(|(_, packet)| packet).take(3).collect();
            let [Packet::Connect(_), Packet::Subscribe(..), Packet::Publish(birth)] = &kinds[..]
            else {
                panic!("{kinds:?}");
            };
            assert!(state(birth).0);
        }
    }
}

judged! {
    payloads_state_birth, operational_behavior_host_application_connect_birth_topic,
    host_topic_phid_birth_topic =>
    fn births_are_of_the_own_state_at_qos_1_retained() {
        for session in sessions() {
            let (_, birth) = session.published().next().unwrap();
            assert_eq!((&*birth.topic, birth.qos, birth.retain), (&*state_topic(), 1, true));
        }
    }
}

judged! {
    host_topic_phid_birth_qos, operational_behavior_host_application_connect_birth_qos =>
    fn every_birth_travels_at_qos_1() {
        for session in sessions() {
            assert!(session.states(true).iter().all(|(_, birth)| birth.qos == 1));
        }
    }
}

judged! {
    host_topic_phid_birth_retain, operational_behavior_host_application_connect_birth_retained =>
    fn every_birth_is_retained() {
        for session in sessions() {
            assert!(session.states(true).iter().all(|(_, birth)| birth.retain));
        }
    }
}

judged! {
    host_topic_phid_birth_payload, host_topic_phid_birth_payload_timestamp,
    message_flow_phid_sparkplug_state_publish_payload,
    message_flow_phid_sparkplug_state_publish_payload_timestamp,
    operational_behavior_host_application_connect_birth_payload, payloads_state_birth_payload =>
    fn every_birth_says_online_and_the_time_of_the_will() {
        for session in sessions() {
            let of_will = state(session.will()).1;
            for (_, birth) in session.states(true) {
                assert_eq!(state(birth), (true, of_will));
            }
        }
    }
}

judged! {
    message_flow_hid_sparkplug_state_message_delivered =>
    fn a_foreign_offline_is_answered_with_the_birth() {
        let session = LIFE.recording.session(0);
        let births = session.states(true);
        assert_eq!(births.len(), 2, "once after the connection, once in answer");
        assert_eq!(births[0].1.payload, births[1].1.payload);
        let answered = births[1].0.at - LIFE.recording.told(&state_topic(), 1).at;
        assert!((0..5_000).contains(&answered), "{answered} ms");
    }
}

#[test]
fn values_are_stale_once_their_server_is_lost() {
    let [node, device] = [0, 1].map(|place| (&LOSS.online[place], &LOSS.values[place]));
    for (online, values) in [node, device] {
        assert_eq!(online.iter().map(|v| v.number).collect::<Vec<_>>(), [1.0, 0.0]);
        assert!(online[1].time >= LOSS.at, "at the host's own time: {online:?} {}", LOSS.at);
        assert_eq!((&values[0].quality, &values[1].quality), (&Quality::Good, &Quality::Uncertain));
        assert_eq!(values[0].number, values[1].number);
        assert!(values[1].time >= LOSS.at);
    }
}

judged! {
    operational_behavior_primary_application_state_with_multiple_servers_state_subs,
    operational_behavior_primary_application_state_with_multiple_servers_state =>
    fn every_server_hears_the_birth_first_in_each_session() {
        assert_eq!([0, 1].map(|server: usize| PAIR[server].sessions().count()), [2, 1]);
        for session in PAIR.iter().flat_map(Recording::sessions) {
            assert!(state(session.published().next().unwrap().1).0);
        }
    }
}

judged! {
    operational_behavior_host_application_multi_server_timestamp =>
    fn each_server_has_a_time_of_its_own() {
        let [one, two] = &*PAIR;
        let times = |session: Session<'_>| -> Vec<i64> {
            session.states(true).iter().map(|(_, birth)| state(birth).1).collect()
        };
        let (before, after) = (times(one.session(0)), times(one.session(1)));
        let other = times(two.session(0));
        assert!(after[0] > before[0], "a new session has a new time");
        // The answer on the other server, after the first one's reconnect, has its old time.
        assert_eq!(other, [other[0], other[0]]);
        assert!(other[1] < after[0]);
    }
}

// Session termination.

fn death(session: &Session<'_>) -> (i64, Publish) {
    let deaths = session.states(false);
    assert_eq!(deaths.len(), 1);
    (deaths[0].0.at, deaths[0].1.clone())
}

judged! {
    operational_behavior_host_application_termination =>
    fn the_death_goes_before_the_end() {
        for recording in [&LIFE.recording, &UNHEARD.recording] {
            let session = recording.session(0);
            let end = session.place(|what| {
                matches!(what, What::Said(Packet::Disconnect) | What::Closed)
            });
            let last = session.0[..end].iter().rev().find_map(|record| match &record.what {
                What::Said(Packet::Publish(publish)) => Some(publish),
                _ => None,
            });
            assert!(!state(last.unwrap()).0);
        }
    }
}

judged! {
    host_topic_phid_death_payload_timestamp_disconnect_clean =>
    fn the_death_before_disconnect_has_the_present_time() {
        let session = LIFE.recording.session(0);
        let (at, death) = death(&session);
        let time = state(&death).1;
        assert!(LIFE.ended <= time && time <= at, "{} {time} {at}", LIFE.ended);
        session.place(|what| *what == What::Said(Packet::Disconnect));
    }
}

judged! {
    host_topic_phid_death_payload_timestamp_disconnect_with_no_disconnect_packet =>
    fn the_death_goes_out_without_disconnect_too() {
        let session = UNHEARD.recording.session(0);
        assert!(session.said().all(|(_, packet)| *packet != Packet::Disconnect));
        let (at, death) = death(&session);
        let time = state(&death).1;
        assert!(UNHEARD.ended <= time && time <= at, "{} {time} {at}", UNHEARD.ended);
    }
}

judged! {
    operational_behavior_host_application_death_topic,
    operational_behavior_host_application_death_payload,
    operational_behavior_host_application_death_qos,
    operational_behavior_host_application_death_retained =>
    fn the_death_is_of_the_own_state_at_qos_1_retained() {
        let (at, death) = death(&LIFE.recording.session(0));
        assert_eq!((&*death.topic, death.qos, death.retain), (&*state_topic(), 1, true));
        let (online, time) = state(&death);
        assert!(!online && time <= at);
    }
}

judged! {
    operational_behavior_host_application_disconnect_intentional =>
    fn disconnect_follows_the_death() {
        let session = LIFE.recording.session(0);
        let death = session.place(|what| {
            matches!(what, What::Said(Packet::Publish(p)) if p.topic == state_topic() && !state(p).0)
        });
        let end = session.place(|what| *what == What::Said(Packet::Disconnect));
        assert!(death < end);
    }
}
