// A function's body: the page's map of `symbols` × `dates`, in milliseconds. `first` until it is drawn, `frame` of a
// scrolled one that no other process interrupted.
const [{ Grid }, { MapData }] = [await import('/static/map_grid.js'), await import('/static/map_data.js')];
const [symbols, dates] = arguments;
const box = document.createElement('section');
box.style = 'position:fixed;inset:0;overflow:auto;z-index:9';
const [extent, canvas] = [document.createElement('div'), document.createElement('canvas')];
canvas.style = 'position:sticky;left:0;top:0;display:block';
document.body.append(box), box.append(extent), extent.append(canvas);
const [data, states] = [new MapData(), ['COMPLETE', 'UNPROVEN', 'MISSING', 'NO_TRADES']];
const date = (at) => new Date(Date.UTC(2026, 2, 18) + at * 864e5).toJSON().slice(0, 10);
data.dates = Array.from({ length: dates }, (_, at) => date(at));
for (let at = 0; at < symbols; at += 1) {
  const state = (of) => states[(at * 7 + of) % 19] ?? 'COMPLETE';
  const day = (date, of) => [date, { date, status: state(of), reasons: [], count_1min: 381 }];
  data.rows.set(at, { symbol: `${at}`, name: `종목 ${at}`, turnover: at, days: new Map(data.dates.map(day)) });
}
const costs = [], frame = requestAnimationFrame;
window.requestAnimationFrame = (draw) => frame.call(window, (at) => {
  const began = performance.now();
  draw(at);
  costs.push(performance.now() - began);
});
const grid = new Grid(box, canvas, extent);
const began = performance.now();
grid.show(data.shown('turnover', ''), data.dates, '');
data.totals();
const whole = performance.now() - began;
await new Promise((done) => setTimeout(done, 50));
const first = whole + costs[0];
for (let left = 40; left; left -= 1) {
  box.scrollTop += 700;
  box.scrollLeft += left % 2 ? -900 : 800;
  await new Promise((done) => setTimeout(done, 16));
}
window.requestAnimationFrame = frame;
return { first, frames: costs.length, frame: costs.sort((a, b) => a - b)[costs.length >> 3] };
