import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';

import { verifyToken } from '@clerk/backend';

import { expressApp } from '../harness/apps.mjs';
import { backendClient, isClerkAPIResponseError, newUser } from '../harness/backend.mjs';
import { claims } from '../harness/clerkjs.mjs';
import { configure, startInsula } from '../harness/server.mjs';

let server;
let clerk;
let organization;
const permissions = {};
const roles = {};

before(async () => {
  server = await startInsula({ names: false, settings: '[settings.organization_settings]\nenabled = true\n' });
  clerk = backendClient(server);
  for (const key of ['org:invoices:create', 'org:invoices:read', 'org:reports:read']) {
    permissions[key] = await clerk.organizationPermissions.createOrganizationPermission({ name: key, key });
  }
  roles.accountant = await clerk.organizationRoles.createOrganizationRole({
    name: 'Accountant',
    key: 'org:accountant',
    permissions: [permissions['org:invoices:create'].id, permissions['org:reports:read'].id],
    includeInInitialRoleSet: true,
  });
  const { data } = await clerk.organizationRoles.getOrganizationRoleList();
  for (const role of data) roles[role.key.replace('org:', '')] = role;
  await grant('member', 'org:reports:read');
  for (const key of Object.keys(permissions)) await grant('admin', key);
  const owner = await newUser(clerk, 'owner');
  organization = await clerk.organizations.createOrganization({ name: 'Acme', createdBy: owner.id });
});
after(() => server?.stop());

const grant = (role, key) =>
  clerk.organizationRoles.assignPermissionToOrganizationRole({
    organizationRoleId: roles[role].id,
    permissionId: permissions[key].id,
  });

const withBearer = token => new Request('http://localhost:3000/api', { headers: token ? { authorization: `Bearer ${token}` } : {} });

