//! What the specification asks of senders: topics and births.

use super::Group;
use super::Verdict::Met;

pub(crate) const BIRTHS: &[Group] = &[
    Group {
        says: "A topic consists of namespace, group, message type and node, and of a device for \
            message types of devices.",
        verdict: Met,
        of: &[
            ("topic-structure", "4:34"),
            ("topic-structure-namespace-device-id-associated-message-types", "4:131"),
            ("topic-structure-namespace-device-id-non-associated-message-types", "4:134"),
        ],
    },
    Group {
        says: "The namespace is `spBv1.0`.",
        verdict: Met,
        of: &[("topic-structure-namespace-a", "4:47")],
    },
    Group {
        says: "Ids of groups, nodes and devices are any UTF-8 but `+`, `/` and `#`.",
        verdict: Met,
        of: &[
            ("topic-structure-namespace-valid-group-id", "4:64"),
            ("topic-structure-namespace-valid-edge-node-id", "4:105"),
            ("topic-structure-namespace-valid-device-id", "4:120"),
            ("intro-group-id-string", "1:304"),
            ("intro-group-id-chars", "1:307"),
            ("intro-edge-node-id-string", "1:313"),
            ("intro-edge-node-id-chars", "1:316"),
            ("intro-device-id-string", "1:322"),
            ("intro-device-id-chars", "1:325"),
        ],
    },
    Group {
        says: "Group and node id together are unique.",
        verdict: Met,
        of: &[
            ("intro-edge-node-id-uniqueness", "1:332"),
            ("topic-structure-namespace-unique-edge-node-descriptor", "4:101"),
            ("payloads-nbirth-edge-node-descriptor", "6:1067"),
        ],
    },
    Group {
        says: "A device id is unique within its node.",
        verdict: Met,
        of: &[("topic-structure-namespace-unique-device-id", "4:124")],
    },
    Group {
        says: "Two nodes may have devices of one id.",
        verdict: Met,
        of: &[("topic-structure-namespace-duplicate-device-id-across-edge-node", "4:127")],
    },
    Group {
        says: "No two ids should differ only in case.",
        verdict: Met,
        of: &[("case-sensitivity-sparkplug-ids", "5:63")],
    },
    Group {
        says: "No two metric names should differ only in case.",
        verdict: Met,
        of: &[("case-sensitivity-metric-names", "5:68")],
    },
    Group {
        says: "Each kind of message has its topic.",
        verdict: Met,
        of: &[
            ("topics-nbirth-topic", "4:176"),
            ("topics-ndata-topic", "4:259"),
            ("topics-ndeath-topic", "4:300"),
            ("topics-dbirth-topic", "4:373"),
            ("topics-ddata-topic", "4:431"),
            ("topics-ddeath-topic", "4:470"),
        ],
    },
    Group {
        says: "A DBIRTH has the group and node of the NBIRTH.",
        verdict: Met,
        of: &[("message-flow-device-birth-publish-dbirth-match-edge-node-topic", "5:419")],
    },
    Group {
        says: "NBIRTH is not retained.",
        verdict: Met,
        of: &[("topics-nbirth-mqtt", "4:195"), ("payloads-nbirth-retain", "6:1089")],
    },
    Group {
        says: "DBIRTH is not retained.",
        verdict: Met,
        of: &[("topics-dbirth-mqtt", "4:384"), ("payloads-dbirth-retain", "6:1190")],
    },
    Group {
        says: "NBIRTH has a sequence number: 0 in one chapter, 0 to 255 in two others.",
        verdict: Met,
        of: &[
            ("topics-nbirth-seq-num", "4:197"),
            ("payloads-nbirth-seq", "6:1070"),
            ("message-flow-edge-node-birth-publish-nbirth-payload-seq", "5:231"),
        ],
    },
    Group {
        says: "Every NBIRTH has a sequence number.",
        verdict: Met,
        of: &[("payloads-sequence-num-req-nbirth", "6:426")],
    },
    Group {
        says: "Births say when they were sent.",
        verdict: Met,
        of: &[
            ("topics-nbirth-timestamp", "4:199"),
            ("payloads-nbirth-timestamp", "6:1064"),
            ("topics-dbirth-timestamp", "4:390"),
            ("payloads-dbirth-timestamp", "6:1176"),
        ],
    },
    Group {
        says: "NBIRTH has every metric that the node will ever send.",
        verdict: Met,
        of: &[
            ("topics-nbirth-metric-reqs", "4:201"),
            ("operational-behavior-data-publish-nbirth", "5:879"),
        ],
    },
    Group {
        says: "DBIRTH has every metric that the device will ever send.",
        verdict: Met,
        of: &[
            ("topics-dbirth-metric-reqs", "4:392"),
            ("operational-behavior-data-publish-dbirth", "5:901"),
        ],
    },
    Group {
        says: "Every metric of a birth has a name, a datatype and a value.",
        verdict: Met,
        of: &[("topics-nbirth-metrics", "4:203"), ("topics-dbirth-metrics", "4:394")],
    },
    Group {
        says: "NBIRTH has all template definitions, those of devices included.",
        verdict: Met,
        of: &[("topics-nbirth-templates", "4:205")],
    },
    Group {
        says: "NBIRTH has a bdSeq.",
        verdict: Met,
        of: &[("topics-nbirth-bdseq-included", "4:208"), ("payloads-nbirth-bdseq", "6:1073")],
    },
    Group {
        says: "bdSeq is an Int64, that of the will.",
        verdict: Met,
        of: &[("message-flow-edge-node-birth-publish-nbirth-payload-bdSeq", "5:224")],
    },
    Group {
        says: "The bdSeq of NBIRTH is that of the will.",
        verdict: Met,
        of: &[
            ("topics-nbirth-bdseq-matching", "4:210"),
            ("payloads-nbirth-bdseq-repeat", "6:1075"),
        ],
    },
    Group {
        says: "bdSeq begins at 0 and grows by one with each CONNECT.",
        verdict: Met,
        of: &[("topics-nbirth-bdseq-increment", "4:213")],
    },
    Group {
        says: "NBIRTH has the metric `Node Control/Rebirth`.",
        verdict: Met,
        of: &[
            ("topics-nbirth-rebirth-metric", "4:215"),
            ("payloads-nbirth-rebirth-req", "6:1082"),
            ("operational-behavior-data-commands-rebirth-name", "5:955"),
        ],
    },
    Group {
        says: "`Node Control/Rebirth` is a Boolean, false, without an alias.",
        verdict: Met,
        of: &[
            ("operational-behavior-data-commands-rebirth-name-aliases", "5:957"),
            ("operational-behavior-data-commands-rebirth-datatype", "5:962"),
            ("operational-behavior-data-commands-rebirth-value", "5:964"),
        ],
    },
    Group {
        says: "A node that receives a rebirth request stops sending data at once.",
        verdict: Met,
        of: &[("operational-behavior-data-commands-rebirth-action-1", "5:979")],
    },
    Group {
        says: "It then sends its births, all of them.",
        verdict: Met,
        of: &[("operational-behavior-data-commands-rebirth-action-2", "5:981")],
    },
    Group {
        says: "The NBIRTH of a rebirth keeps its bdSeq.",
        verdict: Met,
        of: &[("operational-behavior-data-commands-rebirth-action-3", "5:984")],
    },
    Group {
        says: "DBIRTH has the next sequence number; after 255 comes 0.",
        verdict: Met,
        of: &[
            ("topics-dbirth-seq", "4:386"),
            ("payloads-dbirth-seq", "6:1179"),
            ("payloads-dbirth-seq-inc", "6:1181"),
            ("message-flow-device-birth-publish-dbirth-payload-seq", "5:428"),
        ],
    },
    Group {
        says: "DBIRTHs follow the NBIRTH before any data.",
        verdict: Met,
        of: &[("payloads-dbirth-order", "6:1185")],
    },
    Group {
        says: "The NBIRTH comes before any DBIRTH.",
        verdict: Met,
        of: &[("message-flow-device-birth-publish-nbirth-wait", "5:412")],
    },
    Group {
        says: "A metric of a birth without a value says that it is null.",
        verdict: Met,
        of: &[
            ("operational-behavior-data-publish-nbirth-values", "5:882"),
            ("operational-behavior-data-publish-dbirth-values", "5:904"),
        ],
    },
    Group {
        says: "Births have QoS 0.",
        verdict: Met,
        of: &[("payloads-nbirth-qos", "6:1087"), ("payloads-dbirth-qos", "6:1188")],
    },
];
