// Failures, those that say the same together.

const FAILURES_AT_ONCE = 25;

function drawFailures() {
  if (!bad.length) return;
  const groups = new Map();
  for (const test of bad) {
    const key = test.reason || test.outcome;
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(test);
  }
  const list = el("div", { class: "failures" });
  const sorted = [...groups].sort((one, other) => other[1].length - one[1].length);
  const made = section(
    "failures",
    `Failures`,
    el("p", { class: "dim" }, `${some(bad.length, "test")} failed${groups.size < bad.length ? `, with ${some(groups.size, "message")}` : ""}.`),
    list,
  );
  const parts = inParts(
    sorted,
    ([reason, those]) => (those.length > 1 ? failureGroup(reason, those) : failure(those[0], true)),
    list,
    FAILURES_AT_ONCE,
  );
  made.append(parts.more);
}

// Drawn when it is opened.
function failure(test, withReason) {
  const node = el(
    "details",
    { class: "card failure" },
    el(
      "summary",
      {},
      icon(test.outcome),
      el("span", { class: "hidden" }, `${test.outcome}: `),
      el("span", { class: "title" }, testName(test), withReason && test.reason ? el("span", { class: "reason" }, test.reason) : null),
    ),
  );
  node.draw = () => {
    if (node.childElementCount < 2) node.append(details(test));
  };
  node.addEventListener("toggle", node.draw);
  return node;
}

function failureGroup(reason, those) {
  const node = el(
    "details",
    { class: "card failure" },
    el(
      "summary",
      {},
      icon(those[0].outcome),
      el("span", { class: "title" }, el("b", {}, some(those.length, "test")), el("span", { class: "reason" }, reason)),
    ),
  );
  node.draw = () => {
    if (node.childElementCount > 1) return;
    const inner = el("div", { class: "failures" });
    node.append(inner, inParts(those, (test) => failure(test, false), inner, FAILURES_AT_ONCE).more);
  };
  node.addEventListener("toggle", node.draw);
  return node;
}

const testName = (test) => [el("span", { class: "file" }, test.file), " ", el("span", { class: "test" }, test.name)];