/** A session of somebody with this role in the organization, or of somebody who belongs to none. */
async function sessionOf(name, role) {
  const user = await newUser(clerk, name);
  if (role) {
    await clerk.organizations.createOrganizationMembership({ organizationId: organization.id, userId: user.id, role });
  }
  const response = await fetch(`${server.backendUrl}/v1/sessions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.instance.secretKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ user_id: user.id, ...(role && { active_organization_id: organization.id }) }),
  });
  assert.equal(response.status, 200, await response.clone().text());
  return { user, session: await response.json() };
}

const tokenOf = async ({ session }) => (await clerk.sessions.getToken(session.id)).jwt;

const forceSelection = on => configure(server, { organization_settings: { force_organization_selection: on } });

/** Who is granted what: the same table that `insula-verify` is held to, here with the server's own tokens. */
const table = JSON.parse(readFileSync(new URL('../../crates/verify/tests/has.json', import.meta.url), 'utf8'));

const STATES = ['signed out', 'pending', 'pending, looked at', 'personal', 'member', 'accountant', 'admin'];

describe('has()', () => {
  const has = {};

  before(async () => {
    const personal = await sessionOf('personal');
    const tokens = { personal: await tokenOf(personal) };
    for (const role of ['member', 'accountant', 'admin']) tokens[role] = await tokenOf(await sessionOf(role, `org:${role}`));
    await forceSelection(true);
    tokens.pending = await tokenOf(personal);
    await forceSelection(false);
    assert.equal(claims(tokens.pending).sts, 'pending');
    for (const state of STATES) {
      const looked = state === 'pending, looked at';
      const request = await clerk.authenticateRequest(withBearer(tokens[looked ? 'pending' : state]));
      const auth = request.toAuth(looked ? { treatPendingAsSignedOut: false } : undefined);
      assert.equal(Boolean(auth.userId), !['signed out', 'pending'].includes(state), state);
      has[state] = auth.has;
      if (!tokens[state]) continue;
      const { o: { id, slg, ...o } = {}, fea } = claims(tokens[state]);
      const { o: { id: _id, slg: _slg, ...expected } = {}, fea: features } = table.states[state].claims;
      assert.deepEqual([Boolean(id && slg), o, fea], [Boolean(_id && _slg), expected, features], `the claims of ${state}`);
    }
  });

  for (const state of STATES) {
    test(state, () => {
      const names = test => Object.entries(table.cases).filter(([, row]) => test(row)).map(([name]) => name);
      assert.deepEqual(names(({ asked }) => has[state](asked)), names(({ granted }) => granted.includes(state)));
    });
  }

  test('the claims are whole where a token is verified alone', async () => {
    const token = await tokenOf(await sessionOf('solo', 'org:admin'));
    const { o, fea, v } = await verifyToken(token, { secretKey: server.instance.secretKey, apiUrl: server.backendUrl });
    assert.deepEqual([v, fea, o.id, o.rol, o.per, o.fpm], [2, 'o:invoices,o:reports', organization.id, 'admin', 'create,read', '3,2']);
  });
});

describe('a route that asks for a permission', () => {
  let app;
  before(async () => {
    app = await expressApp(server);
  });
  after(() => app?.stop());

  const create = async who =>
    (
      await fetch(`${app.origin}/api/invoices`, {
        method: 'POST',
        headers: who ? { authorization: `Bearer ${await tokenOf(who)}` } : {},
      })
    ).status;

  test('is shut to a member, open to an admin, and shut again to one who was demoted', async () => {
    const [member, admin] = [await sessionOf('mia', 'org:member'), await sessionOf('abe', 'org:admin')];
    assert.deepEqual([await create(), await create(member), await create(admin)], [401, 403, 200]);
    const change = role =>
      clerk.organizations.updateOrganizationMembership({ organizationId: organization.id, userId: admin.user.id, role });
    await change('org:member');
    assert.equal(await create(admin), 403);
    await change('org:accountant');
    assert.equal(await create(admin), 200);
  });

  test('follows what the role allows', async () => {
    const member = await sessionOf('max', 'org:member');
    assert.equal(await create(member), 403);
    await grant('member', 'org:invoices:create');
    assert.equal(await create(member), 200);
    await clerk.organizationRoles.removePermissionFromOrganizationRole({
      organizationRoleId: roles.member.id,
      permissionId: permissions['org:invoices:create'].id,
    });
    assert.equal(await create(member), 403);
  });
});

describe('roles, permissions and role sets by the SDK', () => {
  test('a set comes, grows, and is replaced', async () => {
    const made = await clerk.roleSets.createRoleSet({
      name: 'Partners',
      key: 'role_set:partners',
      roles: ['org:admin', 'org:accountant'],
      defaultRoleKey: 'org:accountant',
      creatorRoleKey: 'org:admin',
    });
    assert.deepEqual([made.key, made.type, made.roles.map(({ key }) => key)], ['role_set:partners', 'custom', ['org:admin', 'org:accountant']]);
    const grown = await clerk.roleSets.addRolesToRoleSet({ roleSetKeyOrId: 'role_set:partners', roleKeys: ['org:member'] });
    assert.equal(grown.roles.length, 3);
    const shrunk = await clerk.roleSets.replaceRoleInRoleSet({ roleSetKeyOrId: 'role_set:partners', roleKey: 'org:member', toRoleKey: 'org:accountant' });
    assert.equal(shrunk.roles.length, 2);
    assert.equal((await clerk.roleSets.getRoleSet(made.id)).creatorRole.key, 'org:admin');
    assert.equal((await clerk.roleSets.getRoleSetList()).totalCount, 2);
    const gone = await clerk.roleSets.replaceRoleSet({ roleSetKeyOrId: 'role_set:partners', destRoleSetKey: 'role_set:default' });
    assert.deepEqual([gone.id, gone.deleted], [made.id, true]);
  });

  test('what is refused names its field', () =>
    assert.rejects(clerk.organizationPermissions.createOrganizationPermission({ name: 'Mine', key: 'org:sys_profile:manage' }), error => {
      assert.ok(isClerkAPIResponseError(error), String(error));
      assert.deepEqual([error.status, error.errors[0].meta.paramName], [422, 'key']);
      return true;
    }));
});
