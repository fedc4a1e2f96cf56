import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, sign } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { backendClient, isClerkAPIResponseError, newUser } from '../harness/backend.mjs';
import { claims } from '../harness/clerkjs.mjs';
import { address, password } from '../harness/people.mjs';
import { startInsula } from '../harness/server.mjs';

let server;
let clerk;

before(async () => {
  server = await startInsula({ names: false });
  clerk = backendClient(server);
});
after(() => server?.stop());

const withBearer = token => new Request('http://localhost:3000/api', { headers: { authorization: `Bearer ${token}` } });

const raw = (path, init = {}) =>
  fetch(`${server.backendUrl}/v1${path}`, {
    ...init,
    headers: {
      authorization: `Bearer ${server.instance.secretKey}`,
      'content-type': 'application/json',
      ...init.headers,
    },
  });

async function tokenOf(user) {
  const session = await clerk.sessions.createSession({ userId: user.id });
  const { jwt } = await clerk.sessions.getToken(session.id);
  return { session, jwt };
}

async function assertRefused(action, { status, code, param }) {
  await assert.rejects(action, error => {
    assert.ok(isClerkAPIResponseError(error), String(error));
    assert.equal(error.status, status);
    assert.equal(error.errors[0].code, code);
    assert.ok(error.errors[0].message);
    assert.ok(error.errors[0].longMessage);
    assert.ok(error.clerkTraceId, 'a trace id');
    if (param) assert.equal(error.errors[0].meta.paramName, param);
    return true;
  });
}

