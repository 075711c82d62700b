// Where a point falls on the map of a level, and how the four nearest cells share it.

const NAMES = ["A", "B", "C", "D"];
const COLOURS = ["#0072b2", "#e69f00", "#009e73", "#cc79a7"];
const VIEW = 3; // The close-up is so many cells wide.

/** The number of cells of a level along `pixels` pixels: pooling rounds down, one cell is always there. */
export const cellCount = (pixels, stride) => Math.max(Math.floor(pixels / stride), 1);

/** Along one axis: the coordinate t on the map, kept inside it, its two cells and the share of the second. */
export function along(position, stride, offset, count) {
  const t = (position - offset) / stride;
  const used = clamp(t, 0, count - 1);
  const low = Math.floor(used);
  const high = Math.min(low + 1, count - 1);
  return { t, used, low, high, share: used - low, clamped: used !== t };
}

/** The four nearest cells of a point, in reading order, each with its bilinear weight. */
export function fourCells(point, level, [height, width]) {
  const x = along(point.x, level.stride, level.offset, cellCount(width, level.stride));
  const y = along(point.y, level.stride, level.offset, cellCount(height, level.stride));
  const cells = [
    { row: y.low, column: x.low, weight: (1 - y.share) * (1 - x.share) },
    { row: y.low, column: x.high, weight: (1 - y.share) * x.share },
    { row: y.high, column: x.low, weight: y.share * (1 - x.share) },
    { row: y.high, column: x.high, weight: y.share * x.share },
  ];
  return { x, y, cells };
}

/** One line of arithmetic for one axis. */
export function formula(name, position, level, axis) {
  const ratio = `(${decimal(position, 2)} \u2212 ${decimal(level.offset, 1)}) / ${level.stride}`;
  const kept = axis.clamped ? `, clamped to ${decimal(axis.used, 0)}` : "";
  return `${name}: t = ${ratio} = ${decimal(axis.t, 3)}${kept}`;
}

export function sentence(point, level, { x, y, cells }) {
  const heaviest = cells.reduce((best, cell) => (cell.weight > best.weight ? cell : best));
  const where = `Point x ${decimal(point.x, 2)}, y ${decimal(point.y, 2)} on ${level.name}`;
  const note = x.clamped || y.clamped ? " It lies outside the outermost centres: clamped." : "";
  const cell = `row ${heaviest.row}, column ${heaviest.column} weighs most, ${decimal(heaviest.weight, 3)}`;
  return `${where}: ${cell}.${note}`;
}

/** The centre of cell j in the unit of the canvas, where pixel x covers x to x + 1. */
const centre = (cell, level) => level.stride * cell + level.offset + 0.5;

function drawGrid(context, level, [height, width], size) {
  const cell = level.stride * size;
  if (cell < 5) return;
  context.beginPath();
  for (let column = 0; column <= cellCount(width, level.stride); column += 1) {
    const x = (centre(column, level) - level.stride / 2) * size;
    context.moveTo(x, 0);
    context.lineTo(x, height * size);
  }
  for (let row = 0; row <= cellCount(height, level.stride); row += 1) {
    const y = (centre(row, level) - level.stride / 2) * size;
    context.moveTo(0, y);
    context.lineTo(width * size, y);
  }
  Object.assign(context, { strokeStyle: "rgba(255, 255, 255, 0.55)", lineWidth: 1 }).stroke();
}

function dot(context, x, y, radius, fill) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  strokeTwice(context, 2);
  if (fill) Object.assign(context, { fillStyle: fill }).fill();
}

/** The top left corner and the width of the close-up, in pixels. */
export function closeUp({ x, y }, level, [height, width]) {
  const span = VIEW * level.stride;
  const start = (axis, pixels) => {
    const count = cellCount(pixels, level.stride);
    const middle = count === 1 ? 0 : Math.min(axis.low, count - 2) + 0.5;
    return centre(middle, level) - span / 2;
  };
  return { left: start(x, width), top: start(y, height), span };
}

