// The tree of the plant: unfolded level by level, and searched.

import { attr, h, icon, keyed, set, spoken, swapIcon } from '/dom.js';
import { Feed, once } from '/feed.js';
import { count, plural } from '/format.js';
import { KINDS, PROVISIONING } from '/words.js';

export const PAGE = 100;
export const MOST = 500;
/** What is unfolded by itself at the start. */
const UNFOLDED = 40;

export const presenceOf = (row) => (row.problem ? 'warning' : row.kind === 'group' || row.kind === 'bridge' ? 'group'
  : row.online === true ? 'online' : row.online === false ? 'offline' : 'unknown');

/** What stands beside what is not in SiteWise. */
const ASIDE = { checking: 'looking up', wanted: 'creating', rejected: 'rejected' };

/** A tag whose values go nowhere, as a row. */
const lostRow = ({ machine, name, asset, why }) => ({ id: asset, name: machine, kind: 'lost', online: null, nodes: null, children: 0, provisioning: 'live', address: why, property: { id: name, name }, problem: why });

/** Rows that say in the place of their address what is wrong. */
const SAID = new Set(['lost', 'trouble']);

/** A problem or an edge node without an asset, as a row. */
const problemRow = ({ kind, subject, reason, link }) => ({ id: link?.page === 'plant' ? link.id : null, key: `${kind} ${subject}`, name: subject, kind: 'trouble', online: null, nodes: null, children: 0, provisioning: 'live', address: reason, problem: reason });
const nodeRow = ({ address, phase }) => ({ id: null, key: `node ${address}`, name: address, kind: 'trouble', online: phase === 'online', nodes: null, children: 0, provisioning: 'live', address: `${phase}; it has no asset in SiteWise` });

function aside(row) {
  if (SAID.has(row.kind)) return '';
  if (row.provisioning !== 'live') return ASIDE[row.provisioning];
  if (row.problem) return 'rejected';
  if (row.nodes) return `${count(row.nodes[0])} of ${plural(row.nodes[1], 'node')} online`;
  if (row.online === false) return 'offline';
  if (row.kind === 'twin') return row.model;
  return row.children > 0 ? count(row.children) : KINDS[row.kind];
}

export class Tree {
  constructor(choose) {
    this.choose = choose;
    this.selected = null;
    this.words = '';
    this.found = null;
    /** By id of the parent, '' for the root: rows, the next page, whether it is unfolded. */
    this.below = new Map();
    this.open = new Set(['']);
    this.unfolded = 0;
    this.active = null;
    this.input = h('input', { type: 'search', placeholder: 'Search tags, assets, topics, ids', autocomplete: 'off', spellcheck: 'false', on: { input: () => this.type() } });
    this.search = h('div', { class: 'search', role: 'search' }, h('label', {}, spoken('Search the plant'), this.input));
    this.list = h('div', { role: 'tree', 'aria-label': 'Plant', on: { keydown: (event) => this.key(event), click: (event) => this.click(event) } });
    this.note = h('p', { class: 'hint', role: 'status', hidden: true });
    this.body = h('div', { class: 'scroll' }, this.note, this.list);
    this.feeds = new Map();
    this.follow('');
  }

  /** Keeps what is right below a parent as it is. */
  follow(of) {
    if (this.feeds.has(of)) return;
    const url = () => {
      const rows = this.below.get(of)?.rows.length ?? 0;
      const limit = Math.min(Math.max(Math.ceil(rows / PAGE) * PAGE, PAGE), MOST);
      return `/api/children?limit=${limit}${of ? `&of=${of}` : ''}`;
    };
    const feed = new Feed(url, 3000, (page) => page && this.came(of, page), () => this.fold(of));
    this.feeds.set(of, feed);
  }

  came(of, page) {
    const had = this.below.get(of);
    // What was loaded beyond the page that is followed stays.
    const beyond = had && had.rows.length > page.rows.length && page.next ? had.rows.slice(page.rows.length) : [];
    this.below.set(of, { rows: [...page.rows, ...beyond], next: beyond.length > 0 ? had.next : page.next });
    for (const row of page.rows) {
      if (!had && row.children > 0 && row.kind !== 'twin' && this.unfolded + row.children <= UNFOLDED) {
        this.unfolded += row.children;
        this.unfold(row.id);
      }
    }
    this.show();
  }

  unfold(id) {
    this.open.add(id);
    this.follow(id);
  }

  fold(id) {
    if (id === '') return;
    this.open.delete(id);
    this.feeds.get(id)?.stop();
    this.feeds.delete(id);
    this.below.delete(id);
    for (const row of [...this.open]) if (row && !this.isShown(row)) this.fold(row);
    this.show();
  }

