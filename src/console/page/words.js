// Plain words for what the bridge calls by short names.

export const KINDS = { bridge: 'this bridge', group: 'group', node: 'edge node', device: 'device', twin: 'twin', level: 'further level' };

export const STANDING = {
  live: 'live in SiteWise',
  wanted: 'being created in SiteWise',
  checking: 'being looked up in SiteWise',
  refused: 'refused by SiteWise, tried again later',
};

export const PLACING = {
  root: null,
  placed: null,
  wanted: 'not yet under its parent in SiteWise',
  no_place: 'SiteWise’s tree has no place for it: it is live at the root',
};

export const QUALITY = { GOOD: 'good', UNCERTAIN: 'uncertain', BAD: 'bad' };

export const ROLES = {
  member: 'metric',
  parameter: 'parameter',
  property: 'static property',
  presence: 'told by Sparkwise',
};

export const NOT_READY = {
  starting: 'Starting',
  ending: 'Ending',
  silent: 'Engine silent',
  mqtt_not_connected: 'MQTT not connected',
  mqtt_foreign_topics: 'MQTT server brings other topics',
  sitewise_not_learned: 'Learning what SiteWise has',
  sitewise_away: 'SiteWise away',
};

export const DEGRADED = {
  mqtt_not_connected: 'a server is not connected',
  mqtt_messages_lost: 'messages came too fast to be read',
  mqtt_packet_too_large: 'messages too large to be taken',
  mqtt_foreign_topics: 'a server brings other topics',
  not_understood: 'an edge node is not understood',
  outbox_full: 'outbox full',
  outbox_refuses: 'outbox’s disk refuses',
  outbox_unreadable: 'outbox’s disk is damaged',
  outbox_lost: 'values lost on the outbox’s disk',
  capped_models: 'past TWIN_MAX_MODELS',
  capped_properties: 'past TWIN_MAX_PROPERTIES',
  capped_assets: 'past TWIN_MAX_ASSETS',
  clock: 'the clock is not SiteWise’s',
  held: 'values that are not taken',
  problem: 'not as wanted in SiteWise',
};

export const PHASES = {
  online: 'online',
  offline: 'offline',
  awaited: 'waiting for its birth',
  unknown: 'not known',
};

export const DROPPED = {
  unchanged: 'a birth repeated what was written already',
  control: 'belongs to the session, not to the plant (bdSeq, Node Control)',
  transient: 'marked transient by the sender',
  alarm: 'an alarm under the name of its tag',
  not_carried: 'bytes, files and types that nobody told',
  capped_models: 'past TWIN_MAX_MODELS',
  capped_properties: 'past TWIN_MAX_PROPERTIES',
  capped_assets: 'past TWIN_MAX_ASSETS',
  unlearned: 'too much came before SiteWise told what it has',
};

export const REFUSED = {
  out_of_range: 'its time is outside SiteWise’s window, seven days back to five minutes ahead',
  invalid: 'SiteWise calls it invalid',
  denied: 'SiteWise denies access',
};

export const DISCARDED = {
  overwritten: 'a later value of the same time and quality took its place',
  rate: 'more than ten of one property and quality in one second',
  outbox_full: 'no room in the outbox',
  outbox_unreadable: 'damage of the outbox’s disk',
  mqtt_queue_full: 'messages lost between MQTT and the engine',
};

export const ADJUSTED = {
  rounded: 'an integer past 2⁵³ was rounded, marked uncertain',
  not_finite: 'infinite or not a number: written as null with quality bad',
  cleaned: 'control characters in a text were replaced',
  cut: 'a text was cut at 1,024 bytes',
};
