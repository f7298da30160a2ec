// The plant: its tree on one side, what is selected on the other.

import { attr, h, icon, keyed, set, spoken, swapIcon } from '/dom.js';
import { Feed } from '/feed.js';
import { exact, isMoment, moment, plural, time, value } from '/format.js';
import { Recent, chart, draw } from '/chart.js';
import { KINDS, PHASES, PLACEMENT, QUALITY, ROLES, PROVISIONING } from '/words.js';
import { MOST, PAGE, Tree } from '/tree.js';
import { badge, list as wayList, show as showWay } from '/delivery.js';

const REMEMBERED = 24;

/** Recent values of what was selected lately, by asset and property. */
const memory = new Map();

function remembered(asset) {
  let recent = memory.get(asset);
  memory.delete(asset);
  recent ??= new Map();
  memory.set(asset, recent);
  if (memory.size > REMEMBERED) memory.delete(memory.keys().next().value);
  return recent;
}

export function plant(main) {
  // The property that a search found, for the page of its asset.
  let property = '';
  const tree = new Tree((chosen, name = '') => {
    property = name;
    if (chosen === id) shown?.only?.(name);
    location.hash = `#/plant/${chosen}`;
  });
  const side = h('section', { class: 'panel side', 'aria-label': 'Plant tree' }, tree.search, tree.body);
  const detail = h('section', { class: 'panel main needs', 'aria-label': 'What is selected', 'aria-live': 'off' });
  const panes = h('div', { class: 'panes' }, side, detail);
  // On a narrow screen the tree is alone: nothing beside it says what the page is.
  main.append(panes, h('h1', { class: 'spoken narrow', text: 'The plant' }));
  let shown = null;
  let id = null;
  return {
    select(next) {
      if (next === id && shown) return;
      id = next;
      shown?.stop();
      tree.mark(id);
      panes.classList.toggle('chosen', id !== null);
      detail.replaceChildren();
      shown = id ? new Detail(detail, id, property) : new Welcome(detail);
      property = '';
    },
    figures(now) {
      shown?.figures?.(now);
    },
    stop() {
      tree.stop();
      shown?.stop();
    },
  };
}

/** Nothing is selected yet: the edge nodes, those first that are not as they should be. */
class Welcome {
  constructor(place) {
    this.text = h('p', { class: 'soft' });
    this.list = h('ul', { class: 'plain', 'aria-label': 'Edge nodes' });
    place.append(h('div', { class: 'title' }, h('h1', { text: 'The plant' }), this.text), this.list,
      h('p', { class: 'empty', text: 'Choose a group, an edge node, a device or a template instance to see its live values.' }));
    this.feeds = ['offline', ''].map((only, place) => new Feed(() => `/api/nodes?limit=12${only ? `&only=${only}` : ''}`, 4000, (page) => {
      if (!page) return;
      (this.pages ??= [])[place] = page.rows;
      this.show();
    }));
  }

  show() {
    const [offline, all] = this.pages;
    const rows = [...(offline ?? []), ...(all ?? []).filter((row) => row.phase === 'online')].slice(0, 12);
    keyed(this.list, rows, (row) => `${row.group}/${row.node}`,
      (row) => h('li', {}, icon('unknown'), h('span', { text: `${row.group} / ${row.node}` }), h('span', { class: 'soft small' }), h('a', { class: 'small', href: '#/nodes' })),
      (node, row) => {
        const [picture, , state, findings] = node.children;
        swapIcon(picture, row.phase === 'online' || row.phase === 'offline' ? row.phase : 'unknown');
        const since = row.phase === 'online' ? row.born : row.died;
        set(state, `${PHASES[row.phase]}${since === null ? '' : ` since ${time(since)}`}`);
        set(findings, row.findings.length > 0 ? plural(row.findings.length, 'finding') : '');
        // A link without words is none for who hears the page.
        findings.hidden = row.findings.length === 0;
      });
  }

  figures(now) {
    const nodes = now.nodes.reduce((sum, [, n]) => sum + n, 0);
    set(this.text, now.assets > 1
      ? `${plural(nodes, 'edge node')}, ${plural(now.assets, 'asset')} of ${plural(now.models, 'model')}.`
      : 'No birth has been received yet. As soon as an edge node connects and publishes one, it appears here.');
  }

  stop() {
    for (const feed of this.feeds) feed.stop();
  }
}

/** Everything about one asset, as it changes. */
class Detail {
  constructor(place, id, words = '') {
    this.place = place;
    this.recent = remembered(id);
    this.limit = PAGE;
    this.words = words;
    /** Properties whose delivery is shown. */
    this.open = new Set();
    const url = () => `/api/assets/${id}?limit=${this.limit}${this.words ? `&q=${encodeURIComponent(this.words)}` : ''}`;
    this.feed = new Feed(url, 1000, (data) => this.came(data), () => this.gone());
  }

  /** Shows only properties whose name holds some words. */
  only(words) {
    this.words = words;
    if (this.filter) this.filter.value = words;
    this.feed.now();
  }

