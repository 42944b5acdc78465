// What nodes used and what pods did, on the same axis.

const nodes = run.clusters.flatMap((cluster) =>
  cluster.nodes.filter((one) => one.uses.length > 1).map((node) => ({ ...node, cluster: cluster.name })),
);
nodes.forEach((node, at) => {
  node.color = `c${at % 8}`;
  node.cores = node.uses.slice(1).map(([time, cpu], before) => {
    const [earlier, cpuThen] = node.uses[before];
    return [time, cpu >= cpuThen ? (cpu - cpuThen) / Math.max(0.001, time - earlier) : null]; // none: it was started anew
  });
  node.memory = node.uses.map(([time, , kib]) => [time, kib]);
  const gaps = node.uses
    .slice(1)
    .map(([time], before) => time - node.uses[before][0])
    .sort((one, other) => one - other);
  node.gap = 4 * (gaps[gaps.length >> 1] || 1);
});

const CHART = 96;

function lines(points, gap, y) {
  let d = "";
  let last = null;
  for (const [at, value] of points) {
    if (value !== null) d += `${last === null || at - last > gap ? "M" : "L"}${scale.px(at).toFixed(1)} ${y(value).toFixed(1)}`;
    last = value === null ? null : at;
  }
  return d;
}

function grid(made, most, step, words) {
  const labels = el("div", { class: "values", "aria-hidden": "true" });
  for (let value = step; value <= most * 1.001; value += step)
    labels.append(el("span", { "--y": `${CHART - (value / most) * (CHART - 8)}px` }, words(value)));
  made.node.querySelector(".plot").prepend(labels);
}

function chart(title, of, words, unit) {
  const peak = highest(nodes.flatMap((node) => node[of].map(([, value]) => value || 0)));
  if (!(peak > 0)) return [];
  const step = unit(peak);
  const most = Math.ceil(peak / step) * step;
  const y = (value) => CHART - (value / most) * (CHART - 8);
  const made = lane(
    [el("b", {}, title), ` at most ${words(peak)}`],
    `${title} of ${some(nodes.length, "node")} over time, at most ${words(peak)}; the table below has each`,
    CHART + 1,
    () => [
      svg("path", {
        class: "grid",
        d: Array.from({ length: Math.round(most / step) + 1 }, (_, at) => `M0 ${y(at * step).toFixed(1)}H${scale.width}`).join(""),
      }),
      ...nodes.map((node) => svg("path", { class: `line ${node.color}`, d: lines(node[of], node.gap, y) })),
    ],
    (at) => {
      const there = nodes
        .map((node) => [node, node[of][lowest(node[of], at, ([time]) => time)]])
        .filter(([, point]) => point && point[1] !== null && point[0] - at < 30);
      return there.length
        ? [clock(at), ...there.map(([node, [, value]]) => [el("span", { class: `swatch fill ${node.color}` }), `${node.name} ${words(value)}`])]
        : null;
    },
  );
  grid(made, most, step, words);
  return [made];
}

const PHASES = ["Running", "Pending", "Succeeded", "Failed", "Unknown"];

function podsChart() {
  const clusters = run.clusters.filter((one) => one.pods.length);
  if (!clusters.length) return [];
  // Of all clusters together: what changes at a moment, then sums.
  const moments = clusters
    .flatMap((one) => [...one.pods.map(([at, counts]) => ({ at, one, counts })), { at: one.ended === null ? span : one.ended, one, counts: {} }])
    .sort((a, b) => a.at - b.at);
  const now = new Map();
  const sums = moments.map(({ at, one, counts }) => {
    now.set(one, counts);
    return [at, PHASES.map((phase) => [...now.values()].reduce((sum, those) => sum + (those[phase] || 0), 0))];
  });
  const peak = highest(sums.map(([, values]) => values.reduce((sum, value) => sum + value, 0)));
  if (!peak) return [];
  const step = Math.max(1, steps(peak, 3));
  const most = Math.ceil(peak / step) * step;
  const y = (value) => CHART - (value / most) * (CHART - 8);
  const there = PHASES.filter((_, at) => sums.some(([, values]) => values[at]));
  const made = lane(
    [
      el("b", {}, "pods"),
      " by phase",
      el(
        "span",
        { class: "legend" },
        there.map((one) => [el("span", { class: `swatch fill pod${one}`, "aria-hidden": "true" }), one]),
      ),
    ],
    `pods by phase over time, at most ${peak}`,
    CHART + 1,
    () =>
      PHASES.map((phase, at) => {
        const upTo = ([, values], count) => values.slice(0, count).reduce((sum, value) => sum + value, 0);
        const edge = (count) =>
          sums.flatMap((one, place) => {
            const until = place + 1 < sums.length ? sums[place + 1][0] : one[0];
            return [
              [one[0], upTo(one, count)],
              [until, upTo(one, count)],
            ];
          });
        const points = [...edge(at + 1), ...edge(at).reverse()];
        return svg("path", {
          class: `pod${phase}`,
          d: `${points.map(([time, value], first) => `${first ? "L" : "M"}${scale.px(time).toFixed(1)} ${y(value).toFixed(1)}`).join("")}z`,
        });
      }),
    (at) => {
      const found = sums[lowest(sums, at, ([time]) => time) - 1];
      return found
        ? [
            clock(at),
            ...PHASES.map((phase, place) =>
              found[1][place] ? [el("span", { class: `swatch fill pod${phase}` }), `${found[1][place]} ${phase}`] : null,
            ).filter(Boolean),
          ]
        : null;
    },
  );
  grid(made, most, step, (value) => String(value));
  return [made];
}

const charts = () => [
  ...podsChart(),
  ...chart(
    "processors in use",
    "cores",
    (value) => value.toFixed(value < 9.95 ? 2 : 1),
    (peak) => steps(peak, 3),
  ),
  ...chart(
    "memory in use",
    "memory",
    bytes,
    (peak) => [64, 128, 256, 512].map((mib) => mib * 1024).find((one) => peak / one <= 4) || Math.ceil(peak / 4 / (1 << 20)) * (1 << 20),
  ),
];

function nodesTable() {
  if (!nodes.length) return null;
  const row = (node) => {
    const cores = node.cores.map(([, value]) => value || 0);
    const used = node.cores.reduce((sum, [time, value], before) => sum + (value || 0) * (time - node.uses[before][0]), 0);
    const time = node.uses[node.uses.length - 1][0] - node.uses[0][0];
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("span", { class: `swatch fill ${node.color}`, "aria-hidden": "true" }), node.name),
      el("td", {}, seconds(used)),
      el("td", {}, (used / Math.max(0.001, time)).toFixed(2)),
      el("td", {}, highest(cores).toFixed(2)),
      el("td", {}, bytes(highest(node.memory.map(([, kib]) => kib)))),
    );
  };
  const heads = ["node", "processor time", "mean", "most at once", "most memory"];
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "What nodes used" },
    el(
      "table",
      { class: "nodes" },
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          heads.map((one) => el("th", { scope: "col" }, one)),
        ),
      ),
      el("tbody", {}, nodes.map(row)),
    ),
  );
}
