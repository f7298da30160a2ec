// The stream: what came in, what became of it, how fast, and through which servers.

import { attr, h, icon, keyed, s, set, swapIcon } from '/dom.js';
import { bytes, compact, count, rate, span, time } from '/format.js';
import { chart, draw } from '/chart.js';
import { ADJUSTED, DISCARDED, DROPPED, REFUSED } from '/words.js';

const sum = (pairs) => pairs.reduce((total, [, n]) => total + n, 0);

export function stream(main) {
  const cards = {};
  const card = (key, title) => {
    cards[key] = { big: h('span'), unit: h('small'), under: h('p', { class: 'under' }), chart: chart(true) };
    const { big, unit, under, chart: line } = cards[key];
    return h('section', { class: 'panel card' }, h('h2', { text: title }), h('p', { class: 'big' }, big, unit), under, line);
  };
  const plant = account('Values from the plant');
  const points = account('On their way to SiteWise');
  const pace = facts('Pace and cost');
  const servers = h('tbody');
  const column = (text, kind) => h('th', { scope: 'col', class: kind, text });
  main.append(
    h('h1', { class: 'spoken', text: 'Stream' }),
    h('div', { class: 'cards' }, card('read', 'Values in'), card('delivered', 'Delivered'), card('waiting', 'Waiting'), card('billed', 'Billed messages')),
    h('div', { class: 'columns' }, plant.panel, points.panel, pace.panel,
      h('section', { class: 'panel' }, h('header', {}, h('h2', { text: 'MQTT servers' })),
        h('div', { class: 'table' }, h('table', { class: 'stack' }, h('caption', { class: 'spoken', text: 'MQTT servers' }),
          h('thead', {}, h('tr', {}, column('Server'), column('Session'), column('Messages', 'number'), column('Lost', 'number'))), servers)))));

  return {
    figures(now) {
      const { values, delivery, rates, history } = now;
      const fill = (key, big, unit, under, show, options = { zero: true }) => {
        const one = cards[key];
        set(one.big, big);
        set(one.unit, unit);
        set(one.under, under);
        draw(one.chart, history[key].points, key, show, options);
      };
      const dropped = sum(values.dropped);
      const discarded = sum(values.discarded.filter(([why]) => why !== 'mqtt_queue_full'));
      const lostMessages = Object.fromEntries(values.discarded).mqtt_queue_full;
      fill('read', rate(rates.read), ' a second', `${count(values.read)} since the start`, rate);
      fill('delivered', rate(rates.delivered), ' a second', `${count(values.delivered)} since the start`, rate);
      fill('waiting', compact(now.waiting), ' values', now.age === null ? 'nothing waits' : `the oldest for ${span(now.age)}`, compact);
      const hourly = rates.billed === null ? null : rates.billed * 3600;
      const each = delivery.billed_messages > 0 ? values.delivered / delivery.billed_messages : null;
      fill('billed', hourly === null ? '–' : compact(Math.round(hourly)), ' an hour', each === null ? 'ten values of a property bill as one' : `${each.toFixed(1)} values a message; ten are the most`, (n) => compact(Math.round(n * 3600)));

      plant.show(values.read, [
        ['good', 'became points', values.points, []],
        ['quiet', 'not carried, by rule', dropped, named(values.dropped, DROPPED)],
        ['bad', 'refused before SiteWise was asked', sum(values.refused_early), named(values.refused_early, REFUSED)],
        ['wait', 'held until SiteWise has told what it has', values.held, []],
      ], lostMessages > 0 ? [['bad', 'MQTT messages lost, their values never counted', lostMessages]] : []);
      const waiting = values.in_outbox + values.behind_gates + values.on_the_way;
      points.show(values.points + values.own + values.restored, [
        ['good', 'delivered', values.delivered, []],
        ['wait', 'waiting', waiting, [['in the outbox', values.in_outbox], ['for an asset or property that is not there yet', values.behind_gates], ['on the way', values.on_the_way]].filter(([, n]) => n > 0)],
        ['quiet', 'discarded, by rule', discarded, named(values.discarded.filter(([why]) => why !== 'mqtt_queue_full'), DISCARDED)],
        ['bad', 'refused on the way', sum(values.refused), named(values.refused, REFUSED)],
      ], [], `${count(values.own)} are the bridge’s own${values.restored > 0 ? `, ${count(values.restored)} from before the start` : ''}`);
      pace.show([
        ['Quota in use', `${delivery.quota_share} %${delivery.quota_share < 100 ? ': SiteWise throttled, it rises slowly' : ', not throttled'}`],
        ['Quotas', `${count(delivery.requests_quota)} requests and ${count(delivery.values_quota)} values a second, ${delivery.quotas_told ? 'as Service Quotas tells them' : 'as AWS gives them at first, or as they are set'}`],
        ['Throttled', `${count(delivery.throttles)} answers since the start`],
        ['Requests', `${count(delivery.requests)}, of them ${count(delivery.in_flight)} without an answer yet`],
        ['Sent again', `${count(delivery.retries)} values`],
        ['Linger', `${now.linger_seconds} s: so long a value waits for others of its property`],
        ...lingers(now),
        ['Outbox', `${bytes(now.outbox_bytes)} of ${bytes(now.outbox_max_bytes)}; ${count(now.unsaved)} values would be lost with the process`],
        ['Still to be made', `${count(now.provisioning_pending)} jobs for models and assets`],
        ...named(values.adjusted, ADJUSTED).map(([words, n]) => ['Adjusted', `${count(n)}: ${words}`]),
      ]);
      keyed(servers, now.links, (link) => link.url, (link) => h('tr', {},
        h('td', { class: 'name' }, h('span', { class: 'code', text: link.url })),
        h('td', { class: 'whole wide' }, icon('unknown'), ' ', h('span')), h('td', { class: 'number left' }), h('td', { class: 'number left' })),
      (node, link) => {
        const [, state, received, lost] = node.children;
        swapIcon(state.firstChild, link.since === null ? 'offline' : 'online');
        set(state.lastChild, link.since === null ? `not connected${link.trouble ? `: ${link.trouble}` : ''}` : `connected since ${time(link.since)}`);
        set(received, count(link.received));
        set(lost, count(link.dropped + link.malformed + link.unpublished));
        attr(lost, 'title', `${count(link.dropped)} came faster than they were read, ${count(link.malformed)} with a topic that is not UTF-8, ${count(link.unpublished)} not published`);
      });
    },
  };
}

