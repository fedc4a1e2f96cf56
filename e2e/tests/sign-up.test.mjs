import assert from 'node:assert/strict';

import { reactApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import {
  assertSignedIn,
  assertSignedOut,
  enterCode,
  errorOf,
  fill,
  heading,
  proceed,
  startSignUp,
} from '../harness/components.mjs';
import { mailbox } from '../harness/inbox.mjs';
import { address, password, TEST_CODE, testAddress } from '../harness/people.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({ prepare: async server => ({ app: await reactApp(server.instance) }) });

const newcomer = name => ({ address: address(name), password: password() });

story(shared, 'a visitor signs up with a code from their mail', async ({ server, clerk, app, page, visit }) => {
  const ada = newcomer('ada');
  await page.goto(app.origin);
  await assertSignedOut(page);

  await startSignUp(page, app, ada);
  await visit.shot('sign-up-code');
  await enterCode(page, await mailbox(server, ada.address).nextCode());
  const userId = await assertSignedIn(page, { address: ada.address });
  await visit.shot('signed-in');

  const user = await clerk.users.getUser(userId);
  assert.equal(user.primaryEmailAddress.emailAddress, ada.address);
  assert.equal(user.primaryEmailAddress.verification.status, 'verified');
  assert.equal(user.passwordEnabled, true);
});

story(shared, 'a wrong code is refused and the right one still counts', async ({ server, app, page, visit }) => {
  const bea = newcomer('bea');
  await startSignUp(page, app, bea);
  const code = await mailbox(server, bea.address).nextCode();

  visit.expectStatus(422);
  await enterCode(page, String((Number(code) + 1) % 1_000_000).padStart(6, '0'));
  assert.match(await errorOf(page, 'code'), /incorrect/i);
  await visit.shot('sign-up-wrong-code');

  // The component empties the field by itself after a wrong code.
  await page.waitForFunction(() => document.querySelector('[aria-label="Enter verification code"]').value === '');
  await enterCode(page, code);
  await assertSignedIn(page, { address: bea.address });
});

story(shared, 'reloading the code page keeps the attempt and sends no second code', async ({ server, app, page }) => {
  const cleo = newcomer('cleo');
  const mail = mailbox(server, cleo.address);
  await startSignUp(page, app, cleo);
  const code = await mail.nextCode();

  await page.reload();
  await heading(page, 'Verify your email');
  await page.getByText(cleo.address).first().waitFor();
  await enterCode(page, code);
  await assertSignedIn(page, { address: cleo.address });
  assert.equal(await mail.unreadCount(), 0, 'a second code was sent');
});

story(shared, 'a test address takes the fixed code of development instances', async ({ app, page }) => {
  const dora = { address: testAddress('dora'), password: password() };
  await startSignUp(page, app, dora);
  await enterCode(page, TEST_CODE);
  await assertSignedIn(page, { address: dora.address });
});

story(shared, 'an address that is taken is refused on its field', async ({ clerk, app, page, visit }) => {
  const eve = await newUser(clerk, 'eve');
  visit.expectStatus(422);
  await page.goto(`${app.origin}/sign-up`);
  await fill(page, { emailAddress: eve.address, password: password() });
  await proceed(page);
  assert.match(await errorOf(page, 'emailAddress'), /taken/i);
  await visit.shot('sign-up-taken');
});

story(shared, 'a password that is too short is refused on its field', async ({ app, page, visit }) => {
  visit.expectStatus(422);
  await page.goto(`${app.origin}/sign-up`);
  await fill(page, { emailAddress: address('fay'), password: 'short' });
  await proceed(page);
  assert.match(await errorOf(page, 'password'), /8/);
});
