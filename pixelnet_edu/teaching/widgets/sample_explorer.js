// Draw pixels from a label map in several ways, and count how often a class is missed.

const VOID = 255;
const SEED = 1;

/** A small seeded generator (mulberry32): each call gives a number in [0, 1). */
export function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

/** `n` different entries of `items`, each subset equally likely. */
export function choose(items, n, random) {
  const pool = Array.from(items);
  for (let index = 0; index < n; index += 1) {
    const other = index + Math.floor(random() * (pool.length - index));
    [pool[index], pool[other]] = [pool[other], pool[index]];
  }
  return pool.slice(0, n);
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

/** Divide `n` in proportion to `shares` within `sizes`; what does not fit goes to the others. */
export function fillShares(shares, sizes, n) {
  const quotas = sizes.map(() => 0);
  const full = sizes.map((size, index) => size === 0 || shares[index] === 0);
  for (;;) {
    const left = n - sum(quotas.filter((quota, index) => full[index]));
    const open = sum(shares.filter((share, index) => !full[index]));
    shares.forEach((share, index) => full[index] || (quotas[index] = (share * left) / open));
    const over = sizes.map((size, index) => !full[index] && quotas[index] >= size);
    if (!over.includes(true)) return quotas;
    over.forEach((isOver, index) => isOver && ([quotas[index], full[index]] = [sizes[index], true]));
  }
}

/** Whole pixels for each stratum: at least one, the rest by shares, rounded by largest remainders. */
export function divide(sizes, n, shares) {
  const one = sizes.map((size) => Number(size > 0));
  const extra = fillShares(shares, sizes, n).map((quota, index) => Math.max(quota - one[index], 0));
  const left = n - sum(one);
  const scale = left / Math.max(sum(extra), 1e-300);
  const exact = extra.map((quota) => quota * scale);
  const floors = exact.map((quota) => Math.floor(quota + 1e-9));
  const order = sizes.map((_, index) => index).sort((a, b) => exact[b] - floors[b] - (exact[a] - floors[a]));
  const lucky = order.slice(0, left - sum(floors));
  return sizes.map((_, index) => one[index] + floors[index] + Number(lucky.includes(index)));
}

/** The number of pixels of each class; null where chance decides. */
export function allocate(method, sizes, n, fixed) {
  if (method === "uniform") return null;
  if (method === "fixed") return fixed;
  return divide(sizes, n, method === "equal" ? sizes.map(() => 1) : sizes);
}

/** The hypergeometric probability that `n` of `total` pixels hold none of the `size` ones. */
export function missProbability(total, size, n) {
  let probability = 1;
  for (let drawn = 0; drawn < n; drawn += 1) probability *= Math.max(total - size - drawn, 0) / (total - drawn);
  return probability;
}

export function exactMisses(method, sizes, n, fixed) {
  const counts = allocate(method, sizes, n, fixed);
  const total = sum(sizes);
  return sizes.map((size, index) => (counts ? Number(counts[index] === 0) : missProbability(total, size, n)));
}

/** The positions of every class in the map; void belongs to none. */
export function strataOf(labels, count) {
  const strata = Array.from({ length: count }, () => []);
  labels.forEach((label, position) => label !== VOID && strata[label].push(position));
  return strata;
}

/** The positions of one sample. */
export function drawSample(method, strata, n, fixed, random) {
  const counts = allocate(method, strata.map((stratum) => stratum.length), n, fixed);
  if (counts === null) return choose(strata.flat(), n, random);
  return strata.flatMap((stratum, index) => choose(stratum, counts[index], random));
}

export function countClasses(sample, labels, count) {
  const counts = Array(count).fill(0);
  sample.forEach((position) => (counts[labels[position]] += 1));
  return counts;
}

/** Draw `times` samples: the last one, and how often each class was missing. */
export function simulate(method, strata, labels, n, fixed, random, times) {
  const missed = strata.map(() => 0);
  let sample = [];
  for (let round = 0; round < times; round += 1) {
    sample = drawSample(method, strata, n, fixed, random);
    countClasses(sample, labels, strata.length).forEach((count, index) => (missed[index] += Number(count === 0)));
  }
  return { sample, missed };
}

function drawMap(canvas, { labels, height, width }, palette, sample) {
  const size = Math.min(pixelSize(canvas.parentElement.clientWidth, width, window.devicePixelRatio || 1), 28);
  const context = pen(canvas, width * size, height * size);
  const gap = size >= 6 ? 1 : 0;
  labels.forEach((label, position) => {
    const [x, y] = [(position % width) * size, Math.floor(position / width) * size];
    context.fillStyle = label === VOID ? "#8c8c8c" : palette[label];
    context.fillRect(x, y, size - gap, size - gap);
  });
  for (const position of sample) {
    const [x, y] = [((position % width) + 0.5) * size, (Math.floor(position / width) + 0.5) * size];
    context.beginPath();
    context.arc(x - gap / 2, y - gap / 2, Math.max(size * 0.24, 1.5), 0, 2 * Math.PI);
    Object.assign(context, { strokeStyle: "#fff", lineWidth: 3, fillStyle: "#111" }).stroke();
    context.fill();
  }
}

function missCell(missed, draws, exact) {
  const share = draws ? missed / draws : 0;
  const bar = element("span", { class: "pn-bar", "aria-hidden": "true" },
    element("i", { style: `width: ${100 * share}%` }), element("b", { style: `left: ${100 * exact}%` }));
  return element("td", { class: "pn-missed" }, whole(missed), element("small", {}, percent(share)), bar);
}

function classRow(name, colour, size, total, drawn, missed, draws, exact) {
  const swatch = element("span", { class: "pn-swatch", style: `background: ${colour}` });
  return element("tr", { class: drawn === 0 ? "pn-is-missing" : null },
    element("th", { scope: "row" }, swatch, name),
    element("td", {}, whole(size), element("small", {}, percent(size / total))),
    element("td", {}, String(drawn), element("small", {}, drawn === 0 ? "missed" : "")),
    missCell(missed, draws, exact),
    element("td", {}, percent(exact)));
}

function resultTable() {
  const heads = ["Class", "In the map", "This draw", "Missed so far", "Exact"];
  const body = element("tbody", {});
  const row = element("tr", {}, heads.map((text) => element("th", { scope: "col" }, text)));
  return { body, node: element("div", { class: "pn-scroll" }, element("table", {}, element("thead", {}, row), body)) };
}

function slider(first, last, value, onValue) {
  const [label, id] = [element("span", {}), newId("n")];
  const input = element("input", { type: "range", id, min: first, max: last, value });
  input.addEventListener("input", () => onValue(Number(input.value)));
  const node = element("div", { class: "pn-slider" }, element("label", { class: "pn-label", for: id }, label), input);
  return { node, input, label };
}

function render({ model, el }) {
  const [height, width] = model.get("size");
  const [names, palette, fixed] = [model.get("names"), model.get("palette"), model.get("counts")];
  const map = { labels: decode(model.get("labels"), Uint8Array), height, width };
  const strata = strataOf(map.labels, names.length);
  const sizes = strata.map((stratum) => stratum.length);
  const total = sum(sizes);
  const fixedTotal = sum(fixed);
  const root = card(el, "Which pixels to look at", "Choose how to sample, draw, and see which class is missed.");
  const canvas = element("canvas", { class: "pn-canvas", role: "img" });
  const [status, table] = [voice(), resultTable()];
  const first = sizes.filter(Boolean).length;
  const state = { method: "uniform", n: Math.max(Math.round(0.04 * total), first) };
  const size = slider(first, Math.max(Math.round(0.2 * total), state.n), state.n, (n) => restart({ n }));
  const pixels = () => (state.method === "fixed" ? fixedTotal : state.n);

  function restart(change) {
    Object.assign(state, change, { draws: 0, missed: sizes.map(() => 0), random: mulberry32(SEED) });
    size.input.disabled = state.method === "fixed";
    size.label.textContent = `Sample size n = ${pixels()} of ${whole(total)} (${percent(pixels() / total)})`;
    draw(1);
  }
  function draw(times) {
    const result = simulate(state.method, strata, map.labels, pixels(), fixed, state.random, times);
    state.draws += times;
    state.sample = result.sample;
    state.missed = state.missed.map((count, index) => count + result.missed[index]);
    show();
  }
  function show() {
    const counts = countClasses(state.sample, map.labels, names.length);
    const exact = exactMisses(state.method, sizes, pixels(), fixed);
    const list = names.map((name, index) => `${counts[index]} ${name}`).join(", ");
    status.textContent = `${whole(state.draws)} ${state.draws === 1 ? "draw" : "draws"}. The last one: ${list}.`;
    canvas.setAttribute("aria-label", `The label map with ${pixels()} chosen pixels marked by dots: ${list}.`);
    table.body.replaceChildren(...names.map((name, index) =>
      classRow(name, palette[index], sizes[index], total, counts[index], state.missed[index], state.draws, exact[index])));
    if (canvas.isConnected) drawMap(canvas, map, palette, state.sample);
  }
  const methods = [
    ["uniform", "uniform"], ["proportional", "stratified, proportional"],
    ["equal", "stratified, equal"], ["fixed", `fixed ${fixed.join("\u2013")}`],
  ];
  const button = (text, times, kind) =>
    element("button", { type: "button", class: kind, onclick: () => draw(times) }, text);
  root.append(element("div", { class: "pn-stack" },
    segmented("Method", methods, state.method, (method) => restart({ method })),
    element("div", { class: "pn-row" }, size.node,
      element("div", { class: "pn-buttons" }, button("Draw", 1, "pn-primary"), button("Draw 1,000 times", 1000))),
    element("div", {}, canvas),
    status, table.node,
    element("p", { class: "pn-note" }, "The bar is what the draws gave, the tick is the exact probability."),
  ));
  restart({});
  return onWidth(root, () => drawMap(canvas, map, palette, state.sample));
}

export default { render };
