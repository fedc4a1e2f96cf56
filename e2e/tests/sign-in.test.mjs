import assert from 'node:assert/strict';

import { reactApp } from '../harness/apps.mjs';
import { signOut } from '../harness/clerkjs.mjs';
import { newUser } from '../harness/backend.mjs';
import {
  assertSignedIn,
  assertSignedOut,
  enterCode,
  errorOf,
  fill,
  heading,
  offerPassword,
  openUserMenu,
  proceed,
  signInWithPassword,
  startSignIn,
} from '../harness/components.mjs';
import { mailbox } from '../harness/inbox.mjs';
import { address, password } from '../harness/people.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({ prepare: async server => ({ app: await reactApp(server.instance) }) });

story(
  shared,
  'a user signs in with their password, and a reload keeps them signed in',
  async ({ clerk, app, page, visit }) => {
    const ada = await newUser(clerk, 'ada', { firstName: 'Ada', lastName: 'Byron' });
    await page.goto(`${app.origin}/sign-in`);
    await page.locator('.cl-signIn-root').waitFor();
    await visit.shot('sign-in');
    await signInWithPassword(page, app, ada);
    assert.equal(await page.getByTestId('user-name').innerText(), 'Ada Byron');

    await page.reload();
    await assertSignedIn(page, ada);
  },
);

story(shared, 'a wrong password shows on its field and signs nobody in', async ({ clerk, app, page, visit }) => {
  const bea = await newUser(clerk, 'bea');
  visit.expectStatus(422);
  await offerPassword(page, app, { ...bea, password: password() });
  assert.match(await errorOf(page, 'password'), /incorrect/i);
  await visit.shot('sign-in-wrong-password');

  // The same attempt goes on.
  await fill(page, { password: bea.password });
  await proceed(page);
  await assertSignedIn(page, bea);
});

story(shared, 'after a wrong password nobody is signed in', async ({ clerk, app, page, visit }) => {
  const bob = await newUser(clerk, 'bob');
  visit.expectStatus(422);
  await offerPassword(page, app, { ...bob, password: password() });
  await errorOf(page, 'password');

  await page.goto(app.origin);
  await assertSignedOut(page);
  const cookies = await visit.cookies();
  assert.equal(Object.keys(cookies).filter(name => name.startsWith('__session')).length, 0);
  const { data } = await clerk.sessions.getSessionList({ userId: bob.id });
  assert.equal(data.length, 0);
});

story(shared, 'an unknown address shows on its field', async ({ app, page, visit }) => {
  visit.expectStatus(422);
  await startSignIn(page, app, address('nobody'));
  assert.ok(await errorOf(page, 'identifier'));
  await visit.shot('sign-in-unknown-address');
});

story(shared, 'a user signs in with a code from their mail', async ({ server, clerk, app, page, visit }) => {
  const cleo = await newUser(clerk, 'cleo');
  await startSignIn(page, app, cleo.address);
  await page.waitForURL(/factor-one/);
  await page.getByRole('link', { name: 'Use another method' }).click();
  await visit.shot('sign-in-other-methods');
  await page.getByRole('button', { name: /^Email code to/ }).click();
  await enterCode(page, await mailbox(server, cleo.address).nextCode());
  await assertSignedIn(page, cleo);
});

story(
  shared,
  'a forgotten password is replaced, and the old one is worth nothing',
  async ({ server, clerk, app, page, visit }) => {
    const dora = await newUser(clerk, 'dora');
    const renewed = { ...dora, password: password() };

    await startSignIn(page, app, dora.address);
    await page.waitForURL(/factor-one/);
    await page.getByRole('link', { name: /forgot password/i }).click();
    await visit.shot('forgot-password');
    await page.getByRole('button', { name: 'Reset your password' }).click();
    await enterCode(page, await mailbox(server, dora.address).nextCode());
    await heading(page, 'Set new password');
    await fill(page, { password: renewed.password, confirmPassword: renewed.password });
    await visit.shot('new-password');
    await page.getByRole('button', { name: 'Reset Password', exact: true }).click();
    await assertSignedIn(page, dora);

    await signOut(page);
    visit.expectStatus(422);
    await offerPassword(page, app, dora);
    assert.match(await errorOf(page, 'password'), /incorrect/i);
    await signInWithPassword(page, app, renewed);
  },
);

story(shared, 'a user signs out by the menu and stays signed out', async ({ clerk, app, page, visit }) => {
  const eve = await newUser(clerk, 'eve');
  await signInWithPassword(page, app, eve);
  await openUserMenu(page);
  await visit.shot('user-menu');
  await page.getByRole('button', { name: 'Sign out', exact: true }).click();
  await assertSignedOut(page);
  await page.reload();
  await assertSignedOut(page);

  const cookies = await visit.cookies();
  assert.equal(Object.keys(cookies).filter(name => name.startsWith('__session')).length, 0);
  const { data } = await clerk.sessions.getSessionList({ userId: eve.id, status: 'active' });
  assert.equal(data.length, 0);
});
