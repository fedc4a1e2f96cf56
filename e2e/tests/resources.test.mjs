import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';

import { backendClient, newUser } from '../harness/backend.mjs';
import { questions, VICTIMS } from '../harness/questions.mjs';
import { ask, startPostgres } from '../harness/postgres.mjs';
import { notesApp, notesDatabase, sampleCopy } from '../harness/rows.mjs';
import { configure, startInsula } from '../harness/server.mjs';

// The sample in samples/express-postgres, with a real server and a real PostgreSQL. None of its queries has a WHERE for the organization.
const stops = [];
let server, clerk, database, connect, folder;

before(async () => {
  const postgres = await startPostgres();
  stops.push(postgres.stop);
  database = await notesDatabase(postgres);
  folder = sampleCopy();
  stops.push(async () => rmSync(folder, { recursive: true, force: true }));
  ({ connect } = await import(path.join(folder, 'database.mjs')));
  server = await startInsula({ names: false, settings: '[settings.organization_settings]\nenabled = true\n' });
  stops.push(server.stop);
  clerk = backendClient(server);
});
after(async () => {
  for (const stop of stops.reverse()) await stop();
});

const admin = (...statements) => ask(database.admin, ...statements);
const wipe = () => admin('truncate notes, projects');

/** A pool of the application's, for a test. */
async function pooled(t, options) {
  const rows = await connect(database.url, options);
  t.after(() => rows.close());
  return rows;
}

describe('notes over HTTP, with tokens of the server', () => {
  let app;
  const people = {};

  before(async () => {
    await wipe();
    app = await notesApp(server, database, folder);
    stops.push(app.stop);
    for (const name of ['acme', 'beta']) {
      const user = await newUser(clerk, name);
      const organization = await clerk.organizations.createOrganization({ name, createdBy: user.id });
      const session = await clerk.sessions.createSession({ userId: user.id, activeOrganizationId: organization.id });
      people[name] = { user, organization, session };
    }
  });

  async function call(who, method, path, body) {
    const headers = { 'content-type': 'application/json' };
    if (who) headers.authorization = `Bearer ${(await clerk.sessions.getToken(who.session.id)).jwt}`;
    const response = await fetch(`${app.origin}${path}`, { method, headers, body: body && JSON.stringify(body) });
    return { status: response.status, body: await response.json() };
  }

  test('each organization finds its own, and the notes of others are not there', async () => {
    const { acme, beta } = people;
    const made = {};
    for (const [name, who] of Object.entries(people)) {
      made[name] = (await call(who, 'POST', '/notes', { body: `of ${name}` })).body;
      assert.deepEqual([made[name].organization_id, made[name].author_id], [who.organization.id, who.user.id]);
    }
    assert.deepEqual((await call(acme, 'GET', '/notes')).body.map(({ body }) => body), ['of acme']);
    assert.deepEqual((await call(acme, 'GET', '/notes/count')).body, { count: 1 });
    for (const [method, body] of [['GET'], ['PATCH', { body: 'mine now' }], ['DELETE']]) {
      assert.equal((await call(acme, method, `/notes/${made.beta.id}`, body)).status, 404, method);
    }
    assert.deepEqual((await call(beta, 'GET', '/notes')).body.map(({ body }) => body), ['of beta']);
    assert.equal((await call(acme, 'PATCH', `/notes/${made.acme.id}`, { body: 'changed' })).body.body, 'changed');
  });

  test('a project of somebody else is as good as none', async () => {
    const { acme, beta } = people;
    const project = (await call(beta, 'POST', '/projects', { name: 'Moon' })).body;
    const foreign = await call(acme, 'POST', '/notes', { body: 'x', project_id: project.id });
    const absent = await call(acme, 'POST', '/notes', { body: 'x', project_id: '00000000-0000-4000-8000-000000000000' });
    assert.deepEqual([foreign, absent], [{ status: 404, body: {} }, { status: 404, body: {} }]);
    assert.equal((await call(acme, 'POST', '/projects', { name: 'Moon' })).status, 200, 'a name that others have is free');
    assert.equal((await call(acme, 'POST', '/projects', { name: 'Moon' })).status, 409);
    assert.equal((await call(beta, 'POST', '/notes', { body: 'x', project_id: project.id })).status, 200);
  });

  test('nobody, a personal account and a session that has to choose have no notes', async () => {
    const eve = await newUser(clerk, 'eve');
    const session = await clerk.sessions.createSession({ userId: eve.id });
    assert.equal((await call(null, 'GET', '/notes')).status, 401);
    assert.equal((await call({ session }, 'GET', '/notes')).status, 403);
    await configure(server, { organization_settings: { force_organization_selection: true } });
    assert.equal((await call({ session }, 'GET', '/notes')).status, 401);
    await configure(server, { organization_settings: { force_organization_selection: false } });
  });

  test('64 requests at once over one pool do not mix', async () => {
    const all = Array.from({ length: 64 }, (_, index) => [index % 2 ? 'acme' : 'beta', index]);
    const tokens = {};
    for (const [name, { session }] of Object.entries(people)) tokens[name] = (await clerk.sessions.getToken(session.id)).jwt;
    await Promise.all(
      all.map(async ([name, index]) => {
        const headers = { authorization: `Bearer ${tokens[name]}`, 'content-type': 'application/json' };
        const made = await fetch(`${app.origin}/notes`, { method: 'POST', headers, body: JSON.stringify({ body: `${name} ${index}` }) });
        assert.equal(made.status, 200);
        const rows = await (await fetch(`${app.origin}/notes`, { headers })).json();
        assert.deepEqual([...new Set(rows.map(row => row.organization_id))], [people[name].organization.id]);
        assert.ok(rows.some(({ body }) => body === `${name} ${index}`));
      }),
    );
  });

  test('whoever leaves has nothing more with the next token', async () => {
    const { acme } = people;
    const gus = await newUser(clerk, 'gus');
    await clerk.organizations.createOrganizationMembership({ organizationId: acme.organization.id, userId: gus.id, role: 'org:member' });
    const session = await clerk.sessions.createSession({ userId: gus.id, activeOrganizationId: acme.organization.id });
    assert.ok((await call({ session }, 'GET', '/notes/count')).body.count > 0);
    await clerk.organizations.deleteOrganizationMembership({ organizationId: acme.organization.id, userId: gus.id });
    assert.equal((await call({ session }, 'GET', '/notes')).status, 403);
  });
});

