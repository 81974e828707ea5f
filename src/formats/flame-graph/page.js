/* oxlint-disable typescript/no-unsafe-argument, typescript/no-unsafe-assignment, typescript/no-unsafe-call, typescript/no-unsafe-member-access, typescript/no-unsafe-return -- a browser runs this as it is, without types */
/**
 * The flame graph in the browser. Reads the profile from the page, draws the tree on one canvas (only what is visible),
 * and answers to mouse and keyboard. Knows nothing of the page's origin: no request, no storage.
 */
const ROW = 20;
const NARROWEST_TEXT = 28;
const MAX_ROWS = 200;

const byId = (id) => document.getElementById(id);
const profile = JSON.parse(byId("profile").textContent);
const canvas = byId("graph");
const scroller = byId("scroller");
const context = canvas.getContext("2d");
const NAME = 0;
const FILE = 1;
const LINE = 2;
const MAPPING = 3;
const TYPE = 4;
const INLINED = 5;

/** Hues by frame type; others get one from the name of their file or package. */
const HUES = {
  kernel: 28,
  native: 212,
  go: 190,
  rust: 14,
  jvm: 140,
  v8js: 52,
  cpython: 240,
  ruby: 350,
  php: 270,
  dotnet: 290,
  group: 0,
};

/** The tree that is shown: columns by node, parents ahead of their children, siblings from left to right. */
let tree;
let type = 0;
let inverted = false;
let zoomed = 0;
let selected = 0;
let hovered = -1;
let expression;
/** By frame: 1 where it matches the search. */
let matches = new Uint8Array(profile.frames.length);
let colors = [];

/** Makes the columns of a tree from frames and depths in the order of a walk. */
function arrange(frame, depth, total) {
  const count = frame.length;
  const parent = new Int32Array(count).fill(-1);
  const own = Float64Array.from(total);
  const start = new Float64Array(count);
  /** Where the next child of each node begins. */
  const next = new Float64Array(count);
  const path = [];
  const rows = [];
  for (let node = 0; node < count; node++) {
    path[depth[node]] = node;
    (rows[depth[node]] ??= []).push(node);
    if (depth[node] > 0) {
      const above = path[depth[node] - 1];
      parent[node] = above;
      own[above] -= total[node];
      start[node] = next[above];
      next[above] += total[node];
    }
    next[node] = start[node];
  }
  return { count, frame, depth, total, own, parent, start, rows };
}

/** The tree upside down: the innermost frames first, below each its callers. */
function invert(from) {
  const root = { frame: -1, total: 0, children: new Map() };
  for (let node = 1; node < from.count; node++) {
    const value = from.own[node];
    if (value <= 0) continue;
    root.total += value;
    let place = root;
    for (let at = node; at > 0; at = from.parent[at]) {
      let child = place.children.get(from.frame[at]);
      if (!child)
        place.children.set(from.frame[at], (child = { frame: from.frame[at], total: 0, children: new Map() }));
      child.total += value;
      place = child;
    }
  }
  const frame = [];
  const depth = [];
  const total = [];
  const open = [[root, 0]];
  while (open.length > 0) {
    const [node, level] = open.pop();
    frame.push(node.frame);
    depth.push(level);
    total.push(node.total);
    // The widest ends up on the left, as the last one pushed is taken first.
    for (const child of [...node.children.values()].sort((a, b) => a.total - b.total)) open.push([child, level + 1]);
  }
  return arrange(frame, depth, total);
}

function rebuild() {
  // Nodes that count nothing in this type are left out, so that arrows never stop at what cannot be seen.
  const totals = profile.totals[type] ?? profile.frame.map(() => 0);
  const kept = profile.frame.map((_, node) => node).filter((node) => node === 0 || totals[node] > 0);
  tree = arrange(
    kept.map((node) => profile.frame[node]),
    kept.map((node) => profile.depth[node]),
    kept.map((node) => totals[node]),
  );
  const upright = tree;
  if (inverted) tree = invert(tree);
  zoomed = selected = 0;
  hovered = -1;
  functions(upright);
  search();
  resize();
  describe();
}

const UNITS = {
  nanoseconds: [
    [1e9, "s"],
    [1e6, "ms"],
    [1e3, "µs"],
    [1, "ns"],
  ],
  microseconds: [
    [1e6, "s"],
    [1e3, "ms"],
    [1, "µs"],
  ],
  milliseconds: [
    [1e3, "s"],
    [1, "ms"],
  ],
  seconds: [[1, "s"]],
  bytes: [
    [2 ** 30, "GiB"],
    [2 ** 20, "MiB"],
    [2 ** 10, "KiB"],
    [1, "B"],
  ],
};

