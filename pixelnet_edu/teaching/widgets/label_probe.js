// One picture, three problems: what must a predictor answer at this very pixel?

const VOID = 255;
const NEUTRAL = [140, 140, 140];

/** The three answers at pixel (x, y); an answer is null where nothing is asked for. */
export function answersAt({ width, labels, normals, edges }, x, y) {
  const index = y * width + x;
  const plane = labels.length;
  const normal = [0, 1, 2].map((axis) => normals[axis * plane + index]);
  const length = Math.hypot(...normal);
  return {
    label: labels[index] === VOID ? null : labels[index],
    normal: length === 0 ? null : normal.map((part) => part / length),
    edge: edges[index] === VOID ? null : edges[index],
  };
}

export const oneHot = (label, count) => Array.from({ length: count }, (_, index) => Number(index === label));

/** The colour of a unit normal: right is red, up is green, towards the camera is blue. */
export function normalColour([x, y, z]) {
  return [1 + x, 1 - y, 1 - z].map((part) => Math.round(127.5 * part));
}

export const hexColour = (hex) => [1, 3, 5].map((start) => parseInt(hex.slice(start, start + 2), 16));

const triple = (normal) => `(${normal.map((part) => decimal(part, 2)).join(", ")})`;

const EDGE_WORDS = ["no edge", "edge"];

/** One sentence with all three answers. */
export function sentence({ label, normal, edge }, classes, x, y) {
  const parts = [
    label === null ? "void" : `class ${label}, ${classes[label]}`,
    normal === null ? "no normal" : `normal ${triple(normal)}`,
    edge === null ? "edge unknown" : EDGE_WORDS[edge],
  ];
  return `Pixel x ${x}, y ${y}: ${parts.join("; ")}.`;
}

export const COLOURS = {
  segmentation: ({ label }, palette) => (label === null ? NEUTRAL : hexColour(palette[label])),
  normals: ({ normal }) => (normal === null ? NEUTRAL : normalColour(normal)),
  edges: ({ edge }) => (edge === null ? NEUTRAL : edge ? [0, 0, 0] : [255, 255, 255]),
};

