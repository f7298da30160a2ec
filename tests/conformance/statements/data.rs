//! What the specification asks of senders: data, deaths, metrics and templates.

use super::Group;
use super::Verdict::{Met, NotApplicable};

pub(crate) const DATA: &[Group] = &[
    Group {
        says: "Data has QoS 0.",
        verdict: Met,
        of: &[
            ("topics-ndata-mqtt", "4:273"),
            ("topics-ddata-mqtt", "4:444"),
            ("payloads-ndata-qos", "6:1314"),
            ("payloads-ddata-qos", "6:1371"),
        ],
    },
    Group {
        says: "Data is not retained.",
        verdict: Met,
        of: &[("payloads-ndata-retain", "6:1316"), ("payloads-ddata-retain", "6:1373")],
    },
    Group {
        says: "Each message has the next sequence number; after 255 comes 0. A node and its \
            devices share one sequence.",
        verdict: Met,
        of: &[
            ("topics-ndata-seq-num", "4:275"),
            ("topics-ddata-seq-num", "4:446"),
            ("payloads-ndata-seq-inc", "6:1307"),
            ("payloads-ddata-seq-inc", "6:1364"),
            ("payloads-sequence-num-incrementing", "6:429"),
        ],
    },
    Group {
        says: "Every message but NDEATH has a sequence number.",
        verdict: Met,
        of: &[
            ("payloads-ndata-seq", "6:1305"),
            ("payloads-ddata-seq", "6:1362"),
            ("payloads-sequence-num-always-included", "6:423"),
        ],
    },
    Group {
        says: "Data says when it was sent.",
        verdict: Met,
        of: &[
            ("topics-ndata-timestamp", "4:279"),
            ("topics-ddata-timestamp", "4:450"),
            ("payloads-ndata-timestamp", "6:1302"),
            ("payloads-ddata-timestamp", "6:1359"),
        ],
    },
    Group {
        says: "Data holds the metrics that have changed.",
        verdict: Met,
        of: &[("topics-ndata-payload", "4:281"), ("topics-ddata-payload", "4:452")],
    },
    Group {
        says: "NDATA comes after the births.",
        verdict: Met,
        of: &[("payloads-ndata-order", "6:1311")],
    },
    Group {
        says: "DDATA comes after the births.",
        verdict: Met,
        of: &[("payloads-ddata-order", "6:1368")],
    },
    Group {
        says: "Values in one payload are in the order of their timestamps.",
        verdict: Met,
        of: &[
            ("operational-behavior-data-publish-nbirth-order", "5:895"),
            ("operational-behavior-data-publish-dbirth-order", "5:917"),
        ],
    },
    Group {
        says: "Data should be sent on change alone, not periodically.",
        verdict: Met,
        of: &[
            ("operational-behavior-data-publish-nbirth-change", "5:885"),
            ("operational-behavior-data-publish-dbirth-change", "5:907"),
            ("principles-rbe-recommended", "2:50"),
        ],
    },
    Group {
        says: "NDEATH holds bdSeq and nothing else.",
        verdict: Met,
        of: &[("topics-ndeath-payload", "4:309")],
    },
    Group {
        says: "NDEATH has no sequence number.",
        verdict: Met,
        of: &[("topics-ndeath-seq", "4:314"), ("payloads-ndeath-seq", "6:1509")],
    },
    Group {
        says: "The bdSeq of NDEATH is that of the NBIRTH that it ends.",
        verdict: Met,
        of: &[("payloads-ndeath-bdseq", "6:1517")],
    },
    Group {
        says: "NDEATH is the will of the node's CONNECT.",
        verdict: NotApplicable("A host cannot tell a will from a message."),
        of: &[("payloads-ndeath-will-message", "6:1511")],
    },
    Group {
        says: "The will of a node has QoS 1.",
        verdict: Met,
        of: &[("payloads-ndeath-will-message-qos", "6:1513")],
    },
    Group {
        says: "The will of a node is not retained.",
        verdict: Met,
        of: &[("payloads-ndeath-will-message-retain", "6:1515")],
    },
    Group {
        says: "A node that leaves on purpose publishes its NDEATH itself before DISCONNECT.",
        verdict: Met,
        of: &[
            ("payloads-ndeath-will-message-publisher", "6:1526"),
            ("payloads-ndeath-will-message-publisher-disconnect-mqtt311", "6:1531"),
            ("operational-behavior-edge-node-intentional-disconnect-ndeath", "5:299"),
        ],
    },
    Group {
        says: "Over MQTT 5 a node may send DISCONNECT with the reason code `Disconnect with Will \
            Message`.",
        verdict: NotApplicable(
            "Only the server sees the reason code in DISCONNECT; for a host it is a will like any \
                other.",
        ),
        of: &[("payloads-ndeath-will-message-publisher-disconnect-mqtt50", "6:1537")],
    },
    Group {
        says: "A server may set the time in NDEATH.",
        verdict: Met,
        of: &[("conformance-mqtt-aware-ndeath-timestamp", "10:115")],
    },
    Group {
        says: "DDEATH has QoS 0 and is not retained.",
        verdict: Met,
        of: &[("topics-ddeath-mqtt", "4:481")],
    },
    Group {
        says: "DDEATH has the next sequence number, so that hosts can tell its place.",
        verdict: Met,
        of: &[
            ("topics-ddeath-seq-num", "4:483"),
            ("payloads-ddeath-seq", "6:1585"),
            ("payloads-ddeath-seq-inc", "6:1587"),
            ("payloads-ddeath-seq-number", "6:1612"),
        ],
    },
    Group {
        says: "DDEATH says when it was sent.",
        verdict: Met,
        of: &[("payloads-ddeath-timestamp", "6:1582")],
    },
    Group {
        says: "A node that loses a device sends its DDEATH.",
        verdict: Met,
        of: &[("operational-behavior-device-ddeath", "5:480")],
    },
    Group {
        says: "Payloads and metrics carry times in milliseconds, UTC.",
        verdict: Met,
        of: &[
            ("payloads-timestamp-in-UTC", "6:415"),
            ("payloads-metric-timestamp-in-UTC", "6:479"),
            ("payloads-name-birth-data-requirement", "6:475"),
        ],
    },
    Group {
        says: "A metric has a name, unless aliases are in use.",
        verdict: Met,
        of: &[("payloads-name-requirement", "6:453")],
    },
    Group {
        says: "An alias stands for one metric of the whole node.",
        verdict: Met,
        of: &[("payloads-alias-uniqueness", "6:462")],
    },
    Group {
        says: "In a birth a metric with an alias has its name, too.",
        verdict: Met,
        of: &[("payloads-alias-birth-requirement", "6:468")],
    },
    Group {
        says: "The datatype is an unsigned number of 32 bits.",
        verdict: Met,
        of: &[("payloads-metric-datatype-value-type", "6:484")],
    },
    Group {
        says: "The datatype is one of the enumeration.",
        verdict: Met,
        of: &[("payloads-metric-datatype-value", "6:486")],
    },
    Group {
        says: "Metrics of births have a datatype.",
        verdict: Met,
        of: &[("payloads-metric-datatype-req", "6:489")],
    },
    Group {
        says: "A property set has as many values as keys.",
        verdict: Met,
        of: &[
            ("payloads-propertyset-keys-array-size", "6:570"),
            ("payloads-propertyset-values-array-size", "6:576"),
        ],
    },
    Group {
        says: "A property's type is an unsigned number of 32 bits.",
        verdict: Met,
        of: &[("payloads-metric-propertyvalue-type-type", "6:586")],
    },
    Group {
        says: "Properties of births have a type of the enumeration.",
        verdict: Met,
        of: &[
            ("payloads-metric-propertyvalue-type-value", "6:588"),
            ("payloads-metric-propertyvalue-type-req", "6:593"),
        ],
    },
    Group {
        says: "`Quality` is an Int32.",
        verdict: Met,
        of: &[("payloads-propertyset-quality-value-type", "6:631")],
    },
    Group {
        says: "`Quality` is 0, 192 or 500.",
        verdict: Met,
        of: &[("payloads-propertyset-quality-value-value", "6:634")],
    },
    Group {
        says: "A table's number of columns is an unsigned number of 64 bits.",
        verdict: Met,
        of: &[("payloads-dataset-column-size", "6:654")],
    },
    Group {
        says: "A table has as many column names and types as columns.",
        verdict: Met,
        of: &[
            ("payloads-dataset-column-num-headers", "6:658"),
            ("payloads-dataset-types-num", "6:663"),
        ],
    },
    Group {
        says: "A table has the types of its columns.",
        verdict: Met,
        of: &[
            ("payloads-dataset-types-def", "6:661"),
            ("payloads-dataset-parameter-type-req", "6:670"),
        ],
    },
    Group {
        says: "A column's type is an unsigned number of 32 bits.",
        verdict: Met,
        of: &[("payloads-dataset-types-type", "6:665")],
    },
    Group {
        says: "A column's type is one of the basic types.",
        verdict: Met,
        of: &[("payloads-dataset-types-value", "6:667")],
    },
    Group {
        says: "A cell holds an integer of 32 or 64 bits, a float, a double, a Boolean or a string.",
        verdict: Met,
        of: &[("payloads-template-dataset-value", "6:691")],
    },
    Group {
        says: "Template definitions are only in NBIRTH.",
        verdict: Met,
        of: &[("payloads-template-definition-nbirth-only", "6:707")],
    },
    Group {
        says: "`is_definition` is always there: true for definitions, false for instances.",
        verdict: Met,
        of: &[
            ("payloads-template-definition-is-definition", "6:709"),
            ("payloads-template-is-definition-definition", "6:775"),
            ("payloads-template-is-definition", "6:773"),
            ("payloads-template-is-definition-instance", "6:777"),
            ("payloads-template-instance-is-definition", "6:731"),
        ],
    },
    Group {
        says: "A definition has no `template_ref`.",
        verdict: Met,
        of: &[
            ("payloads-template-definition-ref", "6:711"),
            ("payloads-template-ref-definition", "6:766"),
        ],
    },
    Group {
        says: "The `template_ref` of an instance is the name of its definition.",
        verdict: Met,
        of: &[
            ("payloads-template-instance-ref", "6:733"),
            ("payloads-template-ref-instance", "6:768"),
        ],
    },
    Group {
        says: "A definition has all members; an instance has no others.",
        verdict: Met,
        of: &[
            ("payloads-template-definition-members", "6:713"),
            ("payloads-template-instance-members", "6:736"),
        ],
    },
    Group {
        says: "NBIRTH has a definition of every template that it or a DBIRTH has an instance of.",
        verdict: Met,
        of: &[("payloads-template-definition-nbirth", "6:716")],
    },
    Group {
        says: "A definition has all parameters and may give defaults; an instance may give its \
            own.",
        verdict: Met,
        of: &[
            ("payloads-template-definition-parameters", "6:721"),
            ("payloads-template-definition-parameters-default", "6:724"),
            ("payloads-template-instance-parameters", "6:747"),
        ],
    },
    Group {
        says: "An instance in a birth has all members.",
        verdict: Met,
        of: &[("payloads-template-instance-members-birth", "6:739")],
    },
    Group {
        says: "An instance in data may have some members.",
        verdict: Met,
        of: &[("payloads-template-instance-members-data", "6:742")],
    },
    Group {
        says: "A version is UTF-8.",
        verdict: Met,
        of: &[("payloads-template-version", "6:757")],
    },
    Group {
        says: "A parameter has a name, in UTF-8.",
        verdict: Met,
        of: &[
            ("payloads-template-parameter-name-required", "6:788"),
            ("payloads-template-parameter-name-type", "6:790"),
        ],
    },
    Group {
        says: "A parameter's type is an unsigned number of 32 bits.",
        verdict: Met,
        of: &[("payloads-template-parameter-value-type", "6:793")],
    },
    Group {
        says: "A parameter's type is there in births, and one of the basic types.",
        verdict: Met,
        of: &[
            ("payloads-template-parameter-type-value", "6:795"),
            ("payloads-template-parameter-type-req", "6:798"),
        ],
    },
    Group {
        says: "A parameter holds an integer of 32 or 64 bits, a float, a double, a Boolean or a \
            string.",
        verdict: Met,
        of: &[("payloads-template-parameter-value", "6:802")],
    },
];
