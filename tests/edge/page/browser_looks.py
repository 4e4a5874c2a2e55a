"""Looks at a page from inside: JavaScript for `Page.evaluate`, and what each one gives back.

Neighbour: `test_browser*`.
"""

#: all texts that stand on the page, and the names for those who cannot see it
TEXTS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const texts = [];
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!parent.closest('noscript, [hidden]')) texts.push(walker.currentNode.textContent.trim());
  }
  for (const node of document.querySelectorAll('[aria-label], [title]'))
    texts.push(node.getAttribute('aria-label') || '', node.getAttribute('title') || '');
  return texts.filter(Boolean);
}"""

#: hours that the page's clock is ahead of UTC
CLOCK_HOURS = """() => {
  const shown = document.querySelector('.shell-clock').textContent.split(':').map(Number);
  const now = new Date();
  const minutes = shown[0] * 60 + shown[1] - now.getUTCHours() * 60 - now.getUTCMinutes();
  return Math.round((((minutes % 1440) + 1440) % 1440) / 60);
}"""

#: what lies beyond the window's edges
OUTSIDE = """() => [...document.querySelectorAll('body *')].filter((node) => {
  const box = node.getBoundingClientRect();
  const away = box.right > innerWidth + 1 || box.left < -1;
  return box.width && away && !node.closest('.skip, .table-box, .part-strip');
}).map((node) => node.className || node.tagName)"""

#: texts that are cut off
CUT = """() => [...document.querySelectorAll('button, a, h2, .band-title, .tile-words, dt')].filter(
  (node) => node.offsetParent && node.scrollWidth > node.clientWidth + 1
    && getComputedStyle(node).overflowX !== 'visible').map((node) => node.textContent)"""

#: controls that a gloved finger misses; 48 px with their border
SMALL = """() => [...document.querySelectorAll('button, a, input, select')].filter((node) => {
  const box = node.getBoundingClientRect();
  return box.width && !node.closest('.skip') && (box.height < 45.5 || box.width < 44);
}).map((node) => `${node.textContent || node.className} ${node.getBoundingClientRect().height}`)"""

#: number the controls that can be used now
NUMBER_CONTROLS = """() => [...document.querySelectorAll('button, a[href], input, select')].filter(
  (node) => node.getClientRects().length && !node.disabled && !node.closest('.skip'))
  .forEach((node, index) => { node.dataset.control = String(index); })"""

#: number of the control that has the focus, '' for none, and whether that can be seen
FOCUSED = """() => {
  const node = document.activeElement;
  const style = getComputedStyle(node);
  const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;
  return [node.dataset.control ?? '', seen];
}"""

#: controls whose numbers are not among those given
NOT_REACHED = """(reached) => [...document.querySelectorAll('[data-control]')]
  .filter((node) => !reached.includes(node.dataset.control))
  .map((node) => node.outerHTML.slice(0, 120))"""

#: controls without a name
NAMELESS = """() => [...document.querySelectorAll('button, a, input, select, img')].filter((node) => {
  if (!node.getClientRects().length) return false;
  if (node.tagName === 'IMG') return !node.hasAttribute('alt');
  const label = node.labels && node.labels.length ? node.labels[0].textContent : '';
  const by = node.getAttribute('aria-labelledby');
  const named = by ? document.getElementById(by).textContent : '';
  const own = ['INPUT', 'SELECT'].includes(node.tagName) ? '' : node.textContent;
  return !(node.getAttribute('aria-label') || named || label || own).trim();
}).map((node) => node.outerHTML.slice(0, 120))"""

LANDMARKS = """() => ['header', 'nav', 'main'].map((name) => document.querySelectorAll(name).length)"""

PICTURE_LOADED = """(selector) => {
  const image = document.querySelector(selector);
  return image && image.complete && image.naturalWidth > 0;
}"""

#: texts whose contrast against what lies behind them is below WCAG's AA, and how many were looked at
CONTRAST = """() => {
  const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
  const rgb = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const part = (value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = ([r, g, b]) => 0.2126 * part(r / 255) + 0.7152 * part(g / 255) + 0.0722 * part(b / 255);
  const behind = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const style = getComputedStyle(at);
      if (style.backgroundImage !== 'none') return null;
      const found = rgb(style.backgroundColor);
      if (found[3] === 255) return found;
    }
    return [255, 255, 255, 255];
  };
  const left_out = 'noscript, .skip, :disabled, .live-box, option';
  const weak = new Set();
  let looked = 0;
  for (const node of document.querySelectorAll('body *')) {
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (!own || !node.getClientRects().length || node.closest(left_out)) continue;
    const back = behind(node);
    if (!back) continue;
    looked += 1;
    const style = getComputedStyle(node);
    const [brighter, darker] = [light(rgb(style.color)), light(back)].sort((a, b) => b - a);
    const ratio = (brighter + 0.05) / (darker + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.6 && Number(style.fontWeight) >= 700);
    const name = `${node.className || node.tagName} '${node.textContent.slice(0, 30)}'`;
    if (ratio < (large ? 3 : 4.5)) weak.add(`${name} ${ratio.toFixed(2)}`);
  }
  return { weak: [...weak], looked };
}"""

#: names of the cameras of the next five pictures that are drawn
NEXT_CAMERAS = """() => new Promise((resolve) => {
  const cameras = [];
  document.addEventListener('ferrogate:picture-drawn', (event) => {
    cameras.push(event.detail.camera);
    if (cameras.length === 5) resolve(cameras);
  });
})"""

#: make the tab hidden, or seen again
HIDE = """(hidden) => {
  Object.defineProperty(document, 'hidden', { value: hidden, configurable: true });
  document.dispatchEvent(new Event('visibilitychange'));
}"""

#: so many state messages, each one different, through the page's own store
MANY_MESSAGES = """async (count) => {
  const base = document.querySelector('script[type=module]').src;
  const { store, takeState } = await import(new URL('lib/store.js', base));
  const alarm = (id, subject) => ({
    id, subject, code: 'bin_full', level: 'error', values: {}, raised_utc_ms: 1e12 + id,
    cleared_utc_ms: null, acknowledged_by: null, acknowledged_utc_ms: null, note: '',
  });
  for (let turn = 0; turn < count; turn += 1) {
    const state = structuredClone(store.state);
    state.alarms = turn % 7 ? [alarm(turn + 1, '')]
      : Array.from({ length: 9 }, (_, index) => alarm(turn + index, String(index)));
    for (const counts of Object.values(state.counts).filter(Boolean)) {
      counts.accepted += turn;
      counts.reasons = { crack: turn, [`r${turn % 40}`]: 3 };
    }
    state.status.in_zone = turn % 5;
    state.status.counts[`fault_x${turn % 30}`] = turn;
    if (turn % 50 === 0) state.status.session = `s-${turn}`;
    takeState(state);
    if (turn % 40 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
}"""

#: fifty notices at once
MANY_NOTICES = """async () => {
  const base = document.querySelector('script[type=module]').src;
  const { notice } = await import(new URL('lib/dialog.js', base));
  for (let turn = 0; turn < 50; turn += 1) notice(`<b>${turn}</b>`, turn % 2 ? 'ok' : 'bad');
}"""

#: what an alarm of this code and these values says
ALARM_WORDS = """async ([code, values]) => {
  const base = document.querySelector('script[type=module]').src;
  const { alarmWhat } = await import(new URL('lib/alarms.js', base));
  return alarmWhat({ code, values, subject: '' });
}"""

#: codes of open alarms in the order in which they are shown, for alarms given by code, level and age
ALARM_ORDER = """async (given) => {
  const base = document.querySelector('script[type=module]').src;
  const { store } = await import(new URL('lib/store.js', base));
  const { openAlarms } = await import(new URL('lib/alarms.js', base));
  const alarms = given.map(([code, level, raised_utc_ms], index) => ({
    id: index + 1, code, level, raised_utc_ms, subject: '', values: {},
    cleared_utc_ms: null, acknowledged_by: null,
  }));
  const before = store.state;
  store.state = { ...before, alarms };
  const order = openAlarms().map((alarm) => alarm.code);
  store.state = before;
  return order;
}"""
