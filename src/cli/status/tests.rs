//! What a terminal is shown.

use super::*;

fn overview() -> Overview {
    let text = r#"{"version":"1.2.3","host_id":"sparkwise","not_ready":[],"started_at":1764370800000,
        "servers":[{"url":"mqtt://h:1883","since":1764370801500,"trouble":null,"received":12345}],
        "nodes":[["unknown",0],["online",46],["offline",1]],"models":8,"assets":1047,
        "assets_live":1046,"provisioning_pending":3,"oldest":1764370800,
        "values":{"read":1234501,"points":1234500,"own":67,"restored":0,"buffered":0,"in_outbox":5,"behind_gates":0,
        "in_delivery":2,"delivered":1234551,"refused_early":[["invalid",1]],
        "refused":[["invalid",9],["denied",0]],"discarded":[["rate",0]],"dropped":[]},
        "delivery":{"requests":10,"throttles":0,"billed_messages":99,"values_quota":5000,
        "quotas_read":false,"sent_per_second":[1.5,1204.2],"messages_per_hour":36000.4,
        "measured_seconds":1800,"messages_per_month":25920288.0,"cost_per_month":25.92}}"#;
    serde_json::from_str(text).unwrap()
}

#[test]
fn what_is_wrong_and_what_to_do_stands_in_the_terminal() {
    let problem = Problem {
        kind: "node_offline".into(),
        subject: "Nordsee/g\u{1b}[2Jw".into(),
        reason: "is offline since 2025-11-28T23:00:00Z: see to its power".into(),
    };
    let problems = Page { rows: vec![problem], next: None };
    let text = page(Health::Degraded, &overview(), &problems);
    for line in [
        "degraded\n",
        "bridge          sparkwise 1.2.3, host id sparkwise, running since \
            2025-11-28T23:00:00Z\n",
        "mqtt            mqtt://h:1883: connected since 2025-11-28T23:00:01Z, 12,345 messages \
            received\n",
        "nodes           46 online, 1 offline\n",
        "assets          1,046 of 1,047 active, of 8 models, 3 calls pending\n",
        // The one that was rejected before SiteWise was asked came in as well.
        "values          1,234,568 in, 1,234,551 delivered, 7 queued (oldest from \
            2025-11-28T23:00:00Z)\n",
        "rejected        10 invalid\n",
        "0 throttled; sends 1,204 values/s, quota 5,000 values/s (configured, or AWS's default)\n",
        "cost            36,000 billed messages an hour, 25,920,288 in 30 days, which \
            cost 25.92 (measured for 30 min)\n",
        "  node_offline: Nordsee/g\\u{1b}[2Jw is offline since",
    ] {
        assert!(text.contains(line), "{line:?} is not in:\n{text}");
    }
    assert!(!text.contains("discarded"), "{text}");
}

/// The births of the first minutes were taken for a month's messages.
#[test]
fn while_costs_are_measured_it_says_until_when() {
    let mut now = overview();
    now.delivery.messages_per_hour = None;
    now.delivery.messages_per_month = None;
    now.delivery.first_figure_at = Some(1_764_374_400_123);
    let text = page(Health::Ready, &now, &Page { rows: Vec::new(), next: None });
    let line = "cost            measuring billed messages for an hour, first figure at \
                2025-11-29T00:00:00Z\n";
    assert!(text.contains(line), "{text}");
}

/// 500 of 1,200 gateways that are offline were all that there was.
#[test]
fn json_has_the_problems_of_all_pages() {
    let row = |at: usize| serde_json::json!({"kind": "node_offline", "subject": at.to_string(), "reason": "r"});
    let page = |from: usize, next: Option<&str>| {
        let rows: Vec<_> = (from..from + 2).map(row).collect();
        serde_json::json!({"rows": rows, "next": next}).to_string()
    };
    let get = |path: &str| match path {
        "/api/problems?limit=500&from=0" => Ok((200, page(0, Some("2")))),
        "/api/problems?limit=500&from=2" => Ok((200, page(2, None))),
        path => Ok((404, path.to_owned())),
    };
    let all = problems(true, get).unwrap();
    let subjects: Vec<_> = all.rows.iter().map(|row| row.subject.as_str()).collect();
    assert_eq!((subjects, all.next), (vec!["0", "1", "2", "3"], None));
    let first = problems(false, get).unwrap();
    assert_eq!((first.rows.len(), first.next.as_deref()), (2, Some("2")), "a page in a terminal");
    let again = problems(true, |_| Ok((200, page(0, Some("0")))));
    assert!(again.unwrap_err().contains("same page"));
}

#[test]
fn nobody_there_is_told_with_what_to_do() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let console = Console { addr: Some(free), token: None, emf: false, price: None };
    let error = run(Command::Show { json: false }, &console).unwrap_err();
    assert!(error.contains("no bridge runs here"), "{error}");
    let console = Console { addr: None, token: None, emf: false, price: None };
    assert!(run(Command::Show { json: true }, &console).is_err());
}
