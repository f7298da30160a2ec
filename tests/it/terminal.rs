//! What the program prints in a terminal of the bridge that runs: `status`, and `doctor` before it.

use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use sitewise_local::{Effect, Fault, Options};
use sparkwise::sparkplug::address::EdgeNode;
use sparkwise::sparkplug::edge::{Edge, Metric};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::net::TcpListener;
use windfarm::Broker;

use crate::support::{Bridge, Emulator, Plant, eventually, now};

/// Runs the program with these variables and no others.
async fn sparkwise(arguments: &[&str], variables: &[(&str, &str)]) -> (i32, String) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sparkwise"));
    command.args(arguments).env_clear().envs(variables.iter().copied());
    let Output { status, stdout, stderr } = command.output().await.unwrap();
    let text = [stdout, stderr].concat();
    (status.code().unwrap(), String::from_utf8(text).unwrap())
}

/// What `doctor` needs to reach both.
fn doctor_variables<'a>(url: &'a str, emulator: &'a Emulator) -> Vec<(&'a str, &'a str)> {
    vec![
        ("MQTT_URL", url),
        ("AWS_ENDPOINT_URL_IOTSITEWISE", &emulator.endpoint),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("TWIN_NAMESPACE", "test"),
    ]
}

fn lines_with<'a>(text: &'a str, words: &'a str) -> Vec<&'a str> {
    text.lines().filter(|line| line.contains(words)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_status_names_a_gateway_that_died_and_a_tag_is_found() {
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let at = bridge.console().await;
    let console = at.to_string();
    let variables = [("CONSOLE_ADDR", console.as_str())];
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, || Metric::new("Oil Temperature", 1.0)).await;
    plant.publish(edge.nbirth(now(), [Metric::new("Oil Temperature", 71.0)])).await;

    eventually("ready", || async {
        let (code, text) = sparkwise(&["status"], &variables).await;
        (code == 0 && text.starts_with("ready\n") && text.contains("1 online")).then_some(())
    })
    .await;
    let (_, text) = sparkwise(&["status"], &variables).await;
    // A month's figure comes after an hour.
    assert_eq!(lines_with(&text, "first figure at").len(), 1, "{text}");
    let query = "/api/search?q=spBv1.0/Nordsee/NDATA/gw+temperature";
    let found = crate::console::json(at, query).await;
    let rows = found["rows"].as_array().unwrap();
    assert!(
        rows.iter().any(|row| row["name"] == "gw" && row["property"]["name"] == "Oil Temperature"),
        "{found}"
    );

    plant.cut();
    eventually("degraded", || async {
        let (code, text) = sparkwise(&["status"], &variables).await;
        let problem = lines_with(&text, "node_offline: Nordsee/gw is offline since 20");
        (code == 2 && text.starts_with("degraded\n") && problem.len() == 1).then_some(())
    })
    .await;
    let (code, text) = sparkwise(&["status", "--json"], &variables).await;
    let status: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &status["health"]), (2, &"degraded".into()), "{text}");
    assert_eq!(status["problems"][0]["kind"], "node_offline", "{text}");

    bridge.stop().await;
    let (code, text) = sparkwise(&["status"], &variables).await;
    assert!(code == 1 && text.contains("no bridge runs here"), "{code}: {text}");
    broker.stop().await;
}