  gone() {
    this.place.replaceChildren(h('a', { class: 'back', href: '#/plant', text: '← All of the plant' }),
      h('p', { class: 'empty', text: 'There is no such asset, or no birth received since the start of the bridge contains it.' }));
    this.built = false;
  }

  build(data) {
    this.built = true;
    this.crumbs = h('ol', { class: 'crumbs', 'aria-label': 'Where it is' });
    this.state = h('p');
    this.notice = h('div', { class: 'notice', hidden: true }, icon('warning'), h('span'));
    this.filter = h('input', { type: 'search', placeholder: 'Filter properties', value: this.words, autocomplete: 'off', on: { input: () => { this.words = this.filter.value.trim(); this.feed.now(); } } });
    this.filterBar = h('div', { class: 'search', hidden: true }, h('label', {}, spoken('Filter the properties'), this.filter));
    this.measured = h('tbody');
    this.measures = h('div', { class: 'table' }, h('table', { class: 'stack values' },
      h('caption', { class: 'spoken', text: 'Values' }),
      h('thead', {}, h('tr', {}, h('th', { scope: 'col', text: 'Property' }), h('th', { scope: 'col', class: 'number', text: 'Value' }),
        h('th', { scope: 'col', text: 'Unit' }), h('th', { scope: 'col', text: 'Recent values' }), h('th', { scope: 'col', text: 'Quality' }), h('th', { scope: 'col', text: 'Time' }))),
      this.measured));
    this.fixed = h('tbody');
    this.statics = h('div', { class: 'part', hidden: true }, h('header', { class: 'title' }, h('h2', { text: 'Attributes' })),
      h('div', { class: 'table' }, h('table', { class: 'stack' },
        h('caption', { class: 'spoken', text: 'Attributes' }),
        h('thead', {}, h('tr', {}, h('th', { scope: 'col', text: 'Property' }), h('th', { scope: 'col', class: 'number', text: 'Value' }), h('th', { scope: 'col', text: 'Source' }))),
        this.fixed)));
    this.more = h('button', { type: 'button', class: 'more', hidden: true, text: 'Show more properties', on: { click: () => { this.limit = Math.min(this.limit + PAGE, MOST); this.feed.now(); } } });
    this.facts = h('dl', { class: 'facts' });
    this.place.replaceChildren(
      h('a', { class: 'back', href: '#/plant', text: '← All of the plant' }),
      this.crumbs,
      h('div', { class: 'title' }, h('h1', { text: data.name }), this.state),
      this.notice, this.filterBar, this.measures, this.statics, this.more,
      h('div', { class: 'part title' }, h('details', {}, h('summary', { text: 'Identity' }), this.facts)));
    if (data.delivery.aws) {
      this.facts.before(h('p', { class: 'small' }, h('a', { href: data.delivery.aws, target: '_blank', rel: 'noreferrer', text: 'This asset in the AWS console' })));
    }
    keyed(this.facts, [
      ['Sparkplug address', data.address], ['Asset id', data.id], ['External id', data.external_id],
      ['Asset model', data.model.name], ['Asset model id', data.model.id],
    ], ([label]) => label, ([label, text]) => h('div', {}, h('dt', { text: label }), h('dd', {}, h('span', { class: 'code', text }))));
  }

  came(data) {
    if (data) {
      if (!this.built) this.build(data);
      this.data = data;
      this.head(data);
      this.tables(data);
    }
    if (this.data) this.charts();
  }

  head(data) {
    keyed(this.crumbs, data.path, (link) => link.id, (link) => h('li', {}, h('a', { href: `#/plant/${link.id}`, text: link.name })));
    const parts = [['kind', KINDS[data.kind]]];
    const { presence } = data;
    if (presence) {
      if (presence.online === true) parts.push(['online', 'online since', presence.born]);
      else if (presence.online === false) parts.push(['offline', 'offline since', presence.died]);
      else parts.push(['unknown', 'not seen since the start']);
    }
    parts.push(['provisioning', PROVISIONING[data.provisioning]]);
    keyed(this.state, parts, ([key, words]) => key + words, ([key, words, since]) => {
      const picture = key === 'kind' || key === 'provisioning' ? null : icon(key);
      const when = since === undefined || since === null ? null : h('time', { text: ` ${time(since)}`, datetime: moment(since) });
      return h('span', {}, picture, h('span', {}, h(key === 'online' || key === 'offline' ? 'b' : 'span', { text: words }), when));
    }, (node, [, , since]) => {
      const when = node.querySelector('time');
      if (when) set(when, ` ${time(since)}`);
    });
    if (!this.model) {
      this.model = h('span', {}, 'model ', h('a', { href: `#/models/${data.model.id}`, text: data.model.name }));
    }
    if (this.state.lastChild !== this.model) this.state.append(this.model);
    const troubles = [];
    if (data.provisioning === 'rejected') troubles.push(`SiteWise rejects this asset, so none of its values are in SiteWise: ${data.delivery.problem ?? 'the reason is under Problems'}.`);
    else if (data.delivery.problem) troubles.push(`This asset is not in SiteWise yet: ${data.delivery.problem}.`);
    troubles.push(...data.delivery.capped);
    if (PLACEMENT[data.placement] && data.provisioning === 'live') troubles.push(PLACEMENT[data.placement]);
    if (presence?.online === false) troubles.push(`${presence.source} is offline: these are its last values.`);
    set(this.notice.lastChild, troubles.join(' '));
    this.notice.hidden = troubles.length === 0;
  }

