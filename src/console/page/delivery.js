// How a property's values get to SiteWise, in words.

import { h, keyed, set } from '/dom.js';
import { TYPES, plural, time } from '/format.js';
import { DISCARDED, REFUSED, WAITS } from '/words.js';

/** What stands in place of the quality while a value is not in SiteWise. */
export function badge({ delivery }) {
  if (delivery.state === 'waiting') return ['unknown', 'queued'];
  if (delivery.state === 'rejected') return ['BAD', 'rejected'];
  return null;
}

/** The steps, each with its heading and what is known of it. */
export function steps(property, data) {
  const { delivery } = property;
  const { presence } = data;
  const own = property.role === 'presence';
  const birth = own ? 'written by the bridge itself, at each birth and death'
    : presence?.born ? `birth of ${time(presence.born)} on ${data.delivery.birth_topic}`
      : data.delivery.birth_topic ? `none received since the start of the bridge; it is expected on ${data.delivery.birth_topic}` : 'none: written by the bridge itself';
  const unit = property.unit ? `, ${property.unit}` : '';
  const list = [
    ['Birth', birth],
    ['Mapped to', `${property.attribute ? 'attribute' : 'measurement'} “${property.name}” (${TYPES[property.data_type] ?? property.data_type}${unit}) of model ${data.model.name}; property id ${property.id}`],
  ];
  if (data.delivery.capped.length > 0) list.push(['Exceeds a cap', `${data.address}: ${data.delivery.capped.join('; ')}`]);
  const many = `${delivery.more ? 'at least ' : ''}${plural(delivery.waiting, 'value')}`;
  if (delivery.waits_for) {
    const verb = delivery.waiting === 1 && !delivery.more ? 'is queued' : 'are queued';
    const since = delivery.since === null ? '' : `, since ${time(delivery.since)}`;
    list.push(['Queued', `${delivery.waiting > 0 ? `${many} ${verb}` : 'its values are queued'} ${WAITS[delivery.waits_for]}${since}${delivery.reason ? `: ${delivery.reason}` : ''}`]);
  } else {
    list.push(['Queued', delivery.more ? 'none in the part of the outbox that was searched' : 'no value is queued']);
  }
  if (delivery.sent !== null) list.push(['Sent', `at ${time(delivery.sent)}, in flight: no response yet`]);
  if (delivery.accepted) list.push(['In SiteWise', `accepted at ${time(delivery.accepted[0])}, the value with the timestamp ${time(delivery.accepted[1], true)}`]);
  else if (delivery.state === 'accepted') list.push(['In SiteWise', `accepted before ${time(data.delivery.watched)}, when this page began to watch it`]);
  else list.push(['In SiteWise', property.time === null ? 'no value was written yet' : `none was accepted since ${time(data.delivery.watched)}, when this page began to watch it`]);
  if (delivery.rejected) list.push(['Rejected', `at ${time(delivery.rejected.at)}, the value with the timestamp ${time(delivery.rejected.time, true)}: ${delivery.rejected.reason} (${REFUSED[delivery.rejected.kind] ?? delivery.rejected.kind}); ${delivery.rejected.remedy}`]);
  if (delivery.dropped) list.push(['Dropped', `one at ${time(delivery.dropped[0])}: ${DISCARDED[delivery.dropped[1]] ?? delivery.dropped[1]}`]);
  return list;
}

/** The steps as a list that keeps up. */
export const list = () => h('dl', { class: 'facts way' });

export function show(node, property, data) {
  keyed(node, steps(property, data), ([label]) => label,
    ([label]) => h('div', {}, h('dt', { text: label }), h('dd')), (line, [, text]) => set(line.lastChild, text));
}