/// It said `live` of a gateway that was dead, and found none that was never born.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_words_of_a_gateway_find_it_with_what_is_wrong_with_it() {
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    let bridge = Bridge::start(&broker, &emulator, &[]);
    let console = bridge.console().await.to_string();
    let variables = [("CONSOLE_ADDR", console.as_str())];
    let metric = || Metric::new("Oil Temperature", 71.0);
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "dead"), 0);
    let mut plant = Plant::connect(&broker, &edge).await;
    plant.until_asked(&mut edge, metric).await;
    plant.publish(edge.nbirth(now(), [metric()])).await;
    eventually("its asset", || async {
        let (code, text) = sparkwise(&["status", "Nordsee/dead"], &variables).await;
        (code == 0 && text.contains("(live)") && !text.contains("offline")).then_some(())
    })
    .await;
    plant.cut();
    eventually("its death", || async {
        let (code, text) = sparkwise(&["status", "dead", "temperature"], &variables).await;
        let own = lines_with(&text, "  offline   since 20").len();
        let problem = lines_with(&text, "node_offline: Nordsee/dead is offline since 20").len();
        (code == 0 && own == 1 && problem == 1 && text.contains("check its power")).then_some(())
    })
    .await;

    // It never answers.
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "nobirth"), 0);
    let plant = Plant::connect(&broker, &edge).await;
    eventually("nobody knows it", || async {
        let (code, text) = sparkwise(&["status", "nobirth"], &variables).await;
        (code == 1 && text == "nothing matches nobirth\n").then_some(())
    })
    .await;
    plant.publish(edge.ndata(now(), [metric()])).await;
    eventually("it is named", || async {
        let (code, text) = sparkwise(&["status", "Nordsee/nobirth/Oil"], &variables).await;
        let problem = lines_with(&text, "not_understood: Nordsee/nobirth: it, or a device of it");
        (code == 0 && problem.len() == 1).then_some(())
    })
    .await;
    let (_, text) = sparkwise(&["status", "nobirth"], &variables).await;
    assert!(text.starts_with("Nordsee/nobirth\n  edge node "), "{text}");
    bridge.stop().await;
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_says_what_is_wrong_before_the_bridge_starts() {
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    let folder = std::env::temp_dir().join(format!("sparkwise-doctor-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let url = broker.url();
    let mut variables = doctor_variables(&url, &emulator);
    variables.push(("OUTBOX_DIR", folder.to_str().unwrap()));
    let (code, text) = sparkwise(&["doctor"], &variables).await;
    assert_eq!(code, 0, "{text}");
    assert_eq!(lines_with(&text, "ok          iotsitewise:").len(), 12, "{text}");
    assert_eq!(lines_with(&text, "connected and subscribed").len(), 1, "{text}");
    assert_eq!(lines_with(&text, "OUTBOX_DIR=").len(), 1, "{text}");
    assert!(text.contains("\nnothing to do\n"), "{text}");
    // It changed nothing.
    assert_eq!(emulator.handle.usage().values_accepted, 0);
    assert!(
        emulator
            .reader()
            .list_asset_models()
            .send()
            .await
            .unwrap()
            .asset_model_summaries
            .is_empty()
    );
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);

    // Nobody listens at either.
    variables[0] = ("MQTT_URL", "mqtt://127.0.0.1:1");
    variables[1] = ("AWS_ENDPOINT_URL_IOTSITEWISE", "http://127.0.0.1:1");
    let (code, text) = sparkwise(&["doctor", "--json"], &variables).await;
    let report: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &report["well"]), (1, &false.into()), "{text}");
    let checks = report["checks"].as_array().unwrap();
    let wrong = |what: &str| {
        checks.iter().any(|check| {
            check["what"].as_str().unwrap().contains(what) && check["verdict"] == "wrong"
        })
    };
    assert!(wrong("mqtt://127.0.0.1:1") && wrong("iotsitewise:ListAssetModels"), "{text}");
    let of_sitewise = checks.iter().filter(|check| {
        check["verdict"] == "wrong" && check["what"].as_str().unwrap().contains("iotsitewise:")
    });
    assert_eq!(of_sitewise.count(), 1, "{text}");
    std::fs::remove_dir_all(&folder).unwrap();
    broker.stop().await;
}

/// With TWIN_TAGS and without the rights for it nothing was said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_looks_at_the_rights_for_tags_where_there_are_tags() {
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    let url = broker.url();
    let mut variables = doctor_variables(&url, &emulator);
    // Nobody says which account this is.
    variables.extend([("TWIN_TAGS", "team=ot"), ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:1")]);
    let (code, text) = sparkwise(&["doctor"], &variables).await;
    assert_eq!(lines_with(&text, "TagResource, for TWIN_TAGS").len(), 1, "{text}");
    assert_eq!(
        (code, lines_with(&text, "not checked iotsitewise:ListTags").len()),
        (0, 1),
        "{text}"
    );
    // The account is known.
    variables.push(("AWS_ACCOUNT_ID", "123456789012"));
    let allowed =
        ["ok          iotsitewise:ListTagsForResource", "ok          iotsitewise:TagResource"];
    let (code, text) = sparkwise(&["doctor"], &variables).await;
    assert_eq!(code, 0, "{text}");
    assert!(allowed.iter().all(|line| lines_with(&text, line).len() == 1), "{text}");
    // Or there is a model, which tells.
    variables.pop();
    let made = emulator.reader().create_asset_model().asset_model_name("Model").send().await;
    made.unwrap();
    let (_, text) = sparkwise(&["doctor"], &variables).await;
    assert!(allowed.iter().all(|line| lines_with(&text, line).len() == 1), "{text}");
    let mut fault = Fault::always(Effect::Error {
        code: "AccessDeniedException".to_owned(),
        carried_out: false,
        retry_after_milliseconds: None,
    });
    fault.operations = vec!["TagResource".to_owned()];
    emulator.handle.order(fault).unwrap();
    let (code, text) = sparkwise(&["doctor"], &variables).await;
    assert_eq!(
        (code, lines_with(&text, "wrong       iotsitewise:TagResource").len()),
        (1, 1),
        "{text}"
    );
    assert_eq!(lines_with(&text, allowed[0]).len(), 1, "{text}");
    broker.stop().await;
}

/// A port where every connection is taken and nothing is ever said.
async fn silent() -> (u16, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let mut taken = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            taken.push(stream);
        }
    });
    (port, server)
}

/// The lines of a stream, each with its time since the start.
async fn timed(stream: impl AsyncRead + Unpin, began: Instant) -> Vec<(Duration, String)> {
    let (mut lines, mut told) = (BufReader::new(stream).lines(), Vec::new());
    while let Some(line) = lines.next_line().await.unwrap() {
        told.push((began.elapsed(), line));
    }
    told
}

