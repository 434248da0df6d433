'use strict';
const root = document.documentElement;

// Emails are loaded when they are looked at, in the scheme that is chosen.
function show() {
  const wanted = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const section = wanted || document.querySelector('main > section');
  if (!section) return;
  for (const one of document.querySelectorAll('main > section')) one.hidden = one !== section;
  for (const frame of section.querySelectorAll('iframe')) {
    const address = frame.dataset[root.dataset.theme];
    if (frame.getAttribute('src') !== address) frame.setAttribute('src', address);
  }
}

function paint(theme) {
  root.dataset.theme = theme;
  const button = document.getElementById('theme');
  if (button) button.textContent = theme === 'dark' ? 'Light' : 'Dark';
  show();
}

function remembered() {
  try { return localStorage.getItem('signalroom-theme'); } catch { return null; }
}

document.getElementById('theme')?.addEventListener('click', () => {
  const theme = root.dataset.theme === 'dark' ? 'light' : 'dark';
  try { localStorage.setItem('signalroom-theme', theme); } catch { /* a private window */ }
  paint(theme);
});
// Buttons that lead from one view with a problem, or a change, to the next.
for (const [id, mark] of [['problem', 'bad'], ['change', 'changed']]) {
  document.getElementById(id)?.addEventListener('click', () => {
    const all = [...document.querySelectorAll('main > section')];
    const at = all.findIndex((one) => !one.hidden);
    const next = [...all.slice(at + 1), ...all.slice(0, at + 1)].find((one) => mark in one.dataset);
    if (next) location.hash = '#' + next.id;
  });
}
addEventListener('hashchange', () => { show(); scrollTo(0, 0); });
paint(remembered() || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light'));

// Served: rebuilt on each save. The server sends the newest version.
if (root.dataset.live) {
  new EventSource('/events').onmessage = (event) => {
    if (event.data !== root.dataset.live) location.reload();
  };
}