describe('tokens', () => {
  test('a token is accepted with keys fetched from the server', async () => {
    const ada = await newUser(clerk, 'ada');
    const { session, jwt } = await tokenOf(ada);
    const state = await clerk.authenticateRequest(withBearer(jwt));
    assert.equal(state.isAuthenticated, true, state.reason);
    const { userId, sessionId } = state.toAuth();
    assert.deepEqual([userId, sessionId], [ada.id, session.id]);
  });

  test('a token is accepted with the public key alone, without a network', async () => {
    const bea = await newUser(clerk, 'bea');
    const { jwt } = await tokenOf(bea);
    const { keys } = await clerk.jwks.getJwks();
    assert.equal(keys.length, 1);
    const jwtKey = createPublicKey({ key: keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' });
    const offline = backendClient(server, { apiUrl: 'http://127.0.0.1:9', jwtKey });
    const state = await offline.authenticateRequest(withBearer(jwt));
    assert.equal(state.isAuthenticated, true, state.reason);
    assert.equal(state.toAuth().userId, bea.id);
  });

  test('a token is accepted in a cookie beside the marks of a browser', async () => {
    const bob = await newUser(clerk, 'bob');
    const { jwt } = await tokenOf(bob);
    const cookie = `__session=${jwt}; __client_uat=${claims(jwt).iat}; __clerk_db_jwt=any`;
    const state = await clerk.authenticateRequest(new Request('http://localhost:3000/', { headers: { cookie } }));
    assert.equal(state.isAuthenticated, true, state.reason);
    assert.equal(state.toAuth().userId, bob.id);
  });

  test('a token that was changed in any part is refused', async () => {
    const [cleo, dora] = [await newUser(clerk, 'cleo'), await newUser(clerk, 'dora')];
    const { jwt } = await tokenOf(cleo);
    const [header, payload, signature] = jwt.split('.');
    const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');
    const head = JSON.parse(Buffer.from(header, 'base64url'));
    const other = encode({ ...claims(jwt), sub: dora.id });
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const resigned = `${header}.${other}`;

    const changed = {
      'another user': [`${header}.${other}.${signature}`, 'token-invalid-signature'],
      'no algorithm': [`${encode({ ...head, alg: 'none' })}.${payload}.`, 'token-invalid-algorithm'],
      'a shared secret': [`${encode({ ...head, alg: 'HS256' })}.${payload}.${signature}`, 'token-invalid-algorithm'],
      'another key': [
        `${resigned}.${sign('sha256', Buffer.from(resigned), privateKey).toString('base64url')}`,
        'token-invalid-signature',
      ],
      'an unknown key': [`${encode({ ...head, kid: 'key_unknown' })}.${payload}.${signature}`, 'jwk-kid-mismatch'],
    };
    for (const [what, [token, reason]] of Object.entries(changed)) {
      const state = await clerk.authenticateRequest(withBearer(token));
      assert.deepEqual([what, state.isAuthenticated, state.reason], [what, false, reason]);
    }
  });

  test('the keys are the same on both faces, and hold no private part', async () => {
    const { keys } = await clerk.jwks.getJwks();
    const published = await (await fetch(`${server.instance.frontendUrl}/.well-known/jwks.json`)).json();
    assert.deepEqual(published.keys, JSON.parse(JSON.stringify(keys)));
    for (const key of published.keys) {
      assert.deepEqual([key.kty, key.alg, key.use, key.e], ['RSA', 'RS256', 'sig', 'AQAB']);
      assert.equal(Buffer.from(key.n, 'base64url').length, 256);
      assert.equal(key.d, undefined);
    }
  });
});

describe('users', () => {
  test('a user is created, read, changed and deleted', async () => {
    const who = address('eve');
    const created = await clerk.users.createUser({
      emailAddress: [who],
      password: password(),
      firstName: 'Eve',
      externalId: `legacy-${who}`,
      publicMetadata: { plan: { tier: 'silver', seats: 3 } },
    });
    assert.match(created.id, /^user_/);
    assert.equal(created.emailAddresses[0].emailAddress, who);
    assert.equal(created.emailAddresses[0].verification.status, 'verified');
    assert.equal(created.primaryEmailAddressId, created.emailAddresses[0].id);
    assert.equal(created.passwordEnabled, true);
    assert.equal(created.externalId, `legacy-${who}`);

    const changed = await clerk.users.updateUser(created.id, { firstName: 'Evelyn', lastName: 'Hope' });
    assert.equal(changed.fullName, 'Evelyn Hope');

    const merged = await clerk.users.updateUserMetadata(created.id, {
      publicMetadata: { plan: { seats: null, colour: 'blue' } },
      privateMetadata: { note: 'private' },
    });
    assert.deepEqual(merged.publicMetadata, { plan: { tier: 'silver', colour: 'blue' } });
    assert.deepEqual(merged.privateMetadata, { note: 'private' });
    const replaced = await clerk.users.replaceUserMetadata(created.id, { publicMetadata: { fresh: true } });
    assert.deepEqual(replaced.publicMetadata, { fresh: true });
    assert.deepEqual(replaced.privateMetadata, { note: 'private' });

    const read = await clerk.users.getUser(created.id);
    assert.deepEqual(
      [read.firstName, read.lastName, read.publicMetadata, read.privateMetadata],
      ['Evelyn', 'Hope', { fresh: true }, { note: 'private' }],
    );

    const { session } = await tokenOf(created);
    const deleted = await clerk.users.deleteUser(created.id);
    assert.deepEqual([deleted.id, deleted.deleted], [created.id, true]);
    await assertRefused(clerk.users.getUser(created.id), { status: 404, code: 'resource_not_found' });
    await assert.rejects(clerk.sessions.getToken(session.id), 'a deleted user has no session');
  });

  test('users are listed, counted and filtered', async () => {
    const countBefore = await clerk.users.getCount();
    const [fay, gail, hal] = [await newUser(clerk, 'fay'), await newUser(clerk, 'gail'), await newUser(clerk, 'hal')];
    assert.equal(await clerk.users.getCount(), countBefore + 3);

    const two = await clerk.users.getUserList({
      emailAddress: [fay.address, hal.address.toUpperCase()],
      orderBy: '+created_at',
    });
    assert.deepEqual(
      two.data.map(({ id }) => id),
      [fay.id, hal.id],
    );
    assert.equal(two.totalCount, 2);

    const page = await clerk.users.getUserList({
      userId: [fay.id, gail.id, hal.id],
      orderBy: '-created_at',
      limit: 1,
      offset: 1,
    });
    assert.deepEqual(
      page.data.map(({ id }) => id),
      [gail.id],
    );
    assert.equal(page.totalCount, 3);

    const found = await clerk.users.getUserList({ query: gail.address.split('@')[0] });
    assert.deepEqual(
      found.data.map(({ id }) => id),
      [gail.id],
    );
    assert.deepEqual((await clerk.users.getUserList({ emailAddress: [address('nobody')] })).data, []);
  });

  test('a password is checked', async () => {
    const ida = await newUser(clerk, 'ida');
    assert.equal((await clerk.users.verifyPassword({ userId: ida.id, password: ida.password })).verified, true);
    await assert.rejects(clerk.users.verifyPassword({ userId: ida.id, password: password() }), { status: 422 });
  });

  test('a user is banned, welcomed again, locked and unlocked', async () => {
    const ned = await newUser(clerk, 'ned');
    const { session } = await tokenOf(ned);
    assert.equal((await clerk.users.banUser(ned.id)).banned, true);
    assert.equal((await clerk.sessions.getSession(session.id)).status, 'revoked');
    await assertRefused(clerk.sessions.createSession({ userId: ned.id }), { status: 403, code: 'user_banned' });
    assert.equal((await clerk.users.unbanUser(ned.id)).banned, false);
    assert.equal((await clerk.users.lockUser(ned.id)).locked, true);
    assert.equal((await clerk.users.unlockUser(ned.id)).locked, false);
  });

  test('addresses are added, proven, made primary and taken away', async () => {
    const ora = await newUser(clerk, 'ora');
    const second = address('ora-two');
    const added = await clerk.emailAddresses.createEmailAddress({ userId: ora.id, emailAddress: second });
    assert.equal(added.verification, null);
    const proven = await clerk.emailAddresses.updateEmailAddress(added.id, { verified: true, primary: true });
    assert.equal(proven.verification.status, 'verified');
    assert.equal((await clerk.users.getUser(ora.id)).primaryEmailAddressId, added.id);
    assert.equal((await clerk.emailAddresses.deleteEmailAddress(added.id)).deleted, true);
    const only = await clerk.users.replaceUserEmailAddress(ora.id, { emailAddress: address('ora-three') });
    const { emailAddresses, primaryEmailAddressId } = await clerk.users.getUser(ora.id);
    assert.deepEqual([emailAddresses.map(({ id }) => id), primaryEmailAddressId], [[only.id], only.id]);
  });

  test('clients are listed and read', async () => {
    const { session } = await tokenOf(await newUser(clerk, 'pia'));
    const client = await clerk.clients.getClient(session.clientId);
    assert.deepEqual(client.sessionIds, [session.id]);
    const { data, totalCount } = await clerk.clients.getClientList({ limit: 1 });
    assert.equal(data.length, 1);
    assert.ok(totalCount >= 1);
  });
});

describe('sessions', () => {
  test('sessions are created, listed, read and revoked', async () => {
    const jo = await newUser(clerk, 'jo');
    const [first, second] = [(await tokenOf(jo)).session, (await tokenOf(jo)).session];
    assert.match(first.id, /^sess_/);
    assert.deepEqual([first.userId, first.status], [jo.id, 'active']);

    const all = await clerk.sessions.getSessionList({ userId: jo.id });
    assert.deepEqual(all.data.map(({ id }) => id).sort(), [first.id, second.id].sort());
    assert.equal(all.totalCount, 2);

    assert.equal((await clerk.sessions.revokeSession(first.id)).status, 'revoked');
    assert.equal((await clerk.sessions.getSession(first.id)).status, 'revoked');
    await assert.rejects(clerk.sessions.getToken(first.id));
    const active = await clerk.sessions.getSessionList({ userId: jo.id, status: 'active' });
    assert.deepEqual(
      active.data.map(({ id }) => id),
      [second.id],
    );
    assert.equal(claims((await clerk.sessions.getToken(second.id)).jwt).sub, jo.id);
  });
});

describe('JWT templates', () => {
  test('templates are made, listed, changed, used and deleted', async () => {
    const uma = await newUser(clerk, 'uma');
    await clerk.users.updateUserMetadata(uma.id, { publicMetadata: { plan: { seats: 3 } } });
    const name = `plan-${Date.now()}`;
    const made = await clerk.jwtTemplates.create({
      name,
      claims: { seats: '{{user.public_metadata.plan.seats}}', who: 'I am {{user.primary_email_address}}', aud: 'test' },
    });
    assert.deepEqual([made.lifetime, made.customSigningKey, made.signingAlgorithm], [60, false, 'RS256']);
    const { session } = await tokenOf(uma);
    const { jwt } = await clerk.sessions.getToken(session.id, name);
    const read = claims(jwt);
    assert.deepEqual([read.seats, read.who, read.aud, read.sub], [3, `I am ${uma.address}`, 'test', uma.id]);
    const state = await clerk.authenticateRequest(withBearer(jwt));
    assert.equal(state.isAuthenticated, false, 'no session token, whatever is in it');
    const changed = await clerk.jwtTemplates.update({ templateId: made.id, name, claims: {}, lifetime: 300 });
    assert.equal(changed.lifetime, 300);
    assert.equal((await clerk.jwtTemplates.get(made.id)).lifetime, 300);
    assert.ok((await clerk.jwtTemplates.list()).data.some(({ id }) => id === made.id));
    assert.equal((await clerk.jwtTemplates.delete(made.id)).deleted, true);
    await assertRefused(clerk.sessions.getToken(session.id, name), { status: 404, code: 'resource_not_found' });
    await assertRefused(clerk.jwtTemplates.create({ name, claims: { sub: 'x' } }), {
      status: 400,
      code: 'jwt_template_reserved_claim',
      param: 'claims',
    });
  });
});

describe('tickets', () => {
  const shown = ticket =>
    fetch(`${server.instance.frontendUrl}/v1/client/sign_ins`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', origin: 'http://localhost:3000' },
      body: new URLSearchParams({ strategy: 'ticket', ticket }),
    }).then(answer => answer.json());

  test('a sign-in token signs in once and can be revoked before', async () => {
    const rex = await newUser(clerk, 'rex');
    const { token, status, url } = await clerk.signInTokens.createSignInToken({ userId: rex.id, expiresInSeconds: 300 });
    assert.equal(status, 'pending');
    assert.ok(url.includes('/v1/tickets/accept?ticket='));
    const { response, client } = await shown(token);
    assert.equal(response.status, 'complete');
    assert.equal(client.sessions[0].user.id, rex.id);
    assert.equal((await shown(token)).errors[0].code, 'sign_in_token_already_used_code');
    const second = await clerk.signInTokens.createSignInToken({ userId: rex.id, expiresInSeconds: 300 });
    assert.equal((await clerk.signInTokens.revokeSignInToken(second.id)).status, 'revoked');
    assert.equal((await shown(second.token)).errors[0].code, 'sign_in_token_revoked_code');
  });

  test('an actor token makes a session that names the actor', async () => {
    const [sue, tom] = [await newUser(clerk, 'sue'), await newUser(clerk, 'tom')];
    const made = await clerk.actorTokens.create({ userId: sue.id, actor: { sub: tom.id } });
    const { client } = await shown(made.token);
    const state = await clerk.authenticateRequest(withBearer(client.sessions[0].last_active_token.jwt));
    const auth = state.toAuth();
    assert.deepEqual([auth.userId, auth.actor.sub], [sue.id, tom.id]);
    assert.equal((await clerk.sessions.getSession(auth.sessionId)).actor.sub, tom.id);
    const other = await clerk.actorTokens.create({ userId: sue.id, actor: { sub: tom.id } });
    assert.equal((await clerk.actorTokens.revoke(other.id)).status, 'revoked');
  });

  test('a testing token is made', async () => {
    // The SDK hands this one out as it came.
    const { token, expires_at: expiresAt } = await clerk.testingTokens.createTestingToken();
    assert.ok(token.length > 20);
    assert.ok(expiresAt > Date.now() / 1000);
  });
});

describe('redirect URLs', () => {
  test('redirect URLs are created, listed, read and deleted', async () => {
    const url = 'example-app://callback';
    const created = await clerk.redirectUrls.createRedirectUrl({ url });
    assert.equal(created.url, url);
    const list = await clerk.redirectUrls.getRedirectUrlList();
    assert.deepEqual([list.data.map(entry => entry.id), list.totalCount], [[created.id], 1]);
    assert.equal((await clerk.redirectUrls.getRedirectUrl(created.id)).url, url);
    assert.equal((await clerk.redirectUrls.deleteRedirectUrl(created.id)).deleted, true);
    assert.equal((await clerk.redirectUrls.getRedirectUrlList()).totalCount, 0);
  });
});

describe('refusals', () => {
  test('an unknown id is a 404 with a code', () =>
    assertRefused(clerk.users.getUser('user_0ujtsYcgvSTl8PAuAdqWYSMnLOv'), {
      status: 404,
      code: 'resource_not_found',
    }));

  test('an id that is none is a 404 too', () =>
    assertRefused(clerk.users.getUser('not-an-id'), { status: 404, code: 'resource_not_found' }));

  test('an address that is taken names its field', async () => {
    const kim = await newUser(clerk, 'kim');
    await assertRefused(clerk.users.createUser({ emailAddress: [kim.address.toUpperCase()], password: password() }), {
      status: 422,
      code: 'form_identifier_exists',
      param: 'email_address',
    });
  });

  test('a wrong secret key is a 401', () =>
    assertRefused(
      backendClient(server, { instance: { ...server.instance, secretKey: 'sk_test_wrong' } }).users.getCount(),
      { status: 401, code: 'clerk_key_invalid' },
    ));

  test('a wrong secret key is recognised where keys are fetched', async () => {
    const { jwt } = await tokenOf(await newUser(clerk, 'lea'));
    const wrong = backendClient(server, { instance: { ...server.instance, secretKey: 'sk_test_wrong' } });
    const state = await wrong.authenticateRequest(withBearer(jwt));
    assert.deepEqual([state.isAuthenticated, state.reason], [false, 'secret-key-invalid']);
  });
});

describe('what the SDK takes literally', () => {
  test('every answer is exactly application/json', async () => {
    const max = await newUser(clerk, 'max');
    const answers = {
      list: await raw('/users'),
      count: await raw('/users/count'),
      one: await raw(`/users/${max.id}`),
      keys: await raw('/jwks'),
      missing: await raw('/users/user_0ujtsYcgvSTl8PAuAdqWYSMnLOv'),
      'no such path': await raw('/no-such-path'),
      'no key': await raw('/users', { headers: { authorization: '' } }),
      'not JSON': await raw('/users', { method: 'POST', body: '{' }),
      deleted: await raw(`/users/${max.id}`, { method: 'DELETE' }),
    };
    for (const [what, answer] of Object.entries(answers)) {
      assert.equal(answer.headers.get('content-type'), 'application/json', what);
      await answer.json();
    }
  });

  test('lists are bare or counted as the SDK expects each of them', async () => {
    const read = async path => (await raw(path)).json();
    assert.ok(Array.isArray(await read('/users')));
    assert.ok(Array.isArray(await read('/redirect_urls')));
    for (const path of ['/redirect_urls?paginated=true', '/sessions?paginated=true&limit=1']) {
      const list = await read(path);
      assert.ok(Array.isArray(list.data), path);
      assert.equal(typeof list.total_count, 'number', path);
    }
    assert.deepEqual(Object.keys(await read('/users/count')).sort(), ['object', 'total_count']);
  });
});
