import pg from 'pg';

/**
 * The application's database, seen from inside one organization at a time.
 * `DATABASE_URL` names a role that owns no table and has no BYPASSRLS.
 */
export async function connect(url = process.env.DATABASE_URL, options = {}) {
  const pool = new pg.Pool({ connectionString: url, max: 10, ...options });
  pool.on('error', error => console.error('an idle connection has broken', error.message));
  const { rows: faults } = await pool.query('select subject, fault from insula.faults()');
  if (faults.length > 0) {
    await pool.end();
    throw new Error(`rows are not kept apart:\n${faults.map(({ subject, fault }) => `  ${subject}: ${fault}`).join('\n')}`);
  }

  /**
   * Runs `work` in a transaction of whoever is signed in. `auth` is what `getAuth(request)` gives: verified claims, and nothing that a request says.
   * What is entered ends with the transaction, so the connection goes back to the pool with nobody in it.
   */
  async function inOrganization({ userId, orgId }, work) {
    const client = await pool.connect();
    let broken;
    try {
      await client.query('begin');
      await client.query('select insula.enter($1, $2)', [orgId ?? null, userId ?? null]);
      const result = await work(client);
      await client.query('commit');
      return result;
    } catch (error) {
      await client.query('rollback').catch(fault => (broken = fault));
      throw error;
    } finally {
      client.release(broken);
    }
  }

  return { inOrganization, pool, close: () => pool.end() };
}
