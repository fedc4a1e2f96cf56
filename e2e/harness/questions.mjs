/** Organizations whose rows nobody but they may find. Their rows say whose they are. */
export const VICTIMS = ['org_victim_one', 'org_victim_two'];

/**
 * SQL by chance, of a developer who forgets the WHERE, takes the wrong one, or means harm: without `set_config`, which is the application's own way in.
 * The same seed gives the same texts.
 */
export function questions({ seed, ids, merge }) {
  let state = seed;
  const chance = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const one = list => list[Math.floor(chance() * list.length)];
  const id = () => `'${one(ids)}'`;
  const victim = () => `'${one(VICTIMS)}'`;
  const table = () => one(['notes', 'projects']);
  const text = { notes: 'body', projects: 'name' };

  const where = () =>
    one([
      () => '',
      () => 'where true',
      () => `where organization_id = ${victim()}`,
      () => `where organization_id <> insula.organization_id()`,
      () => `where id = ${id()}`,
      () => `where id in (${id()}, ${id()}, ${id()})`,
      () => `where organization_id like 'org%' or 1 = 1`,
      () => `where organization_id in (select organization_id from ${table()})`,
      () => `where exists (select from ${table()} o where o.organization_id = ${victim()})`,
      () => 'where organization_id is not null',
      () => `where (organization_id, id) = (${victim()}, ${id()})`,
      () => 'where length(organization_id) > 0',
    ])();

  const select = () => {
    const from = table();
    return one([
      () => `select * from ${from} ${where()}`,
      () => `select organization_id, count(*) from ${from} ${where()} group by 1`,
      () => `select string_agg(${text[from]}, ',') as all, max(organization_id), min(id::text) from ${from} ${where()}`,
      () => `select n.body, p.name from notes n join projects p on p.id = n.project_id`,
      () => `select n.*, p.* from notes n full join projects p on true limit 50`,
      () => `with w as (select * from ${from} ${where()}) select w.*, (select max(name) from projects) from w`,
      () => `select * from ${from} union all select * from ${from} ${where()}`,
      () => `select array(select ${text[from]} from ${from} ${where()}) as all`,
      () => `select json_agg(t) from ${from} t ${where()}`,
      () => `select t::text from ${from} t ${where()} order by 1 desc limit 5`,
      () => `select first_value(organization_id) over (order by id), lag(${text[from]}) over () from ${from} ${where()}`,
      () => `select * from ${from} ${where()} for update`,
      () => `select distinct on (organization_id) * from ${from} ${where()} order by organization_id`,
      () => `select * from ${from} a cross join lateral (select ${text[from]} as other from ${from} b where b.id <> a.id limit 3) c limit 50`,
      () => `select exists (select from ${from} where organization_id = ${victim()}) as there, 'x' as x where exists (select from ${from} where id = ${id()})`,
      () => `table ${from}`,
      () => `select organization_id, grouping(id) from ${from} group by grouping sets ((organization_id), (id)) limit 20`,
      () => `select * from ${from} tablesample bernoulli (100) ${where()}`,
      () => `select query_to_xml('select * from ${from}', true, true, '')::text`,
    ])();
  };

  const change = () =>
    one([
      () => `update notes set body = 'changed' ${where()} returning *`,
      () => `update projects set name = name || '' ${where()} returning *`,
      () => `update notes set organization_id = ${victim()} ${where()}`,
      () => `update notes n set body = p.name from projects p where p.organization_id = ${victim()} returning *`,
      () => `insert into notes (organization_id, body) values (${victim()}, 'planted')`,
      () => `insert into notes (organization_id, body) select organization_id, body from notes ${where()} limit 1`,
      () => `insert into notes (body) select 'copy' from projects ${where()} limit 1 returning *`,
      () => `insert into notes (body, project_id) values ('tied', ${id()})`,
      () => `insert into notes (id, body) values (${id()}, 'upsert') on conflict (organization_id, id) do update set body = notes.body || '.' returning *`,
      () => `insert into projects (organization_id, id, name) values (${victim()}, ${id()}, 'x') on conflict do nothing returning *`,
      () => `insert into projects (name) values ('p' || ${Math.floor(chance() * 20)}) on conflict (organization_id, name) do update set name = excluded.name returning *`,
      () => `with gone as (delete from notes where id = ${id()} returning *) select * from gone`,
      () => `delete from notes where organization_id = ${victim()} returning *`,
      () => `delete from notes where id in (select id from notes ${where()} limit 1) returning *`,
      () => `delete from projects using notes n where projects.organization_id = ${victim()} returning *`,
      ...(merge
        ? [
            () => `merge into notes n using (select ${id()}::uuid as id) s on n.id = s.id when matched then delete when not matched then insert (body) values ('merged')`,
            () => `merge into notes n using projects p on p.organization_id = ${victim()} when matched then update set body = 'merged'`,
          ]
        : []),
      () => `truncate ${table()}`,
      () => `alter table ${table()} disable row level security`,
      () => 'set local role notes_owner',
      () => `select insula.enter(${victim()}, 'user_of_org_attacker')`,
    ])();

  return () => (chance() < 0.65 ? select() : change());
}
