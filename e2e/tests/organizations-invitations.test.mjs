import assert from 'node:assert/strict';

import { reactApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import { assertSignedIn, fill, proceed, signInWithPassword } from '../harness/components.mjs';
import { mailbox } from '../harness/inbox.mjs';
import { assertHere, openMembers, openSwitcher, ORGANIZATIONS, row, switchTo } from '../harness/organizations.mjs';
import { address, password } from '../harness/people.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({ settings: ORGANIZATIONS, prepare: async server => ({ app: await reactApp(server.instance) }) });

const button = (page, name) => page.getByRole('button', { name, exact: true });

/** The link of the newest mail to somebody. */
async function linkOf(server, to) {
  const { text } = await mailbox(server, to).nextMessage();
  const link = /https?:\/\/\S*ticket=\S+/.exec(text)?.[0];
  assert.ok(link, `no link in: ${text}`);
  return link;
}

async function admin(clerk, name) {
  const person = await newUser(clerk, name);
  const organization = await clerk.organizations.createOrganization({ name: `${name} and Co`, createdBy: person.id });
  return { person, organization };
}

story(shared, 'an admin invites several people from the profile, and takes one back', async ({ clerk, server, app, page, visit }) => {
  const { person, organization } = await admin(clerk, 'ada');
  const [first, second] = [address('first'), address('second')];
  await signInWithPassword(page, app, person);
  await page.goto(`${app.origin}/team`);
  await switchTo(page, /ada and Co/);
  await assertHere(page, { id: organization.id });
  await openMembers(page, app);
  await button(page, 'Invite').click();
  const addresses = page.locator('.cl-tagInputContainer input');
  for (const one of [first, second]) {
    await addresses.pressSequentially(one);
    await addresses.press(',');
  }
  await page.getByRole('button', { name: /^Role: / }).click();
  await page.locator('.cl-selectOption__role', { hasText: 'Member' }).click();
  await visit.shot('organization-invite');
  await button(page, 'Send invitations').click();
  await page.getByText('Invitations successfully sent').first().waitFor();
  assert.equal(await mailbox(server, first).unreadCount(), 1);
  assert.equal(await mailbox(server, second).unreadCount(), 1);

  await openMembers(page, app);
  await page.getByRole('tab', { name: /Invitations/ }).click();
  await row(page, second).waitFor();
  await visit.shot('organization-invitations');
  await row(page, second).getByRole('button', { name: 'Open menu' }).click();
  await page.getByRole('menuitem', { name: 'Revoke invitation' }).click();
  await row(page, second).waitFor({ state: 'detached' });
  const pending = await clerk.organizations.getOrganizationInvitationList({ organizationId: organization.id, status: ['pending'] });
  assert.deepEqual(pending.data.map(({ emailAddress }) => emailAddress), [first]);
});

story(shared, 'whoever is invited signs up by the link and is a member', async ({ clerk, server, app, page, visit }) => {
  const { person, organization } = await admin(clerk, 'bea');
  const guest = { address: address('guest'), password: password() };
  await clerk.organizations.createOrganizationInvitation({
    organizationId: organization.id,
    inviterUserId: person.id,
    emailAddress: guest.address,
    role: 'org:admin',
    redirectUrl: `${app.origin}/sign-up`,
  });
  await page.goto(await linkOf(server, guest.address));
  await page.waitForURL(/\/sign-up/);
  await page.locator('input[name=password]:visible').waitFor();
  await visit.shot('organization-invitation-sign-up');
  await fill(page, { password: guest.password });
  await proceed(page);
  const id = await assertSignedIn(page, { address: guest.address });
  await page.goto(`${app.origin}/team`);
  await assertHere(page, { id: organization.id, role: 'org:admin' });
  const { data } = await clerk.users.getOrganizationMembershipList({ userId: id });
  assert.deepEqual(data.map(({ role, organization: { id } }) => [role, id]), [['org:admin', organization.id]]);
});

story(shared, 'whoever has an account already joins by signing in with the link', async ({ clerk, server, app, page }) => {
  const { person, organization } = await admin(clerk, 'cleo');
  const guest = await newUser(clerk, 'dora');
  await clerk.organizations.createOrganizationInvitation({
    organizationId: organization.id,
    inviterUserId: person.id,
    emailAddress: guest.address,
    role: 'org:member',
    redirectUrl: `${app.origin}/sign-in`,
  });
  await page.goto(await linkOf(server, guest.address));
  await assertSignedIn(page, { id: guest.id });
  await page.goto(`${app.origin}/team`);
  await assertHere(page, { id: organization.id, role: 'org:member' });
});

story(shared, 'whoever is signed in joins from the switcher and from the list', async ({ clerk, app, page, visit }) => {
  const [one, two] = [await admin(clerk, 'eve'), await admin(clerk, 'fay')];
  const guest = await newUser(clerk, 'gus');
  for (const { person, organization } of [one, two]) {
    await clerk.organizations.createOrganizationInvitation({
      organizationId: organization.id,
      inviterUserId: person.id,
      emailAddress: guest.address,
      role: 'org:member',
    });
  }
  await signInWithPassword(page, app, guest);
  await page.goto(`${app.origin}/team`);
  await openSwitcher(page);
  await page.getByText('eve and Co').waitFor();
  await visit.shot('organization-invited');
  await page.locator('.cl-organizationSwitcherPopoverCard').getByRole('button', { name: 'Join' }).first().click();
  await page.goto(`${app.origin}/organizations`);
  await button(page, 'Join').waitFor();
  await button(page, 'Join').click();
  await button(page, 'Join').waitFor({ state: 'detached' });
  const { totalCount } = await clerk.users.getOrganizationMembershipList({ userId: guest.id });
  assert.equal(totalCount, 2);
});
