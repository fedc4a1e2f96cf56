// Copy buttons, and times in the reader's own zone. Pages work without it.

for (const button of document.querySelectorAll('[data-copy]')) {
  if (!navigator.clipboard) break;
  const label = button.textContent;
  let timer;
  button.hidden = false;
  button.addEventListener('click', async () => {
    const source = document.getElementById(button.dataset.copy);
    let said = 'Copied';
    try {
      await navigator.clipboard.writeText(source.textContent.trim());
    } catch {
      said = 'Not allowed';
    }
    button.textContent = said;
    button.classList.toggle('done', said === 'Copied');
    clearTimeout(timer);
    timer = setTimeout(() => {
      button.textContent = label;
      button.classList.remove('done');
    }, 1600);
  });
}

const full = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'short' });
for (const time of document.querySelectorAll('time[datetime]')) {
  const text = full.format(new Date(time.dateTime));
  if (time.dataset.form === 'full') time.textContent = text;
  else time.title = text;
}

// Menus close when the reader turns to something else.
for (const menu of document.querySelectorAll('details.menu')) {
  document.addEventListener('click', event => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener('keydown', event => {
    if (event.key !== 'Escape' || !menu.open) return;
    menu.open = false;
    menu.querySelector('summary').focus();
  });
}
