// The one axis of time that lanes and charts share, and what is shown under the pointer.

const scale = { width: 600, zoom: 1, px: (at) => (at / span) * scale.width, at: (px) => (px / scale.width) * span };
const lanes = []; // {node, draw, hit, click}: drawn anew when the width changes

function steps(most, count) {
  const raw = most / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  return [1, 2, 5, 10].map((one) => one * power).find((one) => one >= raw);
}

function timeStep(count) {
  const raw = span / Math.max(1, count);
  return [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400].find((one) => one >= raw) || 28800;
}

// A moment of the run: ``34.2 s``, ``1:03``, ``2:14:09``.
function clock(at, digits = 1) {
  if (at < 60) return `${at.toFixed(digits)} s`;
  const two = (value) => String(value).padStart(2, "0");
  const whole = Math.round(at);
  const minutes = Math.floor(whole / 60);
  return minutes < 60 ? `${minutes}:${two(whole % 60)}` : `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(whole % 60)}`;
}

function axis() {
  const node = svg("svg", { class: "axis", height: 24, "aria-hidden": "true" });
  const draw = () => {
    const step = timeStep(scale.width / 90);
    const marks = [];
    for (let at = 0; at <= span; at += step) {
      const x = scale.px(at);
      marks.push(svg("line", { x1: x, x2: x, y1: 16, y2: 24 }));
      if (x < scale.width - 56) marks.push(svg("text", { x: x + 3, y: 18 }, clock(at, step < 1 ? 1 : 0)));
    }
    node.setAttribute("width", scale.width);
    node.replaceChildren(...marks);
  };
  return { node, draw };
}

function lane(name, label, height, draw, hit, click) {
  const picture = svg("svg", { height, role: "img", "aria-label": label });
  const node = el("div", { class: `lane ${click ? "clickable" : ""}` }, el("div", { class: "name" }, name), el("div", { class: "plot" }, picture));
  const made = {
    node,
    hit,
    click,
    picture,
    draw: () => {
      picture.setAttribute("width", scale.width);
      picture.replaceChildren(...draw());
    },
  };
  lanes.push(made);
  return made;
}

function pointer(canvas) {
  const tip = el("div", { class: "tip", hidden: true });
  const cross = el("div", { class: "cross", hidden: true });
  canvas.append(cross);
  document.body.append(tip);
  const under = (event) => lanes.find((one) => one.node.contains(event.target));
  const where = (event, one) => {
    const box = one.picture.getBoundingClientRect();
    return [scale.at(event.clientX - box.left), event.clientY - box.top];
  };
  const hide = () => {
    tip.hidden = cross.hidden = true;
  };
  canvas.addEventListener("pointermove", (event) => {
    const one = under(event);
    if (!one) return hide();
    const [at, y] = where(event, one);
    if (at < 0 || at > span) return hide();
    cross.hidden = false;
    cross.style.setProperty("--x", `${scale.px(at)}px`);
    const lines = one.hit ? one.hit(at, y) : null;
    tip.hidden = !lines;
    if (!lines) return undefined;
    tip.replaceChildren(...lines.map((line, row) => el("div", { class: row ? "" : "first" }, line)));
    const left = Math.min(event.clientX + 14, document.documentElement.clientWidth - tip.offsetWidth - 8);
    const low = event.clientY + 18 + tip.offsetHeight > window.innerHeight;
    tip.style.setProperty("--x", `${Math.max(8, left)}px`);
    tip.style.setProperty("--y", `${low ? event.clientY - tip.offsetHeight - 12 : event.clientY + 18}px`);
    return undefined;
  });
  canvas.addEventListener("pointerleave", hide);
  canvas.addEventListener("click", (event) => {
    const one = under(event);
    if (one && one.click) one.click(...where(event, one));
  });
}
