// Checks the console as people use it, in headless Chromium: screenshots, the keyboard, a screen
// reader's rules (axe), phone size and dark mode.
//
//   node look.mjs small|large|dead|gone http://127.0.0.1:8080 PICTURES

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const require = createRequire(process.env.NODE_MODULES ?? import.meta.url);
const { chromium } = require('playwright-core');
const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

const [, , scene, base, pictures] = process.argv;
const DESK = { name: 'desk', width: 1360, height: 900 };
const PHONE = { name: 'phone', width: 390, height: 844 };
const WEIGHT = 150_000;
const PATIENCE = 20_000;
const faults = [];
let checks = 0;

function check(holds, what) {
  checks += 1;
  if (!holds) faults.push(what);
}

const api = async (path) => {
  const answer = await fetch(base + path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer.json();
};

async function eventually(what, ask) {
  const end = Date.now() + PATIENCE;
  while (Date.now() < end) {
    const answer = await ask();
    if (answer) return answer;
    await new Promise((again) => setTimeout(again, 250));
  }
  throw new Error(`${what}: not within ${PATIENCE / 1000} s`);
}

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-dev-shm-usage'] });

/** A page that remembers all that went wrong in it, and what it weighed. */
async function open(hash, { width = DESK.width, height = DESK.height, dark = false } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? 'dark' : 'light', reducedMotion: 'reduce' });
  const page = await context.newPage();
  const where = `${hash} at ${width}${dark ? ', dark' : ''}`;
  page.weight = 0;
  page.expected = false;
  page.on('console', (message) => {
    if (!page.expected && ['error', 'warning'].includes(message.type())) faults.push(`${where}: console ${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => faults.push(`${where}: ${error}`));
  page.on('request', (request) => check(request.url().startsWith(base), `${where}: asks ${request.url()}`));
  page.on('response', async (response) => {
    if (new URL(response.url()).pathname.startsWith('/api/')) return;
    check(response.headers()['content-security-policy']?.startsWith("default-src 'none'"), `${where}: no policy on ${response.url()}`);
    page.weight += (await response.body().catch(() => '')).length;
  });
  await page.addInitScript(() => {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI}`));
  });
  await page.goto(`${base}/${hash}`, { timeout: 60_000 });
  await page.locator('main h1').first().waitFor({ state: 'attached', timeout: PATIENCE });
  return page;
}

/** Takes a picture and holds the page against what holds for each. */
async function look(page, name) {
  await page.screenshot({ path: join(pictures, `${name}.png`) });
  check((await page.evaluate(() => globalThis.violations)).length === 0, `${name}: the content security policy was violated`);
  check(page.weight > 0 && page.weight < WEIGHT, `${name}: the page weighs ${page.weight} bytes`);
  check((await page.locator('#health.lost').count()) === 0, `${name}: the page says that the bridge does not respond`);
  if ((await page.locator('#health.not').count()) > 0) {
    check(await page.locator('#why').isVisible() && /\w{4}.*\s+What to do$/s.test(await page.locator('#why').innerText()), `${name}: the reason of the state is nowhere to be read`);
  }
  const cut = await page.evaluate(() => [...document.querySelectorAll('#strip dt')].filter((label) => label.scrollWidth > label.clientWidth).map((label) => label.textContent));
  check(cut.length === 0, `${name}: ${cut} is cut off`);
  const wide = await page.evaluate(() => document.scrollingElement.scrollWidth - innerWidth);
  check(wide <= 0, `${name}: ${wide} pixels wider than the screen`);
  const bent = await page.evaluate(() => [...document.querySelectorAll('table:not(.stack.model) td')].filter((cell) => getComputedStyle(cell).display === 'flex').length);
  check(bent === 0, `${name}: ${bent} cells are laid out as something else, and may overlap`);
  const rows = await page.evaluate(() => document.querySelectorAll('[role=treeitem]').length);
  check(rows < 1_000, `${name}: ${rows} rows at once`);
  await page.evaluate(axe);
  const found = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ['violations'] }));
  for (const violation of found.violations) {
    const places = violation.nodes.slice(0, 3).map((node) => `${node.target} ${node.any[0]?.message ?? ''}`).join(' | ');
    check(false, `${name}: ${violation.id}, ${violation.impact}: ${places}`);
  }
}