  isShown(id) {
    for (const { rows } of this.below.values()) if (rows.some((row) => row.id === id)) return true;
    return false;
  }

  async more(of) {
    const had = this.below.get(of);
    if (!had?.next) return;
    const page = await once(`/api/children?limit=${PAGE}&after=${had.next}${of ? `&of=${of}` : ''}`);
    const known = new Set(had.rows.map((row) => row.id));
    this.below.set(of, { rows: [...had.rows, ...page.rows.filter((row) => !known.has(row.id))], next: page.next });
    this.show();
  }

  type() {
    clearTimeout(this.typing);
    this.typing = setTimeout(() => this.look(this.input.value.trim()), 180);
  }

  async look(words, from = null) {
    this.words = words;
    this.asking?.abort();
    if (!words) {
      this.found = null;
      this.note.hidden = true;
      this.show();
      return;
    }
    const asking = (this.asking = new AbortController());
    try {
      const page = await once(`/api/search?limit=60&q=${encodeURIComponent(words)}${from ? `&from=${from}` : ''}`, asking.signal);
      const before = from ? this.found : { rows: [], lost: page.lost.map(lostRow), more: page.lost_more, others: [...page.problems.map(problemRow), ...page.nodes.map(nodeRow)] };
      this.found = { ...before, rows: [...before.rows, ...page.rows], next: page.next, cut: before.cut || page.more };
      const [many, lost, others] = [this.found.rows.length, this.found.lost.length, this.found.others.length];
      const gone = lost === 0 ? '' : `${many === 0 ? '' : '; '}${plural(lost, 'tag')}${this.found.more ? ' and more' : ''} whose values are not sent`;
      const nothing = page.left_out ? `The filter leaves out “${page.left_out}”: see SPARKPLUG_INCLUDE and SPARKPLUG_EXCLUDE.` : `Nothing matches “${words}”.`;
      set(this.note, many + lost === 0 ? (others === 0 ? nothing : 'No asset matches; these do:') : `${many === 0 ? '' : `${plural(many, 'match', 'matches')}${page.next ? ' so far' : ''}`}${this.found.cut ? '; a machine has more than are listed: add a word' : ''}${gone}`);
      this.note.hidden = false;
      this.show();
    } catch (error) {
      if (error.name !== 'AbortError') throw error;
    }
  }

  /** The rows that are seen, from the first to the last. */
  lines() {
    if (this.found) {
      const rows = [...this.found.lost, ...this.found.rows, ...this.found.others];
      const lines = rows.map((row, place) => ({ key: row.property ? `${row.kind === 'lost' ? row.name : row.id}/${row.property.id}` : row.key ?? row.id, row, level: 1, place, of: null, flat: true }));
      if (this.found.next) lines.push({ key: 'more:search', more: 'search', level: 1, place: lines.length });
      return lines;
    }
    const lines = [];
    const walk = (of, level) => {
      const { rows, next } = this.below.get(of) ?? { rows: [], next: null };
      rows.forEach((row, place) => {
        lines.push({ key: row.id, row, level, place, of });
        if (this.open.has(row.id)) walk(row.id, level + 1);
      });
      if (next) lines.push({ key: `more:${of}`, more: of, level, place: rows.length });
    };
    walk('', 1);
    return lines;
  }

