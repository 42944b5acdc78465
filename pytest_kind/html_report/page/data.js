// What the page knows, from the JSON in it.

const run = JSON.parse(byId("data").textContent);

const events = run.events.map(([at, cluster, warning, reason, regarding, namespace, message, count, source]) => ({
  at,
  cluster,
  warning: Boolean(warning),
  reason,
  regarding,
  namespace,
  message,
  count,
  source,
}));

const tests = run.tests.map((test, order) => {
  const ends = test.phases.map(([, start, lasts]) => start + lasts);
  const [file, ...names] = test.id.split("::");
  return {
    lane: "",
    cluster: "",
    namespace: "",
    reason: "",
    labels: [],
    sections: [],
    ...test,
    order,
    file,
    name: names.join("::") || test.id,
    start: Math.min(...test.phases.map(([, start]) => start)),
    end: Math.max(...ends),
    seconds: test.phases.reduce((sum, [, , lasts]) => sum + lasts, 0),
    words: [test.id, test.reason, test.cluster, test.namespace, test.lane, ...(test.labels || [])].join("\n").toLowerCase(),
  };
});

const isBad = (test) => test.outcome === "failed" || test.outcome === "error";
const bad = tests.filter(isBad);
const isSpec = (test) => test.labels.length > 0 || test.file.endsWith(".go");
const counted = new Map();
for (const test of tests) counted.set(test.outcome, (counted.get(test.outcome) || 0) + 1);
const outcomes = [...OUTCOMES, ...counted.keys()].filter((one, at, all) => counted.has(one) && all.indexOf(one) === at);

// The first place in a sorted list whose value is not below.
function lowest(list, value, of) {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(list[middle]) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Events that came while a test ran, of its cluster; of all clusters, where it made its own.
function eventsOf(test) {
  if (!test.cluster) return [];
  const found = [];
  for (let at = lowest(events, test.start, (one) => one.at); at < events.length && events[at].at <= test.end; at += 1) {
    if (test.cluster === "*" || events[at].cluster === test.cluster) found.push(events[at]);
  }
  return found;
}

const span = highest([run.seconds, ...tests.map((one) => one.end)], 0.1);
