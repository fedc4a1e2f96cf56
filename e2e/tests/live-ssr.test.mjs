import assert from 'node:assert/strict';

import { expressApp } from '../harness/apps.mjs';
import { backendClient, newUser } from '../harness/backend.mjs';
import { claims, open, signOut, whoIs } from '../harness/clerkjs.mjs';
import { signedIn, visitProtected } from '../harness/rendered.mjs';
import { createLiveInstance, GENEROUS, storeProxy } from '../harness/server.mjs';
import { story, world } from '../harness/stories.mjs';

// A live key with the proxy that the SDK for Express brings along.
const shared = world({
  settings: GENEROUS,
  prepare: async server => {
    const live = await createLiveInstance(server);
    const app = await expressApp(server, live);
    await storeProxy(server, live, app);
    return { live, app, clerk: backendClient(server, { instance: live }) };
  },
});

story(shared, 'a visitor who never signed in is signed out without a handshake', async ({ app, page, visit }) => {
  assert.deepEqual(await visitProtected(page, app), { userId: null, handshakes: 0 });
  assert.deepEqual(await visit.cookies(), {});
});

story(shared, 'a user is known on the server, after a handshake at most, and when the page is loaded again', async world => {
  const { app, page, visit } = world;
  const ada = await signedIn(world, 'ada');
  const first = await visitProtected(page, app);
  assert.equal(first.userId, ada.id);
  assert.ok(first.handshakes <= 1, 'the proxy keeps one cookie of several, and a handshake mends the rest');
  assert.deepEqual(await visitProtected(page, app), { userId: ada.id, handshakes: 0 });
  await page.reload();
  assert.equal(await page.getByTestId('user-id').innerText(), ada.id);
  const cookies = await visit.cookies();
  assert.ok(!('__clerk_handshake' in cookies) && !('__clerk_db_jwt' in cookies), Object.keys(cookies).join());
});

story(shared, 'lost session cookies come back by a handshake, and the page can be loaded again', async world => {
  const { app, page, visit } = world;
  const bea = await signedIn(world, 'bea');
  await visitProtected(page, app);
  await visit.context.clearCookies({ name: /^__session/ });
  assert.deepEqual(await visitProtected(page, app), { userId: bea.id, handshakes: 1 });
  const { __session } = await visit.cookies();
  assert.deepEqual([claims(__session).sub, claims(__session).sid, claims(__session).azp], [bea.id, bea.sessionId, app.origin]);
  await page.reload();
  assert.equal(await page.getByTestId('user-id').innerText(), bea.id);
});

story(shared, 'two tabs that need a handshake at once are both signed in', async world => {
  const { app, page, visit } = world;
  const cleo = await signedIn(world, 'cleo');
  await visitProtected(page, app);
  await visit.context.clearCookies({ name: /^__session/ });
  const tabs = [page, await visit.newPage()];
  await Promise.all(tabs.map(tab => tab.goto(`${app.origin}/protected`)));
  for (const tab of tabs) assert.equal(await tab.getByTestId('user-id').innerText(), cleo.id);
});

story(shared, 'a token that ran out is renewed on the next visit', async world => {
  const { app, page, visit } = world;
  const dora = await signedIn(world, 'dora');
  await visitProtected(page, app);
  const { __session: old } = await visit.cookies();
  // The SDK forgives five seconds.
  const wait = claims(old).exp * 1000 + 6_000 - Date.now();
  await new Promise(resolve => setTimeout(resolve, wait));
  assert.deepEqual(await visitProtected(page, app), { userId: dora.id, handshakes: 1 });
  await page.reload();
  assert.equal(await page.getByTestId('user-id').innerText(), dora.id);
});

story(shared, 'who signs out in the browser is signed out on the server', async world => {
  const { app, page } = world;
  const eve = await signedIn(world, 'eve');
  assert.equal((await visitProtected(page, app)).userId, eve.id);
  await open(page, app);
  assert.equal(await whoIs(page), eve.id);
  await signOut(page);
  await page.goto('about:blank');
  assert.equal((await visitProtected(page, app)).userId, null);
  assert.deepEqual(await visitProtected(page, app), { userId: null, handshakes: 0 });
});

story(shared, 'a session that was ended is not renewed', async world => {
  const { app, page, visit, clerk } = world;
  const fay = await signedIn(world, 'fay');
  await clerk.sessions.revokeSession(fay.sessionId);
  await visit.context.clearCookies({ name: /^__session/ });
  assert.equal((await visitProtected(page, app)).userId, null);
});

story(shared, 'a development key of the same application is worth nothing here', async ({ server, live, app, page, visit }) => {
  const ask = (path, headers) => fetch(`${live.frontendUrl}${path}`, { headers });
  const proxied = key => ask('/v1/client', { 'clerk-proxy-url': `${app.origin}/__clerk`, 'clerk-secret-key': key });
  assert.equal((await proxied(live.secretKey)).status, 200);
  assert.equal((await proxied(server.instance.secretKey)).status, 401);
  const development = backendClient(server);
  const gil = await newUser(development, 'gil');
  const session = await development.sessions.createSession({ userId: gil.id });
  const { jwt } = await development.sessions.getToken(session.id);
  const suffix = (await import('node:crypto')).createHash('sha1').update(live.publishableKey).digest('base64url').slice(0, 8);
  const cookies = [`__session=${jwt}`, `__session_${suffix}=${jwt}`, `__client_uat=1`, `__client_uat_${suffix}=1`];
  const answer = await fetch(`${app.origin}/protected`, { headers: { cookie: cookies.join('; ') } });
  assert.ok(!(await answer.text()).includes(gil.id), 'signed by another key');
  await page.goto('about:blank');
  assert.deepEqual(await visit.cookies(), {});
});