describe('queries that forget the WHERE', () => {
  const [acme, beta] = ['org_acme', 'org_beta'].map(orgId => ({ orgId, userId: `user_of_${orgId}` }));
  const BETAS = '00000000-0000-4000-8000-00000000000b';

  const fill = async () => {
    await wipe();
    const rows = ['org_acme', 'org_beta'].map((org, index) => `('${org}', '00000000-0000-4000-8000-00000000000${'ab'[index]}', 'user', 'of ${org}')`);
    await admin(`insert into notes (organization_id, id, author_id, body) values ${rows}`);
  };
  const betas = async () => (await admin("select * from notes where organization_id = 'org_beta'")).rows;

  test('list, count, change and delete the rows of one organization', async t => {
    await fill();
    const { inOrganization } = await pooled(t);
    const before = await betas();
    const run = (text, values) => inOrganization(acme, client => client.query(text, values));
    assert.deepEqual((await run('select body from notes')).rows, [{ body: 'of org_acme' }]);
    assert.deepEqual((await run('select count(*)::int, max(body), array_agg(organization_id) as all from notes')).rows[0], { count: 1, max: 'of org_acme', all: ['org_acme'] });
    assert.equal((await run("update notes set body = 'changed'")).rowCount, 1);
    assert.equal((await run('update notes set body = body where id = $1', [BETAS])).rowCount, 0);
    assert.equal((await run('delete from notes where id = $1', [BETAS])).rowCount, 0);
    assert.equal((await run('select * from notes where organization_id = $1 for update', ['org_beta'])).rowCount, 0);
    assert.equal((await run('delete from notes')).rowCount, 1);
    assert.deepEqual(await betas(), before);
  });

  test('insert, move and overwrite nothing elsewhere', async t => {
    await fill();
    const { inOrganization } = await pooled(t);
    const before = await betas();
    const refused = (text, values) => assert.rejects(inOrganization(acme, client => client.query(text, values)), { code: '42501' }, text);
    await refused("insert into notes (organization_id, body) values ('org_beta', 'planted')");
    await refused("update notes set organization_id = 'org_beta'");
    await refused("insert into notes (organization_id, id, body) values ('org_beta', $1, 'x') on conflict (organization_id, id) do update set body = 'x'", [BETAS]);
    // The id of somebody else's row is free here, so it tells nothing, and overwrites nothing.
    const upsert = 'insert into notes (id, body) values ($1, $2) on conflict (organization_id, id) do update set body = excluded.body returning *';
    assert.equal((await inOrganization(acme, client => client.query(upsert, [BETAS, 'mine']))).rows[0].organization_id, 'org_acme');
    await assert.rejects(inOrganization(acme, client => client.query('insert into notes (body, project_id) values (1, $1)', [BETAS])), { code: '23503' });
    assert.deepEqual(await betas(), before);
  });

  test('find nothing where nobody, or no organization, was entered', async t => {
    await fill();
    const { inOrganization, pool } = await pooled(t);
    const personal = { userId: 'user_1', orgId: null };
    assert.equal((await inOrganization(personal, client => client.query('select * from notes'))).rowCount, 0);
    await assert.rejects(inOrganization(personal, client => client.query("insert into notes (body) values ('x')")), { code: '42501' });
    for (const nobody of [{}, { userId: null, orgId: 'org_acme' }, { userId: '', orgId: 'org_acme' }]) {
      await assert.rejects(inOrganization(nobody, client => client.query('select 1')), { code: '28000' });
    }
    for (const orgId of ['', undefined]) assert.equal((await inOrganization({ userId: 'user_1', orgId }, client => client.query('select * from notes'))).rowCount, 0);
    assert.equal((await pool.query('select * from notes')).rowCount, 0);
    assert.equal((await pool.query('update notes set body = body')).rowCount, 0);
    await assert.rejects(pool.query("insert into notes (organization_id, body) values ('org_acme', 'x')"), { code: '42501' });
  });

  test('what was entered ends with its transaction, however it ends', async t => {
    await fill();
    const { inOrganization, pool } = await pooled(t, { max: 1 });
    const left = async () => (await pool.query('select insula.organization_id() as org, insula.user_id() as user, (select count(*)::int from notes) as rows')).rows[0];
    const nobody = { org: null, user: null, rows: 0 };
    await inOrganization(acme, client => client.query('select 1'));
    assert.deepEqual(await left(), nobody);
    await assert.rejects(inOrganization(acme, client => client.query('select 1 / 0')));
    assert.deepEqual(await left(), nobody);
    await assert.rejects(inOrganization(acme, () => Promise.reject(new Error('mine'))), /mine/);
    assert.deepEqual(await left(), nobody);
    // Outside of a transaction nobody enters anything.
    await pool.query('select insula.enter($1, $2)', ['org_acme', 'user_1']);
    assert.deepEqual(await left(), nobody);
    // And nobody changes over within one.
    await assert.rejects(
      inOrganization(acme, client => client.query('select insula.enter($1, $2)', ['org_beta', 'user_1'])),
      { code: '28000' },
    );
    assert.equal((await inOrganization(acme, async client => (await client.query('savepoint s'), await client.query('rollback to s'), client.query('select * from notes')))).rowCount, 1);
  });

  test('SET in place of it is found out by the next who enters', async t => {
    await fill();
    const { inOrganization, pool } = await pooled(t, { max: 1 });
    await pool.query("set insula.organization_id = 'org_acme'");
    assert.equal((await pool.query('select * from notes')).rowCount, 1, 'that is the leak: it stays with the connection');
    await assert.rejects(inOrganization(beta, client => client.query('select * from notes')), { code: '28000' });
    await pool.query('discard all');
    assert.equal((await inOrganization(beta, client => client.query('select * from notes'))).rows[0].organization_id, 'org_beta');
  });

  test('a prepared statement is whose the transaction is', async t => {
    await fill();
    const { inOrganization } = await pooled(t, { max: 1 });
    const prepared = { name: 'all', text: 'select organization_id from notes' };
    // More often than PostgreSQL plans anew.
    for (let round = 0; round < 12; round += 1) {
      for (const who of [acme, beta]) {
        const { rows } = await inOrganization(who, client => client.query(prepared));
        assert.deepEqual(rows, [{ organization_id: who.orgId }]);
      }
    }
  });

  test('many at once over two connections', async t => {
    await fill();
    const { inOrganization } = await pooled(t, { max: 2 });
    await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const who = index % 2 ? acme : beta;
        const found = await inOrganization(who, async client => {
          if (index % 5 === 0) await client.query('select pg_sleep(0.001)');
          return client.query('select distinct organization_id from notes');
        });
        assert.deepEqual(found.rows, [{ organization_id: who.orgId }]);
      }),
    );
  });
});

