import assert from 'node:assert/strict';

import { expressApp, reactApp } from '../harness/apps.mjs';
import { backendClient, newUser } from '../harness/backend.mjs';
import { claims } from '../harness/clerkjs.mjs';
import {
  assertSignedIn,
  assertSignedOut,
  enterCode,
  errorOf,
  offerPassword,
  openUserMenu,
  signInWithPassword,
  startSignIn,
  startSignUp,
} from '../harness/components.mjs';
import { mailbox } from '../harness/inbox.mjs';
import { assertHere } from '../harness/organizations.mjs';
import { address, password } from '../harness/people.mjs';
import { signedIn, visitProtected } from '../harness/rendered.mjs';
import { configure, createApplication, createLiveInstance, createPool, GENEROUS, storeProxy } from '../harness/server.mjs';
import { story, world } from '../harness/stories.mjs';

const ISOLATED = { organization_settings: { enabled: true }, user_pool: { mode: 'isolated' } };

/** Two organizations of an instance, each with its own users, as applications on one origin. */
async function twoPools(server, instance, options) {
  const [acme, beta] = [await createPool(server, 'Acme', instance), await createPool(server, 'Beta', instance)];
  const site = await reactApp({ '/acme': acme, '/beta': beta }, options);
  const at = (pool, base) => ({ origin: `${site.origin}${base}`, pool });
  return { site, acme: at(acme, '/acme'), beta: at(beta, '/beta') };
}

const shared = world({
  names: false,
  settings: GENEROUS,
  prepare: async server => {
    await configure(server, ISOLATED);
    const { site, acme, beta } = await twoPools(server, server.instance);
    const live = await createLiveInstance(server);
    await configure(server, ISOLATED, { instance: live });
    const liveSites = await twoPools(server, live, { plain: true });
    await storeProxy(server, live, liveSites.site);
    const alone = await createPool(server, 'Alone');
    const app = await reactApp(alone);
    return {
      site,
      acme,
      beta,
      live: { acme: liveSites.acme, beta: liveSites.beta, clerk: backendClient(server, { instance: live }), stop: liveSites.site.stop },
      alone: { pool: alone, app, stop: app.stop },
      express: await expressApp(server, alone),
    };
  },
});

const token = page => page.evaluate(() => window.Clerk.session.getToken({ skipCache: true }));

/** Somebody with an account in a pool, with this address or one of their own. */
const inPool = (clerk, { pool }, name, details) => newUser(clerk, name, { organizationId: pool.organizationId, ...details });

async function assertToken(page, { pool, origin }, userId) {
  const { iss, sub, o, azp } = claims(await token(page));
  assert.deepEqual([iss, sub, o.id, o.rol, azp], [pool.issuer, userId, pool.organizationId, 'member', new URL(origin).origin]);
}

async function signOutByMenu(page) {
  await openUserMenu(page);
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await assertSignedOut(page);
}

story(shared, 'an application behind a proxy to a pool needs no change', async ({ server, alone: { app, pool }, page }) => {
  const ada = { address: address('ada'), password: password() };
  await startSignUp(page, app, ada);
  await enterCode(page, await mailbox(server, ada.address).nextCode());
  const id = await assertSignedIn(page, ada);
  await assertToken(page, { pool, origin: app.origin }, id);

  await page.goto(`${app.origin}/team`);
  await assertHere(page, { id: pool.organizationId, name: 'Alone', role: 'org:member', mine: 'Alone' });
  await page.goto(app.origin);
  await page.reload();
  await assertSignedIn(page, { ...ada, id });
  await signOutByMenu(page);
  await signInWithPassword(page, app, { ...ada, id });
});