/// Runs the program; its exit code, what it prints and logs, how long it took, and the longest that
/// it was silent.
async fn watched(
    arguments: &[&str],
    variables: &[(&str, &str)],
) -> (i32, String, Duration, Duration) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sparkwise"));
    command.args(arguments).env_clear().envs(variables.iter().copied());
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (out, err) = tokio::join!(timed(out, began), timed(err, began));
    let code = child.wait().await.unwrap().code().unwrap();
    let took = began.elapsed();
    let mut lines = [out, err].concat();
    lines.sort();
    let mut times: Vec<_> = lines.iter().map(|(at, _)| *at).collect();
    times.push(took);
    let gaps = times
        .iter()
        .scan(Duration::ZERO, |last, at| Some(at.saturating_sub(std::mem::replace(last, *at))));
    let silence = gaps.max().unwrap();
    let text: Vec<_> = lines.into_iter().map(|(_, line)| line).collect();
    (code, text.join("\n"), took, silence)
}

/// It took 182 s, a check after the other, and said nothing meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_doctor_ends_soon_where_nobody_answers() {
    let (port, server) = silent().await;
    let (mqtt, http) = (format!("mqtt://127.0.0.1:{port}"), format!("http://127.0.0.1:{port}"));
    let variables = [
        ("MQTT_URL", mqtt.as_str()),
        ("AWS_ENDPOINT_URL", &http),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    let (code, text, took, silence) = watched(&["doctor"], &variables).await;
    assert_eq!(code, 1, "{text}");
    assert!(took < Duration::from_secs(20), "{took:?}: {text}");
    assert!(silence < Duration::from_secs(4), "{silence:?}: {text}");
    assert!(text.contains(&format!("waiting for {mqtt}")), "{text}");
    let unanswered = format!("no answer from {http} within 8s: check DNS, proxies");
    assert_eq!(lines_with(&text, &unanswered).len(), 1, "{text}");
    let [others] = &lines_with(&text, "because of it: SiteWise does not answer")[..] else {
        panic!("{text}")
    };
    assert_eq!(others.matches("iotsitewise:").count(), 11, "{text}");
    assert_eq!(lines_with(&text, &format!("{mqtt} does not answer")).len(), 1, "{text}");
    assert_eq!(lines_with(&text, "or STS within 8s").len(), 1, "{text}");
    server.abort();
}

/// It was silent for more than 90 s.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_plan_says_what_it_waits_for_and_gives_up_where_nobody_answers() {
    let (port, server) = silent().await;
    let http = format!("http://127.0.0.1:{port}");
    let mut edge = Edge::new(EdgeNode::new("Nordsee", "gw"), 0);
    let birth = edge.nbirth(now(), [Metric::new("Oil Temperature", 71.0)]);
    let payload: String = birth.payload.iter().map(|byte| format!("{byte:02x}")).collect();
    let path = std::env::temp_dir().join(format!("sparkwise-capture-{}", std::process::id()));
    std::fs::write(&path, format!("{} {payload}\n", birth.topic)).unwrap();
    let mut variables = vec![
        ("AWS_ENDPOINT_URL", http.as_str()),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "id"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
    ];
    // STS, then SiteWise.
    for (namespace, within) in [(None, 15), (Some("test"), 30)] {
        variables.extend(namespace.map(|namespace| ("TWIN_NAMESPACE", namespace)));
        let (code, text, took, silence) =
            watched(&["plan", path.to_str().unwrap()], &variables).await;
        assert_eq!(code, 1, "{text}");
        assert!(took < Duration::from_secs(within), "{took:?}: {text}");
        assert!(text.contains("no answer from") && text.contains("within 10s"), "{text}");
        assert!(!text.contains("by itself"), "{text}");
        assert!(silence < Duration::from_secs(4), "{silence:?}: {text}");
        if namespace.is_some() {
            assert!(text.contains(&format!("waiting for {http}")), "{text}");
        }
    }
    std::fs::remove_file(&path).unwrap();
    server.abort();
}

/// It panicked at its next line, as soon as what read its log was gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_reads_any_more_stops_nothing() {
    let (broker, emulator) = (Broker::start(0).await.unwrap(), Emulator::start(Options::default()));
    let url = broker.url();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_sparkwise"));
    command.env_clear().envs(doctor_variables(&url, &emulator)).env("RUST_LOG", "debug");
    let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    drop(child.stderr.take());
    // It logs, and works.
    let reader = emulator.reader();
    eventually("its own model", || async {
        let models = reader.list_asset_models().send().await.ok()?;
        models.asset_model_summaries.first().map(drop)
    })
    .await;
    assert!(child.try_wait().unwrap().is_none(), "it has ended");
    let pid = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").arg(pid).status().unwrap().success());
    let status = tokio::time::timeout(Duration::from_secs(30), child.wait()).await;
    assert!(status.unwrap().unwrap().success());
    broker.stop().await;
}
