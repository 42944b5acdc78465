// From top to bottom.

drawHead();
drawFailures();
drawTimeline();
drawClusters();
drawSpecs();
drawTests();

const files = Object.entries(run.links);
byId("foot").append(
  files.length
    ? el(
        "p",
        {},
        "Beside this page: ",
        files.map(([name, place], at) => [at ? ", " : "", el("a", { href: place }, name)]),
      )
    : null,
  run.leftOut
    ? el(
        "p",
        {},
        `${some(run.leftOut, "event")} of the clusters ${run.leftOut === 1 ? "is" : "are"} left out, those of tests that failed and warnings last.`,
      )
    : null,
  el("p", {}, `Written by pytest-kind-native ${run.facts.plugin || ""}. This page loads nothing.`),
);

document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || /^(input|select|textarea)$/i.test(event.target.tagName)) return;
  event.preventDefault();
  jump();
});

// On paper there is nothing to click on.
window.addEventListener("beforeprint", () => {
  const opened = (place) =>
    place.querySelectorAll(":scope > details.failure").forEach((one) => {
      one.draw();
      one.open = true;
      one.querySelectorAll(":scope > .failures").forEach(opened);
    });
  document.querySelectorAll("#failures > .failures").forEach(opened);
});
