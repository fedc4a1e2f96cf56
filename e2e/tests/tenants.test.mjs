import assert from 'node:assert/strict';

import { vanillaApp } from '../harness/apps.mjs';
import { backendClient, newUser } from '../harness/backend.mjs';
import { open, refusalOf, signIn, signOut, whoIs } from '../harness/clerkjs.mjs';
import { address, password } from '../harness/people.mjs';
import { createApplication } from '../harness/server.mjs';
import { story, world } from '../harness/stories.mjs';

// Two applications of one server. Their pages share the host `localhost`, and so all cookies without a name of their own.
const shared = world({
  names: false,
  prepare: async server => {
    const second = await createApplication(server, 'Second');
    return {
      second,
      clerk2: backendClient(server, { instance: second.instance }),
      app: await vanillaApp(server.instance),
      app2: await vanillaApp(second.instance),
    };
  },
});

const withBearer = token => new Request('http://localhost:3000/api', { headers: { authorization: `Bearer ${token}` } });

const frontend = (instance, path, headers = {}) => fetch(`${instance.frontendUrl}${path}`, { headers });

story(shared, 'a second application has an identity of its own', async ({ server, second }) => {
  assert.match(second.application_id, /^app_/);
  assert.equal(second.name, 'Second');
  assert.equal(second.instances.length, 1);
  assert.equal(second.instances[0].environment_type, 'development');
  for (const key of ['id', 'slug', 'publishableKey', 'secretKey']) {
    assert.notEqual(second.instance[key], server.instance[key]);
  }
});

story(shared, 'a user of one application is unknown in the other', async ({ clerk, clerk2 }) => {
  const ada = await newUser(clerk, 'ada');
  const before = await clerk2.users.getCount();
  await assert.rejects(clerk2.users.getUser(ada.id), { status: 404 });
  await assert.rejects(clerk2.users.updateUser(ada.id, { firstName: 'Eve' }), { status: 404 });
  await assert.rejects(clerk2.users.deleteUser(ada.id), { status: 404 });
  assert.deepEqual((await clerk2.users.getUserList({ emailAddress: [ada.address] })).data, []);
  assert.deepEqual((await clerk2.users.getUserList({ userId: [ada.id] })).data, []);
  assert.equal(await clerk2.users.getCount(), before);
  assert.equal((await clerk.users.getUser(ada.id)).firstName, null);
});

story(shared, 'a session of one application is unknown in the other', async ({ clerk, clerk2 }) => {
  const bea = await newUser(clerk, 'bea');
  const session = await clerk.sessions.createSession({ userId: bea.id });
  const { jwt } = await clerk.sessions.getToken(session.id);
  await assert.rejects(clerk2.sessions.getSession(session.id), { status: 404 });
  await assert.rejects(clerk2.sessions.getToken(session.id), { status: 404 });
  await assert.rejects(clerk2.sessions.revokeSession(session.id), { status: 404 });
  await assert.rejects(clerk2.sessions.createSession({ userId: bea.id }));
  assert.equal((await clerk.sessions.getSession(session.id)).status, 'active');

  assert.equal((await clerk.authenticateRequest(withBearer(jwt))).isAuthenticated, true);
  const state = await clerk2.authenticateRequest(withBearer(jwt));
  assert.deepEqual([state.isAuthenticated, state.reason], [false, 'jwk-kid-mismatch']);
});

story(shared, 'no key opens a door that is not its own', async ({ server, second, app }) => {
  const first = server.instance;
  const bearer = key => ({ authorization: `Bearer ${key}` });
  const backend = key => fetch(`${server.backendUrl}/v1/users`, { headers: bearer(key) });
  const platform = key => fetch(`${server.backendUrl}/v1/platform/applications`, { headers: bearer(key) });
  const proxied = (instance, key) =>
    frontend(instance, '/v1/client', { 'clerk-proxy-url': `${app.origin}/__clerk`, 'clerk-secret-key': key });

  assert.equal((await backend(first.secretKey)).status, 200);
  assert.equal((await backend(first.publishableKey)).status, 401);
  assert.equal((await backend(server.platformToken)).status, 401);
  assert.equal((await platform(server.platformToken)).status, 200);
  assert.equal((await platform(first.secretKey)).status, 401);
  assert.equal((await proxied(first, first.secretKey)).status, 200);
  assert.equal((await proxied(first, second.instance.secretKey)).status, 401);
  assert.equal((await proxied(second.instance, first.secretKey)).status, 401);
  assert.equal((await proxied(first, 'sk_test_wrong')).status, 401);
});

story(shared, 'one browser is two people in two applications', async ({ clerk, clerk2, app, app2, page }) => {
  const [cleo, dora] = [await newUser(clerk, 'cleo'), await newUser(clerk2, 'dora')];
  await open(page, app);
  await signIn(page, cleo);
  await open(page, app2);
  assert.equal(await whoIs(page), null, 'the first sign-in counts in the first application only');
  await signIn(page, dora);
  await open(page, app);
  assert.equal(await whoIs(page), cleo.id);

  await signOut(page);
  await open(page, app2);
  assert.equal(await whoIs(page), dora.id, 'signing out of one leaves the other');
});

story(
  shared,
  'one address is two accounts, each with a password of its own',
  async ({ clerk, clerk2, app, app2, page, visit }) => {
    const eve = address('eve');
    const accounts = [password(), password()].map(password => ({ address: eve, password }));
    const [one, two] = [
      await clerk.users.createUser({ emailAddress: [eve], password: accounts[0].password }),
      await clerk2.users.createUser({ emailAddress: [eve], password: accounts[1].password }),
    ];
    assert.notEqual(one.id, two.id);

    visit.expectStatus(422);
    await open(page, app);
    const refusal = await refusalOf(
      page,
      ({ address, password }) => window.Clerk.client.signIn.create({ identifier: address, password }),
      accounts[1],
    );
    assert.equal(refusal?.code, 'form_password_incorrect');
    assert.equal((await signIn(page, accounts[0])).userId, one.id);
    await open(page, app2);
    assert.equal((await signIn(page, accounts[1])).userId, two.id);
  },
);

story(
  shared,
  'a cookie of one application means nothing to the other',
  async ({ clerk, server, second, app, page, visit }) => {
    await open(page, app);
    await signIn(page, await newUser(clerk, 'fay'));
    const cookies = await visit.context.cookies();
    const client = cookies.find(({ name }) => /^__client(_(?!uat)|$)/.test(name));
    const clientOf = async (instance, name) => {
      const answer = await frontend(instance, '/v1/client', { cookie: `${name}=${client.value}` });
      return (await answer.json()).response?.sessions?.length ?? 0;
    };
    assert.equal(await clientOf(server.instance, client.name), 1);
    // Under its own name, and under the name that the other application would look for.
    assert.equal(await clientOf(second.instance, client.name), 0);
    const suffixOfSecond = await suffix(second.instance.publishableKey);
    assert.equal(await clientOf(second.instance, `__client_${suffixOfSecond}`), 0);
  },
);

async function suffix(publishableKey) {
  const digest = await crypto.subtle.digest('SHA-1', new TextEncoder().encode(publishableKey));
  return Buffer.from(digest).toString('base64url').slice(0, 8);
}
