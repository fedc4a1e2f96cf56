// What a program does with clerk-js in a page that has `window.ready`, the promise of a loaded `Clerk`.

export async function open(page, app) {
  await page.goto(app.origin);
  await page.evaluate(() => window.ready);
}

/** Runs inside of the page and answers errors of the SDK as data, because only data crosses over. */
export function refusalOf(page, action, argument) {
  return page.evaluate(
    async ([source, argument]) => {
      try {
        await (0, eval)(`(${source})`)(argument);
        return null;
      } catch (error) {
        const [first] = error.errors ?? [];
        return { status: error.status, code: first?.code, param: first?.meta?.paramName, message: String(error) };
      }
    },
    [action.toString(), argument],
  );
}

export function signIn(page, { address, password }) {
  return page.evaluate(
    async ({ address, password }) => {
      const attempt = await window.Clerk.client.signIn.create({ identifier: address, password });
      if (attempt.status !== 'complete') throw new Error(`sign-in is ${attempt.status}`);
      await window.Clerk.setActive({ session: attempt.createdSessionId });
      return { userId: window.Clerk.user.id, sessionId: window.Clerk.session.id };
    },
    { address, password },
  );
}

/** Signs out and stays on the page: without a callback the SDK navigates, and whatever the story does next races with that. */
export const signOut = (page, options) => page.evaluate(options => window.Clerk.signOut(() => {}, options), options);

export const whoIs = page => page.evaluate(() => window.Clerk.user?.id ?? null);

export function claims(jwt) {
  return JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url').toString());
}
