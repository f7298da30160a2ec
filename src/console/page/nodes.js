// Edge nodes with their findings.

import { attr, h, icon, keyed, set, spoken, swapIcon } from '/dom.js';
import { Feed } from '/feed.js';
import { count, plural, time } from '/format.js';
import { PHASES } from '/words.js';

const PAGE = 50;
const MOST = 500;

export function nodes(main) {
  let words = '';
  let only = '';
  let limit = PAGE;
  const input = h('input', { type: 'search', placeholder: 'Search edge nodes', autocomplete: 'off', spellcheck: 'false', on: { input: () => { words = input.value.trim(); feed.now(); } } });
  const choice = h('select', { 'aria-label': 'Which edge nodes', on: { change: () => { only = choice.value; feed.now(); } } },
    h('option', { value: '', text: 'All' }), h('option', { value: 'findings', text: 'With findings' }), h('option', { value: 'offline', text: 'Not online' }));
  const list = h('div');
  const none = h('p', { class: 'empty', hidden: true });
  const more = h('button', { type: 'button', class: 'more', hidden: true, text: 'Show more', on: { click: () => { limit = Math.min(limit + PAGE, MOST); feed.now(); } } });
  main.append(h('section', { class: 'panel' },
    h('div', { class: 'title' }, h('h1', { text: 'Edge nodes' }), h('p', { class: 'soft', text: 'Edge nodes with their findings: how each deviates from the Sparkplug 3.0 specification. Values are read nevertheless, wherever possible.' })),
    h('div', { class: 'search', role: 'search' }, h('label', {}, spoken('Search edge nodes'), input), choice),
    none, list, more));

  const feed = new Feed(() => `/api/nodes?limit=${limit}${only ? `&only=${only}` : ''}${words ? `&q=${encodeURIComponent(words)}` : ''}`, 3000, (page) => {
    if (!page) return;
    keyed(list, page.rows, (row) => `${row.group}/${row.node}`, make, update);
    set(none, words || only ? 'No edge node matches.' : 'No edge node has been seen yet.');
    none.hidden = page.rows.length > 0;
    more.hidden = !page.next || limit >= MOST;
  });
  return { stop: () => feed.stop() };
}

const shape = (phase) => (phase === 'online' || phase === 'offline' ? phase : 'unknown');

function make(row) {
  return h('article', { class: 'node' },
    h('header', {}, h('h2', { class: 'who' }, icon(shape(row.phase)), h('span', { text: `${row.group} / ${row.node}` })),
      h('span', { class: 'soft state' }), h('span', { class: 'soft small right' })),
    h('ul', { class: 'findings' }));
}

function update(node, row) {
  const [head, list] = node.children;
  const [who, state, counts] = head.children;
  swapIcon(who.firstChild, shape(row.phase));
  const since = row.phase === 'online' ? row.born : row.phase === 'offline' ? row.died : null;
  set(state, `${PHASES[row.phase]}${since === null ? '' : ` since ${time(since)}`}`);
  set(counts, `${plural(row.gaps, 'sequence gap')}, ${plural(row.rebirths, 'rebirth')} requested`);
  attr(list, 'hidden', row.findings.length === 0);
  keyed(list, row.findings, (finding) => finding.name, (finding) => h('li', {},
    h('span', { class: 'times' }),
    h('span', {}, finding.words, ' ', h('span', { class: 'code', text: finding.statement ?? '' }))),
  (item, finding) => {
    set(item.firstChild, `${count(finding.count)} ×`);
    attr(item, 'title', `last at ${time(finding.last)}${finding.example ? `; first: ${finding.example}` : ''}`);
  });
}
