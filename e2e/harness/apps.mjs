import path from 'node:path';

import { e2eRoot, freePort, startProcess } from './processes.mjs';
import { serveApp } from './proxy.mjs';

const folder = name => path.join(e2eRoot, 'apps', name);

export const reactApp = (instances, options) =>
  serveApp(folder('react/dist'), instances, { source: 'react', ...options });

export const vanillaApp = (instance, options) =>
  serveApp(folder('vanilla'), instance, { source: 'vanilla', ...options });

/** The Express application, with the proxy that its SDK brings along. */
export async function expressApp(server, instance = server.instance) {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const recorder = new URL('record-fetch.mjs', import.meta.url).href;
  const app = startProcess('express', process.execPath, ['--import', recorder, folder('express/server.mjs')], {
    answers: `${origin}/health`,
    env: {
      PORT: String(port),
      INSULA_SOURCE: 'express',
      CLERK_PUBLISHABLE_KEY: instance.publishableKey,
      CLERK_SECRET_KEY: instance.secretKey,
      CLERK_API_URL: server.backendUrl,
      CLERK_FAPI_URL: instance.frontendUrl,
      CLERK_TELEMETRY_DISABLED: '1',
    },
  });
  await app.ready().catch(async error => {
    await app.stop().catch(() => {});
    throw error;
  });
  return { origin, stop: app.stop };
}