/** A page as it is seen at a desk and on a phone, in the light and in the dark: two at a time. */
async function lookFourTimes(name, hash, settled, ready = async () => {}) {
  for (const screen of [DESK, PHONE]) {
    await Promise.all([false, true].map(async (dark) => {
      const page = await open(hash, { ...screen, dark });
      await ready(page);
      await settle(page, settled);
      await look(page, `${name}-${screen.name}-${dark ? 'dark' : 'light'}`);
      await page.context().close();
    }));
  }
}

const settle = (page, seconds) => page.waitForTimeout(seconds * 1000);
const twin = async (words) => (await api(`/api/search?limit=20&q=${encodeURIComponent(words)}`)).rows.find((row) => row.name === words);

/** Unfolds the way of a property's values with the keyboard. */
async function unfold(page, name = 'Wind Speed') {
  const button = page.locator('button.unfold', { hasText: name }).first();
  await button.focus();
  await page.keyboard.press('Enter');
  await page.locator('tr.wayrow').first().waitFor();
  check((await button.getAttribute('aria-expanded')) === 'true', 'nobody hears that the way is unfolded');
}

const scenes = {
  /** A dozen turbines, all well: every view, light and dark, wide and narrow. */
  async small() {
    const { id } = await eventually('T01', () => twin('T01'));
    const model = (await api('/api/models?q=WindTurbine')).rows[0];
    const page = await open(`#/plant/${id}`);

    // Values move without anybody asking for it, and without the page being loaded again.
    await page.evaluate(() => { globalThis.mark = true; });
    const value = page.locator('tr', { hasText: 'Wind Speed' }).first().locator('td.value');
    const before = await value.textContent();
    await eventually('a new value', async () => (await value.textContent()) !== before);
    check(await page.evaluate(() => globalThis.mark), 'the page was loaded again');
    await eventually('a chart', async () => (await page.locator('svg.chart path.trace[d]').count()) > 2);
    await settle(page, 8);
    await look(page, 'plant');

    // The way of a value, unfolded with the keyboard: from its birth until SiteWise took it.
    await unfold(page);
    const way = page.locator('tr.wayrow').first();
    await eventually('when SiteWise took it', async () => /accepted at \d\d:\d\d:\d\d, the value with the timestamp /.test(await way.textContent()));
    check(/birth of .* on spBv1\.0\/.*\/[ND]BIRTH\//.test(await way.textContent()), 'the way does not tell the birth and its topic');
    check(/of model WindTurbine; property id [0-9a-f-]{36}/.test(await way.textContent()), 'the way does not tell the property');
    await look(page, 'plant-way');

    // With the keyboard alone: past the head, through the tree, to another machine.
    await page.goto(`${base}/#/plant`);
    await page.reload();
    await page.locator('[role=treeitem]').first().waitFor();
    await page.keyboard.press('Tab');
    check((await page.evaluate(() => document.activeElement.className)) === 'skip', 'the first stop is not the way past the head');
    // It leads to the content of the page that is open, and to no other page.
    await page.goto(`${base}/#/problems`);
    await page.reload();
    await page.locator('main h1').first().waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    const skipped = await page.evaluate(() => [location.hash, document.activeElement.id, document.title]);
    check(skipped[0] === '#/problems' && skipped[1] === 'main' && skipped[2].startsWith('Problems'), `the way past the head leads to ${skipped}`);
    await page.goto(`${base}/#/plant`);
    await page.reload();
    await page.locator('[role=treeitem]').first().waitFor();
    await page.keyboard.press('Tab');
    let stops = 0;
    while ((await page.evaluate(() => document.activeElement.getAttribute('role'))) !== 'treeitem' && stops < 15) {
      await page.keyboard.press('Tab');
      stops += 1;
    }
    check(stops < 15, 'the tree cannot be reached with the keyboard');
    const focused = () => page.evaluate(() => document.activeElement.querySelector('.name')?.textContent);
    const first = await focused();
    await page.keyboard.press('ArrowDown');
    check((await focused()) !== first, 'the arrow does not move');
    await page.keyboard.press('ArrowUp');
    check((await focused()) === first, 'the arrow does not move back');
    await page.keyboard.press('ArrowLeft');
    check((await page.evaluate(() => document.activeElement.getAttribute('aria-expanded'))) === 'false', 'the left arrow does not fold');
    await page.keyboard.press('ArrowRight');
    check((await page.evaluate(() => document.activeElement.getAttribute('aria-expanded'))) === 'true', 'the right arrow does not unfold');
    await page.keyboard.press('ArrowDown');
    const outlined = await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    check(outlined !== 'none', 'nobody sees where the keyboard is');
    const name = await focused();
    await page.keyboard.press('Enter');
    await eventually('what Enter chose', async () => (await page.locator('main h1').first().textContent()) === name);

    // Nothing new, nothing touched: models do not change while values do.
    await page.goto(`${base}/#/models/${model.id}`);
    await page.locator('table.model tbody tr').first().waitFor();
    await settle(page, 1.5);
    await page.evaluate(() => {
      globalThis.touched = 0;
      new MutationObserver((changes) => { globalThis.touched += changes.length; }).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true, attributes: true });
    });
    await settle(page, 6);
    check((await page.evaluate(() => globalThis.touched)) === 0, 'the page changes although nothing happened');
    await look(page, 'models');
    await page.context().close();

    for (const [name, hash, settled] of [
      ['tree', '#/plant', 1.5],
      ['twin', `#/plant/${id}`, 6],
      ['model', `#/models/${model.id}`, 1.5],
      ['stream', '#/stream', 6],
      ['nodes', '#/nodes', 1.5],
      ['problems', '#/problems', 1.5],
    ]) await lookFourTimes(`well-${name}`, hash, settled);
    const phone = await open(`#/plant/${id}`, PHONE);
    await unfold(phone);
    await phone.locator('tr.wayrow').first().scrollIntoViewIfNeeded();
    await look(phone, 'phone-way');
    await phone.context().close();
    const narrow = await open('#/nodes', { width: 320, height: 640, dark: true });
    await look(narrow, 'narrow-nodes');
    await narrow.context().close();
  },

  /** Ten thousand twins: found at once, never all of them in the page. */
  async large() {
    const { assets } = await api('/api/overview');
    check(assets > 10_000, `only ${assets} assets`);
    const page = await open('#/plant');
    await page.locator('[role=treeitem]').nth(3).waitFor();
    await page.locator('[role=treeitem]', { hasText: 'Gateway Nord' }).first().locator('[data-twisty]').click();
    await page.locator('.morerow').first().waitFor();
    await page.locator('.morerow').first().click();
    await eventually('the next page', async () => (await page.locator('[role=treeitem]').count()) > 200);
    await page.locator('input[type=search]').fill('T3210');
    const began = Date.now();
    const hit = page.locator('[role=treeitem]', { hasText: 'T3210' }).first();
    await hit.waitFor();
    check(Date.now() - began < 2_000, `a search takes ${Date.now() - began} ms`);
    await hit.click();
    await eventually('the twin', async () => (await page.locator('main h1').first().textContent()).startsWith('T3210'));
    await settle(page, 8);
    await look(page, 'large');
    await page.context().close();
    const phone = await open('#/plant', { width: 390, height: 844, dark: true });
    await settle(phone, 2);
    await look(phone, 'phone-large');
    await phone.context().close();
  },

  /** A node that died, and values that SiteWise does not take. */
  async dead() {
    const node = await eventually('the test bench', () => twin('Test bench'));
    await eventually('its death', async () => (await api(`/api/assets/${node.id}`)).presence.online === false);
    const letters = await eventually('refusals', async () => {
      const { rows } = await api('/api/refusals');
      return rows.length > 3 && rows;
    });
    check(letters.every((letter) => letter.property_name === 'Torque' && letter.kind === 'out_of_range'), 'the refusals are not named');
    await eventually('stale marks', async () => (await api(`/api/assets/${node.id}?q=torque`)).values.rows[0].quality === 'UNCERTAIN');
    const page = await open(`#/plant/${node.id}`);
    await page.getByText('offline since').waitFor();
    await page.getByText('these are its last values').waitFor();
    // Never by colour alone.
    check((await page.locator('[role=treeitem][aria-selected=true]').textContent()).includes('offline'), 'the tree does not say in words that the node is offline');
    const told = page.locator('tr', { hasText: 'Last death' }).first();
    check(/(^| )\d\d:\d\d:\d\d$/.test(await told.locator('td').nth(1).textContent()), 'the time of the death is not told as one');
    check((await page.locator('.quality.UNCERTAIN').first().textContent()) === 'uncertain', 'quality is not told in words');
    await settle(page, 1);
    await look(page, 'dead');
    // Each refusal stands once, where it happened.
    await page.goto(`${base}/#/stream`);
    await page.locator('table.account .part', { hasText: 'timestamp out of range' }).waitFor();
    check((await page.locator('table.account .part', { hasText: 'timestamp out of range' }).count()) === 1, 'a refusal is told twice');
    await page.context().close();
    const refused = (page) => page.getByText('timestamp out of range').first().waitFor();
    await lookFourTimes('ill-twin', `#/plant/${node.id}`, 1, (page) => page.getByText('offline since').waitFor());
    await lookFourTimes('ill-stream', '#/stream', 1, refused);
    await lookFourTimes('ill-problems', '#/problems', 1, refused);
    // From a problem to what to do about it, one click away and without the internet.
    const problem = await open('#/problems');
    await problem.locator('main a', { hasText: 'what to do' }).first().click();
    await problem.waitForURL(/\/docs\/operations\.md#[a-z_]+$/);
    await problem.locator('tr:has(:target)').waitFor();
    check(await problem.locator('tr:has(:target)').evaluate((row) => row.getBoundingClientRect().top < innerHeight), 'the remedy is not on the screen');
    await look(problem, 'guide-row');
    await problem.context().close();
    await lookFourTimes('guide', 'docs/operations.md', 0);
    await lookFourTimes('ill-nodes', '#/nodes', 1, (page) => page.locator('article.node').nth(2).waitFor());
    await lookFourTimes('ill-tree', '#/plant', 1, (page) => page.locator('[role=treeitem]').first().waitFor());
  },

  /** The bridge ends while somebody looks. */
  async gone() {
    const page = await open('#/stream');
    // A node is dead and its values were rejected: that is told beside the state.
    await page.getByText(/^Degraded/).first().waitFor();
    page.expected = true;
    process.kill(Number(process.env.BRIDGE), 'SIGTERM');
    await page.getByText('No answer since').waitFor({ timeout: PATIENCE });
    await page.screenshot({ path: join(pictures, 'gone.png') });
    await page.context().close();
  },
};

try {
  await scenes[scene]();
} catch (error) {
  faults.push(error.stack ?? String(error));
} finally {
  await browser.close();
}
for (const fault of new Set(faults)) console.error(`console, ${scene}: ${fault}`);
console.log(`console, ${scene}: ${checks} checks, ${new Set(faults).size} faults`);
process.exit(faults.length === 0 ? 0 : 1);
