// Finds operations, opens the one that the address names, and folds the contents on small screens. The page works without it.

const contents = document.querySelector('.contents');
const small = matchMedia('(max-width: 900px)');
const fold = () => { contents.open = !small.matches; };
small.addEventListener('change', fold);
fold();
contents.addEventListener('click', event => {
  if (small.matches && event.target.closest('a')) contents.open = false;
});

const open = () => {
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target instanceof HTMLDetailsElement) {
    target.open = true;
    target.scrollIntoView();
  }
};
addEventListener('hashchange', open);
open();

for (const operation of document.querySelectorAll('.operation')) {
  operation.addEventListener('toggle', () => {
    if (operation.open) history.replaceState(null, '', `#${operation.id}`);
  });
}

const filter = document.querySelector('.filter');
if (filter) {
  const field = filter.querySelector('input');
  const none = document.querySelector('.chapter-none');
  filter.hidden = false;
  field.addEventListener('input', () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let found = 0;
    for (const noun of document.querySelectorAll('.noun')) {
      let here = 0;
      for (const operation of noun.querySelectorAll('.operation')) {
        const text = `${noun.id} ${operation.id} ${operation.textContent}`.toLowerCase();
        operation.hidden = !words.every(word => text.includes(word));
        if (!operation.hidden) here += 1;
      }
      noun.hidden = here === 0;
      found += here;
    }
    none.hidden = found > 0;
  });
  addEventListener('keydown', event => {
    if (event.key !== '/' || event.target.closest('input, textarea')) return;
    event.preventDefault();
    field.focus();
  });
}
