import { readFileSync } from 'node:fs';

/** Organizations whose rows nobody but they may find. Their rows say whose they are. */
export const VICTIMS = ['org_victim_one', 'org_victim_two'];

const templates = JSON.parse(readFileSync(new URL('../../samples/questions.json', import.meta.url), 'utf8'));

/** Questions by chance about the rows of the samples. The same seed gives the same texts. `version` is PostgreSQL's. */
export function questions({ seed, ids, version }) {
  let state = seed;
  const chance = () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
  const one = list => list[Math.floor(chance() * list.length)];
  const changes = version >= 150_000 ? [...templates.change, ...templates.change_from_15] : templates.change;
  return () => {
    const table = one(['notes', 'projects']);
    const fillings = {
      where: () => one(templates.where),
      t: () => table,
      text: () => ({ notes: 'body', projects: 'name' })[table],
      victim: () => `'${one(VICTIMS)}'`,
      id: () => `'${one(ids)}'`,
      n: () => Math.floor(chance() * 20),
    };
    const template = one(chance() < 0.65 ? templates.select : changes);
    const fill = text => text.replaceAll(/\{(\w+)\}/g, (_, name) => fillings[name]());
    return fill(template.replace('{where}', fillings.where));
  };
}
