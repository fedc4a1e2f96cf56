import assert from 'node:assert/strict';

import { reactApp } from '../harness/apps.mjs';
import { newUser } from '../harness/backend.mjs';
import { signInWithPassword } from '../harness/components.mjs';
import { story, world } from '../harness/stories.mjs';

const shared = world({ prepare: async server => ({ app: await reactApp(server.instance) }) });

story(shared, 'where there are no organizations, the developer turns them on in the page', async ({ clerk, app, page, visit }) => {
  const ada = await newUser(clerk, 'ada');
  await signInWithPassword(page, app, ada);
  await page.goto(`${app.origin}/team`);
  await page.getByRole('heading', { name: 'Organizations feature required' }).waitFor();
  await visit.shot('organizations-off');
  await page.getByRole('button', { name: 'Enable Organizations' }).click();
  await page.getByRole('heading', { name: 'Organizations feature enabled' }).waitFor();
  assert.equal((await clerk.organizations.createOrganization({ name: 'First' })).name, 'First');
  await page.reload();
  await page.locator('.cl-organizationSwitcherTrigger').waitFor();
});