function drawOverview(canvas, picture, size, point, level, found, pictureSize) {
  const [height, width] = pictureSize;
  const context = pen(canvas, width * size, height * size);
  context.drawImage(picture, 0, 0, width * size, height * size);
  drawGrid(context, level, pictureSize, size);
  const view = closeUp(found, level, pictureSize);
  context.beginPath();
  context.rect(view.left * size, view.top * size, view.span * size, view.span * size);
  strokeTwice(context, 2);
  dot(context, (point.x + 0.5) * size, (point.y + 0.5) * size, 3.5, "#000");
}

/** The rectangle between the point and the opposite corner has the area of a cell's weight: paint it so. */
function drawShares(context, cells, toX, toY, px, py) {
  cells.forEach((cell, index) => {
    const opposite = cells[3 - index];
    const [x, y] = [toX(opposite.column), toY(opposite.row)];
    Object.assign(context, { fillStyle: COLOURS[index], globalAlpha: 0.72 });
    context.fillRect(Math.min(x, px), Math.min(y, py), Math.abs(x - px), Math.abs(y - py));
  });
  context.globalAlpha = 1;
}

function drawLetters(context, cells, toX, toY) {
  Object.assign(context, { font: "600 13px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
  const seen = new Set();
  cells.forEach((cell, index) => {
    const place = `${cell.row} ${cell.column}`;
    if (seen.has(place)) return;
    seen.add(place);
    const [x, y] = [toX(cell.column), toY(cell.row)];
    dot(context, x, y, 12, COLOURS[index]);
    context.fillStyle = index === 0 ? "#fff" : "#000";
    context.fillText(NAMES[index], x, y + 1);
  });
}

function drawPoint(context, px, py, keptX, keptY) {
  if (Math.hypot(px - keptX, py - keptY) > 0.5) {
    context.setLineDash([4, 3]);
    context.beginPath();
    context.moveTo(px, py);
    context.lineTo(keptX, keptY);
    strokeTwice(context, 1.5);
    context.setLineDash([]);
  }
  dot(context, px, py, 5, "#000");
}

function drawCloseUp(canvas, picture, side, point, level, found, pictureSize) {
  const { left, top, span } = closeUp(found, level, pictureSize);
  const context = pen(canvas, side, side);
  const unit = side / span;
  context.drawImage(picture, -left * unit, -top * unit, picture.width * unit, picture.height * unit);
  Object.assign(context, { fillStyle: "rgba(0, 0, 0, 0.25)" }).fillRect(0, 0, side, side);
  const toX = (column) => (centre(column, level) - left) * unit;
  const toY = (row) => (centre(row, level) - top) * unit;
  context.beginPath();
  for (let line = 0.5; line < VIEW; line += 1) {
    const at = (line * side) / VIEW;
    context.moveTo(at, 0);
    context.lineTo(at, side);
    context.moveTo(0, at);
    context.lineTo(side, at);
  }
  Object.assign(context, { strokeStyle: "rgba(255, 255, 255, 0.35)", lineWidth: 1 }).stroke();
  const [keptX, keptY] = [toX(found.x.used), toY(found.y.used)];
  drawShares(context, found.cells, toX, toY, keptX, keptY);
  drawLetters(context, found.cells, toX, toY);
  drawPoint(context, (point.x + 0.5 - left) * unit, (point.y + 0.5 - top) * unit, keptX, keptY);
}

function weightRow(cell, index) {
  const swatch = element("span", { class: "pn-swatch", style: `background: ${COLOURS[index]}` });
  const bar = element("span", { class: "pn-bar" }, element("i", { style: `width: ${100 * cell.weight}%` }));
  return element("tr", {},
    element("th", { scope: "row" }, swatch, NAMES[index]),
    element("td", {}, String(cell.row)),
    element("td", {}, String(cell.column)),
    element("td", {}, decimal(cell.weight, 4)),
    element("td", { "aria-hidden": "true" }, bar));
}

function weightTable() {
  const heads = ["Cell", "Row", "Column", "Weight"].map((text) => element("th", { scope: "col" }, text));
  const body = element("tbody", {});
  const total = element("td", {});
  const foot = element("tr", {}, element("th", { scope: "row", colspan: 3 }, "Sum"), total, element("td", {}));
  const head = element("thead", {}, element("tr", {}, heads, element("td", { class: "pn-wide" })));
  const table = element("table", {}, head, body, element("tfoot", {}, foot));
  const show = (cells) => {
    body.replaceChildren(...cells.map(weightRow));
    total.textContent = decimal(cells.reduce((sum, cell) => sum + cell.weight, 0), 4);
  };
  return { table, show };
}

/** A field for one coordinate, for exact values and for fingers. */
function coordinateField(name, last, onValue) {
  const input = element("input", { type: "number", min: 0, max: last, step: "any", inputmode: "decimal" });
  input.addEventListener("change", () => Number.isNaN(input.valueAsNumber) || onValue(input.valueAsNumber));
  return { input, node: element("label", { class: "pn-field" }, element("span", { class: "pn-label" }, name), input) };
}

async function render({ model, el }) {
  const size = model.get("size");
  const levels = model.get("levels");
  const [height, width] = size;
  const help = "Move the point with the pointer or the arrow keys (with Shift: 8 pixels), or type it.";
  const root = card(el, "Four cells share a point", help);
  const state = { x: Math.round(0.62 * width), y: Math.round(0.4 * height), step: 1, level: levels.length >> 1 };
  const picture = await loadPicture(model.get("image"));
  const overview = pickerCanvas("Image with the cells of the level. Arrow keys move the point.");
  const detail = element("canvas", { class: "pn-canvas", role: "img", "aria-label": "Close-up of the four cells" });
  const [formulas, status, weights] = [element("p", { class: "pn-formula" }), voice(), weightTable()];
  const mapNote = element("p", { class: "pn-note" });
  const fields = {
    x: coordinateField("x", width - 1, (value) => move(value, state.y, 0.01)),
    y: coordinateField("y", height - 1, (value) => move(state.x, value, 0.01)),
  };

  function draw() {
    const level = levels[state.level];
    const found = fourCells(state, level, size);
    const side = overview.parentElement.clientWidth;
    const unit = pixelSize(side, width, window.devicePixelRatio || 1);
    drawOverview(overview, picture, unit, state, level, found, size);
    drawCloseUp(detail, picture, width * unit, state, level, found, size);
  }
  function update() {
    const level = levels[state.level];
    const found = fourCells(state, level, size);
    draw();
    weights.show(found.cells);
    const lines = [formula("x", state.x, level, found.x), formula("y", state.y, level, found.y)];
    formulas.replaceChildren("t = (x \u2212 o) / s, and for y alike", ...lines.flatMap((line) => [element("br"), line]));
    const [rows, columns] = [cellCount(height, level.stride), cellCount(width, level.stride)];
    mapNote.textContent =
      `${level.name}: stride s = ${level.stride}, offset o = ${decimal(level.offset, 1)}, ` +
      `${rows} rows of ${columns} cells, ${whole(level.channels)} numbers in each.`;
    status.textContent = sentence(state, level, found);
    for (const name of ["x", "y"]) fields[name].input.value = Number(state[name].toFixed(2));
  }
  function move(x, y, step = state.step) {
    Object.assign(state, { x: snap(x, step, width - 1), y: snap(y, step, height - 1) });
    update();
  }
  function chooseLevel(index) {
    state.level = index;
    update();
  }
  const levelNames = levels.map((level, index) =>
    [index, [level.name, element("small", {}, `s = ${level.stride}`)]]);
  const steps = [[1, "1 pixel"], [0.25, "\u00bc pixel"]];
  movable(overview, { columns: width, rows: height, point: () => state, step: () => state.step, move });
  root.append(element("div", { class: "pn-stack" },
    element("div", { class: "pn-row" },
      segmented("Level", levelNames, state.level, chooseLevel),
      segmented("Step", steps, 1, (step) => (state.step = step)),
      element("div", { class: "pn-fields" }, fields.x.node, fields.y.node)),
    mapNote,
    element("div", { class: "pn-columns" },
      captioned("The image, the level's cells, and the close-up's frame", overview),
      captioned("Close-up: the area of a colour is its cell's weight", detail)),
    status,
    element("div", { class: "pn-columns" }, formulas, weights.table),
  ));
  update();
  return onWidth(root, draw);
}

export default { render };
