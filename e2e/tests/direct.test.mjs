import assert from 'node:assert/strict';

import { vanillaApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import { claims, open, refusalOf, signIn, signOut, whoIs } from '../harness/clerkjs.mjs';
import { mailbox } from '../harness/inbox.mjs';
import { address, password } from '../harness/people.mjs';
import { story, world } from '../harness/stories.mjs';

// No proxy here: the page talks to `/t/<slug>` of the server itself, across origins on the same site.
const shared = world({
  prepare: async server => ({ app: await vanillaApp(server.instance, { proxied: false }) }),
});

story(shared, 'a page of another origin signs in without a preflight', async ({ server, clerk, app, page }) => {
  assert.notEqual(app.origin, new URL(server.instance.frontendUrl).origin);
  const ada = await newUser(clerk, 'ada');
  await open(page, app);
  await signIn(page, ada);
  const token = claims(await page.evaluate(() => window.Clerk.session.getToken({ skipCache: true })));
  assert.equal(token.sub, ada.id);
  assert.equal(token.azp, app.origin);

  await open(page, app);
  assert.equal(await whoIs(page), ada.id);
  await signOut(page);
  await open(page, app);
  assert.equal(await whoIs(page), null);
});

story(shared, 'a refusal is readable across origins', async ({ clerk, app, page, visit }) => {
  const bea = await newUser(clerk, 'bea');
  await open(page, app);
  visit.expectStatus(422);
  const refusal = await refusalOf(
    page,
    identifier => window.Clerk.client.signIn.create({ identifier, password: 'not-the-password-at-all' }),
    bea.address,
  );
  assert.deepEqual([refusal?.status, refusal?.code, refusal?.param], [422, 'form_password_incorrect', 'password']);
});

story(shared, 'a page without components signs up step by step', async ({ server, clerk, app, page }) => {
  const cleo = { address: address('cleo'), password: password() };
  await open(page, app);
  const created = await page.evaluate(async ({ address, password }) => {
    const signUp = await window.Clerk.client.signUp.create({ emailAddress: address, password });
    const before = signUp.verifications.emailAddress.strategy;
    await signUp.prepareEmailAddressVerification({ strategy: 'email_code' });
    return {
      status: signUp.status,
      missing: signUp.missingFields,
      unverified: signUp.unverifiedFields,
      before,
      after: signUp.verifications.emailAddress.strategy,
    };
  }, cleo);
  assert.deepEqual(created, {
    status: 'missing_requirements',
    missing: [],
    unverified: ['email_address'],
    before: null,
    after: 'email_code',
  });

  const code = await mailbox(server, cleo.address).nextCode();
  await page.evaluate(async code => {
    const signUp = await window.Clerk.client.signUp.attemptEmailAddressVerification({ code });
    await window.Clerk.setActive({ session: signUp.createdSessionId });
  }, code);
  const user = await clerk.users.getUser(await whoIs(page));
  assert.equal(user.primaryEmailAddress.emailAddress, cleo.address);
});
