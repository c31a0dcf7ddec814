/** @import { Listener, Source } from "lockstep/types" */
import { serverGone, TroubleError } from "lockstep/trouble.js";

const RECONNECT_MS = 2000;
const HIDDEN_MS = 5000; // browsers allow six connections to a server, so tabs that nobody sees give theirs back

let isLocal = false; // as far as is known

/** @returns {Source} */
export const serverSource = () => ({
  async stack() {
    const stack = await ask("/api/stack");
    isLocal = stack.is_local;
    return stack;
  },
  follow,
  execution: (name) => ask(`/api/executions/${encodeURIComponent(name)}`),
  object: (bucket, key) => ask(`/api/object?${new URLSearchParams({ bucket, key })}`),
  startAgain: (name) =>
    ask(`/api/executions/${encodeURIComponent(name)}/again`, { method: "POST", headers: { "X-Lockstep": "again" } }),
});

/** @param {string} url @param {RequestInit} [options] @returns {Promise<any>} */
async function ask(url, options) {
  const answer = await fetch(url, options).catch(() => {
    throw new TroubleError(serverGone(isLocal));
  });
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  throw new TroubleError(
    body?.title
      ? body
      : { title: "The server has failed", advice: `It answered ${answer.status}. Its terminal says why.` },
  );
}

/** @param {Listener} listener @returns {() => void} */
function follow(listener) {
  /** @type {EventSource | null} */
  let stream = null;
  let timer = 0;
  let server = "";
  let heard = ""; // the last event's id: a new EventSource does not know it

  const open = () => {
    if (stream || document.hidden) return;
    stream = new EventSource(heard ? `/api/changes?after=${heard}` : "/api/changes");
    stream.addEventListener("open", () => listener.isConnected(true));
    stream.addEventListener("executions", (event) => {
      heard = event.lastEventId;
      listener.rows(JSON.parse(event.data).rows);
    });
    stream.addEventListener("reading", (event) => {
      const reading = JSON.parse(event.data);
      if (server && server !== reading.server) location.reload(); // started anew: other executions perhaps, or another page
      server = reading.server;
      listener.reading(reading);
    });
    stream.addEventListener("error", () => {
      listener.isConnected(false);
      if (stream?.readyState === EventSource.CLOSED) {
        close(); // it gives up on any answer but 200
        timer = window.setTimeout(open, RECONNECT_MS);
      }
    });
  };
  const close = () => {
    stream?.close();
    stream = null;
  };
  const onVisibility = () => {
    clearTimeout(timer);
    if (document.hidden) timer = window.setTimeout(close, HIDDEN_MS);
    else open();
  };

  document.addEventListener("visibilitychange", onVisibility);
  open();
  return () => {
    document.removeEventListener("visibilitychange", onVisibility);
    clearTimeout(timer);
    close();
  };
}
