// Small charts of recent values, one line each.

import { s, attr } from './dom.js';

const WIDTH = 160;
const HEIGHT = 32;
const EDGE = 3;

/** Values of the last while: times in milliseconds, a bound, and the same time only once. */
export class Recent {
  constructor(bound = 240) {
    this.bound = bound;
    this.points = [];
  }

  add(time, value) {
    const last = this.points.at(-1);
    if (last && last.time >= time) {
      if (last.time === time) last.value = value;
      return;
    }
    this.points.push({ time, value });
    if (this.points.length > this.bound) this.points.shift();
  }
}

/** An empty chart. */
export function chart(wide = false) {
  return s('svg', { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: wide ? 'chart wide' : 'chart', role: 'img', preserveAspectRatio: 'none', 'aria-label': 'no recent values' },
    s('path', { class: 'area' }), s('path', { class: 'trace', 'vector-effect': 'non-scaling-stroke' }));
}

/** Draws points into a chart. `name` and `show` are for those who cannot see it. */
export function draw(svg, points, name, show, { zero = false, steps = false } = {}) {
  const [area, trace] = svg.children;
  const drawn = points.filter((point) => Number.isFinite(point.value));
  if (drawn.length < 2) {
    attr(area, 'd', null);
    attr(trace, 'd', null);
    attr(svg, 'aria-label', `${name}: too few recent values for a chart`);
    return;
  }
  const values = drawn.map((point) => point.value);
  let low = Math.min(...values);
  let high = Math.max(...values);
  const words = `${name}: recent values from ${show(low)} to ${show(high)}`;
  if (zero) low = Math.min(0, low);
  if (high - low < 1e-9) [low, high] = zero && high > 0 ? [0, high * 2] : [low - 1, high + 1];
  const first = drawn[0].time;
  const length = Math.max(drawn.at(-1).time - first, 1);
  const x = (point) => ((point.time - first) / length) * WIDTH;
  const y = (point) => HEIGHT - EDGE - ((point.value - low) / (high - low)) * (HEIGHT - 2 * EDGE);
  let path = '';
  for (const point of drawn) {
    const [px, py] = [x(point).toFixed(1), y(point).toFixed(1)];
    if (!path) path = `M${px} ${py}`;
    else path += steps ? `H${px}V${py}` : `L${px} ${py}`;
  }
  attr(trace, 'd', path);
  attr(area, 'd', `${path}V${HEIGHT}H0Z`);
  attr(svg, 'aria-label', words);
}