  tables(data) {
    const { rows, next } = data.values;
    const old = data.presence?.online === false;
    const measured = rows.filter((property) => !property.attribute);
    const fixed = rows.filter((property) => property.attribute);
    this.filterBar.hidden = data.total <= 25 && !this.words;
    this.measures.hidden = measured.length === 0;
    const lines = measured.flatMap((property) => (this.open.has(property.id) ? [{ property }, { property, way: true }] : [{ property }]));
    keyed(this.measured, lines, ({ property, way }) => `${way ? 'way:' : ''}${property.id}`, ({ property, way }) => (way ? this.wayRow() : h('tr', { 'data-property': property.id },
      h('td', { class: 'name', title: ROLES[property.role] }, this.disclosure(property)),
      h('td', { class: `value${property.data_type === 'STRING' ? ' text' : ''}` }),
      h('td', { class: 'soft unit', text: isMoment(property) ? '' : property.unit ?? '' }),
      h('td', { class: 'chartcell' }, property.data_type === 'STRING' || isMoment(property) ? null : chart()),
      h('td', { class: 'qualitycell' }),
      h('td', { class: 'small soft nowrap when' }, h('time')))),
    (node, { property, way }) => {
      if (way) {
        showWay(node.firstChild.firstChild, property, data);
        return;
      }
      attr(node.querySelector('button'), 'aria-expanded', this.open.has(property.id));
      const [, shown, , , qualityCell, when] = node.children;
      set(shown, value(property));
      attr(shown, 'title', exact(property));
      shown.classList.toggle('old', old || property.value === null);
      // A value that is not in SiteWise is not good there.
      const instead = badge(property);
      const had = qualityCell.firstChild?.dataset.quality;
      if (had !== (instead?.[1] ?? property.quality ?? 'none')) {
        qualityCell.replaceChildren(instead
          ? h('span', { class: `quality ${instead[0]}`, 'data-quality': instead[1] }, icon(instead[0]), instead[1])
          : property.quality
          ? h('span', { class: `quality ${property.quality}`, 'data-quality': property.quality }, icon(property.quality), QUALITY[property.quality])
          : h('span', { class: 'soft', 'data-quality': 'none', text: 'no value yet' }));
      }
      set(when.firstChild, time(property.time));
      attr(when.firstChild, 'datetime', moment(property.time));
      if (typeof property.value !== 'string' && property.time !== null) {
        if (!this.recent.has(property.id)) this.recent.set(property.id, new Recent());
        this.recent.get(property.id).add(property.time, property.value === null ? NaN : Number(property.value));
      }
    });
    this.statics.hidden = fixed.length === 0;
    const fixedLines = fixed.flatMap((property) => (this.open.has(property.id) ? [{ property }, { property, way: true }] : [{ property }]));
    keyed(this.fixed, fixedLines, ({ property, way }) => `${way ? 'way:' : ''}${property.id}`, ({ property, way }) => (way ? this.wayRow(3) : h('tr', {},
      h('td', { class: 'name' }, this.disclosure(property)), h('td', { class: 'value text' }), h('td', { class: 'small soft whole' }))),
    (node, { property, way }) => {
      if (way) {
        showWay(node.firstChild.firstChild, property, data);
        return;
      }
      attr(node.querySelector('button'), 'aria-expanded', this.open.has(property.id));
      const instead = badge(property);
      const [, shown, whence] = node.children;
      set(shown, `${value(property)}${property.unit && property.value !== null ? ` ${property.unit}` : ''}`);
      set(whence, `${ROLES[property.role]}, ${property.default ? 'the model’s default' : property.value === null ? 'no value' : 'its own value'}${instead ? `: ${instead[1]}` : ''}`);
    });
    this.more.hidden = !next || this.limit >= MOST;
  }

  /** The name of a property, which unfolds how its values get to SiteWise. */
  disclosure(property) {
    return h('button', { type: 'button', class: 'unfold', 'aria-expanded': false, on: { click: () => {
      if (!this.open.delete(property.id)) this.open.add(property.id);
      this.tables(this.data);
      this.charts();
    } } }, property.name, spoken(': show how its values get to SiteWise'));
  }

  wayRow(columns = 6) {
    return h('tr', { class: 'wayrow' }, h('td', { colspan: columns, class: 'whole' }, wayList()));
  }

  charts() {
    for (const property of this.data.values.rows) {
      const recent = this.recent.get(property.id);
      const node = recent && this.measured.querySelector(`tr[data-property="${property.id}"] svg.chart`);
      if (!node) continue;
      const show = (number) => value({ ...property, value: property.data_type === 'BOOLEAN' ? number !== 0 : number });
      draw(node, recent.points, property.name, show, { steps: property.data_type !== 'DOUBLE' });
    }
  }

  stop() {
    this.feed.stop();
  }
}

