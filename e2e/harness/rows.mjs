import { cpSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { artifacts, e2eRoot, freePort, startProcess } from './processes.mjs';
import { ask } from './postgres.mjs';

const root = path.join(e2eRoot, '..');
const sample = path.join(root, 'samples/express-postgres');

/** The sample's database, made as its README says: by an owner, for a role that owns nothing. */
export async function notesDatabase(postgres) {
  const text = file => readFileSync(path.join(root, file), 'utf8');
  await ask(postgres.url('postgres', 'postgres'), 'create role notes_owner login', 'create role notes_app login', 'create database notes owner notes_owner');
  await ask(postgres.url('notes_owner', 'notes'), text('sql/organization-rls.sql'), text('samples/express-postgres/schema.sql'));
  return { url: postgres.url('notes_app', 'notes'), owner: postgres.url('notes_owner', 'notes'), admin: postgres.url('postgres', 'notes') };
}

/** A copy of the sample in a place from which Node.js finds the packages of the tests. */
export function sampleCopy() {
  const copy = path.join(artifacts, `express-postgres-${process.pid}`);
  mkdirSync(artifacts, { recursive: true });
  cpSync(sample, copy, { recursive: true });
  return copy;
}

export async function notesApp(server, database, folder) {
  const port = await freePort();
  const origin = `http://localhost:${port}`;
  const { publishableKey, secretKey } = server.instance;
  const app = startProcess('notes', process.execPath, [path.join(folder, 'server.mjs')], {
    answers: `${origin}/health`,
    env: {
      PORT: String(port),
      DATABASE_URL: database.url,
      CLERK_PUBLISHABLE_KEY: publishableKey,
      CLERK_SECRET_KEY: secretKey,
      CLERK_API_URL: server.backendUrl,
      CLERK_TELEMETRY_DISABLED: '1',
    },
  });
  await app.ready().catch(async error => {
    await app.stop().catch(() => {});
    throw error;
  });
  return { origin, stop: app.stop };
}
