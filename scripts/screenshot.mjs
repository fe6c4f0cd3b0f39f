#!/usr/bin/env node
// Pictures of a page as people meet it: node scripts/screenshot.mjs REPORT.html [--out DIR] [--clip HEIGHT]
//
// Opens the page in headless Chromium at desktop and phone width, in light and dark, and as it prints, and writes a PNG of each
// (desktop.png, phone.png, dark.png, phone-dark.png, print.png) and print.pdf. On stdout: JSON with what was measured in each
// view, so that a test can ask whether anything runs out of the page or calls for the network. The browser is
// $SER_CHROMIUM, or the first of the usual names on the PATH; without one the exit code is 3.

import { spawn } from 'node:child_process';
import { accessSync, constants, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];
const VIEWS = [
  { name: 'desktop', width: 1100, height: 900, scheme: 'light', media: 'screen' },
  { name: 'phone', width: 390, height: 844, scheme: 'light', media: 'screen', mobile: true },
  { name: 'dark', width: 1100, height: 900, scheme: 'dark', media: 'screen' },
  { name: 'phone-dark', width: 390, height: 844, scheme: 'dark', media: 'screen', mobile: true },
  // A4 at 96 dpi less the margins; a dark screen must not make dark paper.
  { name: 'print', width: 688, height: 1000, scheme: 'dark', media: 'print' },
];

/** Path of a browser, or undefined. */
function findBrowser() {
  if (process.env.SER_CHROMIUM) return process.env.SER_CHROMIUM;
  for (const name of NAMES) {
    for (const folder of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(folder, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // not there: the next place
      }
    }
  }
  return undefined;
}

/** A browser that is spoken to over two pipes: JSON messages of the DevTools protocol, each ended by a zero byte. */
class Browser {
  #child;
  #profile = mkdtempSync(join(tmpdir(), 'ser-chromium-'));
  #next = 1;
  #pending = new Map();
  #listeners = new Set();

  constructor(path) {
    const args = ['--headless=new', '--remote-debugging-pipe', `--user-data-dir=${this.#profile}`];
    args.push('--no-first-run', '--disable-gpu', '--hide-scrollbars', '--disable-dev-shm-usage');
    if (process.getuid?.() === 0) args.push('--no-sandbox'); // Chromium refuses to sandbox root
    this.#child = spawn(path, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    this.#child.on('exit', (code) => {
      for (const { reject } of this.#pending.values()) reject(new Error(`the browser ended (${code})`));
    });
    let text = '';
    this.#child.stdio[4].setEncoding('utf8').on('data', (piece) => {
      text += piece;
      const messages = text.split('\0');
      text = messages.pop();
      for (const message of messages) this.#receive(JSON.parse(message));
    });
  }

  #receive(message) {
    const waiting = this.#pending.get(message.id);
    if (!waiting) {
      for (const listener of this.#listeners) listener(message);
      return;
    }
    this.#pending.delete(message.id);
    if (message.error) waiting.reject(new Error(`${waiting.method}: ${message.error.message}`));
    else waiting.resolve(message.result);
  }

  send(method, params = {}, sessionId = undefined) {
    const id = this.#next++;
    this.#child.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.#pending.set(id, { method, resolve, reject }));
  }

  /** Hears every event; returns how to stop. */
  listen(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close() {
    const ended = new Promise((resolve) => this.#child.once('exit', resolve));
    await this.send('Browser.close').catch(() => {});
    await ended;
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Runs in the page: what would annoy a reader, as figures. */
function measure() {
  const page = document.documentElement;
  const wide = [...document.querySelectorAll('body *')].filter((element) => {
    if (element.closest('.scroll, pre, svg, .hidden, .chooser > input')) return false;
    const { right, width } = element.getBoundingClientRect();
    return width > 0 && right > page.clientWidth + 1;
  });
  return {
    clientWidth: page.clientWidth,
    scrollWidth: page.scrollWidth,
    height: page.scrollHeight,
    background: getComputedStyle(document.body).backgroundColor,
    ink: getComputedStyle(document.body).color,
    overflowing: wide.slice(0, 5).map((element) => `${element.tagName.toLowerCase()}.${element.className}`),
    panes: [...document.querySelectorAll('.pane')].filter((pane) => pane.getClientRects().length > 0).length,
    unloaded: [...document.querySelectorAll('image')].filter((image) => image.getBBox().width === 0).length,
  };
}

async function look(browser, page, view, { out, clip }) {
  const { targetId } = await browser.send('Target.createTarget', { url: 'about:blank' });
  const { sessionId } = await browser.send('Target.attachToTarget', { targetId, flatten: true });
  const send = (method, params) => browser.send(method, params, sessionId);
  const requests = [];
  const problems = [];
  let loaded;
  const load = new Promise((resolve) => {
    loaded = resolve;
  });
  const stop = browser.listen((message) => {
    if (message.sessionId !== sessionId) return;
    if (message.method === 'Page.loadEventFired') loaded();
    if (message.method === 'Network.requestWillBeSent') requests.push(message.params.request.url);
    if (message.method === 'Log.entryAdded') problems.push(message.params.entry.text);
  });
  for (const domain of ['Page', 'Network', 'Log']) await send(`${domain}.enable`);
  const { width, height, scheme, media, mobile = false } = view;
  await send('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile });
  await send('Emulation.setEmulatedMedia', {
    media,
    features: [{ name: 'prefers-color-scheme', value: scheme }],
  });
  await send('Page.navigate', { url: pathToFileURL(page).href });
  await load;
  const { result } = await send('Runtime.evaluate', { expression: `(${measure})()`, returnByValue: true });
  const full = { x: 0, y: 0, width, height: Math.min(result.value.height, clip), scale: 1 };
  const shot = await send('Page.captureScreenshot', { captureBeyondViewport: true, clip: full });
  writeFileSync(join(out, `${view.name}.png`), shot.data, 'base64');
  if (media === 'print') {
    const { data } = await send('Page.printToPDF', { preferCSSPageSize: true, printBackground: false });
    writeFileSync(join(out, 'print.pdf'), data, 'base64');
  }
  stop();
  await browser.send('Target.closeTarget', { targetId });
  return {
    view: view.name,
    ...result.value,
    requests: requests.filter((url) => !/^(file|data):/.test(url)),
    problems,
  };
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { out: { type: 'string', default: '.' }, clip: { type: 'string', default: '16000' } },
});
if (positionals.length !== 1) {
  console.error('usage: node scripts/screenshot.mjs REPORT.html [--out DIR] [--clip HEIGHT]');
  process.exit(2);
}
const path = findBrowser();
if (path === undefined) {
  console.error(
    `no browser found: install Chromium, or name one in SER_CHROMIUM (looked for ${NAMES.join(', ')})`,
  );
  process.exit(3);
}
mkdirSync(values.out, { recursive: true });
const browser = new Browser(path);
try {
  const seen = [];
  for (const view of VIEWS)
    seen.push(
      await look(browser, resolve(positionals[0]), view, { out: values.out, clip: Number(values.clip) }),
    );
  console.log(JSON.stringify(seen, null, 2));
} finally {
  await browser.close();
}
