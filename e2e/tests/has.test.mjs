import assert from 'node:assert/strict';
import { createSign, generateKeyPairSync } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';

import { createClerkClient } from '@clerk/backend';

/**
 * What `has()` of the real SDK answers, in each state to each question: the table that `insula-verify` is held to.
 * `INSULA_TABLE=write` writes the answers into it; read the difference before you commit it.
 */
const file = new URL('../../crates/verify/tests/has.json', import.meta.url);
const table = JSON.parse(readFileSync(file, 'utf8'));

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const clerk = createClerkClient({
  publishableKey: 'pk_test_c2hvcC5leGFtcGxlJA',
  secretKey: 'sk_test_nobody',
  jwtKey: publicKey.export({ type: 'spki', format: 'pem' }),
  telemetry: { disabled: true },
});

const encode = value => Buffer.from(JSON.stringify(value)).toString('base64url');

function sign(claims) {
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: 'RS256', typ: 'JWT', kid: 'one', cat: 'cl_B7d4PD111AAA' };
  const all = { iss: 'https://shop.example', sub: 'user_1', sid: 'sess_1', v: 2, sts: 'active', fva: [0, -1], iat: now, nbf: now - 10, exp: now + 60, ...claims };
  for (const [name, value] of Object.entries(all)) if (value === null) delete all[name];
  const signed = `${encode(header)}.${encode(all)}`;
  return `${signed}.${createSign('RSA-SHA256').update(signed).sign(privateKey, 'base64url')}`;
}

/** The SDK's `has` in a state. Where it throws, it has granted nothing. */
async function hasIn({ claims, pending }) {
  const headers = claims ? { authorization: `Bearer ${sign(claims)}` } : {};
  const state = await clerk.authenticateRequest(new Request('http://localhost:3000/api', { headers }));
  try {
    const auth = state.toAuth(pending === 'accepted' ? { treatPendingAsSignedOut: false } : undefined);
    return asked => auth.has(asked);
  } catch {
    return () => false;
  }
}

const answers = {};
for (const [state, details] of Object.entries(table.states)) {
  test(`has() in the state: ${state}`, async () => {
    const has = await hasIn(details);
    const granted = Object.entries(table.cases).filter(([, { asked }]) => has(asked)).map(([name]) => name);
    answers[state] = granted;
    if (process.env.INSULA_TABLE === 'write') return;
    const expected = Object.entries(table.cases).filter(([, { granted }]) => granted.includes(state)).map(([name]) => name);
    assert.deepEqual(granted, expected);
  });
}

test('the table has an answer for each state and question', () => {
  if (process.env.INSULA_TABLE === 'write') {
    for (const [name, row] of Object.entries(table.cases)) row.granted = Object.keys(table.states).filter(state => answers[state].includes(name));
    const lines = ([name, value]) => `    ${JSON.stringify(name)}: ${JSON.stringify(value)}`;
    const part = rows => `{\n${Object.entries(rows).map(lines).join(',\n')}\n  }`;
    writeFileSync(file, `{\n  "about": ${JSON.stringify(table.about)},\n  "states": ${part(table.states)},\n  "cases": ${part(table.cases)}\n}\n`);
  }
  for (const [name, { granted }] of Object.entries(table.cases)) assert.ok(granted.every(state => state in table.states), name);
});