function format(value) {
  const { unit, type: name } = profile.types[type] ?? { unit: "", type: "" };
  const steps = UNITS[unit];
  if (!steps) return `${value.toLocaleString("en")} ${unit === "count" || unit === "" ? name : unit}`.trim();
  const [size, word] = steps.find(([step]) => Math.abs(value) >= step) ?? steps.at(-1);
  return `${(value / size).toLocaleString("en", { maximumSignificantDigits: 4 })} ${word}`;
}

function share(value, of = tree.total[0]) {
  if (value === 0 || of === 0) return "0 %";
  return `${((value / of) * 100).toFixed(value / of < 0.001 ? 3 : 1)} %`;
}

function nameOf(node) {
  return node === 0 ? "all" : profile.frames[tree.frame[node]][NAME];
}

function details(node) {
  if (node === 0) return "";
  const frame = profile.frames[tree.frame[node]];
  const file = frame[FILE] === "" ? frame[MAPPING] : frame[FILE] + (frame[LINE] > 0 ? `:${frame[LINE]}` : "");
  return [file, frame[TYPE] === "group" ? "" : frame[TYPE], frame[INLINED] ? "inlined" : ""]
    .filter(Boolean)
    .join(" · ");
}

function sizes(node) {
  const total = `total ${format(tree.total[node])} (${share(tree.total[node])})`;
  // Upside down, what a frame does not pass on to callers is no time of its own.
  return inverted ? total : `${total}, self ${format(tree.own[node])} (${share(tree.own[node])})`;
}

/** Left edge and width of a node in pixels; ancestors of the zoomed node take the whole width. */
function place(node) {
  const width = canvas.clientWidth;
  if (tree.depth[node] <= tree.depth[zoomed]) return [0, width];
  const scale = width / tree.total[zoomed];
  return [(tree.start[node] - tree.start[zoomed]) * scale, tree.total[node] * scale];
}

function inZoom(node) {
  const end = tree.start[zoomed] + tree.total[zoomed];
  if (tree.depth[node] <= tree.depth[zoomed]) {
    return (
      tree.start[node] <= tree.start[zoomed] && tree.start[node] + tree.total[node] >= end && ancestor(node, zoomed)
    );
  }
  return tree.start[node] + tree.total[node] > tree.start[zoomed] && tree.start[node] < end;
}

function ancestor(above, node) {
  while (tree.depth[node] > tree.depth[above]) node = tree.parent[node];
  return node === above;
}

function hashOf(text) {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** What frames of one color have in common: folder of the source file, binary, or package. */
function homeOf(frame) {
  if (frame[FILE] !== "") return frame[FILE].slice(0, Math.max(frame[FILE].lastIndexOf("/"), 0));
  return frame[MAPPING] || frame[NAME].replace(/\(.*$/, "").replace(/(?:\.|::|\/)[^./:]*$/, "");
}

/** Colors of all frames in the current theme. */
function paint() {
  const style = getComputedStyle(document.documentElement);
  const saturation = style.getPropertyValue("--frame-saturation").trim();
  const lightness = Number.parseFloat(style.getPropertyValue("--frame-lightness"));
  colors = profile.frames.map((frame) => {
    const hue = HUES[frame[TYPE]] ?? hashOf(homeOf(frame)) % 360;
    const shade = lightness + (hashOf(frame[NAME]) % 9) - 4;
    return `hsl(${hue} ${frame[TYPE] === "group" ? "0%" : saturation} ${shade}%)`;
  });
  draw();
}

let pending = false;
function draw() {
  if (pending) return;
  pending = true;
  requestAnimationFrame(() => {
    pending = false;
    drawNow();
  });
}

function drawNow() {
  const ratio = window.devicePixelRatio || 1;
  const width = canvas.clientWidth;
  const height = canvas.clientHeight;
  const style = getComputedStyle(document.documentElement);
  const theme = (name) => style.getPropertyValue(name).trim();
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  context.textBaseline = "middle";
  const look = {
    text: theme("--frame-text"),
    back: theme("--back"),
    panel: theme("--line"),
    match: theme("--match"),
    accent: theme("--accent"),
  };
  const top = scroller.scrollTop;
  const first = Math.max(0, Math.floor(top / ROW));
  const last = Math.min(tree.rows.length - 1, Math.ceil((top + height) / ROW));
  for (let row = first; row <= last; row++) {
    let drawn = -1;
    for (const node of tree.rows[row]) {
      if (!inZoom(node)) continue;
      const [left, wide] = place(node);
      // What is narrower than half a pixel beside the one before cannot be seen.
      if (left + wide - drawn < 0.5) continue;
      drawNode(node, Math.max(left, 0), row * ROW - top, Math.min(wide, width), look);
      drawn = left + wide;
    }
  }
}

function drawNode(node, left, top, wide, look) {
  const frame = tree.frame[node];
  const match = frame >= 0 && matches[frame] === 1;
  const dim = (expression !== undefined && !match) || tree.depth[node] < tree.depth[zoomed];
  context.globalAlpha = dim ? 0.45 : 1;
  context.fillStyle = frame < 0 ? look.panel : colors[frame];
  const inner = Math.max(wide - (wide > 3 ? 1 : 0), 0.5);
  context.fillRect(left, top, inner, ROW - 1);
  context.globalAlpha = 1;
  if (match) {
    context.fillStyle = look.match;
    context.fillRect(left, top + ROW - 4, inner, 3);
  }
  if (node === selected || node === hovered) {
    context.strokeStyle = node === selected ? look.accent : look.text;
    context.lineWidth = 2;
    context.strokeRect(left + 1, top + 1, Math.max(inner - 2, 1), ROW - 3);
  }
  if (wide >= NARROWEST_TEXT) {
    context.fillStyle = look.text;
    context.globalAlpha = dim ? 0.7 : 1;
    context.fillText(fitting(nameOf(node), wide - 8), left + 4, top + ROW / 2);
    context.globalAlpha = 1;
  }
}

/** As much of a name as fits, its end cut off. */
function fitting(name, width) {
  if (context.measureText(name).width <= width) return name;
  let low = 0;
  let high = name.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (context.measureText(`${name.slice(0, middle)}…`).width <= width) low = middle;
    else high = middle - 1;
  }
  return low > 0 ? `${name.slice(0, low)}…` : "";
}

function resize() {
  const ratio = window.devicePixelRatio || 1;
  byId("spacer").style.height = `${Math.max(scroller.clientHeight, tree.rows.length * ROW)}px`;
  // Only now is it known whether there is a scroll bar.
  const width = scroller.clientWidth;
  const height = scroller.clientHeight;
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  // Setting the size clears the canvas, so it is drawn at once rather than with the next frame.
  if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio);
  if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio);
  drawNow();
}

