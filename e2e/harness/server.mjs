import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';

import { e2eRoot, freePort, startProcess } from './processes.mjs';

const binary = path.resolve(e2eRoot, process.env.INSULA_BIN ?? '../target/release/insula');

/**
 * Starts the built binary on an empty data directory.
 * `settings` is TOML for the tables below [settings], as an operator would write it into insula.toml.
 * `names: false` leaves the base URL on 127.0.0.1, as `insula serve` does without further flags.
 */
export async function startInsula({ names = true, settings = '' } = {}) {
  const port = await freePort();
  const data = await mkdtemp(path.join(os.tmpdir(), 'insula-e2e-'));
  const address = `127.0.0.1:${port}`;
  if (settings) await writeFile(path.join(data, 'insula.toml'), settings);
  const args = ['serve', '--listen', address, '--data', data, '--npm-mirror', path.join(e2eRoot, 'node_modules')];
  if (names) args.push('--base-url', `http://localhost:${port}`, '--base-domain', `localhost:${port}`);

  const insula = startProcess('insula', binary, args, { answers: `http://${address}/readyz` });
  const stop = async () => {
    try {
      await insula.stop();
    } finally {
      await rm(data, { recursive: true, force: true });
    }
  };
  try {
    await insula.ready();
    const first = JSON.parse(await readFile(path.join(data, 'first-start.json'), 'utf8'));
    return {
      baseUrl: first.base_url,
      backendUrl: first.backend_url,
      platformToken: first.platform_token,
      applicationId: first.application_id,
      instance: {
        id: first.instance_id,
        slug: first.slug,
        frontendUrl: first.frontend_url,
        publishableKey: first.publishable_key,
        secretKey: first.secret_key,
      },
      stop,
    };
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
}

/** The keys of a further instance carry its host, and the host its slug. */
export function instanceFromKeys(server, { instance_id, publishable_key, secret_key }) {
  const host = Buffer.from(publishable_key.split('_')[2], 'base64').toString().replace(/\$$/, '');
  const slug = host.split('.')[0];
  return {
    id: instance_id,
    slug,
    frontendUrl: `${server.baseUrl}/t/${slug}`,
    publishableKey: publishable_key,
    secretKey: secret_key,
  };
}

/** Every story of a file comes from one network: a live instance would take that for guessing. */
export const GENEROUS = '[settings.rates]\ncreates = 1000\nattempts = 1000\n';

async function ask(server, path, { key = server.platformToken, method = 'POST', body } = {}) {
  const response = await fetch(`${server.backendUrl}/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

export async function createApplication(server, name) {
  const application = await ask(server, '/platform/applications', { body: { name, environment_types: ['development'] } });
  return { ...application, instance: instanceFromKeys(server, application.instances[0]) };
}

/** The production instance of an application. */
export async function createLiveInstance(server, application = server.applicationId) {
  const path = `/platform/applications/${application}/instances`;
  const { id, ...keys } = await ask(server, path, { body: { domain: 'shop.example' } });
  return instanceFromKeys(server, { instance_id: id, ...keys });
}

/** Tells a live instance where the proxy of its application is. */
export async function storeProxy(server, { secretKey: key }, { origin }) {
  const { data } = await ask(server, '/domains', { key, method: 'GET' });
  await ask(server, `/domains/${data[0].id}`, { key, method: 'PATCH', body: { proxy_url: `${origin}/__clerk` } });
}

/** Changes settings of an instance, as a platform does. */
export function configure(server, settings, { application = server.applicationId, instance = server.instance } = {}) {
  return ask(server, `/platform/applications/${application}/instances/${instance.id}/config`, { method: 'PATCH', body: settings });
}

/** Makes an organization with a pool of users of its own: the organization, and its pool as an instance like any other. */
export async function createPool(server, name, instance = server.instance) {
  const { id, user_pool: pool } = await ask(server, '/organizations', { key: instance.secretKey, body: { name } });
  const { publishable_key: publishableKey, frontend_api_url: frontendUrl, issuer } = pool;
  return { ...instance, publishableKey, frontendUrl, issuer, organizationId: id };
}
