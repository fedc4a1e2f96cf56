import assert from 'node:assert/strict';

import { expressApp } from '../harness/apps.mjs';
import { claims } from '../harness/clerkjs.mjs';
import { ORGANIZATIONS } from '../harness/organizations.mjs';
import { signedIn } from '../harness/rendered.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({ settings: ORGANIZATIONS, prepare: async server => ({ app: await expressApp(server) }) });

/** A signed-in admin of one organization and member of another. */
async function memberOfTwo(world, name) {
  const { clerk } = world;
  const person = await signedIn(world, name);
  const [own, other] = [
    await clerk.organizations.createOrganization({ name: `${name} own`, createdBy: person.id }),
    await clerk.organizations.createOrganization({ name: `${name} other` }),
  ];
  await clerk.organizations.createOrganizationMembership({ organizationId: other.id, userId: person.id, role: 'org:member' });
  return { person, own, other };
}

/** Visits a page that is rendered on the server; what it saw, and over how many handshakes. */
async function visitPage(page, app, path) {
  // The SDK counts handshakes within two seconds, and takes three for a loop.
  await page.context().clearCookies({ name: /^__clerk_redirect_count/ });
  let handshakes = 0;
  const count = response => (handshakes += new URL(response.url()).pathname === '/__clerk/v1/client/handshake' ? 1 : 0);
  page.on('response', count);
  assert.equal((await page.goto(`${app.origin}${path}`)).status(), 200);
  page.off('response', count);
  assert.equal(page.url(), `${app.origin}${path}`, 'the address is clean after a handshake');
  const read = async name => (await page.getByTestId(name).innerText()) || null;
  return { user: await read('user-id'), id: await read('org-id'), slug: await read('org-slug'), role: await read('org-role'), handshakes };
}

story(shared, 'the address of a page decides which organization is active', async world => {
  const { app, page, visit } = world;
  const { person, own, other } = await memberOfTwo(world, 'ada');
  const facts = ({ id, slug }, role, handshakes) => ({ user: person.id, id, slug, role, handshakes });
  assert.deepEqual(await visitPage(page, app, `/teams/${own.slug}`), facts(own, 'org:admin', 1));
  assert.deepEqual(await visitPage(page, app, `/teams/${own.slug}`), facts(own, 'org:admin', 0));
  assert.deepEqual(await visitPage(page, app, `/teams/${other.slug}`), facts(other, 'org:member', 1));
  assert.equal(claims((await visit.cookies()).__session).o.id, other.id);
  assert.deepEqual(await visitPage(page, app, `/teams/by-id/${own.id}`), facts(own, 'org:admin', 1));
  assert.deepEqual(await visitPage(page, app, '/mine'), { user: person.id, id: null, slug: null, role: null, handshakes: 1 });
  assert.deepEqual(await visitPage(page, app, '/mine'), { user: person.id, id: null, slug: null, role: null, handshakes: 0 });
});

story(shared, 'an address of an organization that is not theirs changes nothing', async world => {
  const { app, clerk, page } = world;
  const { person, own } = await memberOfTwo(world, 'bea');
  const foreign = await clerk.organizations.createOrganization({ name: 'Foreign', slug: 'foreign-to-bea' });
  await visitPage(page, app, `/teams/${own.slug}`);
  for (const path of [`/teams/${foreign.slug}`, `/teams/by-id/${foreign.id}`, '/teams/no-such-team']) {
    const seen = await visitPage(page, app, path);
    assert.deepEqual([seen.user, seen.id], [person.id, own.id], path);
  }
});

story(shared, 'what the backend is asked agrees with the token', async world => {
  const { app, clerk, page } = world;
  const { person, own, other } = await memberOfTwo(world, 'cleo');
  const session = await clerk.sessions.getSession(person.sessionId);
  assert.equal(session.lastActiveOrganizationId ?? null, null);
  const ask = query => page.evaluate(async query => (await fetch(`/api/organization?${query}`)).json(), query);
  await visitPage(page, app, `/teams/${own.slug}`);
  assert.deepEqual(await ask('role=org:admin'), { userId: person.id, orgId: own.id, orgSlug: own.slug, orgRole: 'org:admin', orgPermissions: [], has: true });
  assert.equal((await ask('role=org:member')).has, false);
  assert.equal((await clerk.sessions.getSession(person.sessionId)).lastActiveOrganizationId, own.id);
  await visitPage(page, app, `/teams/${other.slug}`);
  assert.equal((await ask('role=org:admin')).has, false);
  // Whoever is made an admin is one in the next token.
  await clerk.organizations.updateOrganizationMembership({ organizationId: other.id, userId: person.id, role: 'org:admin' });
  const { jwt } = await clerk.sessions.getToken(person.sessionId);
  assert.equal(claims(jwt).o.rol, 'admin');
  const program = await fetch(`${app.origin}/api/organization?role=org:admin`, { headers: { authorization: `Bearer ${jwt}` } });
  assert.equal((await program.json()).has, true);
});