/** The node at a point of the canvas, or -1. */
function nodeAt(x, y) {
  const row = tree.rows[Math.floor((y + scroller.scrollTop) / ROW)];
  if (!row) return -1;
  let narrow = -1;
  for (const node of row) {
    if (!inZoom(node)) continue;
    const [left, wide] = place(node);
    if (x >= left && x < left + wide) return node;
    if (Math.abs(x - left) < 1) narrow = node;
  }
  return narrow;
}

function describe() {
  byId("status").textContent = [nameOf(selected), sizes(selected), `depth ${tree.depth[selected]}`, details(selected)]
    .filter(Boolean)
    .join(" · ");
  byId("reset").disabled = zoomed === 0;
}

function select(node) {
  if (node < 0 || node >= tree.count) return;
  selected = node;
  if (!inZoom(node)) zoomed = node;
  const top = tree.depth[node] * ROW;
  if (top < scroller.scrollTop) scroller.scrollTop = top;
  else if (top + ROW > scroller.scrollTop + scroller.clientHeight)
    scroller.scrollTop = top + ROW - scroller.clientHeight;
  describe();
  draw();
}

function zoom(node) {
  zoomed = Math.max(node, 0);
  select(zoomed);
}

/** The widest child, or -1. */
function childOf(node) {
  let best = -1;
  for (let at = node + 1; at < tree.count && tree.depth[at] > tree.depth[node]; at++) {
    if (tree.parent[at] === node && (best < 0 || tree.total[at] > tree.total[best])) best = at;
  }
  return best;
}

function siblingOf(node, step) {
  const row = tree.rows[tree.depth[node]];
  const neighbour = row[row.indexOf(node) + step];
  return neighbour !== undefined && inZoom(neighbour) ? neighbour : -1;
}

function search() {
  const input = byId("search");
  const text = input.value;
  expression = undefined;
  let invalid = false;
  try {
    if (text !== "") expression = new RegExp(text, "i");
  } catch {
    invalid = true;
  }
  input.setAttribute("aria-invalid", String(invalid));
  matches = Uint8Array.from(profile.frames, (frame) => (expression?.test(frame[NAME]) ? 1 : 0));
  byId("matched").textContent = invalid ? "invalid expression" : expression ? `${share(matched())} matched` : "";
  draw();
}

/** What all matching frames count together, none twice. */
function matched() {
  let sum = 0;
  let covered = Infinity;
  for (let node = 1; node < tree.count; node++) {
    if (tree.depth[node] > covered) continue;
    covered = Infinity;
    if (matches[tree.frame[node]] === 1) {
      sum += tree.total[node];
      covered = tree.depth[node];
    }
  }
  return sum;
}

