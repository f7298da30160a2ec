//! What the specification asks of a host application.

use super::Group;
use super::Verdict::{Met, NotApplicable, NotMet};

pub(crate) const HOST: &[Group] = &[
    Group {
        says: "A host publishes with STATE whether it is online or offline, as a birth and a \
            death.",
        verdict: Met,
        of: &[
            ("intro-sparkplug-host-state", "1:276"),
            ("components-ph-state", "3:84"),
            ("conformance-primary-host", "10:49"),
        ],
    },
    Group {
        says: "The birth is the first message that a host publishes.",
        verdict: Met,
        of: &[
            ("principles-birth-certificates-order", "2:97"),
            ("host-topic-phid-birth-message", "4:523"),
        ],
    },
    Group {
        says: "The host id is unique: no other host uses it.",
        verdict: Met,
        of: &[("operational-behavior-host-application-host-id", "5:753")],
    },
    Group {
        says: "Over MQTT 3.1.1 the session is a clean one.",
        verdict: Met,
        of: &[("message-flow-phid-sparkplug-clean-session-311", "5:96")],
    },
    Group {
        says: "Over MQTT 5 the session starts clean and expires at once.",
        verdict: NotApplicable("Sparkwise speaks MQTT 3.1.1."),
        of: &[("message-flow-phid-sparkplug-clean-session-50", "5:100")],
    },
    Group {
        says: "CONNECT has a will.",
        verdict: Met,
        of: &[
            ("operational-behavior-host-application-connect-will", "5:755"),
            ("host-topic-phid-death-required", "4:592"),
        ],
    },
    Group {
        says: "Will and death go to the host's own STATE topic.",
        verdict: Met,
        of: &[
            ("operational-behavior-host-application-connect-will-topic", "5:757"),
            ("payloads-state-will-message", "6:1623"),
            ("host-topic-phid-death-topic", "4:588"),
        ],
    },
    Group {
        says: "The will is JSON of two keys: `online`, false, and `timestamp`, an integer.",
        verdict: Met,
        of: &[
            ("operational-behavior-host-application-connect-will-payload", "5:760"),
            ("payloads-state-will-message-payload", "6:1632"),
            ("host-topic-phid-death-payload", "4:599"),
        ],
    },
    Group {
        says: "The will's time is that of its own CONNECT, in UTC.",
        verdict: Met,
        of: &[("host-topic-phid-death-payload-timestamp-connect", "4:603")],
    },
    Group {
        says: "Will and death have QoS 1.",
        verdict: Met,
        of: &[
            ("operational-behavior-host-application-connect-will-qos", "5:765"),
            ("payloads-state-will-message-qos", "6:1628"),
            ("host-topic-phid-death-qos", "4:580"),
        ],
    },
    Group {
        says: "Will and death are retained.",
        verdict: Met,
        of: &[
            ("operational-behavior-host-application-connect-will-retained", "5:767"),
            ("payloads-state-will-message-retain", "6:1630"),
            ("host-topic-phid-death-retain", "4:582"),
        ],
    },
    Group {
        says: "After CONNECT a host subscribes to its own STATE topic and to the namespace, before \
            it publishes.",
        verdict: Met,
        of: &[
            ("host-topic-phid-birth-sub-required", "4:547"),
            ("payloads-state-subscribe", "6:1636"),
            ("message-flow-phid-sparkplug-subscription", "5:112"),
        ],
    },
    Group {
        says: "A new birth follows right after the subscriptions.",
        verdict: Met,
        of: &[
            ("message-flow-phid-sparkplug-state-publish", "5:116"),
            ("host-topic-phid-birth-required", "4:555"),
            ("operational-behavior-host-application-connect-birth", "5:773"),
        ],
    },
    Group {
        says: "The birth goes to the host's own STATE topic, at QoS 1, retained.",
        verdict: Met,
        of: &[
            ("payloads-state-birth", "6:1644"),
            ("host-topic-phid-birth-topic", "4:542"),
            ("operational-behavior-host-application-connect-birth-topic", "5:776"),
        ],
    },
    Group {
        says: "The birth has QoS 1.",
        verdict: Met,
        of: &[
            ("host-topic-phid-birth-qos", "4:532"),
            ("operational-behavior-host-application-connect-birth-qos", "5:784"),
        ],
    },
    Group {
        says: "The birth is retained.",
        verdict: Met,
        of: &[
            ("host-topic-phid-birth-retain", "4:534"),
            ("operational-behavior-host-application-connect-birth-retained", "5:786"),
        ],
    },
    Group {
        says: "The birth is JSON of two keys: `online`, true, and `timestamp`, the will's.",
        verdict: Met,
        of: &[
            ("host-topic-phid-birth-payload", "4:562"),
            ("message-flow-phid-sparkplug-state-publish-payload", "5:121"),
            ("operational-behavior-host-application-connect-birth-payload", "5:779"),
            ("payloads-state-birth-payload", "6:1650"),
            ("host-topic-phid-birth-payload-timestamp", "4:566"),
            ("message-flow-phid-sparkplug-state-publish-payload-timestamp", "5:127"),
        ],
    },
    Group {
        says: "A host that receives its own STATE offline publishes STATE online again, with the \
            same timestamp.",
        verdict: Met,
        of: &[("message-flow-hid-sparkplug-state-message-delivered", "5:145")],
    },
    Group {
        says: "All values of a server's nodes are stale once the connection to it is lost. The \
            specification gives this statement no id.",
        verdict: Met,
        of: &[("values-are-stale-once-their-server-is-lost", "5:141")],
    },
    Group {
        says: "With several servers, the birth is the first message to each of them in every \
            session.",
        verdict: Met,
        of: &[
            (
                "operational-behavior-primary-application-state-with-multiple-servers-state-subs",
                "5:586",
            ),
            ("operational-behavior-primary-application-state-with-multiple-servers-state", "5:591"),
        ],
    },
    Group {
        says: "The time in STATE belongs to one server's session.",
        verdict: Met,
        of: &[("operational-behavior-host-application-multi-server-timestamp", "5:792")],
    },
    Group {
        says: "Before a host leaves on purpose it publishes its death.",
        verdict: Met,
        of: &[("operational-behavior-host-application-termination", "5:801")],
    },
    Group {
        says: "The death before DISCONNECT has the current time.",
        verdict: Met,
        of: &[("host-topic-phid-death-payload-timestamp-disconnect-clean", "4:606")],
    },
    Group {
        says: "A host that closes the connection without DISCONNECT first publishes its death with \
            the current time.",
        verdict: Met,
        of: &[(
            "host-topic-phid-death-payload-timestamp-disconnect-with-no-disconnect-packet",
            "4:610",
        )],
    },
    Group {
        says: "The death before leaving has the STATE topic, the two keys, QoS 1, and is retained.",
        verdict: Met,
        of: &[
            ("operational-behavior-host-application-death-topic", "5:805"),
            ("operational-behavior-host-application-death-payload", "5:808"),
            ("operational-behavior-host-application-death-qos", "5:813"),
            ("operational-behavior-host-application-death-retained", "5:815"),
        ],
    },
    Group {
        says: "DISCONNECT may follow the death.",
        verdict: Met,
        of: &[("operational-behavior-host-application-disconnect-intentional", "5:817")],
    },
    Group {
        says: "After NDEATH the node is offline, at the host's own time.",
        verdict: Met,
        of: &[(
            "operational-behavior-edge-node-termination-host-action-ndeath-node-offline",
            "5:341",
        )],
    },
    Group {
        says: "After NDEATH all metrics of the NBIRTH are stale, at the host's own time.",
        verdict: Met,
        of: &[(
            "operational-behavior-edge-node-termination-host-action-ndeath-node-tags-stale",
            "5:344",
        )],
    },
    Group {
        says: "After NDEATH all devices of the node are offline, at the host's own time.",
        verdict: Met,
        of: &[(
            "operational-behavior-edge-node-termination-host-action-ndeath-devices-offline",
            "5:347",
        )],
    },
    Group {
        says: "After NDEATH all metrics of the DBIRTHs are stale, at the host's own time.",
        verdict: Met,
        of: &[(
            "operational-behavior-edge-node-termination-host-action-ndeath-devices-tags-stale",
            "5:350",
        )],
    },
    Group {
        says: "After DDEATH the device is offline, at the time in the payload.",
        verdict: Met,
        of: &[(
            "operational-behavior-edge-node-termination-host-action-ddeath-devices-offline",
            "5:503",
        )],
    },
    Group {
        says: "After DDEATH all metrics of its DBIRTH are stale, at the time in the payload.",
        verdict: Met,
        of: &[(
            "operational-behavior-edge-node-termination-host-action-ddeath-devices-tags-stale",
            "5:507",
        )],
    },
    Group {
        says: "The reorder timeout, how long to wait for messages out of order, should be \
            configurable.",
        verdict: Met,
        of: &[("operational-behavior-host-reordering-param", "5:559")],
    },
    Group {
        says: "A message out of order starts the reorder timeout; when it expires, a rebirth is \
            requested.",
        verdict: Met,
        of: &[
            ("operational-behavior-host-reordering-start", "5:561"),
            ("operational-behavior-host-reordering-rebirth", "5:565"),
        ],
    },
    Group {
        says: "If the missing messages arrive within the timeout, no rebirth is requested.",
        verdict: Met,
        of: &[("operational-behavior-host-reordering-success", "5:571")],
    },
    Group {
        says: "Commands to a node are NCMD, on the topic of its group and id.",
        verdict: Met,
        of: &[
            ("operational-behavior-data-commands-ncmd-rebirth-verb", "5:970"),
            ("topics-ncmd-topic", "4:333"),
            ("operational-behavior-data-commands-ncmd-verb", "5:998"),
        ],
    },
    Group {
        says: "A rebirth request writes true to `Node Control/Rebirth`.",
        verdict: Met,
        of: &[
            ("operational-behavior-data-commands-ncmd-rebirth-name", "5:972"),
            ("operational-behavior-data-commands-ncmd-rebirth-value", "5:974"),
        ],
    },
    Group {
        says: "NCMD contains the metrics that it writes, with a name of the birth and a value of \
            its type.",
        verdict: Met,
        of: &[
            ("topics-ncmd-payload", "4:349"),
            ("operational-behavior-data-commands-ncmd-metric-name", "5:1000"),
            ("operational-behavior-data-commands-ncmd-metric-value", "5:1005"),
        ],
    },
    Group {
        says: "Commands to a device are DCMD, on the topic of its group, node and id.",
        verdict: Met,
        of: &[
            ("topics-dcmd-topic", "4:497"),
            ("operational-behavior-data-commands-dcmd-verb", "5:1011"),
        ],
    },
    Group {
        says: "DCMD has QoS 0 and is not retained.",
        verdict: Met,
        of: &[
            ("topics-dcmd-mqtt", "4:508"),
            ("payloads-dcmd-qos", "6:1463"),
            ("payloads-dcmd-retain", "6:1465"),
        ],
    },
    Group {
        says: "DCMD says when it was sent.",
        verdict: Met,
        of: &[("topics-dcmd-timestamp", "4:510"), ("payloads-dcmd-timestamp", "6:1458")],
    },
    Group {
        says: "DCMD has no sequence number.",
        verdict: Met,
        of: &[("payloads-dcmd-seq", "6:1461")],
    },
    Group {
        says: "DCMD contains the metrics that it writes, with a name of the DBIRTH and a value of \
            its type.",
        verdict: Met,
        of: &[
            ("topics-dcmd-payload", "4:513"),
            ("operational-behavior-data-commands-dcmd-metric-name", "5:1013"),
            ("operational-behavior-data-commands-dcmd-metric-value", "5:1018"),
        ],
    },
    Group {
        says: "NCMD has QoS 0 and is not retained.",
        verdict: Met,
        of: &[
            ("topics-ncmd-mqtt", "4:344"),
            ("payloads-ncmd-qos", "6:1419"),
            ("payloads-ncmd-retain", "6:1421"),
        ],
    },
    Group {
        says: "NCMD says when it was sent; so may its metrics.",
        verdict: Met,
        of: &[
            ("topics-ncmd-timestamp", "4:346"),
            ("payloads-ncmd-timestamp", "6:1414"),
            ("payloads-name-cmd-requirement", "6:477"),
        ],
    },
    Group {
        says: "NCMD has no sequence number.",
        verdict: Met,
        of: &[("payloads-ncmd-seq", "6:1417")],
    },
    Group {
        says: "If aliases are in use, data and commands may carry only the alias; commands carry the \
            metric's name, and with `COMMANDS_FORM=both` also the alias.",
        verdict: Met,
        of: &[("payloads-alias-data-cmd-requirement", "6:470")],
    },
    Group {
        says: "Data and commands should carry no datatype.",
        verdict: NotMet(
            "Commands carry their datatype, since real edge nodes ignore a rebirth request \
                without one. Data is read with and without datatypes.",
        ),
        of: &[("payloads-metric-datatype-not-req", "6:491")],
    },
];
