import assert from 'node:assert/strict';

import { reactApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import { enterCode, signInWithPassword } from '../harness/components.mjs';
import { mailbox } from '../harness/inbox.mjs';
import { assertHere, openMembers, openSwitcher, ORGANIZATIONS, row, switchTo } from '../harness/organizations.mjs';
import { password } from '../harness/people.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({
  settings: `${ORGANIZATIONS}domains_enabled = true\n`,
  prepare: async server => ({ app: await reactApp(server.instance) }),
});

const button = (page, name) => page.getByRole('button', { name, exact: true });

async function somebodyAt(clerk, domain, name) {
  const person = { address: `${name}@${domain}`, password: password() };
  const user = await clerk.users.createUser({ emailAddress: [person.address], password: person.password });
  return { ...person, id: user.id };
}

story(shared, 'whoever has an address at the domain asks to join, and an admin approves', async ({ clerk, app, page, visit }) => {
  const ada = await newUser(clerk, 'ada');
  const { id } = await clerk.organizations.createOrganization({ name: 'Looms', createdBy: ada.id });
  await clerk.organizations.createOrganizationDomain({ organizationId: id, name: 'looms.test', enrollmentMode: 'automatic_suggestion', verified: true });
  const bob = await somebodyAt(clerk, 'looms.test', 'bob');
  await signInWithPassword(page, app, bob);
  await page.goto(`${app.origin}/team`);
  await openSwitcher(page);
  await page.getByText('Looms').first().waitFor();
  await visit.shot('organization-suggested');
  await button(page, 'Request to join').click();
  await page.getByText('Pending approval').first().waitFor();
  assert.equal((await clerk.users.getOrganizationMembershipList({ userId: bob.id })).totalCount, 0, 'nobody is in before the approval');
  await page.evaluate(() => window.Clerk.signOut(() => {}));

  await signInWithPassword(page, app, ada);
  await page.goto(`${app.origin}/team`);
  await switchTo(page, /Looms/);
  await assertHere(page, { id });
  await openMembers(page, app);
  await page.getByRole('tab', { name: /Requests/ }).click();
  await row(page, bob.address).waitFor();
  await visit.shot('organization-requests');
  await row(page, bob.address).getByRole('button', { name: 'Approve', exact: true }).click();
  await row(page, bob.address).waitFor({ state: 'detached' });
  const { data } = await clerk.users.getOrganizationMembershipList({ userId: bob.id });
  assert.deepEqual(data.map(({ role, organization }) => [role, organization.id]), [['org:member', id]]);
});

story(shared, 'a domain invites whoever has an address there, and they join from the switcher', async ({ clerk, app, page, visit }) => {
  const eve = await newUser(clerk, 'eve');
  const { id } = await clerk.organizations.createOrganization({ name: 'Forge', createdBy: eve.id });
  await clerk.organizations.createOrganizationDomain({ organizationId: id, name: 'forge.test', enrollmentMode: 'automatic_invitation', verified: true });
  const fay = await somebodyAt(clerk, 'forge.test', 'fay');
  await signInWithPassword(page, app, fay);
  await page.goto(`${app.origin}/team`);
  await openSwitcher(page);
  await page.getByText('Forge').first().waitFor();
  await visit.shot('organization-invited-by-domain');
  const accepted = page.waitForResponse(/\/organization_invitations\/[^/]+\/accept/);
  await page.locator('.cl-organizationSwitcherPopoverCard').getByRole('button', { name: 'Join' }).click();
  assert.equal((await accepted).status(), 200);
  const { data } = await clerk.users.getOrganizationMembershipList({ userId: fay.id });
  assert.deepEqual(data.map(({ role, organization }) => [role, organization.id]), [['org:member', id]]);
});

story(shared, 'an admin proves a domain with a code', async ({ clerk, server, app, page, visit }) => {
  const cleo = await somebodyAt(clerk, 'kiln.test', 'cleo');
  const { id } = await clerk.organizations.createOrganization({ name: 'Kiln', createdBy: cleo.id });
  await signInWithPassword(page, app, cleo);
  await page.goto(`${app.origin}/team`);
  await switchTo(page, /Kiln/);
  await assertHere(page, { id });
  await page.goto(`${app.origin}/organization`);
  await button(page, 'Add domain').click();
  await page.locator('input[name=name]:enabled').fill('kiln.test');
  await button(page, 'Save').click();
  await page.locator('input[name=affiliationEmailAddress]').fill('info');
  await button(page, 'Save').click();
  await enterCode(page, await mailbox(server, 'info@kiln.test').nextCode());
  // Then the page asks how people with such an address are to come in.
  await page.getByText('Automatic invitations').first().waitFor();
  await visit.shot('organization-domain');
  const { data } = await clerk.organizations.getOrganizationDomainList({ organizationId: id });
  assert.deepEqual(data.map(({ name, verification }) => [name, verification.status]), [['kiln.test', 'verified']]);
  await page.reload();
  await page.getByText('kiln.test').first().waitFor();
  assert.equal(await page.getByText('Unverified').count(), 0);
});