/** Fills the table of functions: what each counts itself, and with all that it called, recursion counted once. */
function functions(upright) {
  const own = new Map();
  const total = new Map();
  const path = [];
  for (let node = 1; node < upright.count; node++) {
    const name = profile.frames[upright.frame[node]][NAME];
    path.length = upright.depth[node];
    if (!path.includes(name)) total.set(name, (total.get(name) ?? 0) + upright.total[node]);
    path[upright.depth[node]] = name;
    own.set(name, (own.get(name) ?? 0) + upright.own[node]);
  }
  const names = [...own.keys()].sort((a, b) => own.get(b) - own.get(a) || total.get(b) - total.get(a));
  const rows = names.slice(0, MAX_ROWS).map((name) => {
    const row = document.createElement("tr");
    for (const value of [own.get(name), total.get(name)]) {
      const cell = document.createElement("td");
      cell.className = "number";
      cell.textContent = `${format(value)} (${share(value, upright.total[0])})`;
      row.append(cell);
    }
    const cell = document.createElement("td");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = name;
    button.addEventListener("click", () => {
      byId("search").value = `^${name.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&")}$`;
      search();
    });
    cell.append(button);
    row.append(cell);
    return row;
  });
  byId("rows").replaceChildren(...rows);
}

function tooltip(node, x, y) {
  const box = byId("tooltip");
  box.hidden = node < 0;
  if (node < 0) return;
  const name = document.createElement("b");
  name.textContent = nameOf(node);
  const lines = [sizes(node), details(node)].filter(Boolean).map((text) => {
    const line = document.createElement("span");
    line.textContent = text;
    return line;
  });
  box.replaceChildren(name, ...lines);
  const { width, height } = box.getBoundingClientRect();
  box.style.left = `${Math.max(0, Math.min(x + 12, window.innerWidth - width - 8))}px`;
  box.style.top = `${y + 16 + height > window.innerHeight ? Math.max(0, y - height - 12) : y + 16}px`;
}

canvas.addEventListener("mousemove", (event) => {
  const node = nodeAt(event.offsetX, event.offsetY);
  tooltip(node, event.clientX, event.clientY);
  if (node !== hovered) {
    hovered = node;
    draw();
  }
});
canvas.addEventListener("mouseleave", () => {
  hovered = -1;
  tooltip(-1, 0, 0);
  draw();
});
canvas.addEventListener("click", (event) => {
  const node = nodeAt(event.offsetX, event.offsetY);
  if (node >= 0) zoom(node);
});
scroller.addEventListener("scroll", draw, { passive: true });

function escape() {
  if (byId("search").value !== "") {
    byId("search").value = "";
    search();
  } else zoom(0);
}

const KEYS = {
  ArrowDown: () => select(childOf(selected)),
  ArrowUp: () => select(tree.parent[selected]),
  ArrowLeft: () => select(siblingOf(selected, -1)),
  ArrowRight: () => select(siblingOf(selected, 1)),
  Home: () => select(0),
  Enter: () => zoom(selected),
  "+": () => zoom(selected),
  "=": () => zoom(selected),
  "-": () => zoom(tree.parent[zoomed]),
  Escape: escape,
};

canvas.addEventListener("keydown", (event) => {
  const action = event.ctrlKey || event.metaKey || event.altKey ? undefined : KEYS[event.key];
  if (!action) return;
  event.preventDefault();
  action();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement;
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    byId("search").focus();
  } else if (event.key === "i") byId("inverted").click();
  else if (event.key === "?") byId("keys").click();
});
byId("search").addEventListener("input", search);
byId("search").addEventListener("keydown", (event) => {
  if (event.key === "Escape") escape();
  if (event.key === "Escape" || event.key === "Enter") canvas.focus();
});
byId("inverted").addEventListener("click", () => {
  inverted = !inverted;
  byId("inverted").setAttribute("aria-pressed", String(inverted));
  rebuild();
});
byId("reset").addEventListener("click", () => zoom(0));
byId("keys").addEventListener("click", () => {
  const help = byId("help");
  help.hidden = !help.hidden;
  byId("keys").setAttribute("aria-expanded", String(!help.hidden));
  resize();
});
byId("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  paint();
});
byId("type").addEventListener("change", (event) => {
  type = event.target.selectedIndex;
  rebuild();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paint);
new ResizeObserver(resize).observe(scroller);

profile.types.forEach(({ type: name, unit }) => {
  const option = document.createElement("option");
  option.textContent = unit === "" || unit === "count" ? name : `${name} (${unit})`;
  byId("type").append(option);
});
byId("type").hidden = profile.types.length < 2;
const notes = [];
if (profile.window) {
  const [start, end] = profile.window;
  notes.push(new Date(start).toISOString(), `${((end - start) / 1000).toLocaleString("en")} s`);
}
notes.push(`${(profile.frame.length - 1).toLocaleString("en")} frames`);
if (profile.pruned > 0) notes.push(`${profile.pruned.toLocaleString("en")} too small to be seen left out`);
byId("subtitle").textContent = notes.join(" · ");
rebuild();
paint();
