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

export async function createApplication(server, name) {
  const response = await fetch(`${server.backendUrl}/v1/platform/applications`, {
    method: 'POST',
    headers: { authorization: `Bearer ${server.platformToken}`, 'content-type': 'application/json' },
    body: JSON.stringify({ name, environment_types: ['development'] }),
  });
  if (!response.ok) throw new Error(`creating an application: ${response.status} ${await response.text()}`);
  const application = await response.json();
  return { ...application, instance: instanceFromKeys(server, application.instances[0]) };
}
