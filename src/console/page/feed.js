// Asking again and again, and hearing only what is new.

const LONGEST = 10000;
const listeners = new Set();
let lost = null;

/** Calls `tell` with the time since when the bridge does not answer, or null. */
export function onLost(tell) {
  listeners.add(tell);
  tell(lost);
}

function heard(ok) {
  const before = lost;
  if (ok) lost = null;
  else lost ??= Date.now();
  if (before !== lost) for (const tell of listeners) tell(lost);
}

export class Gone extends Error {}

/** Data from the bridge once; null if it is as it was under this tag. */
async function ask(url, tag, signal) {
  let answer;
  try {
    const headers = tag ? { 'If-None-Match': tag } : {};
    answer = await fetch(url, { headers, cache: 'no-store', signal });
  } catch (error) {
    if (error.name !== 'AbortError') heard(false);
    throw error;
  }
  if (answer.status === 304) {
    heard(true);
    return { data: null, tag };
  }
  if (answer.status === 404) {
    heard(true);
    throw new Gone(url);
  }
  if (!answer.ok) {
    heard(false);
    throw new Error(`${url}: ${answer.status} ${(await answer.text()).trim()}`);
  }
  const data = await answer.json();
  heard(true);
  return { data, tag: answer.headers.get('ETag') };
}

export const once = async (url, signal) => (await ask(url, null, signal)).data;

/**
 * Asks for `url()` every `every` milliseconds while the page is seen. `tell` gets the data, or
 * null where nothing has changed; `gone` is called where there is no such thing.
 */
export class Feed {
  #timer = 0;
  #tag = null;
  #last = null;
  #stopped = false;
  #failures = 0;
  #abort = new AbortController();

  constructor(url, every, tell, gone = () => {}) {
    Object.assign(this, { url, every, tell, gone });
    document.addEventListener('visibilitychange', this.#seen);
    this.now();
  }

  #seen = () => {
    if (!document.hidden) this.now();
  };

  /** Asks at once. */
  async now() {
    clearTimeout(this.#timer);
    this.#abort.abort();
    const abort = (this.#abort = new AbortController());
    if (this.#stopped) return;
    const url = this.url();
    if (url !== this.#last) [this.#last, this.#tag] = [url, null];
    try {
      const { data, tag } = await ask(url, this.#tag, abort.signal);
      if (this.#stopped || abort.signal.aborted) return;
      this.#failures = 0;
      this.#tag = tag;
      this.tell(data);
    } catch (error) {
      if (abort.signal.aborted) return;
      if (error instanceof Gone) this.gone();
      else this.#failures += 1;
    }
    this.#again();
  }

  #again() {
    if (this.#stopped || document.hidden) return;
    const pause = Math.min(this.every * 2 ** this.#failures, Math.max(this.every, LONGEST));
    this.#timer = setTimeout(() => this.now(), pause);
  }

  stop() {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#abort.abort();
    document.removeEventListener('visibilitychange', this.#seen);
  }
}
