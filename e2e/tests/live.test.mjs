import assert from 'node:assert/strict';

import { reactApp, vanillaApp } from '../harness/apps.mjs';
import { backendClient, newUser } from '../harness/backend.mjs';
import { claims, open, signIn, signOut, whoIs } from '../harness/clerkjs.mjs';
import {
  assertSignedIn,
  assertSignedOut,
  enterCode,
  openUserMenu,
  signInWithPassword,
  startSignUp,
} from '../harness/components.mjs';
import { mailbox } from '../harness/inbox.mjs';
import { address, password, TEST_CODE, testAddress } from '../harness/people.mjs';
import { createApplication, createLiveInstance, GENEROUS, storeProxy } from '../harness/server.mjs';
import { story, world } from '../harness/stories.mjs';

// Live keys behind a reverse proxy that knows nothing of them: it hands `/__clerk` on, and its address is stored.
const shared = world({
  names: false,
  settings: GENEROUS,
  prepare: async server => {
    const live = await createLiveInstance(server);
    const another = async name => createLiveInstance(server, (await createApplication(server, name)).application_id);
    const [second, third] = [await another('Second'), await another('Third')];
    const behind = async (serve, instance) => {
      const app = await serve(instance, { plain: true });
      await storeProxy(server, instance, app);
      return app;
    };
    return {
      live,
      second,
      clerk: backendClient(server, { instance: live }),
      clerk2: backendClient(server, { instance: second }),
      react: await behind(reactApp, third),
      app: await behind(vanillaApp, live),
      app2: await behind(vanillaApp, second),
    };
  },
});

const named = async (visit, name) => (await visit.context.cookies()).filter(cookie => cookie.name.startsWith(name));

story(shared, 'a live key has an identity of its own', async ({ server, live }) => {
  assert.match(live.publishableKey, /^pk_live_/);
  assert.match(live.secretKey, /^sk_live_/);
  assert.notEqual(live.slug, server.instance.slug);
});

story(shared, 'somebody signs up, comes back, signs out and in again', async ({ server, react, page, visit }) => {
  const ada = { address: address('ada'), password: password() };
  await startSignUp(page, react, ada);
  await enterCode(page, await mailbox(server, ada.address).nextCode());
  const id = await assertSignedIn(page, ada);

  await page.reload();
  await assertSignedIn(page, { ...ada, id });
  assert.deepEqual(await named(visit, '__clerk_db_jwt'), [], 'a live key has no dev browser');

  await openUserMenu(page);
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await assertSignedOut(page);
  await page.goto(react.origin);
  await assertSignedOut(page);
  await signInWithPassword(page, react, { ...ada, id });
});

story(shared, 'the cookies of a live key say who is signed in, and only the server reads the secret', async world => {
  const { app, clerk, page, visit } = world;
  const bea = await newUser(clerk, 'bea');
  await open(page, app);
  assert.deepEqual(await named(visit, '__client'), [], 'looking makes no client');
  await signIn(page, bea);

  const cookies = await named(visit, '__client');
  const [secret, ...rest] = cookies.filter(({ name }) => !name.startsWith('__client_uat'));
  assert.deepEqual(rest, []);
  assert.match(secret.name, /^__client_.{8}$/);
  assert.deepEqual([secret.httpOnly, secret.sameSite, secret.path, secret.domain], [true, 'Lax', '/', 'localhost']);
  const days = (secret.expires - Date.now() / 1000) / 86_400;
  assert.ok(days > 399 && days <= 400, `${days} days`);

  const suffix = secret.name.slice('__client'.length);
  const { __session, [`__client_uat${suffix}`]: since } = await visit.cookies();
  assert.ok(Number(since) > 0 && Number(since) <= claims(__session).iat);
  assert.equal(claims(__session).azp, app.origin);

  await signOut(page);
  assert.equal((await visit.cookies())[`__client_uat${suffix}`], '0');
  await open(page, app);
  assert.equal(await whoIs(page), null);
});

story(shared, 'the code that everybody knows opens no live door', async ({ server, app, page, visit }) => {
  const cleo = { address: testAddress('cleo'), password: password() };
  await open(page, app);
  visit.expectStatus(422);
  const refused = await page.evaluate(
    async ({ address, password, code }) => {
      const signUp = await window.Clerk.client.signUp.create({ emailAddress: address, password });
      await signUp.prepareEmailAddressVerification({ strategy: 'email_code' });
      return signUp.attemptEmailAddressVerification({ code }).then(
        () => null,
        error => error.errors?.[0]?.code,
      );
    },
    { ...cleo, code: TEST_CODE },
  );
  assert.equal(refused, 'form_code_incorrect');
  assert.match(await mailbox(server, cleo.address).nextCode(), /^\d{6}$/, 'it got a mail like everybody else');
});

story(shared, 'two live applications behind one host do not mix', async ({ app, app2, clerk, clerk2, page, visit }) => {
  const [dora, eve] = [await newUser(clerk, 'dora'), await newUser(clerk2, 'eve')];
  await open(page, app);
  await signIn(page, dora);
  await open(page, app2);
  assert.equal(await whoIs(page), null);
  await signIn(page, eve);
  await open(page, app);
  assert.equal(await whoIs(page), dora.id);
  assert.equal((await named(visit, '__client_')).filter(({ httpOnly }) => httpOnly).length, 2);
  await signOut(page);
  await open(page, app2);
  assert.equal(await whoIs(page), eve.id, 'signing out of one leaves the other');
});

story(shared, 'a page of another origin is told for whom the key is', async ({ live, page, visit }) => {
  const stranger = await vanillaApp(live, { proxied: false });
  try {
    visit.expectStatus(400);
    const told = page.waitForEvent('console', message => message.text().includes('Production Keys are only allowed'));
    await page.goto(stranger.origin);
    assert.ok((await told).text().includes(live.slug));
    assert.deepEqual(await named(visit, '__client'), []);
  } finally {
    await stranger.stop();
  }
});
