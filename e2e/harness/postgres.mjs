import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

import pg from 'pg';

import { freePort, startProcess, until } from './processes.mjs';

/** A PostgreSQL of our own, in a temporary folder: nobody misses it after a crash. */
export async function startPostgres() {
  const bin = programs();
  const owner = process.getuid?.() === 0 ? somebodyElse() : {};
  const folder = mkdtempSync(path.join(os.tmpdir(), 'insula-e2e-postgres-'));
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid);
  const data = path.join(folder, 'data');
  execFileSync(path.join(bin, 'initdb'), ['-D', data, '--locale=C', '--encoding=UTF8', '-A', 'trust', '-U', 'postgres', '--no-sync'], { ...owner, cwd: folder, stdio: 'ignore' });

  const port = await freePort();
  const settings = ['fsync=off', 'listen_addresses=127.0.0.1', 'unix_socket_directories='].flatMap(setting => ['-c', setting]);
  const postgres = startProcess('postgres', path.join(bin, 'postgres'), ['-D', data, '-p', String(port), ...settings], { options: { ...owner, cwd: folder } });
  const url = (user, database) => `postgres://${user}@127.0.0.1:${port}/${database}`;
  const stop = async () => {
    try {
      await postgres.stop();
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  try {
    await until('PostgreSQL answers', () => ask(url('postgres', 'postgres'), 'select 1').catch(() => null), { within: 60_000 });
  } catch (error) {
    await stop().catch(() => {});
    throw error;
  }
  return { url, stop };
}

/** Runs statements on a connection of their own. */
export async function ask(connectionString, ...statements) {
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    let result;
    for (const statement of statements) result = await client.query(statement);
    return result;
  } finally {
    await client.end();
  }
}

/** The folder with PostgreSQL's programs: the newest that Debian has installed, or the one on the path. */
function programs() {
  const debian = '/usr/lib/postgresql';
  const versions = existsSync(debian) ? readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : [];
  const folders = [...versions.map(version => path.join(debian, version, 'bin')), ...process.env.PATH.split(path.delimiter)];
  const found = folders.find(folder => ['initdb', 'postgres'].every(program => existsSync(path.join(folder, program))));
  if (!found) throw new Error('there are no PostgreSQL server programs (initdb, postgres): install PostgreSQL');
  return found;
}

/** PostgreSQL refuses to run as root. */
function somebodyElse() {
  const users = readFileSync('/etc/passwd', 'utf8').split('\n').map(line => line.split(':'));
  const [, , uid, gid] = users.find(([name]) => name === 'postgres') ?? users.find(([name]) => name === 'nobody');
  return { uid: Number(uid), gid: Number(gid) };
}