for (const kind of ['development', 'live']) {
  story(shared, `one address is two people in two pools on one origin: ${kind} keys`, async world => {
    const { acme, beta, clerk } = kind === 'live' ? world.live : world;
    const { page: here, visit } = world;
    const there = await visit.newPage();
    const bob = address('bob');
    const accounts = [];
    for (const side of [acme, beta]) {
      const person = { address: bob, password: password() };
      const { id } = await clerk.users.createUser({ emailAddress: [bob], password: person.password, organizationId: side.pool.organizationId });
      accounts.push({ ...person, id });
    }
    const [one, two] = accounts;
    assert.notEqual(one.id, two.id);

    // The other's password opens neither door.
    visit.expectStatus(422);
    await offerPassword(here, acme, { ...one, password: two.password });
    assert.match(await errorOf(here, 'password'), /incorrect/i);
    await signInWithPassword(here, acme, one);
    await there.goto(beta.origin);
    await assertSignedOut(there);
    await signInWithPassword(there, beta, two);

    const both = async () => {
      await here.bringToFront();
      await assertSignedIn(here, one);
      await assertToken(here, acme, one.id);
      await there.bringToFront();
      await assertSignedIn(there, two);
      await assertToken(there, beta, two.id);
    };
    await both();
    for (const page of [here, there, there, here]) await page.reload();
    await both();
    // In one tab from the one to the other, and back.
    await here.goto(beta.origin);
    await assertSignedIn(here, two);
    await here.goto(acme.origin);
    await assertSignedIn(here, one);

    await here.bringToFront();
    await signOutByMenu(here);
    await there.bringToFront();
    await assertSignedIn(there, two);
    await assertToken(there, beta, two.id);
    await there.reload();
    await assertSignedIn(there, two);
    await here.reload();
    await assertSignedOut(here);
    await signInWithPassword(here, acme, one);
    await both();
    await there.bringToFront();
    await signOutByMenu(there);
    await here.reload();
    await assertSignedIn(here, one);
  });
}

story(shared, 'the cookies of two pools on one host are told apart', async ({ live: { acme, beta, clerk }, page, visit }) => {
  const [cleo, dora] = [await inPool(clerk, acme, 'cleo'), await inPool(clerk, beta, 'dora')];
  await signInWithPassword(page, acme, cleo);
  await signInWithPassword(page, beta, dora);
  const cookies = await visit.cookies();
  const suffixed = Object.entries(cookies).filter(([name]) => /^__session_/.test(name)).map(([, value]) => claims(value));
  assert.deepEqual(suffixed.map(({ sub }) => sub).sort(), [cleo.id, dora.id].sort());
  assert.deepEqual(suffixed.map(({ iss }) => iss).sort(), [acme.pool.issuer, beta.pool.issuer].sort());

  // A backend with the pool's publishable key reads its own among them; the key without a suffix is the last one's.
  const cookie = Object.entries(cookies).map(([name, value]) => `${name}=${value}`).join('; ');
  for (const [side, person] of [[acme, cleo], [beta, dora]]) {
    const { pool } = side;
    const backend = backendClient(shared.server, { instance: pool });
    const state = await backend.authenticateRequest(new Request(`${side.origin}/api`, { headers: { cookie } }));
    assert.equal(state.toAuth()?.userId, person.id, state.reason);
    assert.equal(state.toAuth().orgId, pool.organizationId);
  }
});

story(shared, 'an address of another pool is nobody here', async ({ clerk, acme, beta, page, visit }) => {
  const eve = await inPool(clerk, acme, 'eve');
  visit.expectStatus(422);
  await startSignIn(page, beta, eve.address);
  assert.match(await errorOf(page, 'identifier'), /couldn't find your account/i);
  await signInWithPassword(page, acme, eve);
});

story(shared, "a page rendered on the server knows the pool's user", async ({ clerk, alone: { pool }, express, page, visit }) => {
  const context = { clerk: poolsBackend(clerk, pool), app: express, page };
  const fay = await signedIn(context, 'fay');
  assert.deepEqual(await visitProtected(page, express), { userId: fay.id, handshakes: 0 });
  await visit.context.clearCookies({ name: /^__session/ });
  assert.deepEqual(await visitProtected(page, express), { userId: fay.id, handshakes: 1 });
});

/** A backend whose users all come to be in this pool. */
const poolsBackend = (clerk, { organizationId }) => ({ users: { createUser: details => clerk.users.createUser({ ...details, organizationId }) } });
