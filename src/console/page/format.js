// Numbers, times and values as people read them.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const compactForm = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

export const count = (n) => whole.format(n);
export const compact = (n) => (Math.abs(n) < 100000 ? whole.format(n) : compactForm.format(n));
export const plural = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`;

export function rate(n) {
  if (n === null) return '–';
  return n > 0 && n < 9.95 ? n.toFixed(1) : compact(Math.round(n));
}

const pad = (n) => String(n).padStart(2, '0');

/** Time of day, with the date where it is not today. */
export function time(millis, withMillis = false) {
  if (millis === null || millis === undefined) return '–';
  const at = new Date(millis);
  const today = new Date();
  const clock = `${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}`
    + (withMillis ? `.${String(at.getMilliseconds()).padStart(3, '0')}` : '');
  if (at.toDateString() === today.toDateString()) return clock;
  return `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())} ${clock}`;
}

/** The whole moment, for a title. */
export const moment = (millis) => (Number.isFinite(millis) ? new Date(millis).toISOString() : undefined);

/** A span of seconds. */
export function span(seconds) {
  if (seconds < 1) return 'under 1\u00a0s';
  if (seconds < 90) return `${Math.round(seconds)}\u00a0s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)}\u00a0min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)}\u00a0h`;
  return `${Math.round(seconds / 86400)}\u00a0days`;
}

export function bytes(n) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  while (n >= 1024 && unit < units.length - 1) [n, unit] = [n / 1024, unit + 1];
  return `${unit > 0 && n < 10 ? n.toFixed(1) : Math.round(n)} ${units[unit]}`;
}

/** An amount of whatever currency the price is in. */
export const money = (n) => fixed(n < 100 ? 2 : 0).format(n);

const digits = new Map();
function fixed(places) {
  if (!digits.has(places)) {
    digits.set(places, new Intl.NumberFormat('en', { minimumFractionDigits: places, maximumFractionDigits: places }));
  }
  return digits.get(places);
}

/** Whether a property holds a moment rather than a number: seconds since 1970, of this century. */
export const isMoment = (property) => property.unit === 's' && typeof property.value === 'number' && property.value > 1e9;

/** A property's value; its unit stands beside it. */
export function value(property) {
  const { value, data_type: type } = property;
  if (value === null) return property.quality ? 'null' : '–';
  if (isMoment(property)) return time(value * 1_000);
  if (typeof value === 'boolean') return value ? 'true' : 'false';
  if (typeof value !== 'number') return String(value);
  if (type === 'INTEGER') return whole.format(value);
  const size = Math.abs(value);
  if (size >= 1e12 || (size < 1e-3 && size > 1e-9)) return value.toExponential(3);
  return fixed(size >= 1000 ? 1 : size >= 10 ? 2 : 3).format(value);
}

/** A number with every digit, where its short form lacks some. */
export const exact = ({ value }) => (typeof value === 'number' && !Number.isInteger(value) ? String(value) : undefined);

export const TYPES = { DOUBLE: 'number', INTEGER: 'integer', BOOLEAN: 'true/false', STRING: 'text' };
