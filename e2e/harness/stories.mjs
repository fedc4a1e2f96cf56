import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { backendClient } from './backend.mjs';
import { openBrowser, openVisit } from './browser.mjs';
import { startInsula } from './server.mjs';

/**
 * What the stories of one file share: a fresh server, a browser, and the applications that `prepare` starts.
 * `prepare` returns a record; everything in it that has a `stop` is stopped at the end, the server last.
 */
export function world({ prepare, ...options } = {}) {
  const shared = {};
  const stops = [];
  before(async () => {
    shared.server = await startInsula(options);
    stops.push(() => shared.server.stop());
    shared.clerk = backendClient(shared.server);
    shared.browser = await openBrowser();
    stops.push(() => shared.browser.close());
    for (const [name, value] of Object.entries((await prepare?.(shared.server)) ?? {})) {
      shared[name] = value;
      if (value.stop) stops.push(() => value.stop());
    }
  });
  after(async () => {
    const failures = [];
    for (const stop of stops.reverse()) await stop().catch(error => failures.push(error));
    for (const { preflights } of Object.values(shared)) {
      if (preflights) assert.deepEqual(preflights, [], 'CORS preflights');
    }
    if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'));
  });
  return shared;
}

/** A test with a visitor of its own, who leaves no error behind. */
export function story(shared, name, tell, options = {}) {
  test(name, { timeout: 180_000, ...options }, async t => {
    const visit = await openVisit(shared.browser, name);
    try {
      await tell({ ...shared, visit, page: visit.page, t });
      visit.assertQuiet();
    } catch (error) {
      await visit.keepEvidence();
      throw error;
    } finally {
      await visit.close();
    }
  });
}