/** A canvas of one pixel a pixel with the target in colours. */
function paintTarget(data, target, palette) {
  const { width, height } = data;
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(width, height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      pixels.data.set([...COLOURS[target](answersAt(data, x, y), palette), 255], 4 * (y * width + x));
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

/** A cross that leaves the pixel itself free, and a box around the pixel. */
function drawCross(context, x, y, size, width, height) {
  const [cx, cy] = [(x + 0.5) * size, (y + 0.5) * size];
  const half = Math.max(size / 2 + 1, 4.5);
  context.beginPath();
  for (const [x0, y0, x1, y1] of [
    [0, cy, cx - half, cy], [cx + half, cy, width, cy], [cx, 0, cx, cy - half], [cx, cy + half, cx, height],
  ]) {
    context.moveTo(x0, y0);
    context.lineTo(x1, y1);
  }
  context.rect(cx - half, cy - half, 2 * half, 2 * half);
  strokeTwice(context);
}

function drawPicture(canvas, picture, data, point) {
  const available = canvas.parentElement.clientWidth;
  const size = pixelSize(available, data.width, window.devicePixelRatio || 1);
  const [width, height] = [data.width * size, data.height * size];
  const context = pen(canvas, width, height);
  context.drawImage(picture, 0, 0, width, height);
  drawCross(context, point.x, point.y, size, width, height);
}

const BALL = 88;

/** The half of a ball that faces the camera, each spot in the colour of its normal. */
function paintBall() {
  const canvas = element("canvas", { width: 2 * BALL, height: 2 * BALL });
  const context = canvas.getContext("2d");
  const pixels = context.createImageData(2 * BALL, 2 * BALL);
  for (let row = 0; row < 2 * BALL; row += 1) {
    for (let column = 0; column < 2 * BALL; column += 1) {
      const [x, y] = [(column + 0.5) / BALL - 1, (row + 0.5) / BALL - 1];
      const depth = 1 - x * x - y * y;
      if (depth < 0) continue;
      pixels.data.set([...normalColour([x, y, -Math.sqrt(depth)]), 255], 4 * (row * 2 * BALL + column));
    }
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

function drawBall(canvas, ball, normal) {
  const context = pen(canvas, BALL, BALL);
  context.imageSmoothingEnabled = true;
  context.globalAlpha = normal ? 1 : 0.25;
  context.drawImage(ball, 0, 0, BALL, BALL);
  if (!normal) return;
  const tip = [normal[0], normal[1]].map((part) => BALL / 2 + part * (BALL / 2 - 6));
  context.beginPath();
  context.moveTo(BALL / 2, BALL / 2);
  context.lineTo(...tip);
  strokeTwice(context, 2);
  context.beginPath();
  context.arc(...tip, 4, 0, 2 * Math.PI);
  strokeTwice(context, 2);
  Object.assign(context, { fillStyle: "#fff" }).fill();
}

function panel(title, size, ...children) {
  const head = element("p", { class: "pn-panel-title" }, element("b", {}, title), ` ${size}`);
  return element("div", { class: "pn-panel" }, head, children);
}

/** The segmentation answer: one number a class, a single one among zeros. */
function labelPanel(classes, palette) {
  const bits = element("p", { class: "pn-bits", "aria-hidden": "true" });
  const name = element("p", {});
  const show = ({ label }) => {
    name.textContent = label === null ? "void: never asked for" : `class ${label}: ${classes[label]}`;
    bits.replaceChildren(...oneHot(label, classes.length).map((bit, index) => {
      const colour = bit ? `--pn-hot: ${palette[index]}` : null;
      return element("span", { class: bit ? "pn-hot" : null, style: colour, title: classes[index] }, String(bit));
    }));
  };
  return { node: panel("Segmentation", `${classes.length} numbers`, name, bits), show };
}

function normalPanel() {
  const ball = paintBall();
  const canvas = element("canvas", { class: "pn-ball", role: "img", "aria-label": "The normal on a ball" });
  const text = element("p", {});
  const show = ({ normal }) => {
    drawBall(canvas, ball, normal);
    text.textContent = normal === null ? "no normal: never asked for" : triple(normal);
  };
  return { node: panel("Normals", "3 numbers", text, canvas), show };
}

function edgePanel() {
  const digit = element("p", { class: "pn-digit", "aria-hidden": "true" });
  const text = element("p", {});
  const show = ({ edge }) => {
    digit.textContent = edge === null ? "?" : String(edge);
    text.textContent = edge === null ? "void: never asked for" : EDGE_WORDS[edge];
  };
  return { node: panel("Edges", "1 number", text, digit), show };
}

function readData(model) {
  const [height, width] = model.get("size");
  const labels = decode(model.get("labels"), Uint8Array);
  const normals = decode(model.get("normals"), Int8Array);
  return { height, width, labels, normals, edges: decode(model.get("edges"), Uint8Array) };
}

async function render({ model, el }) {
  const data = readData(model);
  const [classes, palette] = [model.get("classes"), model.get("palette")];
  const help = "Point at a pixel, or move with the arrow keys (with Shift: 8 pixels).";
  const root = card(el, "One pixel, three problems", help);
  const targets = { segmentation: "Segmentation", normals: "Normals", edges: "Edges" };
  const painted = Object.fromEntries(Object.keys(targets).map((key) => [key, paintTarget(data, key, palette)]));
  const panels = { segmentation: labelPanel(classes, palette), normals: normalPanel(), edges: edgePanel() };
  const state = { target: "segmentation", x: Math.floor(data.width / 2), y: Math.floor(data.height / 2) };
  const imageCanvas = pickerCanvas("Image. Arrow keys move the pixel.");
  const targetCanvas = pickerCanvas("Target. Arrow keys move the pixel.");
  const status = voice();
  const picture = await loadPicture(model.get("image"));

  function draw() {
    drawPicture(imageCanvas, picture, data, state);
    drawPicture(targetCanvas, painted[state.target], data, state);
  }
  function update() {
    const answers = answersAt(data, state.x, state.y);
    draw();
    for (const [key, { node, show }] of Object.entries(panels)) {
      show(answers);
      node.classList.toggle("pn-is-shown", key === state.target);
    }
    status.textContent = sentence(answers, classes, state.x, state.y);
  }
  const move = (x, y) => {
    Object.assign(state, { x: snap(x, 1, data.width - 1), y: snap(y, 1, data.height - 1) });
    update();
  };
  const size = { columns: data.width, rows: data.height };
  for (const canvas of [imageCanvas, targetCanvas]) {
    movable(canvas, { ...size, point: () => state, step: () => 1, move });
  }
  const choose = (target) => {
    state.target = target;
    update();
  };
  root.append(element("div", { class: "pn-stack" },
    segmented("Target", Object.entries(targets), state.target, choose),
    element("div", { class: "pn-pair" }, captioned("Image", imageCanvas), captioned("Target", targetCanvas)),
    status,
    element("div", { class: "pn-panels" }, Object.values(panels).map(({ node }) => node)),
  ));
  update();
  return onWidth(root, draw);
}

export default { render };