/** What the same values would have been billed as at other lingers. */
function lingers({ lingers: all, linger_seconds: own, delivery }) {
  if (delivery.billed_messages === 0) return [];
  return all.filter(({ seconds }) => seconds !== own).map(({ seconds, messages }) => [`With ${seconds} s`,
    `${count(messages)} messages instead of ${count(delivery.billed_messages)}: ${Math.round((messages / delivery.billed_messages) * 100)} % of the cost`]);
}

const named = (pairs, words) => pairs.filter(([, n]) => n > 0).map(([label, n]) => [words[label] ?? label, n]);

/** A sum and its parts, each with its parts: they add up. */
function account(title) {
  const rows = h('tbody');
  const bar = s('svg', { viewBox: '0 0 1000 10', preserveAspectRatio: 'none' });
  const note = h('p', { class: 'soft small right' });
  const panel = h('section', { class: 'panel' }, h('header', {}, h('h2', { text: title }), note),
    h('div', { class: 'bar', 'aria-hidden': 'true' }, bar),
    h('div', { class: 'table' }, h('table', { class: 'account' }, h('caption', { class: 'spoken', text: title }), rows)));
  return {
    panel,
    show(total, parts, extra, words = '') {
      set(note, words);
      if (words) note.title = 'presence, attributes, stale marks, heartbeats';
      const lines = [['', 'in all', total, 'sum'], ...parts.flatMap(([kind, label, n, inner]) => [[kind, label, n, ''], ...inner.map(([what, m]) => ['', what, m, 'part'])]), ...extra.map(([kind, label, n]) => [kind, label, n, 'lost'])];
      keyed(rows, lines, ([, label, , place]) => `${place}:${label}`,
        ([kind, label, , place]) => h('tr', { class: place }, h('td', {}, kind ? h('span', { class: `key b-${kind}` }) : null, label), h('td', { class: 'number' })),
        (node, [, , n]) => set(node.lastChild, count(n)));
      let from = 0;
      const whole = Math.max(1, parts.reduce((all, [, , n]) => all + n, 0));
      const slices = parts.filter(([, , n]) => n > 0).map(([kind, , n]) => {
        const width = Math.max(4, (n / whole) * 1000);
        const slice = { kind, from, width };
        from += width;
        return slice;
      });
      keyed(bar, slices, ({ kind }) => kind, ({ kind }) => s('rect', { y: 0, height: 10, class: `b-${kind}` }), (node, { from: x, width }) => {
        attr(node, 'x', x.toFixed(1));
        attr(node, 'width', width.toFixed(1));
      });
    },
  };
}

function facts(title) {
  const list = h('dl', { class: 'facts' });
  return {
    panel: h('section', { class: 'panel' }, h('header', {}, h('h2', { text: title })), h('div', { class: 'body' }, list)),
    show(pairs) {
      const keys = pairs.map((pair, place) => [place, ...pair]);
      keyed(list, keys, ([place, label]) => `${place}${label}`, ([, label]) => h('div', {}, h('dt', { text: label }), h('dd')),
        (node, [, , text]) => set(node.lastChild, text));
    },
  };
}