describe('what would get around the policies', () => {
  /** Undone after the test, whatever it comes to. */
  const during = async (t, statement, undo, { as = database.owner } = {}) => {
    t.after(() => ask(as, undo));
    await ask(as, statement);
  };
  const faults = async (url = database.url) => (await ask(url, 'select subject, fault from insula.faults()')).rows;
  const told = async pattern => {
    const found = await faults();
    assert.ok(found.some(({ subject, fault }) => pattern.test(`${subject} ${fault}`)), JSON.stringify(found));
    await assert.rejects(connect(database.url), /rows are not kept apart/, 'the application does not start');
  };
  const acmes = text => ask(database.url, 'begin', "select insula.enter('org_acme', 'user_1')", text).then(({ rows }) => rows);
  const fill = async () => {
    await wipe();
    await admin("insert into notes (organization_id, author_id, body) values ('org_acme', 'u', 'a'), ('org_beta', 'u', 'b')");
  };

  test('there is nothing as it is', async () => assert.deepEqual(await faults(), []));

  test('an owner is bound too, but could end it; a superuser is not bound', async () => {
    await fill();
    assert.deepEqual((await ask(database.owner, 'select * from notes')).rows, []);
    assert.ok((await faults(database.owner)).some(({ fault }) => /its owner is the role that asks/.test(fault)));
    assert.equal((await admin('select * from notes')).rowCount, 2);
    assert.ok((await faults(database.admin)).some(({ fault }) => /superuser/.test(fault)));
    await assert.rejects(connect(database.owner), /rows are not kept apart/);
    for (const statement of ['set role notes_owner', 'set session authorization notes_owner', 'alter table notes disable row level security', 'drop policy insula_bounds on notes', 'truncate notes', 'alter role notes_app bypassrls']) {
      await assert.rejects(ask(database.url, statement), { code: '42501' }, statement);
    }
    await assert.rejects(ask(database.url, 'set row_security = off', 'select * from notes'), { code: '42501' });
  });

  test('a role with BYPASSRLS, or one that may become such a role', async t => {
    await during(t, 'alter role notes_app bypassrls', 'alter role notes_app nobypassrls', { as: database.admin });
    await told(/notes_app the role is a superuser or has BYPASSRLS/);
    await admin('alter role notes_app nobypassrls');
    await during(t, 'grant postgres to notes_app', 'revoke postgres from notes_app', { as: database.admin });
    await told(/postgres the role may become this one/);
  });

  test('a table that nobody has protected, or not from its owner', async t => {
    await during(t, 'create table loose (organization_id text not null, id uuid)', 'drop table loose');
    await told(/^loose is not protected/);
    await ask(database.owner, 'alter table loose enable row level security');
    await told(/^loose is not protected/);
    await ask(database.owner, "call insula.protect('loose')");
    assert.deepEqual(await faults(), []);
    await during(t, 'create table odd (organization_id uuid not null, team text)', 'drop table odd');
    for (const column of ['organization_id', 'team', 'absent']) {
      await assert.rejects(ask(database.owner, `call insula.protect('odd', '${column}')`), { code: '42703' }, column);
    }
  });

  test('a policy that permits more permits nothing', async t => {
    await fill();
    await during(t, 'create policy everybody on notes using (true) with check (true)', 'drop policy everybody on notes');
    assert.equal((await acmes('select * from notes')).length, 1);
    await during(t, "create policy mine on notes as restrictive using (author_id = insula.user_id())", 'drop policy mine on notes');
    assert.equal((await acmes('select * from notes')).length, 0, 'one that narrows does');
  });

  test('views', async t => {
    await fill();
    await during(t, 'create view plain as select * from notes; grant select on plain to notes_app', 'drop view if exists plain cascade');
    // Its owner is bound here. The views of a superuser show everything.
    assert.equal((await acmes('select * from plain')).length, 1);
    await told(/^plain is a view that asks as its owner/);
    await admin('alter view plain owner to postgres');
    assert.equal((await acmes('select * from plain')).length, 2, 'that is the leak');
    await told(/^plain is a view that asks as its owner/);
    await admin('create view upon as select * from plain', 'grant select on upon to notes_app');
    await told(/^upon is a view that asks as its owner/);
    await admin('drop view upon');
    const { rows: [{ server_version_num: version }] } = await admin('show server_version_num');
    if (Number(version) >= 150_000) {
      await admin('alter view plain set (security_invoker = true)');
      assert.equal((await acmes('select * from plain')).length, 1);
      assert.deepEqual(await faults(), []);
    }
    await admin('drop view plain', 'create materialized view kept as select * from notes', 'grant select on kept to notes_app');
    t.after(() => admin('drop materialized view if exists kept'));
    assert.equal((await acmes('select * from kept')).length, 2, 'that is the leak');
    await told(/^kept is a materialized view/);
  });

  test('functions that run as somebody else', async t => {
    await fill();
    const make = 'create function everything() returns setof notes language sql security definer set search_path = public as $$ select * from notes $$';
    await during(t, make, 'drop function if exists everything()', { as: database.admin });
    assert.equal((await acmes('select * from everything()')).length, 2, 'that is the leak');
    await told(/^everything\(\) is a security definer function/);
    await admin('alter function everything() owner to notes_owner');
    assert.equal((await acmes('select * from everything()')).length, 1, 'as the owner it is bound');
    assert.deepEqual(await faults(), []);
  });

  test('keys that lead to others, truncate, and partitions', async t => {
    const key = 'create table tags (organization_id text not null, id uuid primary key, note_id uuid, name text unique)';
    await during(t, key, 'drop table if exists tags');
    await ask(database.owner, "call insula.protect('tags')");
    await told(/^tags tags_pkey is a unique key across organizations/);
    await told(/^tags tags_name_key is a unique key across organizations/);
    await ask(database.owner, 'alter table tags add column tag_id uuid references tags (id)');
    await told(/^tags tags_tag_id_fkey is a foreign key/);
    await ask(database.owner, 'drop table tags');
    await during(t, 'grant truncate on notes to notes_app', 'revoke truncate on notes from notes_app');
    await told(/^notes the role may truncate it/);
    await ask(database.owner, 'revoke truncate on notes from notes_app');
    await during(t, 'create table logs (organization_id text not null, at int) partition by list (at); create table logs_1 partition of logs for values in (1)', 'drop table logs');
    await ask(database.owner, "call insula.protect('logs')", 'grant select on logs, logs_1 to notes_app');
    await told(/^logs_1 is not protected/);
    await ask(database.owner, "call insula.protect('logs_1')");
    assert.deepEqual(await faults(), []);
  });
});

