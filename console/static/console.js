// What pages need a script for: the token of forms that htmx sends, hidden pages that ask for nothing, answers that are
// errors, times in the viewer's own zone, tables that sort and fit narrow screens, keys.
"use strict";

const isPoll = ctx => ctx.sourceEvent?.type === "every"; // nobody asked, the page did

document.addEventListener("htmx:config:request", event => {
  const { ctx } = event.detail;
  if (isPoll(ctx) && document.hidden) return event.preventDefault();
  if (isPoll(ctx)) ctx.request.headers["X-Poll"] = "true"; // which is no use of the session
  const token = document.querySelector('meta[name="csrf"]');
  if (token) ctx.request.headers["X-Csrf"] = token.content;
});

// An answer that is an error changes nothing that is shown. The message says why until the next good answer: in one line
// for polls, one for what somebody asked, and one for a session that has ended, which any good answer removes.
document.addEventListener("htmx:before:swap", event => {
  const { ctx, tasks } = event.detail;
  const status = ctx.response.status;
  const isEmpty = !tasks.some(task => task.fragment.childElementCount);
  if (status < 400 && !isEmpty) return removeLines(ctx);
  const page = new DOMParser().parseFromString(ctx.text, "text/html");
  const isOwnPage = status < 500 && !isEmpty && !page.getElementById("failure");
  if (isOwnPage && "showsRefusals" in ctx.sourceElement.dataset) return removeLines(ctx);
  event.preventDefault();
  if (status === 401) return tellLoggedOut(ctx);
  if (status === 403 && takeSession(page)) return isPoll(ctx) || ctx.request.form?.requestSubmit(ctx.request.submitter);
  tellFailure(ctx, page.querySelector(".failure")?.textContent ?? `${message().dataset.noAnswer} (${status})`);
});

document.addEventListener("htmx:error", event => {
  const { ctx } = event.detail;
  if (ctx && !ctx.response) tellFailure(ctx, message().dataset.noAnswer);
});

function message() {
  return document.getElementById("message");
}

function line(kind) {
  return message()?.querySelector(`[data-kind="${kind}"]`);
}

function removeLines(ctx) {
  line(isPoll(ctx) ? "poll" : "request")?.remove();
  line("session")?.remove();
}

function tellFailure(ctx, reason) {
  if (isPoll(ctx)) tell(ctx, "poll", message().dataset.notRefreshed.replace("{reason}", () => reason.trim()));
  else tell(ctx, "request", reason.trim());
}

function tellLoggedOut(ctx) {
  const link = document.createElement("a");
  link.href = `/console/login?next=${encodeURIComponent(location.pathname + location.search)}`;
  link.target = "_blank"; // what was typed stays here
  link.textContent = message().dataset.logIn;
  tell(ctx, "session", `${message().dataset.loggedOut} `, link);
}

function tell(ctx, kind, ...content) {
  const paragraph = document.createElement("p");
  paragraph.className = "failure";
  paragraph.dataset.kind = kind;
  paragraph.append(...content);
  const former = line(kind);
  if (isPoll(ctx) && former?.isEqualNode(paragraph)) return; // a screen reader has read it
  former?.remove();
  message().append(paragraph);
  if (!isPoll(ctx)) message().scrollIntoView({ block: "nearest" });
}

// Where the same member has logged in again, the forms of this page are of the new session from now on. The page with the
// refusal has its token, which pages of other sites cannot read.
function takeSession(page) {
  const [former, present] = [document, page].map(each => each.querySelector('meta[name="csrf"]'));
  if (!former || !present || former.content === present.content) return false;
  if (former.dataset.member !== present.dataset.member) return false;
  former.content = present.content;
  for (const field of document.querySelectorAll('input[name="csrf"]')) field.value = present.content;
  return true;
}

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
