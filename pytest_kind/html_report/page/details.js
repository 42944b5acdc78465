// All that is known of one test.

const EVENTS_AT_ONCE = 100;

function details(test) {
  const phases = test.phases.map(([when, , lasts]) => `${when} ${seconds(lasts)}`).join(" · ");
  const facts = [
    ["began at", clock(test.start)],
    ["took", test.phases.length > 1 ? `${seconds(test.seconds)}: ${phases}` : seconds(test.seconds)],
    ["cluster", test.cluster === "*" ? "of its own" : test.cluster],
    ["namespace", test.namespace],
    ["ran on", test.lane],
    ["labels", test.labels.join(", ")],
  ];
  const cluster = run.clusters.find((one) => one.name === test.cluster && one.logs);
  return el(
    "div",
    { class: "details" },
    el(
      "dl",
      { class: "facts" },
      facts.filter(([, value]) => value).map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))),
    ),
    test.reason && !test.sections.length ? el("p", { class: "reason" }, test.reason) : null,
    test.sections.map(([title, text], at) => output(title, text, at === 0)),
    eventTable(test),
    cluster ? el("p", {}, el("a", { href: cluster.logs }, `Logs of cluster ${cluster.name}`)) : null,
  );
}

function output(title, text, open) {
  const count = text.split("\n").length;
  return el("details", { open }, el("summary", {}, title, el("span", { class: "dim" }, ` ${some(count, "line")}`)), el("pre", { tabindex: 0 }, text));
}

function eventTable(test) {
  const found = eventsOf(test);
  if (!found.length) return test.cluster && run.events.length ? el("p", { class: "dim" }, "The cluster had no events while it ran.") : null;
  const own = test.namespace ? found.filter((one) => one.namespace === test.namespace) : found;
  const others = test.namespace ? found.filter((one) => one.namespace !== test.namespace) : [];
  return el(
    "div",
    {},
    own.length
      ? table(own, test, test.namespace ? `Events in its namespace: ${told(own)}` : `Events of the cluster while it ran: ${told(own)}`)
      : null,
    others.length
      ? el("details", {}, el("summary", {}, `Events elsewhere in the cluster while it ran: ${told(others)}`), table(others, test, ""))
      : null,
  );
}

function told(list) {
  const warnings = list.filter((one) => one.warning).length;
  return `${number(list.length)}${warnings ? `, ${some(warnings, "warning")}` : ""}`;
}

function table(list, test, caption) {
  // Its roles are said, because on a narrow screen it is drawn as none.
  const body = el("tbody", { role: "rowgroup" });
  const row = (one) =>
    el(
      "tr",
      { class: one.warning ? "warn" : "", role: "row" },
      el("td", { class: "num", role: "cell" }, seconds(one.at - test.start)),
      el(
        "td",
        { role: "cell" },
        one.warning ? warningIcon() : null,
        one.warning ? el("span", { class: "hidden" }, "warning: ") : null,
        one.reason,
        one.count > 1 ? el("span", { class: "dim" }, ` ×${one.count}`) : null,
      ),
      el("td", { role: "cell" }, one.regarding, test.cluster === "*" ? el("span", { class: "dim" }, ` ${one.cluster}`) : null),
      el("td", { class: "wide", role: "cell" }, one.message, one.source ? el("span", { class: "dim" }, ` ${one.source}`) : null),
    );
  const { more } = inParts(list, row, body, EVENTS_AT_ONCE);
  const heads = ["after", "reason", "object", "message"];
  return el(
    "div",
    {},
    caption ? el("h3", {}, caption) : null,
    el(
      "div",
      { class: "scroll", tabindex: 0, role: "region", "aria-label": caption || "events" },
      el(
        "table",
        { class: "events", role: "table" },
        el(
          "thead",
          { role: "rowgroup" },
          el(
            "tr",
            { role: "row" },
            heads.map((one) => el("th", { scope: "col", role: "columnheader" }, one)),
          ),
        ),
        body,
      ),
    ),
    more,
  );
}
