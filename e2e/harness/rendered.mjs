import assert from 'node:assert/strict';

import { newUser } from './backend.mjs';
import { open, signIn } from './clerkjs.mjs';

/** Signs a new user in by the application's own page, and leaves it. */
export async function signedIn({ clerk, app, page }, name) {
  const user = await newUser(clerk, name);
  await open(page, app);
  const { sessionId } = await signIn(page, user);
  // Away from the page with the script, which would mend the cookies before the server sees them.
  await page.goto('about:blank');
  return { ...user, sessionId };
}

/** Visits the page that is rendered on the server, and says whom it saw and over how many handshakes. */
export async function visitProtected(page, app) {
  const handshakes = [];
  const count = response => {
    if (new URL(response.url()).pathname === '/__clerk/v1/client/handshake') handshakes.push(response.status());
  };
  page.on('response', count);
  const answer = await page.goto(`${app.origin}/protected`);
  page.off('response', count);
  assert.equal(answer.status(), 200);
  assert.equal(new URL(page.url()).search, '', 'the address is clean after a handshake');
  for (const status of handshakes) assert.equal(status, 307);
  const shown = page.getByTestId('user-id');
  return { userId: (await shown.count()) ? await shown.innerText() : null, handshakes: handshakes.length };
}
