import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';

import { chromium } from 'playwright-core';

import { artifacts } from './processes.mjs';
import { record, recording } from './traffic.mjs';

export const TIMEOUT = 30_000;

/** No name but these resolves: what a page tries to fetch from elsewhere cannot leave the machine. */
const RESOLVER = 'MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE *.localhost, EXCLUDE 127.0.0.1';

export function openBrowser() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
    chromiumSandbox: false,
    args: [
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      `--host-resolver-rules=${RESOLVER}`,
    ],
  });
}

/** One person at one browser profile, and everything that must not happen while they are at it. */
export async function openVisit(browser, name) {
  const context = await browser.newContext({ locale: 'en-US', viewport: { width: 1100, height: 860 } });
  context.setDefaultTimeout(TIMEOUT);
  const watch = { errors: [], elsewhere: [], preflights: [], allowedStatuses: new Set() };
  context.on('request', request => {
    if (!isLocal(request.url())) watch.elsewhere.push(request.url());
  });
  context.on('console', message => {
    if (message.type() !== 'error') return;
    const status = Number(/the server responded with a status of (\d+)/.exec(message.text())?.[1]);
    if (!watch.allowedStatuses.has(status)) watch.errors.push(`${message.text()} [${message.location().url}]`);
  });
  context.on('weberror', webError => watch.errors.push(String(webError.error().stack ?? webError.error())));
  if (recording) context.on('response', recordDirect);

  const visit = {
    context,
    async newPage() {
      const page = await context.newPage();
      // Playwright keeps preflights to itself; the protocol below it does not.
      const protocol = await context.newCDPSession(page);
      await protocol.send('Network.enable');
      protocol.on('Network.requestWillBeSent', ({ request }) => {
        if (request.method === 'OPTIONS') watch.preflights.push(request.url);
      });
      return page;
    },
    /** A refusal that belongs to the story: the browser reports it on its console. */
    expectStatus(...statuses) {
      for (const status of statuses) watch.allowedStatuses.add(status);
    },
    async cookies() {
      return Object.fromEntries((await context.cookies()).map(cookie => [cookie.name, cookie.value]));
    },
    async shot(label, page = visit.page) {
      mkdirSync(artifacts, { recursive: true });
      await page.screenshot({ path: path.join(artifacts, `${label}.png`), animations: 'disabled' });
    },
    async keepEvidence() {
      for (const [index, page] of context.pages().entries()) {
        await visit.shot(`failed-${name.replaceAll(/\W+/g, '-')}-${index}`, page).catch(() => {});
      }
    },
    assertQuiet() {
      assert.deepEqual(watch.elsewhere, [], 'requests to other machines');
      assert.deepEqual(watch.errors, [], 'errors on the console');
      assert.deepEqual(watch.preflights, [], 'CORS preflights');
    },
    close: () => context.close(),
  };
  visit.page = await visit.newPage();
  return visit;
}

/** What a page says to the server without a proxy in between is seen only here. */
async function recordDirect(response) {
  const request = response.request();
  if (!/^\/t\/[^/]+\//.test(new URL(response.url()).pathname)) return;
  const body = await response.text().catch(() => undefined);
  if (body === undefined) return;
  record({
    face: 'frontend',
    method: request.method(),
    url: response.url(),
    status: response.status(),
    contentType: response.headers()['content-type'],
    body,
    source: 'browser',
  });
}

function isLocal(url) {
  const { protocol, hostname } = new URL(url);
  if (!['http:', 'https:', 'ws:', 'wss:'].includes(protocol)) return true;
  return hostname === 'localhost' || hostname === '127.0.0.1' || hostname.endsWith('.localhost');
}
