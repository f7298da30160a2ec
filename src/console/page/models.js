// Models: what each has, whence, and how far it is in SiteWise.

import { attr, h, icon, keyed, set, spoken } from '/dom.js';
import { Feed } from '/feed.js';
import { count, plural, TYPES } from '/format.js';
import { ROLES, PROVISIONING } from '/words.js';

const PAGE = 100;
const MOST = 500;

export function models(main) {
  let words = '';
  let limit = PAGE;
  let id = null;
  let shown = null;
  const input = h('input', { type: 'search', placeholder: 'Search models', autocomplete: 'off', spellcheck: 'false', on: { input: () => { words = input.value.trim(); feed.now(); } } });
  const list = h('ul', { 'aria-label': 'Models' });
  const none = h('p', { class: 'empty', hidden: true });
  const more = h('button', { type: 'button', class: 'more', hidden: true, text: 'Show more', on: { click: () => { limit = Math.min(limit + PAGE, MOST); feed.now(); } } });
  const side = h('section', { class: 'panel side', 'aria-label': 'Models' },
    h('div', { class: 'search', role: 'search' }, h('label', {}, spoken('Search models'), input)),
    h('div', { class: 'scroll' }, none, list, more));
  const detail = h('section', { class: 'panel main needs', 'aria-label': 'The model' });
  const panes = h('div', { class: 'panes' }, side, detail);
  main.append(panes);

  let rows = [];
  const show = () => {
    keyed(list, rows, (row) => row.id,
      (row) => h('li', {}, h('a', { class: 'row', href: `#/models/${row.id}` }, h('span', { class: 'two' }, h('span', { class: 'name' }), h('span', { class: 'where' })), h('span', { class: 'aside' }))),
      (node, row) => {
        const link = node.firstChild;
        attr(link, 'aria-current', row.id === id ? 'true' : null);
        set(link.querySelector('.name'), row.name);
        set(link.querySelector('.where'), `${plural(row.properties, 'property', 'properties')}, ${plural(row.assets, 'asset')}`);
        set(link.querySelector('.aside'), row.provisioning === 'live' ? '' : PROVISIONING[row.provisioning].replace(' in SiteWise', '').replace(' by SiteWise, does not exist there', ''));
      });
  };
  const feed = new Feed(() => `/api/models?limit=${limit}${words ? `&q=${encodeURIComponent(words)}` : ''}`, 4000, (page) => {
    if (!page) return;
    rows = page.rows;
    more.hidden = !page.next || limit >= MOST;
    set(none, words ? `No model matches “${words}”.` : 'There is no model yet: the first birth creates one.');
    none.hidden = rows.length > 0;
    show();
  });

  return {
    select(next) {
      if (next === id && shown) return;
      id = next;
      shown?.stop();
      panes.classList.toggle('chosen', id !== null);
      detail.replaceChildren();
      shown = id ? model(detail, id) : welcome(detail);
      show();
    },
    stop() {
      feed.stop();
      shown?.stop();
    },
  };
}

function welcome(place) {
  place.append(h('div', { class: 'title' }, h('h1', { text: 'Models' }),
    h('p', { class: 'soft', text: 'Each kind of machine that the plant describes is one asset model in SiteWise. A model only grows: it is the union of all births.' })),
  h('p', { class: 'empty', text: 'Choose a model to see its properties and where each comes from.' }));
  return { stop() {} };
}

function model(place, id) {
  let words = '';
  let limit = PAGE;
  let parts = null;
  const feed = new Feed(() => `/api/models/${id}?limit=${limit}${words ? `&q=${encodeURIComponent(words)}` : ''}`, 4000, (data) => {
    if (!data) return;
    parts ??= build(data);
    update(data);
  }, () => place.replaceChildren(h('a', { class: 'back', href: '#/models', text: '← All models' }), h('p', { class: 'empty', text: 'There is no such model here.' })));

  function build(data) {
    const built = {
      state: h('p', { class: 'soft' }),
      about: h('p', { class: 'soft small', text: data.description ?? '' }),
      below: h('p', { class: 'soft small' }),
      notice: h('div', { class: 'notice bad', hidden: true }, icon('warning'), h('span')),
      filter: h('input', { type: 'search', placeholder: 'Filter properties', autocomplete: 'off', on: { input: () => { words = built.filter.value.trim(); feed.now(); } } }),
      rows: h('tbody'),
      more: h('button', { type: 'button', class: 'more', hidden: true, text: 'Show more properties', on: { click: () => { limit = Math.min(limit + PAGE, MOST); feed.now(); } } }),
    };
    built.bar = h('div', { class: 'search', hidden: data.total <= 25 }, h('label', {}, spoken('Filter the properties'), built.filter));
    const column = (text, kind) => h('th', { scope: 'col', class: kind, text });
    place.replaceChildren(
      h('a', { class: 'back', href: '#/models', text: '← All models' }),
      h('div', { class: 'title' }, h('h1', { text: data.name }), built.state, built.below, built.about),
      built.notice, built.bar,
      h('div', { class: 'table' }, h('table', { class: 'stack model' }, h('caption', { class: 'spoken', text: 'Properties' }),
        h('thead', {}, h('tr', {}, column('Property'), column('Role'), column('Type'), column('Unit'), column('Default'), column('First seen in the birth of'), column('In SiteWise'))), built.rows)),
      built.more,
      h('div', { class: 'part title' }, h('details', {}, h('summary', { text: 'Identity' }), h('dl', { class: 'facts' },
        h('div', {}, h('dt', { text: 'Asset model id' }), h('dd', {}, h('span', { class: 'code', text: data.id }))),
        h('div', {}, h('dt', { text: 'External id' }), h('dd', {}, h('span', { class: 'code', text: data.external_id })))))));
    return built;
  }

  function update(data) {
    set(parts.state, `${PROVISIONING[data.provisioning]} · ${plural(data.assets, 'asset')} · ${data.complete < data.total
      ? `${count(data.complete)} of ${plural(data.total, 'property', 'properties')} exist in SiteWise` : plural(data.total, 'property', 'properties')}`);
    keyed(parts.below, data.below.length > 0 ? [{ id: 'words' }, ...data.below] : [], (link) => link.id,
      (link) => (link.name ? h('a', { href: `#/models/${link.id}`, text: link.name }) : h('span', { text: 'Models of possible child assets:' })));
    set(parts.notice.lastChild, data.problem ?? '');
    parts.notice.hidden = !data.problem;
    keyed(parts.rows, data.properties.rows, (property) => property.id, (property) => h('tr', {},
      h('td', { class: 'name', text: property.name }),
      h('td', { class: 'small soft nowrap', text: ROLES[property.role] }),
      h('td', { class: 'small soft nowrap', text: TYPES[property.data_type] }),
      h('td', { class: 'soft', text: property.unit ?? '' }),
      h('td', { class: 'soft long', text: property.default ?? '' }),
      h('td', { class: 'small soft', text: property.source ?? '' }),
      h('td', { class: 'small soft nowrap' })),
    (node, property) => set(node.lastChild, property.live ? 'yes' : 'not yet'));
    parts.more.hidden = !data.properties.next || limit >= MOST;
  }

  return { stop: () => feed.stop() };
}
