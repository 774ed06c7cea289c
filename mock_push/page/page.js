// Shows /mock/state, waits for the next one, and sets and clears faults. What it writes into the
// page is text, never markup: messages come from whoever sends to the mock.

const $ = (id) => document.getElementById(id);
const form = $("order");
const PAUSE_MS = 300; // between two looks, so that a load test does not keep the page busy
const RETRY_MS = 2000;

function make(name, className, ...children) {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.append(...children.filter((child) => child !== null && child !== ""));
  return node;
}

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function call(method, path, body) {
  const reply = await fetch(path, {
    method,
    headers: body ? { "Content-Type": "application/json" } : {},
    body: body && JSON.stringify(body),
  });
  const answer = reply.status === 204 ? null : await reply.json();
  if (!reply.ok) throw new Error(answer.error.message);
  return answer;
}

function targetLine(target, className = "target") {
  const line = make("div", className, target);
  line.title = target; // a registration token is longer than the line
  return line;
}

// ---- faults

let kinds = [];

function chosenKind() {
  return kinds.find((k) => k.channel === form.channel.value && k.kind === form.kind.value);
}

function showKinds() {
  const channel = form.channel.value;
  const mine = kinds.filter((kind) => kind.channel === channel);
  form.kind.replaceChildren(...mine.map((kind) => new Option(kind.kind)));
  showKind();
}

function showKind() {
  const kind = chosenKind();
  const counts = kind.point !== "away";
  const allowed = {
    target: !["ehlo", "auth"].includes(kind.point),
    times: counts, skip: counts, share: counts,
    seconds: kind.seconds !== null,
    retry_after_seconds: kind.retry_after,
  };
  for (const [name, use] of Object.entries(allowed)) form[name].parentElement.hidden = !use;
  form.seconds.placeholder = kind.seconds ?? "";
  $("says").textContent = kind.says;
}

function orderFromForm() {
  const order = { channel: form.channel.value, kind: form.kind.value };
  for (const name of ["times", "skip", "share", "seconds", "retry_after_seconds", "lasts_seconds"]) {
    const input = form[name];
    if (!input.parentElement.hidden && input.value !== "") order[name] = Number(input.value);
  }
  if (order.share !== undefined) order.share /= 100;
  const target = form.target.value.trim();
  if (target && !form.target.parentElement.hidden) order.target = target;
  return order;
}

async function attempt(act) {
  $("refusal").textContent = "";
  try {
    await act();
  } catch (error) {
    $("refusal").textContent = error.message;
  }
}

form.channel.addEventListener("change", showKinds);
form.kind.addEventListener("change", showKind);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(() => call("POST", "/mock/faults", orderFromForm()));
});
$("clear-all").addEventListener("click", () => attempt(() => call("DELETE", "/mock/faults")));

function faultRow(fault) {
  const clear = make("button", "plain", "Clear");
  clear.type = "button";
  clear.ariaLabel = `Clear ${fault.fault_id}`;
  clear.addEventListener("click", () =>
    attempt(() => call("DELETE", `/mock/faults/${fault.fault_id}`)));
  const facts = [
    fault.point === "away" ? "" : `fired ${fault.fired} of ${fault.met}`,
    fault.times === null ? "" : `at most ${fault.times}`,
    fault.skip === 0 ? "" : `after ${fault.skip}`,
    fault.share === 1 ? "" : `${Math.round(fault.share * 1000) / 10} %`,
    fault.seconds === 0 ? "" : `${fault.seconds} s`,
    fault.retry_after_seconds === null ? "" : `retry after ${fault.retry_after_seconds} s`,
    fault.in_force ? "" : "over",
  ];
  return make("li", fault.in_force ? "" : "over",
    make("div", "row", make("span", `tag ${fault.channel}`, fault.channel),
      make("strong", "", fault.kind), make("span", "quiet", fault.fault_id), clear),
    targetLine(fault.target ?? "all"),
    make("div", "quiet", facts.filter(Boolean).join(" · ")));
}

// ---- receivers and events

function receiverRow(receiver) {
  const choose = make("button", "plain", "Fault");
  choose.type = "button";
  choose.ariaLabel = `Set a fault for ${receiver.target}`;
  choose.addEventListener("click", () => {
    form.channel.value = receiver.channel;
    showKinds();
    form.target.value = receiver.target;
    form.kind.focus();
  });
  const facts = [receiver.label, `${receiver.delivered} read`];
  if (receiver.stored) facts.push(`${receiver.stored} stored`);
  if (receiver.held) facts.push(`${receiver.held} on the way`);
  const presence = receiver.away ? make("span", "bad", "away")
    : receiver.waiting ? make("span", "good", "listening") : null;
  return make("li", "",
    make("div", "row", make("span", `tag ${receiver.channel}`, receiver.channel), presence, choose),
    targetLine(receiver.target),
    make("div", "quiet", facts.join(" · ")));
}

function eventRow(event) {
  const bad = ["fault", "gone"].includes(event.what);
  const head = [
    make("time", "", event.at.slice(11, 23)), " ",
    make("span", `tag ${event.channel}`, event.channel), " ",
    make("span", bad ? "bad" : "", event.what), " ", event.summary,
  ];
  const target = targetLine(event.target, "target quiet");
  if (event.content === null) return make("li", "", make("div", "", ...head), target);
  const content = make("pre", "", JSON.stringify(event.content, null, 2));
  const details = make("details", "", make("summary", "", ...head), content);
  details.dataset.n = event.n;
  return make("li", "", details, target);
}

function fill(list, rows, empty) {
  list.replaceChildren(...(rows.length ? rows : [make("li", "empty", empty)]));
}

function show(state) {
  const at = state.addresses;
  $("where").textContent = [
    at.http, at.tls, at.smtp && `smtp ${at.smtp}`, `seed ${state.seed}`,
  ].filter(Boolean).join(" · ");
  $("fault-count").textContent = state.faults.length;
  $("receiver-count").textContent = state.receivers.length + state.hidden_receivers;
  fill($("faults"), state.faults.toReversed().map(faultRow), "Everything works.");
  fill($("receivers"), state.receivers.toReversed().map(receiverRow), "Nobody is here yet.");
  const open = [...document.querySelectorAll("#events details[open]")].map((d) => d.dataset.n);
  fill($("events"), state.events.map(eventRow), "Nothing yet.");
  for (const n of open) document.querySelector(`#events details[data-n="${n}"]`)?.setAttribute("open", "");
  $("targets").replaceChildren(...state.receivers.map((receiver) => new Option(receiver.target)));
}

function showLink(live) {
  $("link").textContent = live ? "live" : "no connection";
  $("link").className = live ? "pill live" : "pill lost";
}

async function begin() {
  kinds = (await call("GET", "/mock/faults/kinds")).items;
  const channels = [...new Set(kinds.map((kind) => kind.channel))];
  form.channel.replaceChildren(...channels.map((channel) => new Option(channel)));
  showKinds();
}

async function follow() {
  let known = -1;
  for (;;) {
    try {
      if (!kinds.length) await begin();
      const state = await call("GET", `/mock/state?known=${known}&wait=${known < 0 ? 0 : 20}`);
      if (state.version !== known) show(state);
      known = state.version;
      showLink(true);
      await pause(PAUSE_MS);
    } catch (error) {
      known = -1;
      showLink(false);
      await pause(RETRY_MS);
    }
  }
}

follow();
