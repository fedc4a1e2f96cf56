// Tells of new mail without moving what is being read, and keeps the list where it was scrolled to.

const PAUSE = 2000;
const news = document.getElementById('news');
const link = news.querySelector('a');
const rows = document.getElementById('rows');
const known = new Set([...document.querySelectorAll('[data-id]')].map(row => row.dataset.id));
const title = document.title;
let tag;
let timer;

function tell(count) {
  link.textContent = count === 1 ? '1 new mail' : `${count} new mails`;
  link.hidden = count === 0;
  document.title = count === 0 ? title : `(${count}) ${title}`;
}

async function look() {
  try {
    const response = await fetch(news.dataset.address, { headers: tag ? { 'If-None-Match': tag } : {} });
    if (response.status === 200) {
      tag = response.headers.get('ETag');
      const { messages } = await response.json();
      tell(messages.filter(message => !known.has(message.id)).length);
    }
  } catch {
    // The server is away, perhaps restarting: the next look will tell.
  }
}

async function watch() {
  clearTimeout(timer);
  if (document.hidden) return;
  await look();
  clearTimeout(timer);
  timer = setTimeout(watch, PAUSE);
}

document.addEventListener('visibilitychange', watch);
watch();

if (rows) {
  const place = `inbox ${news.dataset.address}`;
  rows.scrollTop = Number(sessionStorage.getItem(place));
  rows.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest' });
  addEventListener('pagehide', () => sessionStorage.setItem(place, rows.scrollTop));
}
