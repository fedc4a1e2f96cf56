import assert from 'node:assert/strict';

import { reactApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import { claims } from '../harness/clerkjs.mjs';
import { signInWithPassword } from '../harness/components.mjs';
import {
  assertHere,
  confirm,
  create,
  openMembers,
  openSwitcher,
  ORGANIZATIONS,
  picture,
  row,
  skipInvitations,
  switchTo,
} from '../harness/organizations.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({ settings: ORGANIZATIONS, prepare: async server => ({ app: await reactApp(server.instance) }) });

const button = (page, name) => page.getByRole('button', { name, exact: true });

const token = (page, options) => page.evaluate(async options => window.Clerk.session.getToken({ skipCache: true, ...options }), options);

const active = async page => claims(await token(page)).o;

async function signIn(page, app, person) {
  await signInWithPassword(page, app, person);
  await page.goto(`${app.origin}/team`);
}

story(shared, 'a user creates an organization with a logo and a slug, and is in it', async ({ clerk, app, page, visit }) => {
  const ada = await newUser(clerk, 'ada', { firstName: 'Ada', lastName: 'Byron' });
  await signIn(page, app, ada);
  await assertHere(page, { id: '', admin: 'false' });
  await switchTo(page, 'Create organization');
  await create(page, { name: 'Acme Looms', slug: 'looms', logo: picture });
  await skipInvitations(page);
  await assertHere(page, { slug: 'looms', name: 'Acme Looms', role: 'org:admin', admin: 'true', members: ada.address });
  await page.reload();
  await assertHere(page, { slug: 'looms', mine: 'Acme Looms' });
  await visit.shot('organization-switcher');

  const organization = await clerk.organizations.getOrganization({ slug: 'looms' });
  assert.deepEqual([organization.name, organization.hasImage, organization.createdBy], ['Acme Looms', true, ada.id]);
  assert.match(organization.imageUrl, /\/v1\/images\/img_/);
  assert.deepEqual(await active(page), { id: organization.id, slg: 'looms', rol: 'admin' });
});

story(shared, 'a page of its own creates an organization, and a slug that is taken is said at its field', async ({ clerk, app, page, visit }) => {
  const bea = await newUser(clerk, 'bea');
  await clerk.organizations.createOrganization({ name: 'Taken', slug: 'taken' });
  await signIn(page, app, bea);
  await page.goto(`${app.origin}/create-organization`);
  visit.expectStatus(422);
  await create(page, { name: 'Mine', slug: 'taken' });
  await page.locator('#error-slug:visible').waitFor();
  await visit.shot('organization-create');
  await create(page, { name: 'Mine', slug: 'mine-alone' });
  await skipInvitations(page);
  await assertHere(page, { slug: 'mine-alone', role: 'org:admin' });
});

story(shared, 'a member of two switches between them and the personal account', async ({ clerk, app, page, visit }) => {
  const cleo = await newUser(clerk, 'cleo');
  const [north, south] = [
    await clerk.organizations.createOrganization({ name: 'North', createdBy: cleo.id }),
    await clerk.organizations.createOrganization({ name: 'South' }),
  ];
  await clerk.organizations.createOrganizationMembership({ organizationId: south.id, userId: cleo.id, role: 'org:member' });
  await signIn(page, app, cleo);
  await assertHere(page, { id: '', mine: 'North, South' });
  assert.equal(await active(page), undefined);

  await switchTo(page, /North/);
  await assertHere(page, { id: north.id, role: 'org:admin', admin: 'true' });
  assert.deepEqual(await active(page), { id: north.id, slg: north.slug, rol: 'admin' });
  await switchTo(page, /South/);
  await assertHere(page, { id: south.id, role: 'org:member', admin: 'false' });
  await openSwitcher(page);
  await visit.shot('organization-switcher-two');
  await page.keyboard.press('Escape');

  // A token for one that the session is not in, and for the personal account.
  assert.equal(claims(await token(page, { organizationId: north.id })).o.rol, 'admin');
  await assertHere(page, { id: south.id });
  await page.reload();
  await assertHere(page, { id: south.id });
  await switchTo(page, 'Personal account');
  await assertHere(page, { id: '', admin: 'false' });
  assert.equal(await active(page), undefined);
});

story(shared, 'the list of organizations leads into one, and into the personal account', async ({ clerk, app, page, visit }) => {
  const dora = await newUser(clerk, 'dora');
  const west = await clerk.organizations.createOrganization({ name: 'West', createdBy: dora.id });
  await signIn(page, app, dora);
  await page.goto(`${app.origin}/organizations`);
  await page.getByRole('button', { name: /West/ }).waitFor();
  await visit.shot('organization-list');
  await page.getByRole('button', { name: /West/ }).click();
  await assertHere(page, { id: west.id });
  await page.goto(`${app.origin}/organizations`);
  await page.getByRole('button', { name: /Personal account/ }).click();
  await assertHere(page, { id: '' });
});

story(shared, 'an admin changes name, slug and logo in the profile', async ({ clerk, app, page, visit }) => {
  const eve = await newUser(clerk, 'eve');
  const { id } = await clerk.organizations.createOrganization({ name: 'Old name', createdBy: eve.id });
  await signIn(page, app, eve);
  await switchTo(page, /Old name/);
  await assertHere(page, { id });
  await page.goto(`${app.origin}/organization`);
  await button(page, 'Update profile').click();
  await page.locator('input[type=file]').setInputFiles({ name: 'logo.png', mimeType: 'image/png', buffer: picture });
  await page.locator('.cl-organizationProfile-root img[src*="/v1/images/"]').first().waitFor();
  await button(page, 'Update profile').click();
  await page.locator('input[name=name]:enabled').fill('New name');
  await page.locator('input[name=slug]:enabled').fill('new-name-of-eve');
  await visit.shot('organization-profile-edit');
  await button(page, 'Save').click();
  await page.locator('input[name=slug]').waitFor({ state: 'detached' });
  await visit.shot('organization-profile');
  const changed = await clerk.organizations.getOrganization({ organizationId: id });
  assert.deepEqual([changed.name, changed.slug, changed.hasImage], ['New name', 'new-name-of-eve', true]);
});

story(shared, 'an admin lists members, changes a role, and removes somebody', async ({ clerk, app, page, visit }) => {
  const [fay, gus] = [await newUser(clerk, 'fay'), await newUser(clerk, 'gus', { firstName: 'Gus', lastName: 'Ekman' })];
  const { id } = await clerk.organizations.createOrganization({ name: 'Kiln', createdBy: fay.id });
  await clerk.organizations.createOrganizationMembership({ organizationId: id, userId: gus.id, role: 'org:member' });
  await signIn(page, app, fay);
  await switchTo(page, /Kiln/);
  await assertHere(page, { id, members: [fay.address, gus.address].sort().join(' ') });
  await openMembers(page, app);
  await row(page, gus.address).waitFor();
  await visit.shot('organization-members');

  await row(page, gus.address).getByRole('button', { name: 'Member', exact: true }).click();
  await page.getByRole('option', { name: 'Admin' }).or(page.locator('.cl-selectOption__role', { hasText: 'Admin' })).first().click();
  await row(page, gus.address).getByRole('button', { name: 'Admin', exact: true }).waitFor();
  const roles = async () => Object.fromEntries((await clerk.organizations.getOrganizationMembershipList({ organizationId: id })).data.map(m => [m.publicUserData.userId, m.role]));
  assert.equal((await roles())[gus.id], 'org:admin');

  await row(page, gus.address).getByRole('button', { name: 'Open menu' }).click();
  await page.getByRole('menuitem', { name: 'Remove member' }).click();
  await row(page, gus.address).waitFor({ state: 'detached' });
  assert.deepEqual(await roles(), { [fay.id]: 'org:admin' });
});

story(shared, 'a role of the application is in the dropdown of the members', async ({ clerk, app, page, visit }) => {
  await clerk.organizationRoles.createOrganizationRole({ name: 'Navigator', key: 'org:navigator', includeInInitialRoleSet: true });
  const [kim, lou] = [await newUser(clerk, 'kim'), await newUser(clerk, 'lou')];
  const { id } = await clerk.organizations.createOrganization({ name: 'Lock', createdBy: kim.id });
  await clerk.organizations.createOrganizationMembership({ organizationId: id, userId: lou.id, role: 'org:member' });
  await signIn(page, app, kim);
  await switchTo(page, /Lock/);
  await assertHere(page, { id });
  await openMembers(page, app);
  await row(page, lou.address).getByRole('button', { name: 'Member', exact: true }).click();
  await visit.shot('organization-roles');
  await page.getByRole('option', { name: 'Navigator' }).or(page.locator('.cl-selectOption__role', { hasText: 'Navigator' })).first().click();
  await row(page, lou.address).getByRole('button', { name: 'Navigator', exact: true }).waitFor();
  const { data } = await clerk.users.getOrganizationMembershipList({ userId: lou.id });
  assert.deepEqual(data.map(({ role }) => role), ['org:navigator']);
});

story(shared, 'a member has no say, and leaves', async ({ clerk, app, page, visit }) => {
  const [hana, ines] = [await newUser(clerk, 'hana'), await newUser(clerk, 'ines')];
  const { id } = await clerk.organizations.createOrganization({ name: 'Quay', createdBy: hana.id });
  await clerk.organizations.createOrganizationMembership({ organizationId: id, userId: ines.id, role: 'org:member' });
  await signIn(page, app, ines);
  await switchTo(page, /Quay/);
  await assertHere(page, { id, role: 'org:member' });
  await openMembers(page, app);
  await row(page, hana.address).waitFor();
  assert.equal(await page.getByRole('button', { name: 'Invite' }).count(), 0);
  assert.equal(await row(page, hana.address).getByRole('button').count(), 0);
  await page.goto(`${app.origin}/organization`);
  await button(page, 'Leave organization').waitFor();
  assert.equal(await button(page, 'Delete organization').count(), 0);
  await button(page, 'Leave organization').click();
  await visit.shot('organization-leave');
  await confirm(page, 'Quay', 'Leave organization');
  await page.waitForURL(`${app.origin}/team`);
  await assertHere(page, { id: '', mine: '' });
  assert.equal(await active(page), undefined);
  assert.equal((await clerk.organizations.getOrganization({ organizationId: id })).membersCount, 1);
});

story(shared, 'an admin deletes the organization', async ({ clerk, app, page }) => {
  const jo = await newUser(clerk, 'jo');
  const { id } = await clerk.organizations.createOrganization({ name: 'Ephemera', createdBy: jo.id });
  await signIn(page, app, jo);
  await switchTo(page, /Ephemera/);
  await assertHere(page, { id });
  await page.goto(`${app.origin}/organization`);
  await button(page, 'Delete organization').click();
  await confirm(page, 'Ephemera', 'Delete organization');
  await page.waitForURL(`${app.origin}/team`);
  await assertHere(page, { id: '', mine: '' });
  await assert.rejects(clerk.organizations.getOrganization({ organizationId: id }), { status: 404 });
});
