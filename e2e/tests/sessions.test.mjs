import assert from 'node:assert/strict';

import { vanillaApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import { claims, open, refusalOf, signIn, signOut, whoIs } from '../harness/clerkjs.mjs';
import { until } from '../harness/processes.mjs';
import { story, world } from '../harness/stories.mjs';

const prepare = async server => ({ app: await vanillaApp(server.instance) });
const shared = world({ prepare });
const several = world({ prepare, settings: '[settings.session]\nmulti = true\n' });

const freshToken = page => page.evaluate(() => window.Clerk.session.getToken({ skipCache: true }));
/** What the server says when the page asks for a token, whatever the SDK makes of it. */
async function statusOfFreshToken(page) {
  const answered = page.waitForResponse(response => /\/tokens(\?|$)/.test(response.url()));
  await page.evaluate(() => void window.Clerk.session.getToken({ skipCache: true }).catch(() => {}));
  return (await answered).status();
}

/** Signing out may navigate, which ends a script that runs in the page. */
const signedOut = page => until('signed out', async () => (await whoIs(page).catch(() => 'navigating')) === null);
const secondsPass = seconds => new Promise(resolve => setTimeout(resolve, seconds * 1000));

const isSingleSession = page => page.evaluate(() => window.Clerk.__internal_environment.authConfig.singleSessionMode);

story(
  shared,
  'a session hands out fresh tokens, and the cookie follows',
  async ({ server, clerk, app, page, visit }) => {
    const ada = await newUser(clerk, 'ada');
    await open(page, app);
    const { sessionId } = await signIn(page, ada);
    const first = claims(await freshToken(page));
    await secondsPass(1.1);
    const jwt = await freshToken(page);
    const second = claims(jwt);

    assert.equal(second.sub, ada.id);
    assert.equal(second.sid, sessionId);
    assert.equal(second.azp, app.origin);
    assert.equal(second.exp - second.iat, 60);
    assert.ok(second.iat > first.iat, 'the second token is younger');
    const host = Buffer.from(server.instance.publishableKey.split('_')[2], 'base64').toString().replace(/\$$/, '');
    assert.equal(second.iss, `https://${host}`);

    const cookies = await visit.cookies();
    assert.equal(cookies.__session, jwt);
    const suffixed = Object.keys(cookies).filter(name => /^__session_/.test(name));
    assert.equal(suffixed.length, 1);
    assert.equal(cookies[suffixed[0]], jwt);
  },
);

story(shared, 'no token is older than the moment that marks its client', async ({ clerk, app, page, visit }) => {
  const bea = await newUser(clerk, 'bea');
  await open(page, app);
  await signIn(page, bea);
  const assertInStep = async () => {
    const { __session, __client_uat } = await visit.cookies();
    assert.ok(claims(__session).iat >= Number(__client_uat), 'a backend would send this request to a handshake');
  };
  await assertInStep();
  // A change of the profile must not make the token that is in use look outdated.
  await secondsPass(1.1);
  await page.evaluate(() => window.Clerk.user.updateMetadata({ unsafeMetadata: { seen: true } }));
  await assertInStep();
});

story(shared, 'the cookie of the client is out of reach of scripts', async ({ clerk, app, page, visit }) => {
  await open(page, app);
  await signIn(page, await newUser(clerk, 'cleo'));
  const all = await visit.context.cookies();
  const client = all.filter(({ name }) => /^__client(_(?!uat)|$)/.test(name));
  assert.equal(client.length, 1);
  assert.deepEqual([client[0].httpOnly, client[0].sameSite, client[0].path], [true, 'Lax', '/']);
});

story(shared, 'signing out ends the session for good', async ({ clerk, app, page, visit }) => {
  const dora = await newUser(clerk, 'dora');
  await open(page, app);
  const { sessionId } = await signIn(page, dora);
  const kept = await visit.context.cookies();
  await signOut(page);
  await signedOut(page);
  await assert.rejects(clerk.sessions.getToken(sessionId));

  // The cookies as they were before do not bring it back.
  await visit.context.clearCookies();
  await visit.context.addCookies(kept);
  visit.expectStatus(401);
  await open(page, app);
  assert.equal(await whoIs(page), null);
});

story(shared, 'a session that the backend revokes is over in the browser', async ({ clerk, app, page, visit }) => {
  const eve = await newUser(clerk, 'eve');
  await open(page, app);
  const { sessionId } = await signIn(page, eve);
  await clerk.sessions.revokeSession(sessionId);

  visit.expectStatus(401, 403, 404);
  assert.equal(await statusOfFreshToken(page), 401);
  await signedOut(page);
});

story(shared, 'a second window of the same browser is signed in too', async ({ clerk, app, page, visit }) => {
  const fay = await newUser(clerk, 'fay');
  await open(page, app);
  await signIn(page, fay);
  const other = await visit.newPage();
  await open(other, app);
  assert.equal(await whoIs(other), fay.id);
});

story(shared, 'a user sees their sessions and ends one elsewhere', async ({ clerk, app, browser, page, visit, t }) => {
  const gail = await newUser(clerk, 'gail');
  await open(page, app);
  await signIn(page, gail);

  const elsewhere = await browser.newContext();
  t.after(() => elsewhere.close());
  const otherPage = await elsewhere.newPage();
  await open(otherPage, app);
  const { sessionId } = await signIn(otherPage, gail);

  const ids = await page.evaluate(async () => (await window.Clerk.user.getSessions()).map(({ id }) => id));
  assert.equal(ids.length, 2);
  assert.ok(ids.includes(sessionId));
  await page.evaluate(async id => {
    const sessions = await window.Clerk.user.getSessions();
    await sessions.find(session => session.id === id).revoke();
  }, sessionId);
  assert.equal((await clerk.sessions.getSession(sessionId)).status, 'revoked');
  assert.equal(await whoIs(page), gail.id);
  assert.equal(await statusOfFreshToken(otherPage), 401);
  visit.assertQuiet();
});

story(several, 'two accounts live in one browser', async ({ clerk, app, page }) => {
  const [hal, ida] = [await newUser(clerk, 'hal'), await newUser(clerk, 'ida')];
  await open(page, app);
  assert.equal(await isSingleSession(page), false);

  const first = await signIn(page, hal);
  const second = await signIn(page, ida);
  assert.equal(await page.evaluate(() => window.Clerk.client.signedInSessions.length), 2);
  assert.equal(await whoIs(page), ida.id);

  await page.evaluate(session => window.Clerk.setActive({ session }), first.sessionId);
  assert.equal(await whoIs(page), hal.id);
  assert.equal(claims(await freshToken(page)).sub, hal.id);
  await open(page, app);
  assert.equal(await whoIs(page), hal.id, 'the choice outlives a reload');

  await signOut(page, { sessionId: first.sessionId });
  await open(page, app);
  assert.equal(await whoIs(page), ida.id);
  assert.equal(claims(await freshToken(page)).sid, second.sessionId);
  await assert.rejects(clerk.sessions.getToken(first.sessionId));

  await signOut(page);
  await signedOut(page);
  await assert.rejects(clerk.sessions.getToken(second.sessionId));
});

story(shared, 'a client with one session only refuses a second', async ({ clerk, app, page, visit }) => {
  const [jo, kim] = [await newUser(clerk, 'jo'), await newUser(clerk, 'kim')];
  await open(page, app);
  assert.equal(await isSingleSession(page), true);

  await signIn(page, jo);
  visit.expectStatus(400, 403, 422);
  const refusal = await refusalOf(
    page,
    ({ address, password }) => window.Clerk.client.signIn.create({ identifier: address, password }),
    { address: kim.address, password: kim.password },
  );
  assert.equal(refusal?.code, 'session_exists');
  assert.equal(await whoIs(page), jo.id);
});
