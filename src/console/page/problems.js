// Problems: machines past a cap, what SiteWise does not take, and single values.

import { h, icon, keyed, set } from '/dom.js';
import { Feed } from '/feed.js';
import { count, moment, plural, time, value } from '/format.js';
import { QUALITY, REFUSED } from '/words.js';

const PAGE = 50;
const MOST = 500;

/** The page of what a problem is about. */
const where = (link) => link && `#/${link.page}${link.id ? `/${link.id}` : ''}`;

export function problems(main) {
  let limit = PAGE;
  const subjects = h('tbody');
  const allWell = h('p', { class: 'empty', text: 'No problems.', hidden: true });
  const table = h('div', { class: 'table', hidden: true });
  const rows = h('tbody');
  const refused = h('div', { class: 'table', hidden: true });
  const noneRefused = h('p', { class: 'empty', text: 'No dead letters are kept.', hidden: true });
  const total = h('p', { class: 'soft small right' });
  const more = h('button', { type: 'button', class: 'more', hidden: true, text: 'Show more', on: { click: () => { limit = Math.min(limit + PAGE, MOST); letters.now(); } } });
  const column = (text, kind) => h('th', { scope: 'col', class: kind, text });
  table.append(h('table', { class: 'stack' }, h('caption', { class: 'spoken', text: 'Problems' }),
    h('thead', {}, h('tr', {}, column('What'), column('Why'))), subjects));
  refused.append(h('table', { class: 'stack' }, h('caption', { class: 'spoken', text: 'Rejected values (dead letters)' }),
    h('thead', {}, h('tr', {}, column('Rejected at'), column('Property'), column('Value', 'number'), column('Timestamp'), column('Why'))), rows));
  main.append(h('h1', { class: 'spoken', text: 'Problems' }),
    h('section', { class: 'panel' }, h('header', {}, h('h2', { text: 'Current problems' }), h('p', { class: 'soft small right', text: 'The most severe first.' })), allWell, table),
    h('section', { class: 'panel' }, h('header', {}, h('h2', { text: 'Rejected values (dead letters)' }), h('a', { class: 'small', href: '/docs/operations.md#deadletters', text: 'what to do' }), total), noneRefused, refused, more));

  const could = h('section', { class: 'panel', hidden: true });
  const rules = h('tbody');
  could.append(h('header', {}, h('h2', { text: 'Suggested rules for flat metrics' }), h('p', { class: 'soft small right', text: 'Flat tags in folders with the same members: paste a rule into TWIN_RULES and restart.' })),
    h('div', { class: 'table' }, h('table', { class: 'stack' }, h('caption', { class: 'spoken', text: 'Rules for TWIN_RULES' }),
      h('thead', {}, h('tr', {}, column('Rule'), column('What it would create'))), rules)));
  main.append(could);
  const suggestions = new Feed(() => '/api/suggestions', 10000, (page) => {
    if (!page) return;
    could.hidden = page.rows.length === 0;
    keyed(rules, page.rows, (row) => row.rule, (row) => h('tr', {}, h('td', { class: 'name top whole' }, h('span', { class: 'code', text: row.rule })), h('td', { class: 'whole left' })),
      (node, row) => set(node.lastChild, `${plural(row.assets, 'asset')} of a model with ${plural(row.members, 'member')}; first seen in the birth of ${row.source}`));
  });
  const feed = new Feed(() => `/api/problems?limit=${MOST}`, 4000, (page) => {
    if (!page) return;
    allWell.hidden = page.rows.length > 0;
    table.hidden = page.rows.length === 0;
    keyed(subjects, page.rows, (row) => `${row.kind} ${row.subject} ${where(row.link) ?? ''}`, (row) => h('tr', {}, h('td', { class: 'name top whole' }, icon('warning'), ' ', row.link ? h('a', { href: where(row.link), text: row.subject }) : row.subject), h('td', { class: 'whole left' }, h('span'), ' ', h('a', { class: 'nowrap', href: `/docs/operations.md#${row.kind}`, text: 'what to do', 'aria-label': `what to do about ${row.kind}: ${row.subject}` }))),
      (node, row) => set(node.lastChild.firstChild, row.reason));
  });
  const letters = new Feed(() => `/api/refusals?limit=${limit}`, 3000, (page) => {
    if (!page) return;
    noneRefused.hidden = page.rows.length > 0;
    refused.hidden = page.rows.length === 0;
    more.hidden = !page.next || limit >= MOST;
    keyed(rows, page.rows, (row) => `${row.asset}${row.property_name}${row.time}${row.at}${row.value}`, (row) => h('tr', {},
      h('td', { class: 'small soft nowrap whole left' }, h('time', { text: time(row.at), datetime: moment(row.at) })),
      h('td', { class: 'name left' }, h('a', { href: `#/plant/${row.asset}`, text: row.asset_name ?? row.asset }), ' ', row.property_name ?? ''),
      h('td', { class: 'value text', text: value({ ...row, data_type: 'DOUBLE' }), title: QUALITY[row.quality] }),
      h('td', { class: 'small soft nowrap left whole', text: time(row.time) }),
      h('td', { class: 'whole wide' }, REFUSED[row.kind] ?? row.kind, row.kind === 'out_of_range' ? null : h('span', { class: 'soft', text: `: ${row.reason}` }))));
  });
  return {
    figures: (now) => set(total, now.rejected > 0 ? `${plural(now.rejected, 'value')} since the start; of the last ${count(10000)}, ${count(now.dead_letters)} are still here` : ''),
    stop() {
      feed.stop();
      letters.stop();
      suggestions.stop();
    },
  };
}
