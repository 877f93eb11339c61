// A function's body: the page's list with a whole market, in milliseconds. `first`: until the first hundred stand
// there; the others follow while the page can be used.
const [{ List }] = [await import('/static/list.js')];
const list = new List(() => {});
list.box.replaceChildren();
const trace = (at) => Array.from({ length: 27 }, (_, of) => 1000 + (of * at) % 97);
const row = (at) => ({
  symbol: `${100000 + at}`, name: `종목 ${at}`, price: 10000 + at, change_percent: at % 7 - 3, status: 'COMPLETE',
  previous_close: 10000, time: '2026-11-20T15:30:00', turnover: 1e6 - at, trace: trace(at),
});
const rows = Array.from({ length: 2700 }, (_, at) => row(at));
list.mark('102600');
const cost = (work) => {
  const began = performance.now();
  work();
  list.box.scrollHeight;
  return performance.now() - began;
};
const first = cost(() => { list.show(rows); list.scrollTo('102600'); });
const firsts = list.box.children.length;
while (list.making) await new Promise((done) => setTimeout(done, 5));
const top = list.items.get('102600').box.getBoundingClientRect().top - list.box.getBoundingClientRect().top;
const own = (button) => list.items.get(button.dataset.symbol)?.button === button; // the page's own list goes on
const order = [...list.box.querySelectorAll('button')].filter(own).map((button) => button.dataset.symbol);
return {
  first, firsts, again: cost(() => list.show(rows)), inOrder: order.join() === rows.map((one) => one.symbol).join(),
  inView: top >= 0 && top < list.box.clientHeight, current: list.box.querySelector('[aria-current]').dataset.symbol,
};
