// Building and changing the document: nothing is touched that is as it should be already, so
// that a quiet plant makes a quiet page.

const SVG = 'http://www.w3.org/2000/svg';

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name === 'on') {
      for (const [event, handler] of Object.entries(value)) node.addEventListener(event, handler);
    } else if (name === 'text') node.textContent = value;
    else attr(node, name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** An HTML element. */
export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);

/** An SVG element. */
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

/** Gives a node this text. */
export function set(node, text) {
  const wanted = String(text ?? '');
  if (node.textContent !== wanted) node.textContent = wanted;
}

/** Gives a node this attribute, or takes it away; in ARIA true and false are words. */
export function attr(node, name, value) {
  const words = name.startsWith('aria-');
  if (value === null || value === undefined || (value === false && !words)) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else {
    const wanted = value === true && !words ? '' : String(value);
    if (node.getAttribute(name) !== wanted) node.setAttribute(name, wanted);
  }
}

const KEYS = Symbol('keys');

/** Makes the children of `parent` those of `items`: each is made once and then only updated. */
export function keyed(parent, items, key, make, update = () => {}) {
  const old = parent[KEYS] ?? new Map();
  const next = new Map();
  // Two items may have one key: the second is told apart.
  const seen = new Map();
  const wanted = items.map((item) => {
    const k = key(item);
    const times = seen.get(k) ?? 0;
    seen.set(k, times + 1);
    return [times ? `${k}#${times}` : k, item];
  });
  const stay = new Set(wanted.map(([k]) => k));
  for (const [k, node] of old) if (!stay.has(k)) node.remove();
  let place = parent.firstChild;
  for (const [k, item] of wanted) {
    const node = old.get(k) ?? make(item);
    next.set(k, node);
    update(node, item);
    if (node === place) place = place.nextSibling;
    else parent.insertBefore(node, place);
  }
  parent[KEYS] = next;
}

const SHAPES = {
  // Presence is a shape first, then a colour.
  online: () => [s('circle', { cx: 8, cy: 8, r: 4.5, class: 'full' })],
  offline: () => [s('circle', { cx: 8, cy: 8, r: 4.5, class: 'line' }), s('path', { d: 'M4.8 11.2l6.4-6.4', class: 'line' })],
  unknown: () => [s('circle', { cx: 8, cy: 8, r: 4.5, class: 'line', 'stroke-dasharray': '2 2.2' })],
  group: () => [s('path', { d: 'M2.5 4.5h4l1.5 2h5.5v6h-11z', class: 'line' })],
  GOOD: () => [s('path', { d: 'M3.5 8.5l3 3 6-7', class: 'line' })],
  UNCERTAIN: () => [s('path', { d: 'M3 9.5c1.7-3 3.3-3 5-1.5s3.3 1.5 5-1.5', class: 'line' })],
  BAD: () => [s('path', { d: 'M4.5 4.5l7 7m0-7l-7 7', class: 'line' })],
  chevron: () => [s('path', { d: 'M6 4l4 4-4 4', class: 'line' })],
  warning: () => [s('path', { d: 'M8 2.5l6 11H2zM8 6.5v3.5', class: 'line' }), s('circle', { cx: 8, cy: 11.9, r: .4, class: 'full' })],
};

/** A small picture; the words beside it say the same. */
export function icon(name) {
  return s('svg', { viewBox: '0 0 16 16', class: `icon ${name}`, 'aria-hidden': 'true' }, SHAPES[name]());
}

/** Puts another small picture in the place of one. */
export function swapIcon(node, name) {
  if (!node.classList.contains(name)) node.replaceWith(icon(name));
}

/** Words for screen readers alone. */
export const spoken = (text) => h('span', { class: 'spoken', text });
