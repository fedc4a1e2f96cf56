import assert from 'node:assert/strict';

// What a person does with the ready-made components. Names and labels are those of @clerk/ui in English.

const field = (page, name) => page.locator(`input[name=${name}]:visible`);
const button = (page, name) => page.getByRole('button', { name, exact: true });

export const heading = (page, name) => page.getByRole('heading', { name, exact: true }).waitFor();

export const proceed = page => button(page, 'Continue').click();

export async function fill(page, fields) {
  for (const [name, value] of Object.entries(fields)) await field(page, name).fill(value);
}

export async function enterCode(page, code) {
  const field = page.getByLabel('Enter verification code');
  for (let tries = 0; tries < 3; tries += 1) {
    const sent = page.waitForRequest(/\/attempt_/, { timeout: 5_000 }).then(() => true, () => false);
    await field.fill(code);
    // A field that is empty again was drawn anew while it was filled in, and has sent nothing.
    if ((await sent) || (await field.inputValue({ timeout: 1_000 }).catch(() => code)) !== '') return;
  }
}

/** The text below a field. The code is a field without a name. */
export async function errorOf(page, name) {
  const text = page.locator(name === 'code' ? '.cl-otpCodeFieldErrorText:visible' : `#error-${name}:visible`).first();
  await text.waitFor();
  return text.innerText();
}

export async function assertSignedIn(page, { id, address }) {
  const shown = page.getByTestId('user-id');
  await shown.waitFor();
  const userId = await shown.innerText();
  assert.match(userId, /^user_/);
  if (id) assert.equal(userId, id);
  if (address) assert.equal(await page.getByTestId('user-email').innerText(), address);
  return userId;
}

export const assertSignedOut = page => page.getByTestId('signed-out').waitFor();

export async function startSignUp(page, app, { address, password }) {
  await page.goto(`${app.origin}/sign-up`);
  await fill(page, { emailAddress: address, password });
  await proceed(page);
  await heading(page, 'Verify your email');
}

export async function startSignIn(page, app, address) {
  await page.goto(`${app.origin}/sign-in`);
  await fill(page, { identifier: address });
  await proceed(page);
}

/** The first page has a hidden password field for password managers, hence the wait. */
export async function offerPassword(page, app, { address, password }) {
  await startSignIn(page, app, address);
  await page.waitForURL(/factor-one/);
  await fill(page, { password });
  await proceed(page);
}

export async function signInWithPassword(page, app, person) {
  await offerPassword(page, app, person);
  return assertSignedIn(page, person);
}

export async function openUserMenu(page) {
  await page.locator('.cl-userButtonTrigger').click();
  await page.locator('.cl-userButtonPopoverCard').waitFor();
}
