// Upstream's specs by the group that owns them.

function sigOf(test) {
  const label = test.labels.find((one) => one.startsWith("sig-"));
  const named = /\[(sig-[a-z-]+)\]/.exec(test.id);
  return label || (named ? named[1] : "no SIG");
}

function drawSpecs() {
  const specs = tests.filter(isSpec);
  if (!specs.length) return;
  const by = new Map();
  for (const test of specs) {
    const sig = sigOf(test);
    if (!by.has(sig)) by.set(sig, []);
    by.get(sig).push(test);
  }
  const shown = outcomes.filter((one) => specs.some((test) => test.outcome === one));
  const row = ([sig, those]) => {
    const count = (outcome) => those.filter((test) => test.outcome === outcome).length;
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, el("button", { type: "button", class: "link", onclick: () => search(sig === "no SIG" ? "" : sig) }, sig)),
      el(
        "td",
        { class: "wide" },
        el(
          "div",
          { class: "bar", "aria-hidden": "true" },
          shown.map((one) => (count(one) ? el("span", { class: `fill ${known(one)}`, "--part": count(one) }) : null)),
        ),
      ),
      shown.map((one) => el("td", { class: "num" }, count(one) ? number(count(one)) : el("span", { class: "dim" }, "0"))),
      el("td", { class: "num" }, seconds(those.reduce((sum, test) => sum + test.seconds, 0))),
    );
  };
  const heads = [
    el("th", { scope: "col" }, "SIG"),
    el("td", { class: "wide" }),
    ...shown.map((one) => el("th", { scope: "col", class: "num" }, one)),
    el("th", { scope: "col", class: "num" }, "time"),
  ];
  const rows = [...by].sort((one, other) => one[0].localeCompare(other[0])).map(row);
  section(
    "specs",
    "Upstream specs",
    el("p", { class: "dim" }, `${some(specs.length, "spec")} by the group that owns them.`),
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": "Upstream specs by SIG" },
      el("table", { class: "sigs" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, rows)),
    ),
  );
}
