// The head of the page: how the run ended, what ran it, and its clusters.

const HOW = {
  cold: "made from the ground",
  copied: "a copy of a frozen cluster",
  warm: "was ready for this run",
  kept: "kept, was there",
  failed: "did not boot",
};

// What went wrong, or that nothing did; the rest is in the chips below.
function headline() {
  const told = ["failed", "error"].filter((one) => counted.has(one)).map((one) => some(counted.get(one), one, one === "error" ? "errors" : one));
  return told.join(", ") || (counted.has("passed") ? `${number(counted.get("passed"))} passed` : run.title);
}

function drawHead() {
  const bar = el("div", { class: "bar", role: "img", "aria-label": run.title });
  for (const outcome of outcomes) bar.append(el("span", { class: `fill ${known(outcome)}`, "--part": counted.get(outcome) }));
  const begun = new Date(run.began);
  byId("top").append(
    el("p", { class: "kicker" }, "Test run on Kubernetes"),
    el("h1", {}, icon(bad.length ? "failed" : tests.length ? "passed" : "skipped"), el("span", {}, headline())),
    el(
      "p",
      { class: "lead" },
      `${some(tests.length, "test")} in ${seconds(run.seconds)}, begun `,
      el("time", { datetime: begun.toISOString() }, begun.toLocaleString("en", { dateStyle: "long", timeStyle: "medium" })),
      `. Exit code ${run.exit}.`,
    ),
    tests.length ? bar : null,
    tests.length
      ? el(
          "div",
          { class: "chips", role: "group", "aria-label": "Show the tests of an outcome" },
          outcomes.map((one) => chip(one, () => showOnly(one))),
        )
      : null,
    el(
      "dl",
      { class: "facts" },
      Object.entries(run.facts).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    ),
  );
  if (run.problems.length) {
    byId("top").append(
      el(
        "div",
        { class: "note" },
        el("p", {}, "Not to be had:"),
        el(
          "ul",
          {},
          run.problems.map((one) => el("li", {}, one)),
        ),
      ),
    );
  }
}

const chip = (outcome, onclick, pressed) =>
  el(
    "button",
    { type: "button", class: "chip", "aria-pressed": pressed, onclick },
    icon(outcome),
    el("b", {}, number(counted.get(outcome))),
    ` ${outcome}`,
  );

function drawClusters() {
  if (!run.clusters.length) return;
  section("clusters", "Clusters", el("div", { class: "cards" }, run.clusters.map(clusterCard)));
}

function clusterCard(cluster) {
  const boot = cluster.ready === null ? null : cluster.ready - cluster.began;
  const facts = [
    ["came", HOW[cluster.how] || cluster.how],
    boot === null ? null : [cluster.how === "cold" || cluster.how === "copied" ? "ready after" : "taken in", seconds(boot)],
    ["Kubernetes", cluster.kubernetes],
    ["nodes", cluster.nodes.map((one) => one.role).join(", ")],
    ["node image", cluster.image && el("code", { title: cluster.image }, cluster.image.slice(0, 19))],
    cluster.ended === null || boot === null ? null : ["was there for", seconds(cluster.ended - cluster.ready)],
    cluster.silent.length ? ["its API was silent", cluster.silent.map(([from, to]) => seconds(to - from)).join(", ")] : null,
  ];
  return el(
    "article",
    { class: `card ${cluster.how === "failed" ? "bad" : ""}` },
    el("h3", {}, cluster.name),
    el(
      "dl",
      { class: "columns" },
      facts.filter((one) => one && one[1]).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    ),
    phaseBar(cluster.phases),
    cluster.picture
      ? el(
          "details",
          { ontoggle: (event) => drawPicture(event.target, cluster) },
          el("summary", {}, "How its boot went"),
          el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `boot of ${cluster.name}` }),
        )
      : null,
    cluster.logs ? el("p", {}, el("a", { href: cluster.logs }, "Logs of its nodes")) : null,
  );
}

function phaseBar(phases) {
  const told = phases.filter(([, , lasts]) => lasts >= 0.05);
  if (told.length < 2) return null;
  return el(
    "div",
    { class: "phases" },
    el(
      "div",
      { class: "bar", "aria-hidden": "true" },
      told.map(([, , lasts], at) => el("span", { class: `fill phase${at % 2}`, "--part": lasts })),
    ),
    el(
      "ul",
      { class: "inline", "aria-label": "phases of its boot" },
      told.map(([name, , lasts]) => el("li", {}, name, " ", el("b", {}, seconds(lasts)))),
    ),
  );
}

function drawPicture(details, cluster) {
  const place = details.querySelector(".scroll");
  if (!details.open || place.childElementCount) return;
  place.append(document.importNode(new DOMParser().parseFromString(cluster.picture, "image/svg+xml").documentElement, true));
}
