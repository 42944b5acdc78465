// Elements are made here and nowhere else: a text is always a text node, never markup.

const byId = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) node.style.setProperty(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== undefined && value !== null) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== ""));
  return node;
}

const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) => fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

const OUTCOMES = ["failed", "error", "passed", "skipped", "xfailed", "xpassed", "rerun"];
const known = (outcome) => (OUTCOMES.includes(outcome) ? outcome : "skipped"); // another plugin's word
const SHAPES = {
  passed: "M3 8.5 6.4 12 13 4.6",
  failed: "M4 4l8 8M12 4l-8 8",
  error: "M8 2.5v7M8 12.6v.9",
  skipped: "M3.5 8h9",
  xfailed: "M2.5 9.5c2-4 3.8-3.6 5.5-1.5s3.500 2.500 5.5-1.500",
  xpassed: "M1.500 8.500 4.400 11.500 9.500 5M7.500 11.500 8 12l6.500-7.500",
  rerun: "M12.600 9.500A5 5 0 1 1 12.400 6M12.800 2.500V6.200H9.100",
};

// A shape beside the colour, and a word for those who see neither.
const icon = (outcome) =>
  svg(
    "svg",
    { class: `icon ${known(outcome)}`, viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    svg("path", { d: SHAPES[known(outcome)] }),
  );

const warningIcon = () =>
  svg(
    "svg",
    { class: "icon warning", viewBox: "0 0 16 16", width: 16, height: 16, "aria-hidden": "true" },
    svg("path", { d: "M8 2 1.500 13.500h13ZM8 6.500v3M8 11.600v.400" }),
  );

function seconds(value) {
  if (value < 0) return `−${seconds(-value)}`;
  if (value < 9.995) return `${value.toFixed(2)} s`;
  if (value < 59.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}

// Of a list of any length; as arguments of a function there may not be so many.
const highest = (values, least = 0) => values.reduce((one, other) => Math.max(one, other), least);
const bytes = (kib) => (kib < 1 << 20 ? `${Math.round(kib / 1024)} MiB` : `${(kib / (1 << 20)).toFixed(2)} GiB`);
const number = (value) => value.toLocaleString("en");
const some = (count, one, several = `${one}s`) => `${number(count)} ${count === 1 ? one : several}`;

function section(id, title, ...children) {
  const node = el("section", { id, "aria-labelledby": `${id}-title` }, el("h2", { id: `${id}-title` }, title), ...children);
  byId("main").append(node);
  byId("sections").append(el("a", { href: `#${id}` }, title));
  return node;
}

// A list of which a part is shown at first: thousands of rows cost a page more than they tell.
function inParts(items, draw, place, size) {
  const more = el("div", { class: "more" });
  let shown = 0;
  const next = (count) => {
    const fresh = items.slice(shown, shown + count);
    shown += fresh.length;
    const nodes = fresh.flatMap(draw);
    place.append(...nodes);
    const left = items.length - shown;
    more.replaceChildren();
    if (left) {
      const step = (amount, words) => {
        const first = next(amount)[0];
        const target = first && (first.matches("button,summary") ? first : first.querySelector("button,summary"));
        if (target) target.focus({ preventScroll: true });
      };
      more.append(el("button", { type: "button", onclick: () => step(size) }, `Show ${number(Math.min(size, left))} more`));
      if (left > size) more.append(el("button", { type: "button", onclick: () => step(left) }, `Show all ${number(items.length)}`));
    }
    return nodes;
  };
  next(size);
  return { more, all: () => next(items.length) };
}
