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

/** A red square of one pixel. */
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);
const shownPicture = page => page.locator('.cl-profileSectionContent__profile img[src*="/v1/images/"]').first();

story(shared, 'a user uploads a picture, sees it, and removes it', async ({ clerk, app, page, visit }) => {
  const finn = await newUser(clerk, 'finn', { firstName: 'Finn', lastName: 'Ekman' });
  await signInWithPassword(page, app, finn);
  await openProfile(page, app);
  const plain = page.locator('.cl-profileSectionContent__profile img').first();
  await plain.waitFor();
  assert.match(await plain.getAttribute('src'), /avatar_placeholder/);
  assert.ok(await plain.evaluate(image => image.decode().then(() => image.naturalWidth > 0)), 'the avatar of ours is drawn');
  await visit.shot('profile-avatar');

  await button(page, 'Update profile');
  await page.locator('input[type=file]').setInputFiles({ name: 'me.png', mimeType: 'image/png', buffer: picture });
  await shownPicture(page).waitFor();
  assert.ok(await shownPicture(page).evaluate(image => image.decode().then(() => image.naturalWidth > 0)), 'the picture is shown');
  await visit.shot('profile-picture');
  const user = await clerk.users.getUser(finn.id);
  assert.equal(user.hasImage, true);
  assert.match(user.imageUrl, /\/v1\/images\/img_/);

  await button(page, 'Update profile');
  await button(page, 'Remove');
  await page.locator('img[src*="avatar_placeholder"]').first().waitFor();
  assert.equal((await clerk.users.getUser(finn.id)).hasImage, false);
});

story(shared, 'a file that is no picture is refused in the profile', async ({ clerk, app, page, visit }) => {
  const gus = await newUser(clerk, 'gus');
  await signInWithPassword(page, app, gus);
  visit.expectStatus(422);
  const refusal = await refusalOf(page, () =>
    window.Clerk.user.setProfileImage({ file: new File(['<svg onload="alert(1)"/>'], 'me.png', { type: 'image/png' }) }),
  );
  assert.deepEqual([refusal?.status, refusal?.param], [422, 'file']);
  assert.equal((await clerk.users.getUser(gus.id)).hasImage, false);
});

story(shared, 'the list of devices shows this browser, and signs another one out', async ({ clerk, app, page, visit }) => {
  const hana = await newUser(clerk, 'hana');
  await signInWithPassword(page, app, hana);
  const other = await clerk.sessions.createSession({ userId: hana.id });
  await openProfile(page, app);
  await button(page, 'Security');
  const devices = page.locator('.cl-activeDevice');
  await page.locator('.cl-activeDevice__current').waitFor();
  const current = await page.locator('.cl-activeDevice__current').innerText();
  assert.match(current, /Linux/);
  assert.match(current, /This device/);
  assert.match(current, /Chrome \d+\.\d+/);
  assert.equal(await devices.count(), 2);
  await visit.shot('profile-devices');

  await page.locator('.cl-activeDeviceListItem').getByRole('button', { name: 'Open menu' }).click();
  const [answer] = await Promise.all([
    page.waitForResponse(response => response.url().includes(`/v1/me/sessions/${other.id}/revoke`)),
    page.getByRole('menuitem', { name: 'Sign out of device' }).click(),
  ]);
  assert.equal(answer.status(), 200);
  await page.reload();
  await page.locator('.cl-activeDevice__current').waitFor();
  assert.equal(await devices.count(), 1);
  assert.equal((await clerk.sessions.getSession(other.id)).status, 'revoked');
  const mine = await clerk.sessions.getSessionList({ userId: hana.id, status: 'active' });
  assert.equal(mine.data.length, 1);
  assert.match(mine.data[0].latestActivity.browserName, /Chrome/);
});

story(shared, 'a password that is required is not taken away', async ({ clerk, app, page, visit }) => {
  const ines = await newUser(clerk, 'ines');
  await signInWithPassword(page, app, ines);
  await openProfile(page, app);
  await button(page, 'Security');
  await page.getByText('Update password').first().waitFor();
  assert.equal(await page.getByText(/remove password/i).count(), 0);
  visit.expectStatus(403);
  const refusal = await refusalOf(page, currentPassword => window.Clerk.user.removePassword({ currentPassword }), ines.password);
  assert.equal(refusal?.status, 403);
  assert.equal((await clerk.users.getUser(ines.id)).passwordEnabled, true);
});
