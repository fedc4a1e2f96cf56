import assert from 'node:assert/strict';

import { reactApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import { refusalOf, signOut } from '../harness/clerkjs.mjs';
import { assertSignedIn, enterCode, errorOf, fill, offerPassword, signInWithPassword } from '../harness/components.mjs';
import { mailbox } from '../harness/inbox.mjs';
import { address, password } from '../harness/people.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({ prepare: async server => ({ app: await reactApp(server.instance) }) });

async function openProfile(page, app) {
  await page.goto(`${app.origin}/user`);
  await page.locator('.cl-userProfile-root').waitFor();
}

const button = (page, name) => page.getByRole('button', { name, exact: true }).click();

story(shared, 'a user changes their name in the profile', async ({ clerk, app, page, visit }) => {
  const ada = await newUser(clerk, 'ada', { firstName: 'Ada', lastName: 'Byron' });
  await signInWithPassword(page, app, ada);
  await openProfile(page, app);
  await visit.shot('profile');

  await button(page, 'Update profile');
  await fill(page, { firstName: 'Augusta', lastName: 'King' });
  await visit.shot('profile-name');
  await button(page, 'Save');
  await page.getByText('Augusta King').first().waitFor();

  const user = await clerk.users.getUser(ada.id);
  assert.deepEqual([user.firstName, user.lastName], ['Augusta', 'King']);
});

story(shared, 'a user adds an address and confirms it with a code', async ({ server, clerk, app, page, visit }) => {
  const bea = await newUser(clerk, 'bea');
  const second = address('bea-at-work');
  await signInWithPassword(page, app, bea);
  await openProfile(page, app);

  await button(page, 'Add email address');
  await fill(page, { emailAddress: second });
  await button(page, 'Add');
  await enterCode(page, await mailbox(server, second).nextCode());
  await page.getByLabel('Enter verification code').waitFor({ state: 'detached' });
  await page.getByText(second).first().waitFor();
  await visit.shot('profile-second-address');

  const user = await clerk.users.getUser(bea.id);
  const added = user.emailAddresses.find(({ emailAddress }) => emailAddress === second);
  assert.equal(added.verification.status, 'verified');
  assert.equal(user.primaryEmailAddress.emailAddress, bea.address);
});

story(shared, 'an added address is good for signing in', async ({ server, clerk, app, page }) => {
  const bob = await newUser(clerk, 'bob');
  const second = address('bob-at-work');
  await signInWithPassword(page, app, bob);
  await page.evaluate(async email => {
    window.added = await window.Clerk.user.createEmailAddress({ email });
    await window.added.prepareVerification({ strategy: 'email_code' });
  }, second);
  const code = await mailbox(server, second).nextCode();
  await page.evaluate(code => window.added.attemptVerification({ code }), code);
  await signOut(page);

  await offerPassword(page, app, { address: second, password: bob.password });
  await assertSignedIn(page, bob);
});

story(shared, 'a user changes their password in the profile', async ({ clerk, app, page, visit }) => {
  const cleo = await newUser(clerk, 'cleo');
  const renewed = { ...cleo, password: password() };
  await signInWithPassword(page, app, cleo);
  await openProfile(page, app);

  await button(page, 'Security');
  await button(page, 'Update password');
  await fill(page, {
    currentPassword: cleo.password,
    newPassword: renewed.password,
    confirmPassword: renewed.password,
  });
  await visit.shot('profile-password');
  await button(page, 'Save');
  await page.locator('input[name=newPassword]').waitFor({ state: 'detached' });

  await page.goto(app.origin);
  await assertSignedIn(page, cleo);
  await signOut(page);
  visit.expectStatus(422);
  await offerPassword(page, app, cleo);
  assert.match(await errorOf(page, 'password'), /incorrect/i);
  await signInWithPassword(page, app, renewed);
});

story(shared, 'a password is not changed without the current one', async ({ clerk, app, page, visit }) => {
  const dora = await newUser(clerk, 'dora');
  await signInWithPassword(page, app, dora);
  visit.expectStatus(422);
  const refusal = await refusalOf(
    page,
    ([currentPassword, newPassword]) => window.Clerk.user.updatePassword({ currentPassword, newPassword }),
    [password(), password()],
  );
  assert.equal(refusal?.status, 422);
  assert.equal(refusal.param, 'current_password');
  assert.equal((await clerk.users.verifyPassword({ userId: dora.id, password: dora.password })).verified, true);
});

story(shared, 'private metadata never reaches the browser', async ({ clerk, app, page }) => {
  const eve = await newUser(clerk, 'eve', {
    publicMetadata: { plan: 'silver' },
    privateMetadata: { note: 'only-for-the-backend' },
  });
  await signInWithPassword(page, app, eve);
  const [metadata, raw] = await page.evaluate(async () => [
    window.Clerk.user.publicMetadata,
    await (await fetch('/__clerk/v1/client')).text(),
  ]);
  assert.deepEqual(metadata, { plan: 'silver' });
  assert.match(raw, /silver/);
  assert.doesNotMatch(raw, /only-for-the-backend/);
});