  show() {
    this.shown = this.lines();
    if (!this.shown.some((line) => line.key === this.active)) this.active = this.shown[0]?.key ?? null;
    keyed(this.list, this.shown, (line) => `${line.flat ? 'flat:' : ''}${line.key}`, (line) => this.make(line), (node, line) => this.update(node, line));
    // What was chosen elsewhere is shown here once its row is there.
    if (this.reveal && this.shown.some((line) => line.key === this.reveal)) {
      this.list.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: 'nearest' });
      this.reveal = null;
    }
  }

  make(line) {
    if (line.more !== undefined) {
      return h('div', { role: 'treeitem', class: `row morerow l${Math.min(line.level, 7)}`, 'aria-level': line.level, 'aria-selected': 'false', 'data-key': line.key },
        h('span', { class: 'twisty none' }), h('span', { class: 'name' }));
    }
    const name = h('span', { class: 'name' });
    const label = line.flat ? h('span', { class: 'two' }, name, h('span', { class: 'where' })) : name;
    return h('div', { role: 'treeitem', class: `row l${Math.min(line.level, 7)}`, 'aria-level': line.level, 'data-key': line.key },
      h('span', { class: `twisty${line.row.children > 0 && !line.flat ? '' : ' none'}`, 'data-twisty': true }, icon('chevron')),
      icon(presenceOf(line.row)), label, spoken(''), h('span', { class: 'aside' }));
  }

  update(node, line) {
    attr(node, 'tabindex', line.key === this.active ? 0 : -1);
    if (line.more !== undefined) {
      set(node.querySelector('.name'), 'Show more');
      return;
    }
    const { row } = line;
    const leaf = row.children === 0 || line.flat === true;
    node.querySelector('.twisty').classList.toggle('none', leaf);
    attr(node, 'aria-expanded', leaf ? null : this.open.has(row.id));
    attr(node, 'aria-selected', row.id !== null && row.id === this.selected);
    node.classList.toggle('gone', row.online === false);
    swapIcon(node.querySelector('.twisty').nextSibling, presenceOf(row));
    const [parent] = line.flat ? [''] : row.name.split('/').slice(0, -1).slice(-1);
    set(node.querySelector('.name'), parent !== undefined && line.level > 1 && row.kind === 'twin' ? row.name.split('/').at(-1) : row.name);
    if (line.flat && row.property) set(node.querySelector('.name'), `${row.name} / ${row.property.name}`);
    set(node.querySelector('.where') ?? node.querySelector('.name'), line.flat ? (SAID.has(row.kind) || !row.problem ? row.address : `${row.address}: ${row.problem}`) : node.querySelector('.name').textContent);
    node.classList.toggle('wrong', Boolean(row.problem));
    set(node.querySelector('.aside'), aside(row));
    const alive = row.nodes || row.online === null || row.online === false ? null : 'online';
    const words = [KINDS[row.kind], alive, row.provisioning === 'live' ? null : PROVISIONING[row.provisioning]];
    set(node.querySelector('.spoken'), `, ${words.filter(Boolean).join(', ')}, `);
  }

  mark(id) {
    this.selected = id;
    this.reveal = id;
    if (id && this.shown?.some((line) => line.key === id)) this.active = id;
    if (this.shown) this.show();
  }

  click(event) {
    const item = event.target.closest('[role=treeitem]');
    const line = item && this.shown.find((one) => one.key === item.dataset.key);
    if (!line) return;
    this.active = line.key;
    if (line.more !== undefined) this.moreOf(line);
    else if (event.target.closest('[data-twisty]') && line.row.children > 0 && !line.flat) this.toggle(line.row.id);
    else {
      this.take(line);
      if (line.row.children > 0 && !line.flat && !this.open.has(line.row.id)) this.unfold(line.row.id);
    }
    this.show();
  }

  /** Opens what a row stands for; of a tag that became no property, its machine. */
  take({ row }) {
    if (row.id) this.choose(row.id, row.kind === 'lost' ? '' : row.property?.name);
  }

  moreOf(line) {
    if (line.more === 'search') this.look(this.words, this.found.next);
    else this.more(line.more);
  }

  toggle(id) {
    if (this.open.has(id)) this.fold(id);
    else this.unfold(id);
    this.show();
  }

  key(event) {
    const at = this.shown.findIndex((line) => line.key === this.active);
    const line = this.shown[at];
    if (!line || event.ctrlKey || event.metaKey || event.altKey) return;
    const inner = line.row && line.row.children > 0 && !line.flat;
    const moves = {
      ArrowDown: () => this.go(at + 1),
      ArrowUp: () => this.go(at - 1),
      Home: () => this.go(0),
      End: () => this.go(this.shown.length - 1),
      ArrowRight: () => inner && (this.open.has(line.row.id) ? this.go(at + 1) : this.toggle(line.row.id)),
      ArrowLeft: () => {
        if (inner && this.open.has(line.row.id)) this.toggle(line.row.id);
        else if (line.of) this.go(this.shown.findIndex((one) => one.key === line.of));
      },
      Enter: () => (line.more !== undefined ? this.moreOf(line) : this.take(line)),
      ' ': () => (line.more !== undefined ? this.moreOf(line) : this.take(line)),
    };
    const move = moves[event.key] ?? (event.key.length === 1 && /\S/.test(event.key) ? () => this.jump(at, event.key) : null);
    if (!move) return;
    event.preventDefault();
    move();
  }

  /** To the next row whose name begins with a letter. */
  jump(at, letter) {
    const order = [...this.shown.slice(at + 1), ...this.shown.slice(0, at + 1)];
    const hit = order.find((line) => line.row?.name.toLowerCase().startsWith(letter.toLowerCase()));
    if (hit) this.go(this.shown.indexOf(hit));
  }

  go(at) {
    const line = this.shown[at];
    if (!line) return;
    this.active = line.key;
    this.show();
    this.list.querySelector('[tabindex="0"]')?.focus();
  }

  stop() {
    for (const feed of this.feeds.values()) feed.stop();
  }
}
