import { fill } from './components.mjs';

// What a person does with the ready-made components of organizations, on the pages of `apps/react/organizations.jsx`.

/** Settings under which there are organizations. */
export const ORGANIZATIONS = '[settings.organization_settings]\nenabled = true\n';

const button = (page, name) => page.getByRole('button', { name, exact: true });

/** Waits until the hooks say this of the active organization: a record of what stands on `/team`. */
export async function assertHere(page, facts) {
  for (const [name, value] of Object.entries(facts)) {
    await page.locator(`[data-testid="org-${name}"]`, { hasText: new RegExp(`^${escape(value ?? '')}$`) }).waitFor({ state: value ? 'visible' : 'attached' });
  }
}

const escape = text => text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');

export async function openSwitcher(page) {
  await page.locator('.cl-organizationSwitcherTrigger').click();
  await page.locator('.cl-organizationSwitcherPopoverCard').waitFor();
}

/** Chooses an organization, or the personal account, in the switcher. */
export async function switchTo(page, name) {
  await openSwitcher(page);
  await page.locator('.cl-organizationSwitcherPopoverCard button', { hasText: name }).click();
}

/** Fills in the form that creates an organization, wherever it stands. */
export async function create(page, { name, slug, logo }) {
  await fill(page, { name, ...(slug ? { slug } : {}) });
  if (logo) await page.locator('input[type=file]').setInputFiles({ name: 'logo.png', mimeType: 'image/png', buffer: logo });
  await button(page, 'Create organization').click();
}

/** Leaves the form that offers to invite people right after an organization was created. */
export const skipInvitations = page => button(page, 'Skip').click();

/** The organization's members as its profile lists them. */
export async function openMembers(page, app) {
  await page.goto(`${app.origin}/organization/organization-members`);
  await page.locator('.cl-organizationProfile-root').waitFor();
}

/** The row of a member, an invitation or a request. */
export const row = (page, text) => page.getByRole('row').filter({ hasText: text });

/** Types the organization's name where the profile wants to know it for sure. */
export async function confirm(page, name, what) {
  await page.locator('input[name=deleteOrganizationConfirmation]').fill(name);
  await page.locator('.cl-formButtonPrimary', { hasText: what }).click();
}

/** A red square of one pixel. */
export const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);