test('10,000 queries by chance find, change and make nothing of others', { timeout: 300_000 }, async t => {
  await wipe();
  const organizations = ['org_attacker', ...VICTIMS];
  for (const organization of organizations) {
    await admin(
      `insert into projects (organization_id, name) select '${organization}', 'project ' || n || ' of ${organization}' from generate_series(1, 3) n`,
      `insert into notes (organization_id, author_id, project_id, body)
       select organization_id, 'user_of_' || organization_id, id, 'note of ' || organization_id from projects, generate_series(1, 4) where organization_id = '${organization}'`,
    );
  }
  const victims = async () => {
    const tables = ['projects', 'notes'].map(table => `select md5(string_agg(t::text, ',' order by t::text)) from ${table} t where organization_id <> 'org_attacker'`);
    return (await admin(tables.join(' union all '))).rows;
  };
  const before = await victims();
  const ids = (await admin("select id from notes where organization_id <> 'org_attacker' union all select id from projects where organization_id <> 'org_attacker'")).rows;
  const { rows: [{ server_version_num: version }] } = await admin('show server_version_num');
  const next = questions({ seed: 20_261_122, ids: ids.map(({ id }) => id), version: Number(version) });

  const { inOrganization } = await pooled(t, { max: 4 });
  const auth = { orgId: 'org_attacker', userId: 'user_of_org_attacker' };
  const counts = { answered: 0, refused: 0, rows: 0, leaks: 0 };
  /** Asks so many questions in a transaction. Each that shows or touches what is somebody else's is a leak. */
  const asked = (many, end) =>
    inOrganization(auth, async client => {
      for (let index = 0; index < many; index += 1) {
        const text = next();
        await client.query('savepoint one');
        const result = await client.query(text).catch(error => error);
        const isRefused = result instanceof Error;
        if (isRefused) {
          await client.query('rollback to one');
          assert.ok(end || ['28000', '42501', '23503', '23505', '23502', '40P01'].includes(result.code), `${text}: ${result}`);
        }
        const seen = isRefused ? `${result.message} ${result.detail}` : JSON.stringify(result.rows);
        if (VICTIMS.some(name => seen.includes(`of ${name}`) || (!isRefused && seen.includes(name)))) counts.leaks += 1;
        counts[isRefused ? 'refused' : 'answered'] += 1;
        counts.rows += result.rowCount ?? 0;
      }
      if (end) throw end;
    });
  const worker = async () => {
    while (counts.answered + counts.refused < 10_000) await asked(20);
  };
  await Promise.all([worker(), worker(), worker()]);
  t.diagnostic(JSON.stringify(counts));
  assert.deepEqual([counts.leaks, await victims()], [0, before]);
  assert.ok(counts.answered > 5_000 && counts.refused > 200 && counts.rows > 5_000, JSON.stringify(counts));

  // The questions are sharp: without the policies, they find what is somebody else's at once.
  const policies = what => ask(database.owner, `alter table notes ${what} row level security`, `alter table projects ${what} row level security`);
  await policies('disable');
  await assert.rejects(asked(100, new Error('undone')), /undone/).finally(() => policies('enable'));
  assert.ok(counts.leaks > 20, JSON.stringify(counts));
  assert.deepEqual(await victims(), before);
});
