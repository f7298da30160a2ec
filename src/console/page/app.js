// The head, the figures below it, and which view is shown.

import { attr, h, icon, keyed, set, spoken } from '/dom.js';
import { Feed, onLost } from '/feed.js';
import { compact, count, moment, money, rate, span, time } from '/format.js';
import { Recent } from '/chart.js';
import { DEGRADED, NOT_READY } from '/words.js';
import { plant } from '/plant.js';
import { models } from '/models.js';
import { stream } from '/stream.js';
import { nodes } from '/nodes.js';
import { problems } from '/problems.js';

const VIEWS = { plant, models, stream, nodes, problems };
const TITLES = { plant: 'Plant', models: 'Models', stream: 'Stream', nodes: 'Edge nodes', problems: 'Problems' };
/** Rates are taken over so long. */
const OVER = 10000;

const main = document.getElementById('main');
const strip = document.getElementById('strip');
const health = document.getElementById('health');
const why = document.getElementById('why');
const foot = document.getElementById('foot');
const badge = document.getElementById('problem-count');

let view = null;
let name = null;
let figures = null;
let lost = null;

/** Counts from look to look, and how fast they grow. */
const past = [];
const history = { read: new Recent(), delivered: new Recent(), waiting: new Recent(), billed: new Recent() };

function look(data) {
  const at = performance.now();
  figures = data ?? figures;
  const { values, delivery } = figures;
  const waiting = values.buffered + values.in_outbox + values.behind_gates + values.in_delivery + values.in_standby;
  const now = { at, read: values.read, delivered: values.delivered, billed: delivery.billed_messages, throttles: delivery.throttles };
  if (past.length > 0 && past.at(-1).read > now.read) past.length = 0;
  past.push(now);
  while (past.length > 2 && at - past[1].at > OVER) past.shift();
  const [from] = past;
  const seconds = (at - from.at) / 1000;
  const per = (key) => (seconds > 1.3 ? (now[key] - from[key]) / seconds : null);
  const rates = { read: per('read'), delivered: per('delivered'), billed: per('billed'), throttles: now.throttles - from.throttles };
  const clock = Date.now();
  for (const key of ['read', 'delivered', 'billed']) {
    if (seconds > 3.5) history[key].add(clock, rates[key]);
  }
  history.waiting.add(clock, waiting);
  return { ...figures, waiting, rates, history, age: figures.oldest === null ? null : Math.max(0, clock / 1000 - figures.oldest) };
}

let current = null;

function told(data) {
  current = look(data);
  showStrip(current);
  showHealth();
  showFoot(current);
  view?.figures?.(current);
}

function showStrip(now) {
  const online = Object.fromEntries(now.nodes).online;
  const all = now.nodes.reduce((sum, [, n]) => sum + n, 0);
  const items = [
    ['Nodes online', count(online), ` of ${count(all)}`],
    ['Assets active', count(now.assets_live), ` of ${count(now.assets)}`],
    ['Values in', rate(now.rates.read), ' a second'],
    ['Delivered', rate(now.rates.delivered), ' a second'],
    ['Queued', compact(now.waiting), now.age !== null && now.age >= 2 ? ` oldest ${span(now.age)}` : ''],
    ['Billed messages', now.delivery.messages_per_hour === null ? '–' : compact(Math.round(now.delivery.messages_per_hour)), now.delivery.cost_per_month === null ? ' an hour' : ` an hour, ${money(now.delivery.cost_per_month)} in 30 days`],
  ];
  keyed(strip, items, ([label]) => label,
    ([label, , , kind]) => h('div', { class: kind }, h('dt', { text: label }), h('dd', {}, h('span'), h('small'))),
    (node, [, value, more]) => {
      const [number, words] = node.lastChild.children;
      set(number, value);
      set(words, more);
    });
  set(badge, count(now.problems));
  badge.hidden = now.problems === 0;
}

function showHealth() {
  const reasons = current?.not_ready ?? [];
  const degraded = current?.degraded ?? [];
  const [kind, picture, words, more] = lost !== null
    ? ['lost', 'offline', `No answer since ${time(lost)}`, 'The bridge does not respond, or the network is down. This page shows stale data.']
    : current === null ? ['', 'unknown', 'Connecting', '']
      : reasons.length === 0 && degraded.length === 0 ? ['', 'online', 'Ready', 'Every MQTT server is connected and SiteWise accepts values.']
        : reasons.length === 0 ? ['not', 'warning', 'Degraded', `Working, with problems: ${degraded.map(([label, n]) => `${DEGRADED[label] ?? label} (${count(n)})`).join(', ')}.`]
        : ['not', 'warning', NOT_READY[reasons[0][0]] ?? 'Not ready', reasons.map(([, sentence]) => sentence).join('; ')];
  if (health.dataset.words === words + more) return;
  health.dataset.words = words + more;
  health.className = `health ${kind}`;
  health.title = kind === '' ? more : '';
  health.replaceChildren(icon(picture), h('span', { text: words }), spoken(kind === '' && more ? `: ${more}` : ''));
  // What is wrong, in a sentence that needs no pointer to be seen. Its link stays, with its focus.
  why.hidden = kind === '';
  why.className = `why ${kind}`;
  set(why.firstElementChild, more);
  why.lastElementChild.hidden = lost !== null;
}

function showFoot(now) {
  if (foot.dataset.startedAt === String(now.started_at)) return;
  foot.dataset.startedAt = String(now.started_at);
  foot.replaceChildren(
    h('span', { text: `Sparkwise ${now.version}` }),
    h('span', { text: `host id ${now.host_id}` }),
    h('span', {}, 'running since ', h('time', { datetime: moment(now.started_at), text: time(now.started_at) })),
    h('span', {}, h('a', { href: '/metrics', text: 'metrics' }), ' · ', h('a', { href: '/readyz', text: 'readiness' }), ' · ', h('a', { href: '/docs/operations.md', text: 'documentation' })),
    h('span', { text: 'This page is read-only.' }),
  );
}

function route() {
  const [wanted, id] = location.hash.replace(/^#\/?/, '').split('/').map(decodeURIComponent);
  const next = VIEWS[wanted] ? wanted : 'plant';
  for (const link of document.querySelectorAll('.views a')) {
    attr(link, 'aria-current', link.hash === `#/${next}` ? 'page' : null);
    if (link.hash === `#/${next}`) link.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }
  if (next !== name) {
    view?.stop?.();
    main.replaceChildren();
    name = next;
    view = VIEWS[next](main);
    document.title = `${TITLES[next]} · Sparkwise`;
    scrollTo(0, 0);
  }
  view.select?.(id || null);
  if (current) view.figures?.(current);
}

// The hash names the view, so the way past the head must not change it.
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  main.focus();
  main.scrollIntoView();
});

addEventListener('hashchange', route);
route();
const feed = new Feed(() => '/api/overview', 2000, told);
onLost((since) => {
  lost = since;
  showHealth();
});
// The first rate needs a second look.
setTimeout(() => feed.now(), 1600);
