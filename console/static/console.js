// What pages need a script for: the token of forms that htmx sends, hidden pages that ask for nothing, times in the
// viewer's own zone, tables that sort and fit narrow screens, keys.
"use strict";

const isPoll = ctx => ctx.sourceEvent?.type === "every"; // nobody asked, the page did

document.addEventListener("htmx:config:request", event => {
  const { ctx } = event.detail;
  if (isPoll(ctx) && document.hidden) return event.preventDefault();
  if (isPoll(ctx)) ctx.request.headers["X-Poll"] = "true"; // which is no use of the session
  const token = document.querySelector('meta[name="csrf"]');
  if (token) ctx.request.headers["X-Csrf"] = token.content;
});

const moments = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });

function showTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]:not([title])")) {
    time.title = time.textContent;
    time.textContent = moments.format(new Date(time.dateTime));
  }
}

// Names of columns beside the cells, for screens too narrow for the columns.
function labelCells(root) {
  for (const table of root.querySelectorAll("table:not(.labelled)")) {
    const names = [...(table.tHead?.rows[0]?.cells ?? [])].map(cell => cell.textContent.trim());
    for (const row of names.length ? [...table.tBodies].flatMap(body => [...body.rows]) : []) {
      for (const cell of row.cells) cell.dataset.label = names[cell.cellIndex] ?? "";
    }
    if (names.length) table.classList.add("labelled");
  }
}

function makeSortable(root) {
  for (const head of root.querySelectorAll("table.sortable thead th:not([data-sorts])")) {
    head.dataset.sorts = "";
    const button = document.createElement("button");
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(head));
  }
}

function sort(head) {
  const ascending = head.getAttribute("aria-sort") !== "ascending";
  for (const other of head.parentElement.children) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", ascending ? "ascending" : "descending");
  const body = head.closest("table").tBodies[0];
  const key = row => {
    const cell = row.cells[head.cellIndex];
    const time = cell.querySelector("time");
    const choice = cell.querySelector("select");
    if (cell.classList.contains("number")) return parseFloat(cell.textContent.replaceAll(/[^0-9eE.+-]/g, "")) || 0;
    if (choice) return choice.selectedOptions[0]?.textContent.trim() ?? "";
    return time ? time.dateTime : cell.textContent.trim();
  };
  const collate = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;
  const compare = (one, other) => (typeof one === "number" ? one - other : collate(one, other));
  const rows = [...body.rows].sort((one, other) => compare(key(one), key(other)));
  body.append(...(ascending ? rows : rows.reverse()));
}

function prepare(root) {
  showTimes(root);
  labelCells(root);
  makeSortable(root);
}

const zone = document.getElementById("zone");
if (zone) zone.textContent = moments.resolvedOptions().timeZone;

prepare(document);
document.addEventListener("htmx:after:swap", () => prepare(document));

function letter({ key, code }) {
  const isOther = /[^\x00-\x7f]/.test(key) && code.startsWith("Key");
  return (isOther ? code.slice("Key".length) : key).toLowerCase();
}

// A key presses the button, or follows the link, that names it: once however long it is held down, not from inside a
// field, and not while an answer is awaited. With Caps Lock and in layouts without Latin letters it is the same key.
document.addEventListener("keydown", event => {
  const held = event.repeat || event.isComposing || event.ctrlKey || event.altKey || event.metaKey;
  if (held || event.target.closest("input, select, textarea, [contenteditable]")) return;
  const named = document.querySelector(`[aria-keyshortcuts="${CSS.escape(letter(event))}"]`);
  if (!named || document.querySelector(".htmx-request")) return;
  event.preventDefault();
  named.click();
});
