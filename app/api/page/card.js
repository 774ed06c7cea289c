// The card is in the address's fragment, which a browser sends to nobody. It is read once, taken
// out of the address and the history before anything else, and sent only when a person confirms.
"use strict";

const CARD = /^#(tc_card_[0-9A-Za-z]{72})$/;
const POLL_MS = 2000;
const POLLS = 480; // 16 minutes: a minute longer than clean-up may last

const element = (id) => document.getElementById(id);
const show = (id) => {
  for (const section of ["none", "ask", "done"]) element(section).hidden = section !== id;
};

let card = null;

function take() {
  const found = CARD.exec(location.hash);
  history.replaceState(null, "", location.pathname);
  if (found === null) {
    show(card === null ? "none" : "ask");
    return;
  }
  card = found[1];
  element("number").textContent = card.slice(30, 52); // its public half, not the secret
  show("ask");
}

async function pull() {
  const button = element("pull");
  button.disabled = true;
  element("failure").textContent = "";
  try {
    const answer = await fetch("/v1/revocation-cards/redeem", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ card }),
      credentials: "omit",
      cache: "no-store",
      redirect: "error",
      referrerPolicy: "no-referrer",
    });
    const body = await answer.json();
    if (!answer.ok) throw new Error(body.detail || "The service said no.");
    card = null;
    done(body, answer.headers.get("Tripcord-Receipt"));
  } catch (error) {
    // Pulling twice does no harm, so the way to try again stays open.
    element("failure").textContent = `${error.message} Nothing may have been cut: try again.`;
    button.disabled = false;
  }
}

function done(receipt, capability) {
  element("at").textContent = receipt.revoked_at;
  element("revocation").textContent = receipt.revocation_id;
  element("position").textContent = String(receipt.position);
  element("deadline").textContent = receipt.cleanup_deadline_at;
  element("receipt").textContent = capability;
  show("done");
  watch(receipt.revocation_id, capability, POLLS);
}

async function watch(id, capability, left) {
  if (left === 0) return;
  try {
    const answer = await fetch(`/v1/revocations/${encodeURIComponent(id)}`, {
      headers: { "Tripcord-Receipt": capability },
      credentials: "omit",
      cache: "no-store",
    });
    if (answer.ok) {
      const view = await answer.json();
      const counts = view.counts;
      element("cleanup").textContent =
        `${view.cleanup_state}: ${counts.cleanup_done} done, ${counts.cleanup_pending} under way, ` +
        `${counts.cleanup_unsupported} for you to do at the exchange, ` +
        `${counts.cleanup_unconfirmed} unconfirmed, ${counts.orders_kept} orders left open`;
      if (view.cleanup_state === "done") return;
    }
  } catch {
    // The cord holds without us; ask again.
  }
  setTimeout(watch, POLL_MS, id, capability, left - 1);
}

element("pull").addEventListener("click", pull);
addEventListener("hashchange", take);
take();
