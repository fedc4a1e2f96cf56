import { spawn } from 'node:child_process';
import { createWriteStream, mkdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const e2eRoot = fileURLToPath(new URL('..', import.meta.url));
export const artifacts = path.join(e2eRoot, '.artifacts');

// Node runs its `exit` handlers, which stop the children below, only if a signal is turned into an exit.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

export function freePort() {
  return new Promise((resolve, reject) => {
    const probe = net.createServer();
    probe.once('error', reject);
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

export async function until(what, attempt, { within = 20_000, every = 100 } = {}) {
  const deadline = Date.now() + within;
  for (;;) {
    const result = await attempt();
    if (result) return result;
    if (Date.now() > deadline) throw new Error(`not within ${within} ms: ${what}`);
    await new Promise(resolve => setTimeout(resolve, every));
  }
}

/** Starts a program whose output goes to a log file, and which must end with exit code 0 on SIGTERM. */
export function startProcess(name, command, args, { env = {}, answers, within = 60_000, options = {} }) {
  mkdirSync(artifacts, { recursive: true });
  const logFile = path.join(artifacts, `${name}-${process.pid}.log`);
  const log = createWriteStream(logFile);
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], ...options });
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });

  let outcome;
  const ended = new Promise(resolve => {
    child.once('error', error => resolve((outcome = { error })));
    child.once('exit', (code, signal) => resolve((outcome = { code, signal })));
  });
  // A test file that dies must not leave its server behind.
  const killNow = () => child.kill('SIGKILL');
  process.once('exit', killNow);

  const complaint = async message => {
    const tail = (await readFile(logFile, 'utf8').catch(() => '')).split('\n').slice(-30).join('\n');
    return new Error(`${name}: ${message}\n${tail}`);
  };

  return {
    async ready() {
      await until(
        `${name} answers`,
        async () => {
          if (outcome) throw await complaint(`ended before it was ready: ${JSON.stringify(outcome)}`);
          const response = await fetch(answers).catch(() => null);
          return response?.ok;
        },
        { within },
      ).catch(async error => {
        throw outcome ? error : await complaint(error.message);
      });
    },
    async stop() {
      if (!outcome) child.kill('SIGTERM');
      const patience = setTimeout(killNow, 15_000);
      await ended;
      clearTimeout(patience);
      process.removeListener('exit', killNow);
      await new Promise(resolve => log.end(resolve));
      if (outcome.code !== 0) throw await complaint(`did not stop cleanly: ${JSON.stringify(outcome)}`);
    },
  };
}
