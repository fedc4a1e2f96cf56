import { clerkMiddleware, getAuth } from '@clerk/express';
import express from 'express';

import { connect } from './database.mjs';

const database = await connect();
const app = express();

app.get('/health', (_request, response) => response.send('ok'));
app.use(clerkMiddleware());
app.use(express.json());

/** A handler for whoever is signed in and in an organization. Whatever it asks of the database, it asks inside of that one. */
const inside = handler => async (request, response) => {
  const auth = getAuth(request);
  if (!auth.isAuthenticated) return response.status(401).json({});
  if (!auth.orgId) return response.status(403).json({ error: 'choose an organization' });
  const result = await database.inOrganization(auth, client => handler(client, request));
  return result === undefined ? response.status(404).json({}) : response.json(result);
};

// No query here says whose rows it wants, and there is no place where one could forget to.
app.get('/notes', inside(async client => (await client.query('select * from notes order by body, id')).rows));
app.get('/notes/count', inside(async client => (await client.query('select count(*)::int as count from notes')).rows[0]));
app.get('/notes/:id', inside(async (client, { params }) => (await client.query('select * from notes where id = $1', [params.id])).rows[0]));

app.post(
  '/notes',
  inside(async (client, { body }) => {
    const { rows } = await client.query('insert into notes (body, project_id) values ($1, $2) returning *', [body.body, body.project_id ?? null]);
    return rows[0];
  }),
);
app.patch(
  '/notes/:id',
  inside(async (client, { params, body }) => (await client.query('update notes set body = $2 where id = $1 returning *', [params.id, body.body])).rows[0]),
);
app.delete('/notes/:id', inside(async (client, { params }) => (await client.query('delete from notes where id = $1 returning id', [params.id])).rows[0]));

app.post('/projects', inside(async (client, { body }) => (await client.query('insert into projects (name) values ($1) returning *', [body.name])).rows[0]));

/** What the caller can mend is told; everything else is a 500 without a word. */
const STATUSES = { 23503: 404, 23505: 409, 23502: 400, '22P02': 404 };
app.use((error, _request, response, _next) => {
  const status = STATUSES[error.code] ?? 500;
  if (status === 500) console.error(error);
  response.status(status).json({});
});

const server = app.listen(Number(process.env.PORT), '127.0.0.1');
process.once('SIGTERM', () => {
  server.close();
  server.closeAllConnections();
  database.close();
});
