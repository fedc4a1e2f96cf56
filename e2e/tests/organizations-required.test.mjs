import assert from 'node:assert/strict';

import { reactApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import { claims } from '../harness/clerkjs.mjs';
import { assertSignedIn, enterCode, offerPassword, startSignUp } from '../harness/components.mjs';
import { assertHere, ORGANIZATIONS } from '../harness/organizations.mjs';
import { password, TEST_CODE, testAddress } from '../harness/people.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({
  settings: `${ORGANIZATIONS}force_organization_selection = true\n`,
  prepare: async server => ({ app: await reactApp(server.instance) }),
});

const state = page =>
  page.evaluate(async () => {
    const { session, user } = window.Clerk;
    return { user: user?.id ?? null, status: session?.status ?? null, task: session?.currentTask?.key ?? null };
  });

story(shared, 'whoever signs up sets an organization up before anything else', async ({ app, page, visit }) => {
  const ada = { address: testAddress('ada'), password: password() };
  await startSignUp(page, app, ada);
  await enterCode(page, TEST_CODE);
  await page.waitForURL(/tasks\/choose-organization/);
  await page.locator('input[name=name]').waitFor();
  await visit.shot('organization-task-create');
  assert.equal((await state(page)).task, 'choose-organization');

  // Somewhere else in the application nobody is signed in while the task waits.
  const elsewhere = await visit.newPage();
  await elsewhere.goto(app.origin);
  await elsewhere.getByTestId('signed-out').waitFor();
  await elsewhere.close();

  await page.locator('input[name=name]').fill('Loom and Sons');
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
  await assertSignedIn(page, ada);
  await page.goto(`${app.origin}/team`);
  await assertHere(page, { name: 'Loom and Sons', slug: 'loom-and-sons', role: 'org:admin' });
  // There is no personal account to go to.
  await page.locator('.cl-organizationSwitcherTrigger').click();
  await page.locator('.cl-organizationSwitcherPopoverCard').waitFor();
  assert.equal(await page.getByText('Personal account').count(), 0);
});

story(shared, 'the form of a first organization has a name already, where the settings suggest one', async ({ server, app, page, visit }) => {
  const path = `/v1/platform/applications/${server.applicationId}/instances/${server.instance.id}/config`;
  const change = on =>
    fetch(`${server.backendUrl}${path}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${server.platformToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({ organization_settings: { creation_defaults_enabled: on } }),
    });
  assert.equal((await change(true)).status, 200);
  const eve = { address: testAddress('eve'), password: password() };
  await startSignUp(page, app, eve);
  await enterCode(page, TEST_CODE);
  await page.waitForURL(/tasks\/choose-organization/);
  await page.locator('input[name=name]').waitFor();
  assert.equal(await page.locator('input[name=name]').inputValue(), 'Example');
  assert.equal(await page.locator('input[name=slug]').inputValue(), 'example');
  await visit.shot('organization-task-defaults');
  await page.getByRole('button', { name: 'Continue', exact: true }).click();
  await assertSignedIn(page, eve);
  await page.goto(`${app.origin}/team`);
  await assertHere(page, { name: 'Example', slug: 'example', role: 'org:admin' });
  assert.equal((await change(false)).status, 200);
});

story(shared, 'whoever signs in chooses one of their organizations', async ({ clerk, app, page, visit }) => {
  const bob = await newUser(clerk, 'bob');
  const mine = await clerk.organizations.createOrganization({ name: 'Harbour', createdBy: bob.id });
  await offerPassword(page, app, bob);
  await page.waitForURL(/tasks\/choose-organization/);
  await page.getByRole('button', { name: /Harbour/ }).waitFor();
  await visit.shot('organization-task-choose');
  const pending = await clerk.sessions.getSessionList({ userId: bob.id, status: 'pending' });
  assert.equal(pending.data.length, 1);
  assert.equal(claims((await clerk.sessions.getToken(pending.data[0].id)).jwt).sts, 'pending');

  await page.getByRole('button', { name: /Harbour/ }).click();
  await assertSignedIn(page, bob);
  const now = await state(page);
  assert.deepEqual(now, { user: bob.id, status: 'active', task: null });
  assert.equal((await clerk.sessions.getSession(pending.data[0].id)).lastActiveOrganizationId, mine.id);
});
