// The table of all tests, and what of it is shown.

const TESTS_AT_ONCE = 100;
const filter = { text: "", outcomes: new Set(), cluster: "", sort: "start", down: false };
const ui = {};
const severalLanes = new Set(tests.map((one) => one.lane)).size > 1;
const clustersOfTests = [...new Set(tests.map((one) => one.cluster).filter((one) => one && one !== "*"))];
const longest = highest(
  tests.map((one) => one.seconds),
  0.001,
);

const COLUMNS = [
  { key: "outcome", name: "outcome", of: (test) => OUTCOMES.indexOf(test.outcome) },
  { key: "id", name: "test", of: (test) => test.id },
  ...(clustersOfTests.length > 1 ? [{ key: "cluster", name: "cluster", of: (test) => test.cluster, extra: true }] : []),
  ...(severalLanes ? [{ key: "lane", name: "ran on", of: (test) => test.lane, extra: true }] : []),
  { key: "start", name: "began", of: (test) => test.start, extra: true, num: true },
  { key: "seconds", name: "took", of: (test) => test.seconds, num: true },
];

function drawTests() {
  ui.search = el("input", {
    type: "search",
    id: "search",
    placeholder: "name, message, label, cluster",
    autocomplete: "off",
    spellcheck: "false",
    oninput: () => {
      filter.text = ui.search.value;
      show();
    },
  });
  ui.chips = el("div", { class: "chips", role: "group", "aria-label": "Outcomes" });
  ui.count = el("p", { class: "dim", role: "status" });
  ui.body = el("tbody");
  ui.more = el("div");
  ui.head = el(
    "tr",
    {},
    COLUMNS.map((one) =>
      el(
        "th",
        { scope: "col", class: `${one.num ? "num" : ""} ${one.extra ? "extra" : ""}` },
        el("button", { type: "button", class: "sort", onclick: () => sortBy(one.key) }, one.name),
      ),
    ),
  );
  const pick =
    clustersOfTests.length > 1
      ? el(
          "label",
          { class: "field" },
          "Cluster",
          el(
            "select",
            {
              onchange: (event) => {
                filter.cluster = event.target.value;
                show();
              },
            },
            el("option", { value: "" }, "all"),
            clustersOfTests.map((one) => el("option", { value: one }, one)),
          ),
        )
      : null;
  section(
    "tests",
    "Tests",
    el(
      "form",
      { class: "filter", role: "search", onsubmit: (event) => event.preventDefault() },
      el("label", { class: "field grow", for: "search" }, "Search", ui.search),
      pick,
      ui.chips,
    ),
    ui.count,
    el(
      "table",
      { class: "tests" },
      el("caption", { class: "hidden" }, "Tests; a test's name opens what is known of it"),
      el("thead", {}, ui.head),
      ui.body,
    ),
    ui.more,
  );
  show();
}

function fits(test, words) {
  return (
    (!filter.outcomes.size || filter.outcomes.has(test.outcome)) &&
    (!filter.cluster || test.cluster === filter.cluster) &&
    words.every((word) => test.words.includes(word))
  );
}

function show() {
  const words = filter.text.toLowerCase().split(/\s+/).filter(Boolean);
  const column = COLUMNS.find((one) => one.key === filter.sort);
  const found = tests
    .filter((test) => fits(test, words))
    .sort((one, other) => {
      const [a, b] = [column.of(one), column.of(other)];
      return (a < b ? -1 : a > b ? 1 : one.order - other.order) * (filter.down ? -1 : 1);
    });
  ui.found = found;
  ui.chips.replaceChildren(...outcomes.map((one) => chip(one, () => toggle(one), filter.outcomes.has(one) ? "true" : "false")));
  ui.count.textContent = found.length === tests.length ? some(tests.length, "test") : `${number(found.length)} of ${some(tests.length, "test")}`;
  COLUMNS.forEach((one, at) => {
    if (one.key === filter.sort) ui.head.children[at].setAttribute("aria-sort", filter.down ? "descending" : "ascending");
    else ui.head.children[at].removeAttribute("aria-sort");
  });
  ui.body.replaceChildren();
  ui.parts = inParts(found, testRow, ui.body, TESTS_AT_ONCE);
  ui.more.replaceChildren(ui.parts.more);
  if (!found.length) ui.body.append(el("tr", {}, el("td", { colspan: COLUMNS.length, class: "dim" }, "No test fits.")));
}

function toggle(outcome) {
  const at = outcomes.indexOf(outcome);
  if (!filter.outcomes.delete(outcome)) filter.outcomes.add(outcome);
  show();
  ui.chips.children[at].focus(); // it was drawn anew
}

function sortBy(key) {
  filter.down = filter.sort === key ? !filter.down : key === "seconds";
  filter.sort = key;
  show();
}

function testRow(test) {
  const id = `test-${test.order}`;
  const button = el(
    "button",
    { type: "button", class: "open", id, "aria-expanded": "false", onclick: () => openRow(row, button, test) },
    testName(test),
  );
  const cells = {
    outcome: () => el("td", { class: "outcome" }, icon(test.outcome), el("span", { class: "word" }, ` ${test.outcome}`)),
    id: () => el("td", { class: "wide" }, button, test.reason ? el("p", { class: "reason" }, test.reason) : null),
    cluster: () => el("td", { class: "extra" }, test.cluster === "*" ? "of its own" : test.cluster),
    lane: () => el("td", { class: "extra" }, test.lane),
    start: () => el("td", { class: "extra num" }, clock(test.start)),
    seconds: () => el("td", { class: "num" }, el("span", { class: "took", "--part": test.seconds / longest }, seconds(test.seconds))),
  };
  const row = el(
    "tr",
    { class: isBad(test) ? "bad" : "" },
    COLUMNS.map((one) => cells[one.key]()),
  );
  return row;
}

function openRow(row, button, test) {
  const open = button.getAttribute("aria-expanded") === "true";
  button.setAttribute("aria-expanded", String(!open));
  if (open) row.nextElementSibling.remove();
  else row.after(el("tr", { class: "inside" }, el("td", { colspan: COLUMNS.length }, details(test))));
}

function reset(change) {
  Object.assign(filter, { text: "", cluster: "", sort: "start", down: false }, change);
  filter.outcomes = change.outcomes || new Set();
  ui.search.value = filter.text;
  const select = byId("tests").querySelector("select");
  if (select) select.value = "";
  show();
}

function jump() {
  byId("tests").scrollIntoView();
  ui.search.focus({ preventScroll: true });
}

function showOnly(outcome) {
  reset({ outcomes: new Set([outcome]) });
  jump();
}

function search(text) {
  reset({ text });
  jump();
}

// From the timeline: the test's row, wherever it is.
function openTest(test) {
  reset({});
  if (!byId(`test-${test.order}`)) ui.parts.all();
  const button = byId(`test-${test.order}`);
  button.scrollIntoView({ block: "center" });
  button.focus({ preventScroll: true });
  if (button.getAttribute("aria-expanded") === "false") button.click();
}
