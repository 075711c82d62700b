// Parts that every explorer shares. Python puts this file before the explorer's own, so that both form one module.

const PAGE = Math.random().toString(36).slice(2, 8);
let created = 0;
const newId = (word) => `pn-${word}-${PAGE}-${created++}`;

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** The value on the grid 0, step, 2 step, ... that is nearest to `value` and at most `last`. */
export const snap = (value, step, last) => clamp(Math.round(value / step) * step, 0, last);

/** A number with a true minus sign, and no minus before zero. */
export const decimal = (value, digits) =>
  value.toFixed(digits).replace(/^-(?=[0.]*$)/, "").replace("-", "\u2212");

/** A share in per cent; a small one is never shown as none. */
export function percent(share) {
  if (share === 0 || share === 1) return `${100 * share} %`;
  return share < 0.0005 ? "< 0.1 %" : `${decimal(100 * share, 1)} %`;
}

export const whole = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");

/** The numbers of a typed array that Python sent as base64. */
export function decode(base64, Type) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new Type(bytes.buffer);
}

/** CSS pixels for one picture pixel: whole device pixels, all alike, unless that leaves a fifth of the width empty. */
export function pixelSize(available, columns, ratio) {
  const exact = (available * ratio) / columns;
  return (Math.floor(exact) >= 0.8 * exact ? Math.floor(exact) : exact) / ratio;
}

/** An element; `on...` functions are listeners, false and null attributes are left out. */
function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat());
  return node;
}

/** The card that holds an explorer: a title, a line of help, and a polite voice for screen readers. */
function card(el, title, help) {
  const titleId = newId("title");
  const root = element(
    "section",
    // Slides and notebooks listen to the arrow keys and to swipes too: inside the card they are ours.
    { class: "pn", "aria-labelledby": titleId, "data-prevent-swipe": true, "data-lm-suppress-shortcuts": "true" },
    element("p", { class: "pn-title", id: titleId }, title),
    element("p", { class: "pn-help" }, help),
  );
  el.replaceChildren(root);
  return root;
}

const captioned = (caption, node) => element("div", {}, element("p", { class: "pn-label" }, caption), node);

const voice = () => element("p", { class: "pn-voice", role: "status", "aria-live": "polite" });

/** Radio buttons drawn as one row of joined buttons; `options` are [value, text] pairs. */
function segmented(legend, options, chosen, onChoose) {
  const group = newId("choice");
  const choices = options.map(([value, text]) => {
    const input = element("input", { type: "radio", name: group, value, checked: value === chosen });
    input.addEventListener("change", () => onChoose(value));
    return element("label", {}, input, element("span", {}, text));
  });
  return element(
    "fieldset",
    { class: "pn-segmented" },
    element("legend", {}, legend),
    element("div", {}, choices),
  );
}

/** Size a canvas in CSS pixels and return its pen, scaled to the device's pixels. */
function pen(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${canvas.width / ratio}px`;
  canvas.style.height = `${canvas.height / ratio}px`;
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.imageSmoothingEnabled = false;
  return context;
}

/** Stroke the current path so that it is seen on any picture: white on a dark edge. */
function strokeTwice(context, width = 1.5) {
  for (const [style, lineWidth] of [["rgba(0, 0, 0, 0.75)", width + 2], ["#fff", width]]) {
    Object.assign(context, { strokeStyle: style, lineWidth });
    context.stroke();
  }
}

/** Call `draw` now and whenever the width of `node` changes; the returned function stops that. */
function onWidth(node, draw) {
  let width = 0;
  const observer = new ResizeObserver(([entry]) => {
    if (Math.abs(entry.contentRect.width - width) < 1) return;
    width = entry.contentRect.width;
    draw();
  });
  observer.observe(node);
  return () => observer.disconnect();
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Let the pointer and the arrow keys move a point over a canvas; `move` gets pixel coordinates. */
function movable(canvas, { columns, rows, point, step, move }) {
  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    const across = (event.clientX - box.left) / box.width;
    const down = (event.clientY - box.top) / box.height;
    move(across * columns - 0.5, down * rows - 0.5);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    place(event);
  });
  canvas.addEventListener("pointermove", (event) => event.buttons && place(event));
  canvas.addEventListener("keydown", (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const distance = event.shiftKey ? 8 : step();
    move(point().x + arrow[0] * distance, point().y + arrow[1] * distance);
  });
}

/** A canvas that can be reached by the keyboard. */
function pickerCanvas(label) {
  const attributes = { class: "pn-canvas pn-picker", tabindex: "0", role: "application" };
  return element("canvas", { ...attributes, "aria-roledescription": "pixel picker", "aria-label": label });
}

async function loadPicture(url) {
  const picture = new Image();
  picture.src = url;
  await picture.decode();
  return picture;
}
