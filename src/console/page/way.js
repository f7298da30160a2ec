// The way of a property's values to SiteWise, in words.

import { h, keyed, set } from '/dom.js';
import { TYPES, plural, time } from '/format.js';
import { DISCARDED, REFUSED, WAITS } from '/words.js';

/** What stands in place of the quality while a value is not in SiteWise. */
export function badge({ way }) {
  if (way.state === 'waiting') return ['unknown', 'queued'];
  if (way.state === 'refused') return ['BAD', 'rejected'];
  return null;
}

/** The steps, each with its heading and what is known of it. */
export function steps(property, data) {
  const { way } = property;
  const { presence } = data;
  const own = property.role === 'presence';
  const birth = own ? 'written by the bridge itself, at each birth and death'
    : presence?.born ? `birth of ${time(presence.born)} on ${data.way.birth_topic}`
      : data.way.birth_topic ? `none received since the start of the bridge; it is expected on ${data.way.birth_topic}` : 'none: written by the bridge itself';
  const unit = property.unit ? `, ${property.unit}` : '';
  const list = [
    ['Birth', birth],
    ['Mapped to', `${property.attribute ? 'attribute' : 'measurement'} “${property.name}” (${TYPES[property.data_type] ?? property.data_type}${unit}) of model ${data.model.name}; property id ${property.id}`],
  ];
  if (data.way.capped.length > 0) list.push(['Exceeds a cap', `${data.address}: ${data.way.capped.join('; ')}`]);
  const many = `${way.more ? 'at least ' : ''}${plural(way.waiting, 'value')}`;
  if (way.waits_for) {
    const verb = way.waiting === 1 && !way.more ? 'is queued' : 'are queued';
    const since = way.since === null ? '' : `, since ${time(way.since)}`;
    list.push(['Queued', `${way.waiting > 0 ? `${many} ${verb}` : 'its values are queued'} ${WAITS[way.waits_for]}${since}${way.reason ? `: ${way.reason}` : ''}`]);
  } else {
    list.push(['Queued', way.more ? 'none among the values that were searched; the outbox has more on disk or further back' : 'no value is queued']);
  }
  if (way.sent !== null) list.push(['Sent', `at ${time(way.sent)}, in flight: no response yet`]);
  if (way.taken) list.push(['In SiteWise', `accepted at ${time(way.taken[0])}, the value with the timestamp ${time(way.taken[1], true)}`]);
  else if (way.state === 'taken') list.push(['In SiteWise', `accepted before ${time(data.way.watched)}, when this page began to watch it`]);
  else list.push(['In SiteWise', property.time === null ? 'no value was written yet' : `none was accepted since ${time(data.way.watched)}, when this page began to watch it`]);
  if (way.refused) list.push(['Rejected', `at ${time(way.refused.at)}, the value with the timestamp ${time(way.refused.time, true)}: ${way.refused.reason} (${REFUSED[way.refused.kind] ?? way.refused.kind}); ${way.refused.remedy}`]);
  if (way.dropped) list.push(['Dropped', `one at ${time(way.dropped[0])}: ${DISCARDED[way.dropped[1]] ?? way.dropped[1]}`]);
  return list;
}

/** The steps as a list that keeps up. */
export const list = () => h('dl', { class: 'facts way' });

export function show(node, property, data) {
  keyed(node, steps(property, data), ([label]) => label,
    ([label]) => h('div', {}, h('dt', { text: label }), h('dd')), (line, [, text]) => set(line.lastChild, text));
}
