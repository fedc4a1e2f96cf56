import assert from 'node:assert/strict';

import { expressApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import { claims } from '../harness/clerkjs.mjs';
import { ORGANIZATIONS, picture } from '../harness/organizations.mjs';
import { address } from '../harness/people.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({ settings: ORGANIZATIONS, prepare: async server => ({ app: await expressApp(server) }) });

/** This version of the SDK hands domains over as they stand on the wire. */
const mode = domain => domain.enrollmentMode ?? domain.enrollment_mode;
const ids = ({ data }) => data.map(({ id }) => id);

story(shared, 'the backend creates, finds, changes and deletes organizations', async ({ clerk }) => {
  const ada = await newUser(clerk, 'ada');
  const acme = await clerk.organizations.createOrganization({
    name: 'Acme',
    slug: 'acme-of-ada',
    createdBy: ada.id,
    publicMetadata: { plan: 'silver' },
    privateMetadata: { crm: 7 },
    maxAllowedMemberships: 5,
  });
  assert.deepEqual(
    [acme.name, acme.slug, acme.createdBy, acme.publicMetadata.plan, acme.privateMetadata.crm, acme.maxAllowedMemberships, acme.membersCount],
    ['Acme', 'acme-of-ada', ada.id, 'silver', 7, 5, 1],
  );
  assert.equal((await clerk.organizations.getOrganization({ organizationId: acme.id })).id, acme.id);
  assert.equal((await clerk.organizations.getOrganization({ slug: 'acme-of-ada', includeMembersCount: true })).membersCount, 1);
  const found = await clerk.organizations.getOrganizationList({ query: 'acme-of', orderBy: '-created_at', includeMembersCount: true });
  assert.deepEqual([ids(found), found.totalCount], [[acme.id], 1]);
  assert.deepEqual(ids(await clerk.organizations.getOrganizationList({ userId: [ada.id], limit: 1 })), [acme.id]);

  const renamed = await clerk.organizations.updateOrganization(acme.id, { name: 'Acme Ltd', maxAllowedMemberships: 0, adminDeleteEnabled: false });
  assert.deepEqual([renamed.name, renamed.slug, renamed.maxAllowedMemberships, renamed.adminDeleteEnabled], ['Acme Ltd', 'acme-of-ada', 0, false]);
  const merged = await clerk.organizations.updateOrganizationMetadata(acme.id, { publicMetadata: { seats: 3 }, privateMetadata: { crm: null } });
  assert.deepEqual([merged.publicMetadata, merged.privateMetadata], [{ plan: 'silver', seats: 3 }, {}]);
  const replaced = await clerk.organizations.replaceOrganizationMetadata(acme.id, { publicMetadata: { only: true } });
  assert.deepEqual(replaced.publicMetadata, { only: true });
  const file = new Blob([picture], { type: 'image/png' });
  assert.equal((await clerk.organizations.updateOrganizationLogo(acme.id, { file, uploaderUserId: ada.id })).hasImage, true);
  assert.equal((await clerk.organizations.deleteOrganizationLogo(acme.id)).hasImage, false);
  assert.equal((await clerk.organizations.deleteOrganization(acme.id)).deleted, true);
  await assert.rejects(clerk.organizations.getOrganization({ organizationId: acme.id }), { status: 404 });
});

story(shared, 'the backend keeps members', async ({ clerk }) => {
  const [bea, cleo] = [await newUser(clerk, 'bea'), await newUser(clerk, 'cleo')];
  const { id: organizationId } = await clerk.organizations.createOrganization({ name: 'Loom', createdBy: bea.id });
  const made = await clerk.organizations.createOrganizationMembership({ organizationId, userId: cleo.id, role: 'org:member' });
  assert.deepEqual([made.role, made.organization.id, made.publicUserData.userId], ['org:member', organizationId, cleo.id]);
  assert.ok(made.permissions.includes('org:sys_memberships:read'));
  const list = await clerk.organizations.getOrganizationMembershipList({ organizationId, role: ['org:member'], orderBy: '+created_at' });
  assert.deepEqual([ids(list), list.totalCount], [[made.id], 1]);
  assert.ok(ids(await clerk.organizations.getInstanceOrganizationMembershipList({ limit: 100 })).includes(made.id));
  assert.deepEqual(ids(await clerk.users.getOrganizationMembershipList({ userId: cleo.id })), [made.id]);
  assert.deepEqual(ids(await clerk.users.getUserList({ organizationId: [organizationId], orderBy: 'created_at' })), [bea.id, cleo.id]);

  const raised = await clerk.organizations.updateOrganizationMembership({ organizationId, userId: cleo.id, role: 'org:admin' });
  assert.equal(raised.role, 'org:admin');
  const noted = await clerk.organizations.updateOrganizationMembershipMetadata({ organizationId, userId: cleo.id, publicMetadata: { desk: 3 } });
  assert.deepEqual(noted.publicMetadata, { desk: 3 });
  await clerk.organizations.deleteOrganizationMembership({ organizationId, userId: cleo.id });
  await assert.rejects(clerk.organizations.deleteOrganizationMembership({ organizationId, userId: bea.id }), { status: 422 });
  assert.equal((await clerk.organizations.getOrganizationMembershipList({ organizationId })).totalCount, 1);
});

story(shared, 'the backend invites, and takes back', async ({ clerk }) => {
  const [hana, ines] = [await newUser(clerk, 'hana'), await newUser(clerk, 'ines')];
  const { id: organizationId } = await clerk.organizations.createOrganization({ name: 'Mill', createdBy: hana.id });
  const redirectUrl = 'http://localhost:3000/join';
  const one = await clerk.organizations.createOrganizationInvitation({
    organizationId,
    emailAddress: ines.address,
    role: 'org:admin',
    inviterUserId: hana.id,
    redirectUrl,
    publicMetadata: { desk: 1 },
    expiresInDays: 3,
  });
  assert.deepEqual([one.emailAddress, one.role, one.status, one.organizationId], [ines.address, 'org:admin', 'pending', organizationId]);
  const more = [address('one'), address('two')];
  const bulk = await clerk.organizations.createOrganizationInvitationBulk(
    organizationId,
    more.map(emailAddress => ({ emailAddress, role: 'org:member', redirectUrl })),
  );
  assert.deepEqual(bulk.data.map(({ emailAddress }) => emailAddress).sort(), more);
  const pending = await clerk.organizations.getOrganizationInvitationList({ organizationId, status: ['pending'], limit: 2 });
  assert.deepEqual([pending.data.length, pending.totalCount], [2, 3]);
  assert.equal((await clerk.organizations.getOrganizationInvitation({ organizationId, invitationId: one.id })).publicMetadata.desk, 1);
  assert.deepEqual(ids(await clerk.users.getOrganizationInvitationList({ userId: ines.id, status: 'pending' })), [one.id]);
  const revoked = await clerk.organizations.revokeOrganizationInvitation({ organizationId, invitationId: bulk.data[0].id, requestingUserId: hana.id });
  assert.equal(revoked.status, 'revoked');
  const again = clerk.organizations.revokeOrganizationInvitation({ organizationId, invitationId: bulk.data[0].id });
  await assert.rejects(again, { status: 400 });
  await assert.rejects(clerk.organizations.getOrganizationInvitation({ organizationId, invitationId: 'orginv_none' }), { status: 404 });
  assert.equal((await clerk.organizations.getOrganizationInvitationList({ organizationId, status: ['revoked'] })).totalCount, 1);
});

story(shared, 'the backend keeps domains', async ({ clerk }) => {
  const kim = await newUser(clerk, 'kim');
  const { id: organizationId } = await clerk.organizations.createOrganization({ name: 'Weir', createdBy: kim.id });
  await clerk.instance.updateOrganizationSettings({ domainsEnabled: true });
  assert.equal((await clerk.instance.getOrganizationSettings()).domainsEnabled, true);
  const made = await clerk.organizations.createOrganizationDomain({ organizationId, name: 'weir.test', enrollmentMode: 'manual_invitation', verified: false });
  assert.deepEqual([made.name, mode(made), made.verification?.status ?? 'unverified'], ['weir.test', 'manual_invitation', 'unverified']);
  const changed = await clerk.organizations.updateOrganizationDomain({
    organizationId,
    domainId: made.id,
    enrollmentMode: 'automatic_invitation',
    verified: true,
  });
  assert.deepEqual([mode(changed), changed.verification.status], ['automatic_invitation', 'verified']);
  assert.deepEqual(ids(await clerk.organizations.getOrganizationDomainList({ organizationId })), [made.id]);
  assert.equal((await clerk.organizations.deleteOrganizationDomain({ organizationId, domainId: made.id })).deleted, true);
  assert.equal((await clerk.organizations.getOrganizationDomainList({ organizationId })).totalCount, 0);
});

story(shared, 'the backend turns on what organizations may', async ({ clerk }) => {
  const settings = await clerk.instance.updateOrganizationSettings({ enabled: true, maxAllowedMemberships: 50, adminDeleteEnabled: true });
  assert.deepEqual([settings.enabled, settings.maxAllowedMemberships, settings.creatorRole], [true, 50, 'org:admin']);
});

story(shared, 'roles and permissions of the application decide in the token and in Express', async ({ clerk, app }) => {
  const { organizationPermissions, organizationRoles } = clerk;
  const create = await organizationPermissions.createOrganizationPermission({ name: 'Create invoices', key: 'org:invoices:create', description: 'New ones' });
  const read = await organizationPermissions.createOrganizationPermission({ name: 'Read invoices', key: 'org:invoices:read' });
  assert.equal((await organizationPermissions.getOrganizationPermission(create.id)).key, 'org:invoices:create');
  assert.ok(ids(await organizationPermissions.getOrganizationPermissionList({ query: 'invoices', orderBy: '+key' })).includes(read.id));
  assert.equal((await organizationPermissions.updateOrganizationPermission({ permissionId: read.id, name: 'See invoices' })).name, 'See invoices');

  const role = await organizationRoles.createOrganizationRole({
    name: 'Billing',
    key: 'org:billing',
    permissions: [create.id, read.id],
    includeInInitialRoleSet: true,
  });
  assert.equal((await organizationRoles.getOrganizationRole(role.id)).key, 'org:billing');
  assert.ok(ids(await organizationRoles.getOrganizationRoleList({ query: 'bill' })).includes(role.id));
  assert.equal((await organizationRoles.updateOrganizationRole({ organizationRoleId: role.id, name: 'Accounting' })).name, 'Accounting');

  const [dora, eve] = [await newUser(clerk, 'dora'), await newUser(clerk, 'eve')];
  const { id: organizationId } = await clerk.organizations.createOrganization({ name: 'Kiln', createdBy: dora.id });
  await clerk.organizations.createOrganizationMembership({ organizationId, userId: eve.id, role: 'org:billing' });
  const session = await clerk.sessions.createSession({ userId: eve.id, activeOrganizationId: organizationId });
  const allowed = async permission => {
    const { jwt } = await clerk.sessions.getToken(session.id);
    assert.equal(claims(jwt).o.rol, 'billing');
    const answer = await fetch(`${app.origin}/api/organization?permission=${permission}`, { headers: { authorization: `Bearer ${jwt}` } });
    return (await answer.json()).has;
  };
  assert.deepEqual([await allowed('org:invoices:create'), await allowed('org:invoices:read'), await allowed('org:invoices:delete')], [true, true, false]);
  await organizationRoles.removePermissionFromOrganizationRole({ organizationRoleId: role.id, permissionId: create.id });
  assert.deepEqual([await allowed('org:invoices:create'), await allowed('org:invoices:read')], [false, true]);
  await organizationRoles.assignPermissionToOrganizationRole({ organizationRoleId: role.id, permissionId: create.id });
  assert.equal(await allowed('org:invoices:create'), true);

  await assert.rejects(organizationRoles.deleteOrganizationRole(role.id), error => error.status >= 400 && error.status < 500);
  await organizationPermissions.deleteOrganizationPermission(create.id);
  assert.equal(await allowed('org:invoices:create'), false);
});

story(shared, 'role sets say which roles an organization has', async ({ clerk }) => {
  const { organizationRoles, roleSets } = clerk;
  const initial = (await roleSets.getRoleSetList({ orderBy: '+created_at' })).data[0];
  assert.equal(initial.type, 'initial');
  const [chief, hand] = [
    await organizationRoles.createOrganizationRole({ name: 'Chief', key: 'org:chief' }),
    await organizationRoles.createOrganizationRole({ name: 'Hand', key: 'org:hand' }),
  ];
  const set = await roleSets.createRoleSet({
    name: 'Workshops',
    key: 'role_set:workshops',
    defaultRoleKey: 'org:member',
    creatorRoleKey: 'org:admin',
    roles: ['org:admin', 'org:member', 'org:hand'],
  });
  assert.equal((await roleSets.getRoleSet('role_set:workshops')).id, set.id);
  assert.equal((await roleSets.updateRoleSet({ roleSetKeyOrId: set.id, name: 'Shops' })).name, 'Shops');
  const wider = await roleSets.addRolesToRoleSet({ roleSetKeyOrId: set.id, roleKeys: ['org:chief'] });
  assert.ok(wider.roles.some(({ key }) => key === 'org:chief'));

  const fay = await newUser(clerk, 'fay');
  const shop = await clerk.organizations.createOrganization({ name: 'Shop', createdBy: fay.id, roleSetKey: 'role_set:workshops' });
  const gus = await newUser(clerk, 'gus');
  await clerk.organizations.createOrganizationMembership({ organizationId: shop.id, userId: gus.id, role: 'org:hand' });
  await roleSets.replaceRoleInRoleSet({ roleSetKeyOrId: set.id, roleKey: 'org:hand', toRoleKey: 'org:chief' });
  const roles = async () => Object.fromEntries((await clerk.organizations.getOrganizationMembershipList({ organizationId: shop.id })).data.map(m => [m.publicUserData.userId, m.role]));
  assert.equal((await roles())[gus.id], 'org:chief');
  await roleSets.replaceRoleSet({ roleSetKeyOrId: set.id, destRoleSetKey: initial.key, reassignmentMappings: { 'org:chief': 'org:member' } });
  assert.deepEqual(await roles(), { [fay.id]: 'org:admin', [gus.id]: 'org:member' });
  await assert.rejects(roleSets.getRoleSet(set.id), { status: 404 });
  for (const { id } of [chief, hand]) assert.equal((await organizationRoles.deleteOrganizationRole(id)).deleted, true);
});
