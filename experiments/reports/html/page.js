// Tables become sortable, figures are drawn when their section is open, and all sections open for print.
const dark = matchMedia("(prefers-color-scheme: dark)");
const look = () => ({
  background: "transparent",
  font: "system-ui, sans-serif",
  ...(dark.matches && {
    axis: { labelColor: "#d0d0d0", titleColor: "#e8e8e8", gridColor: "#34373b", domainColor: "#777", tickColor: "#777" },
    legend: { labelColor: "#d0d0d0", titleColor: "#e8e8e8" },
    title: { color: "#e8e8e8", subtitleColor: "#c0c0c0" },
    header: { labelColor: "#e8e8e8", titleColor: "#e8e8e8" },
    text: { color: "#e8e8e8" },
  }),
});

async function draw(place) {
  if (place.dataset.state) return;
  place.dataset.state = "drawing";
  const specification = JSON.parse(place.nextElementSibling.textContent);
  // Charts above one another are given their width; one alone takes that of its place, if that is in view.
  const width = document.querySelector("main").clientWidth;
  for (const part of specification.vconcat ?? []) part.width = Math.max(width - 90, 200);
  if (!place.checkVisibility() && specification.width === "container")
    Object.assign(specification, { width, autosize: { type: "fit", contains: "padding" } });
  await window.vegaEmbed(place, specification, {
    config: look(),
    renderer: "svg",
    logLevel: 1,
    actions: { export: true, source: false, compiled: false, editor: false },
    loader: { target: "_self" },
    tooltip: { theme: dark.matches ? "dark" : "light" },
  });
  place.dataset.state = "drawn";
}

function drawWithin(element) {
  const places = [...element.querySelectorAll(".chart")].filter((place) => place.checkVisibility());
  return Promise.all(places.map(draw));
}

function open(anchor) {
  const found = document.getElementById(decodeURIComponent(anchor));
  for (let at = found; at; at = at.parentElement) if (at.tagName === "DETAILS") at.open = true;
  found?.scrollIntoView();
}

document.documentElement.classList.toggle("dark", dark.matches);
for (const details of document.querySelectorAll("details"))
  details.addEventListener("toggle", () => details.open && drawWithin(details));
addEventListener("hashchange", () => open(location.hash.slice(1)));
addEventListener("beforeprint", () => {
  for (const details of document.querySelectorAll("main > details:not(#runs)")) details.open = true;
});
open(location.hash.slice(1));

// A page that loads itself anew opens as the one before it was left.
const kept = (() => {
  try {
    return sessionStorage;
  } catch {
    return null; // the reader allows no storage
  }
})();
const reloads = document.querySelector("meta[http-equiv=refresh]") !== null;
const left = `left ${location.pathname}`;
const before = JSON.parse(kept?.getItem(left) ?? "null");
kept?.removeItem(left);
if (before)
  for (const section of document.querySelectorAll("main > details")) section.open = before.open.includes(section.id);
if (reloads)
  addEventListener("pagehide", () => {
    const opened = [...document.querySelectorAll("main > details[open]")].map((section) => section.id);
    kept?.setItem(left, JSON.stringify({ open: opened, at: scrollY }));
  });
await drawWithin(document);
if (before) scrollTo(0, before.at);

const { ITable } = await import(document.getElementById("table-library").dataset.module);
for (const table of document.querySelectorAll("table.data")) {
  const rows = table.tBodies[0].rows.length;
  if (rows < 3) continue;
  new ITable(table, {
    order: [],
    paging: rows > 20,
    searching: rows > 5,
    info: rows > 20,
    pageLength: 20,
    lengthMenu: [20, 100, { label: "all", value: -1 }],
    autoWidth: false,
  });
}
document.documentElement.dataset.ready = "yes";

// The others are drawn while nothing else is to be done, so that they are there for print.
for (const place of document.querySelectorAll(".chart")) {
  await new Promise((resolve) => (window.requestIdleCallback ?? setTimeout)(resolve));
  await draw(place);
}
