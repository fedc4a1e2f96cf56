import assert from 'node:assert/strict';

import { expressApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import { claims } from '../harness/clerkjs.mjs';
import { signedIn, visitProtected } from '../harness/rendered.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({ prepare: async server => ({ app: await expressApp(server) }) });

story(shared, 'a visitor who never signed in is signed out', async ({ app, page, visit }) => {
  const { userId, handshakes } = await visitProtected(page, app);
  assert.equal(userId, null);
  assert.equal(handshakes, 1, 'a development key asks for a dev browser once');
  assert.ok((await visit.cookies()).__clerk_db_jwt);
  assert.deepEqual(await visitProtected(page, app), { userId: null, handshakes: 0 });
});

story(shared, 'a user is known on the server without a handshake', async world => {
  const { app, page } = world;
  const ada = await signedIn(world, 'ada');
  assert.deepEqual(await visitProtected(page, app), { userId: ada.id, handshakes: 0 });
});

story(shared, 'lost session cookies come back by a handshake', async world => {
  const { app, page, visit } = world;
  const bea = await signedIn(world, 'bea');
  await visit.context.clearCookies({ name: /^__session/ });
  assert.deepEqual(await visitProtected(page, app), { userId: bea.id, handshakes: 1 });

  const { __session } = await visit.cookies();
  assert.equal(claims(__session).sub, bea.id);
  assert.equal(claims(__session).sid, bea.sessionId);
  assert.deepEqual(await visitProtected(page, app), { userId: bea.id, handshakes: 0 });
});

story(shared, 'a lost dev browser comes back by a handshake', async world => {
  const { app, page, visit } = world;
  const cleo = await signedIn(world, 'cleo');
  await visit.context.clearCookies({ name: /^__clerk_db_jwt/ });
  assert.deepEqual(await visitProtected(page, app), { userId: cleo.id, handshakes: 1 });
  assert.ok((await visit.cookies()).__clerk_db_jwt);
  assert.deepEqual(await visitProtected(page, app), { userId: cleo.id, handshakes: 0 });
});

story(shared, 'the cookie of the client alone is enough', async world => {
  const { app, page, visit } = world;
  const dora = await signedIn(world, 'dora');
  await visit.context.clearCookies({ name: /^(__session|__clerk_db_jwt|__client_uat|__refresh|clerk_active_context)/ });
  assert.deepEqual(await visitProtected(page, app), { userId: dora.id, handshakes: 1 });
});

story(shared, 'without the cookie of the client nobody is signed in again', async world => {
  const { app, page, visit } = world;
  await signedIn(world, 'eve');
  await visit.context.clearCookies();
  assert.equal((await visitProtected(page, app)).userId, null);
});

story(shared, 'a token that ran out is renewed on the next visit', async world => {
  const { app, page, visit } = world;
  const fay = await signedIn(world, 'fay');
  const { __session: old } = await visit.cookies();
  // The SDK forgives five seconds.
  const wait = claims(old).exp * 1000 + 6_000 - Date.now();
  await new Promise(resolve => setTimeout(resolve, wait));

  const { userId } = await visitProtected(page, app);
  assert.equal(userId, fay.id);
  const { __session: renewed } = await visit.cookies();
  assert.ok(claims(renewed).iat > claims(old).iat);
});

story(shared, 'a session that was ended is not renewed', async world => {
  const { app, page, visit, clerk } = world;
  const gail = await signedIn(world, 'gail');
  await clerk.sessions.revokeSession(gail.sessionId);
  await visit.context.clearCookies({ name: /^__session/ });
  assert.equal((await visitProtected(page, app)).userId, null);
});

story(shared, 'a data request is answered, not redirected', async world => {
  const { app, page, visit } = world;
  const hal = await signedIn(world, 'hal');
  await page.goto(`${app.origin}/protected`);
  const me = () =>
    page.evaluate(async () => {
      const response = await fetch('/api/me');
      return { status: response.status, redirected: response.redirected, ...(await response.json()) };
    });
  assert.deepEqual(await me(), { status: 200, redirected: false, userId: hal.id, sessionId: hal.sessionId });

  visit.expectStatus(401);
  await visit.context.clearCookies({ name: /^__session/ });
  assert.deepEqual(await me(), { status: 401, redirected: false, userId: null, sessionId: null });
});

story(shared, 'a program calls with a token in its header', async ({ clerk, app }) => {
  const ida = await newUser(clerk, 'ida');
  const session = await clerk.sessions.createSession({ userId: ida.id });
  const { jwt } = await clerk.sessions.getToken(session.id);
  const call = token => fetch(`${app.origin}/api/me`, { headers: { authorization: `Bearer ${token}` } });

  const answer = await call(jwt);
  assert.equal(answer.status, 200);
  assert.deepEqual(await answer.json(), { userId: ida.id, sessionId: session.id });
  assert.equal((await call(`${jwt.slice(0, -6)}AAAAAA`)).status, 401);
});
