// Who did what when: clusters, workers, warnings, on one axis with the charts.

const ROW = 16;

function drawTimeline() {
  const canvas = el("div", { class: "canvas" });
  const scroller = el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "The run over time; the table of tests has the same as text" },
    canvas,
  );
  const top = axis();
  const zoomed = el("output", { class: "dim" });
  const draw = () => {
    scale.width = Math.max(240, scroller.clientWidth - 1) * scale.zoom;
    canvas.style.setProperty("--width", `${scale.width}px`);
    zoomed.textContent = scale.zoom > 1 ? `${scale.zoom}×` : "";
    top.draw();
    for (const one of lanes) one.draw();
  };
  const zoom = (factor) => {
    const middle = scale.at(scroller.scrollLeft + scroller.clientWidth / 2);
    scale.zoom = factor ? Math.min(64, Math.max(1, scale.zoom * factor)) : 1;
    draw();
    scroller.scrollLeft = scale.px(middle) - scroller.clientWidth / 2;
  };
  const button = (text, label, factor) => el("button", { type: "button", "aria-label": label, onclick: () => zoom(factor) }, text);
  const made = section(
    "timeline",
    "Timeline",
    el(
      "div",
      { class: "tools" },
      button("−", "Zoom out", 0.5),
      button("+", "Zoom in", 2),
      button("Whole run", "Show the whole run", 0),
      zoomed,
      legend(),
    ),
    scroller,
  );
  canvas.append(top.node, ...[...clusterLanes(), ...testLanes(), ...warningLanes(), ...charts()].map((one) => one.node));
  pointer(canvas);
  const table = nodesTable();
  if (table) made.append(table);
  new ResizeObserver(draw).observe(scroller);
  draw();
}

const legend = () =>
  el(
    "ul",
    { class: "inline legend" },
    outcomes.map((one) => el("li", {}, el("span", { class: `swatch fill ${known(one)}`, "aria-hidden": "true" }), one)),
  );

const rect = (from, to, y, height, name, least = 1) => {
  const x = scale.px(from);
  return svg("rect", { x, y, width: Math.max(least, scale.px(to) - x), height, class: name });
};

function clusterLanes() {
  return run.clusters.map((one) => {
    const end = one.ended === null ? span : one.ended;
    const told = `${HOW[one.how] || one.how}${one.ready === null ? "" : `, ready at ${clock(one.ready)}`}`;
    return lane(
      [el("b", {}, `cluster ${one.name}`), ` ${told}`],
      `cluster ${one.name}: ${told}, ended at ${clock(end)}`,
      18,
      () => [
        one.ready === null ? rect(one.began, end, 2, 14, "failedBoot", 2) : rect(one.ready, end, 7, 4, "life"),
        ...(one.ready === null ? [] : [rect(one.began, one.ready, 2, 14, "phase0")]),
        ...one.phases.filter((phase, at) => at % 2).map(([, start, lasts]) => rect(start, start + lasts, 2, 14, "phase1", 0)),
        ...one.silent.map(([from, to]) => rect(from, to, 4, 10, "silent", 2)),
      ],
      (at) => {
        const phase = one.phases.find(([, start, lasts]) => at >= start && at <= start + lasts);
        if (phase) return [`${one.name}: boot, ${phase[0]}`, `${seconds(phase[2])} of it`];
        if (one.silent.some(([from, to]) => at >= from && at <= to)) return [`${one.name}: its API does not answer`];
        return at >= one.began && at <= end
          ? [`${one.name}: ${one.ready === null ? "did not boot" : "is there"}`, `from ${clock(one.began)} to ${clock(end)}`]
          : null;
      },
    );
  });
}

// Tests of one lane in as few rows as may be, so that none covers another.
function inRows(list) {
  const ends = [];
  return list.map((test) => {
    let row = ends.findIndex((end) => end <= test.start + 1e-6);
    if (row < 0) row = ends.length;
    ends[row] = test.end;
    return { test, row };
  });
}

function testLanes() {
  const by = new Map();
  for (const test of [...tests].sort((one, other) => one.start - other.start)) {
    if (!by.has(test.lane)) by.set(test.lane, []);
    by.get(test.lane).push(test);
  }
  const names = [...by.keys()].sort((one, other) => one.localeCompare(other, "en", { numeric: true }));
  return names.map((name) => {
    const bars = inRows(by.get(name));
    const rows = highest(
      bars.map((one) => one.row + 1),
      1,
    );
    const failed = by.get(name).filter(isBad).length;
    const title = name || "tests";
    const told = `${some(bars.length, "test")}${failed ? `, ${failed} failed` : ""}`;
    const find = (at, y) => {
      const row = Math.min(rows - 1, Math.max(0, Math.floor(y / ROW)));
      const near = scale.at(4); // pixels beside a thin bar
      let best = null;
      let apart = Infinity;
      for (const one of bars) {
        const off = one.row === row ? Math.max(0, one.test.start - at, at - one.test.end) : Infinity;
        if (off <= near && (off < apart || (off === apart && isBad(one.test)))) [best, apart] = [one.test, off];
      }
      return best;
    };
    return lane(
      [el("b", {}, title), ` ${told}`],
      `${title}: ${told}`,
      rows * ROW,
      // One path for each outcome, however many tests there are.
      () =>
        [...outcomes]
          .reverse()
          .map((outcome) => {
            const d = bars
              .filter((one) => one.test.outcome === outcome)
              .map(({ test, row }) => {
                const x = scale.px(test.start);
                const width = Math.max(isBad(test) ? 2 : 0.8, scale.px(test.end) - x - 0.6);
                return `M${x.toFixed(1)} ${row * ROW + 1}h${width.toFixed(1)}v${ROW - 3}h-${width.toFixed(1)}z`;
              })
              .join("");
            return d ? svg("path", { d, class: known(outcome) }) : null;
          })
          .filter(Boolean),
      (at, y) => {
        const test = find(at, y);
        return (
          test && [
            `${test.outcome}: ${test.name}`,
            `${seconds(test.seconds)}, from ${clock(test.start)} on${test.cluster && test.cluster !== "*" ? `, cluster ${test.cluster}` : ""}`,
            test.reason,
          ]
        );
      },
      (at, y) => {
        const test = find(at, y);
        if (test) openTest(test);
      },
    );
  });
}

function warningLanes() {
  const warnings = events.filter((one) => one.warning && one.at >= 0);
  if (!warnings.length) return [];
  return [
    lane(
      [el("b", {}, "warnings"), ` ${some(warnings.length, "event")} of the clusters`],
      `${some(warnings.length, "warning event")} of the clusters`,
      12,
      () => [svg("path", { class: "warnings", d: warnings.map((one) => `M${scale.px(one.at).toFixed(1)} 1v10`).join("") })],
      (at) => {
        const near = warnings.filter((one) => Math.abs(scale.px(one.at) - scale.px(at)) < 4);
        if (!near.length) return null;
        return [some(near.length, "warning"), ...near.slice(0, 4).map((one) => `${one.reason}: ${one.regarding}: ${one.message}`.slice(0, 200))];
      },
    ),
  ];
}
