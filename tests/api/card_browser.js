// A browser of a few objects, to run /card/card.js in Node as a page would: what it reads, shows,
// stores and sends. Prints one JSON line per fetch, and the state at the end.
"use strict";
const vm = require("node:vm");
const fs = require("node:fs");

const [script, hash, taps, status] = process.argv.slice(2);
const elements = {};
const element = () => ({
  hidden: true, textContent: "", disabled: false, on: {},
  addEventListener(name, run) { this.on[name] = run; },
});
const location = { hash, pathname: "/card" };
const steps = [];
const context = vm.createContext({
  document: { getElementById: (id) => (elements[id] ??= element()) },
  location,
  history: {
    replaceState(_state, _title, url) {
      steps.push("address cleaned");
      location.hash = "";
      location.href = url;
    },
  },
  addEventListener() {},
  setTimeout() { steps.push("asks again"); },
  fetch: async (url, options = {}) => {
    steps.push({ fetch: url, method: options.method ?? "GET", body: options.body ?? null,
      headers: options.headers ?? {}, credentials: options.credentials });
    if (options.method === "POST") {
      const good = { revocation_id: "R", position: 7, revoked_at: "T1", cleanup_deadline_at: "T2" };
      return {
        ok: status === "200", headers: { get: () => "tc_receipt_x" },
        json: async () => (status === "200" ? good : { detail: "The service said so." }),
      };
    }
    return { ok: true, json: async () => ({ cleanup_state: "running", counts: { cleanup_done: 1,
      cleanup_pending: 2, cleanup_unsupported: 3, cleanup_unconfirmed: 0, orders_kept: 4 } }) };
  },
});
vm.runInContext(fs.readFileSync(script, "utf8"), context);
(async () => {
  for (let tap = 0; tap < Number(taps); tap += 1) {
    await elements.pull.on.click();
    await new Promise((next) => setImmediate(next));
  }
  const shown = ["none", "ask", "done"].filter((id) => elements[id] && !elements[id].hidden);
  const text = Object.fromEntries(Object.entries(elements).map(([id, e]) => [id, e.textContent]));
  process.stdout.write(JSON.stringify({ steps, shown, text, address: location }));
})();
