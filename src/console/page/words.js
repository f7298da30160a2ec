// Texts for the labels of the API.

export const KINDS = { bridge: 'this bridge', group: 'group', node: 'edge node', device: 'device', twin: 'template instance', level: 'overflow level', lost: 'tag whose values are not sent', trouble: 'not an asset' };

export const PROVISIONING = {
  live: 'ACTIVE in SiteWise',
  wanted: 'being created in SiteWise',
  checking: 'being looked up in SiteWise',
  rejected: 'rejected by SiteWise, does not exist there',
};

export const PLACEMENT = {
  root: null,
  placed: null,
  wanted: 'not yet associated with its parent in SiteWise',
  no_place: 'SiteWise’s limits do not allow it below its parent: it is at the root of the tree',
};

/** What values wait for. */
export const WAITS = {
  asset: 'for their asset, which SiteWise does not have yet',
  property: 'for their property, which SiteWise does not have yet',
  sitewise: 'because SiteWise is unreachable',
  retry: 'for a retry (backoff): SiteWise did not accept them',
  turn: 'to be sent in the next batch',
  room: 'longer than usual: other values have priority, or the account is throttled',
};

export const QUALITY = { GOOD: 'good', UNCERTAIN: 'uncertain', BAD: 'bad' };

export const ROLES = {
  member: 'metric',
  parameter: 'parameter',
  property: 'property of a metric',
  presence: 'written by Sparkwise',
};

export const NOT_READY = {
  starting: 'Starting',
  shutting_down: 'Shutting down',
  engine_not_responding: 'Engine not responding',
  mqtt_not_connected: 'MQTT not connected',
  mqtt_foreign_topics: 'MQTT server delivers no Sparkplug topics',
  initial_sync_incomplete: 'Initial sync with SiteWise',
  sitewise_unreachable: 'SiteWise unreachable',
};

export const DEGRADED = {
  mqtt_not_connected: 'an MQTT server is not connected',
  mqtt_client_id_shared: 'a server keeps closing sessions: another client may use our MQTT_CLIENT_ID',
  all_nodes_excluded: 'SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE filter out every edge node',
  finding: 'an edge node sends something that has to be corrected there',
  sitewise_failing: 'calls to SiteWise keep failing',
  sitewise_slow: 'SiteWise answers slowly',
  mqtt_messages_lost: 'messages are dropped: they arrive faster than they are read',
  mqtt_messages_late: 'messages are read late',
  mqtt_packet_too_large: 'messages are larger than MQTT_MAX_PACKET',
  mqtt_foreign_topics: 'a server delivers no Sparkplug topics',
  mqtt_delivers_nothing: 'a server delivers nothing',
  not_understood: 'an edge node cannot be interpreted',
  commands_unreachable: 'commands cannot come in, or answers cannot leave',
  lease_unreachable: 'the table of the lease cannot be reached',
  no_follower: 'no second bridge follows',
  only_stored: 'edge nodes are known only by stored births',
  node_offline: 'an edge node is offline',
  values_rejected: 'values of a machine are rejected',
  values_too_fast: 'a machine sends more than ten values of a property in a second',
  outbox_full: 'the outbox is full',
  values_expiring: 'values will soon be too old for SiteWise',
  values_await_birth: 'values wait for the birth of a silent machine',
  late_values_failing: 'late values are not sent by bulk import',
  outbox_not_writable: 'the outbox’s disk is not writable or too slow',
  outbox_unreadable: 'the outbox’s disk is damaged',
  outbox_lost: 'values were lost on the outbox’s disk',
  capped_models: 'TWIN_MAX_MODELS is exceeded',
  capped_properties: 'TWIN_MAX_PROPERTIES is exceeded',
  capped_assets: 'TWIN_MAX_ASSETS is exceeded',
  clock: 'the host’s clock differs from SiteWise’s',
  sender_clock: 'an edge node’s clock is wrong',
  values_retried: 'SiteWise does not accept values of a machine: retried with backoff',
  problem: 'a model or asset cannot be created or updated in SiteWise',
};

export const PHASES = {
  online: 'online',
  offline: 'offline',
  awaited: 'waiting for its birth',
  unknown: 'no readable message yet',
};

export const DROPPED = {
  unchanged: 'a birth repeated what was written already',
  control: 'part of the Sparkplug session, not a value (bdSeq, Node Control)',
  transient: 'marked transient by the sender',
  alarm: 'an alarm event with the same name as its tag',
  not_carried: 'bytes, files and unknown types',
  capped_models: 'TWIN_MAX_MODELS exceeded',
  capped_properties: 'TWIN_MAX_PROPERTIES exceeded',
  capped_assets: 'TWIN_MAX_ASSETS exceeded',
  before_sync: 'buffer full before the initial sync with SiteWise',
};

export const REFUSED = {
  out_of_range: 'timestamp out of range: more than seven days old or five minutes ahead',
  invalid: 'invalid for SiteWise',
  denied: 'access denied by SiteWise',
};

export const LEASE_ROLES = {
  follower: 'follower: the other bridge acts',
  holder: 'holder: this bridge acts',
  lapsed: 'lapsed: this bridge does not act, the lease could not be renewed',
  releasing: 'releasing: this bridge gives the lease back',
  left: 'about to stop, no bridge has taken the lease',
  handed_over: 'about to stop, the other bridge acts',
};

export const DISCARDED = {
  overwritten: 'overwritten by a later value of the same time and quality',
  rate: 'rate limit: more than ten values of one property and quality in one second',
  misrouted: 'sent early to a property that the asset does not have',
  outbox_full: 'no room in the outbox',
  outbox_unreadable: 'unreadable on the outbox’s damaged disk',
  standby_released: 'kept for a minute as the follower, the other bridge delivered it',
  standby_full: 'no room in memory to keep it as the follower',
  mqtt_queue_full: 'MQTT messages dropped before the bridge read them',
};

export const ADJUSTED = {
  rounded: 'an integer past 2⁵³ was rounded, marked uncertain',
  not_finite: 'infinite or not a number: written as null with quality bad',
  cleaned: 'control characters in a text were replaced',
  cut: 'a text was cut at 1,024 bytes',
};
