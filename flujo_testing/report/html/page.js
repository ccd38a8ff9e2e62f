
"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);
  const bar = one(".tools"), search = one("#search"), told = one("#found");

  // The script makes these usable, so they are not there without it.
  all(".tools, .filters, .tabs").forEach((part) => { part.hidden = false; });

  // Search and filter. Texts are read once: they do not change.
  const texts = new Map();
  const textOf = (item) => {
    if (!texts.has(item)) texts.set(item, item.textContent.toLowerCase());
    return texts.get(item);
  };
  const hiddenOutcomes = new Set();
  const narrow = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const items = all(".find");
    let shown = 0;
    for (const item of items) {
      const fits = words.every((word) => textOf(item).includes(word)) && !hiddenOutcomes.has(item.dataset.outcome);
      item.hidden = !fits;
      shown += fits;
    }
    for (const section of all("main > section")) {
      const own = all(".find", section);
      one(".nothing", section).hidden = own.length === 0 || own.some((item) => !item.hidden);
    }
    told.textContent = words.length || hiddenOutcomes.size ? `${shown} of ${items.length}` : "";
  };
  search.addEventListener("input", narrow);
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      search.focus();
      search.select();
    } else if (event.key === "Escape" && event.target === search) {
      search.value = "";
      narrow();
    }
  });
  for (const button of all(".filter")) {
    button.addEventListener("click", () => {
      const show = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(show));
      if (show) hiddenOutcomes.delete(button.dataset.show);
      else hiddenOutcomes.add(button.dataset.show);
      narrow();
    });
  }

  // Fold and unfold.
  const setOpen = (open) => all("details.item").forEach((item) => { item.open = open; });
  one("#fold").addEventListener("click", () => setOpen(false));
  one("#unfold").addEventListener("click", () => setOpen(true));
  let closed = [];
  window.addEventListener("beforeprint", () => {
    closed = all("details:not([open])");
    closed.forEach((item) => { item.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((item) => { item.open = false; }));

  // Dark and light: as the system says until somebody chooses.
  const scheme = one("#scheme"), dark = window.matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.scheme || (dark.matches ? "dark" : "light")) === "dark";
  const nameScheme = () => { scheme.textContent = isDark() ? "Light" : "Dark"; };
  scheme.addEventListener("click", () => {
    document.documentElement.dataset.scheme = isDark() ? "light" : "dark";
    nameScheme();
  });
  dark.addEventListener("change", nameScheme);
  nameScheme();

  // Sort a table by a column, and back.
  const valueOf = (row, column, isNumber) => {
    const cell = row.cells[column];
    const value = cell.dataset.sort ?? cell.textContent;
    if (!isNumber) return value.toLowerCase();
    const number = Number.parseFloat(value);
    return Number.isNaN(number) ? Number.NEGATIVE_INFINITY : number;
  };
  const sort = (button) => {
    const head = button.parentElement, table = head.closest("table"), body = table.tBodies[0];
    const isNumber = button.dataset.sorts === "number";
    const was = head.getAttribute("aria-sort");
    const now = was === "none" ? (isNumber ? "descending" : "ascending") : was === "ascending" ? "descending" : "ascending";
    all("th[aria-sort]", table.tHead).forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", now);
    const sign = now === "ascending" ? 1 : -1;
    const rows = [...body.rows].map((row) => [valueOf(row, head.cellIndex, isNumber), row]);
    rows.sort(([left], [right]) => sign * (left < right ? -1 : left > right ? 1 : 0));
    body.append(...rows.map(([, row]) => row));
  };
  all(".sortable thead button").forEach((button) => button.addEventListener("click", () => sort(button)));

  // One example of a group at a time.
  for (const examples of all(".examples")) {
    const tabs = all(":scope > .tabs > button", examples), panels = all(":scope > .panel", examples);
    const choose = (chosen, focus) => {
      tabs.forEach((tab, place) => {
        tab.setAttribute("aria-selected", String(place === chosen));
        tab.tabIndex = place === chosen ? 0 : -1;
        panels[place].hidden = place !== chosen;
      });
      if (focus) tabs[chosen].focus();
    };
    const keys = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
    tabs.forEach((tab, place) => {
      tab.addEventListener("click", () => choose(place, false));
      tab.addEventListener("keydown", (event) => {
        const last = tabs.length - 1;
        const next = event.key === "Home" ? 0 : event.key === "End" ? last : place + (keys[event.key] ?? 0);
        if (event.key !== "Home" && event.key !== "End" && !(event.key in keys)) return;
        event.preventDefault();
        choose((next + tabs.length) % tabs.length, true);
      });
    });
    if (tabs.length) choose(0, false);
    if (tabs.length < 2) all(":scope > .tabs", examples).forEach((list) => { list.hidden = true; });
  }

  // A link to a drawing that is folded, or behind another example, opens the way to it.
  const reveal = () => {
    const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
    if (!target) return;
    for (let part = target; part; part = part.parentElement) {
      if (part.tagName === "DETAILS") part.open = true;
      if (part.classList.contains("panel") && part.hidden) {
        const panels = all(":scope > .panel", part.parentElement);
        all(":scope > .tabs > button", part.parentElement)[panels.indexOf(part)].click();
      }
    }
    target.scrollIntoView();
  };
  window.addEventListener("hashchange", reveal);
  reveal();
  bar.dataset.ready = "";
})();
