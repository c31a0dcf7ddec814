/** @import { Stack } from "lockstep/types" */
/** @import { Changes } from "lockstep/changes.js" */
import { dateAndTime } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { Link } from "lockstep/navigation.js";

/** @param {{ stack: Stack | null, changes: Changes, onKeys: () => void }} props */
export function Header({ stack, changes, onKeys }) {
  return html`
    <header class="top">
      <h1>
        <${Link} to=${{ page: "list" }} class="brand">
          <svg viewBox="0 0 20 20" width="20" height="20" aria-hidden="true">
            <rect x="1" y="1" width="11" height="11" rx="3" class="brand-in" />
            <rect x="8" y="8" width="11" height="11" rx="3" class="brand-out" />
          </svg>
          Lockstep
        <//>
      </h1>
      ${stack && html`<p class="where"><strong>${stack.name}</strong><span class="faint where-at">${stack.where}</span></p>`}
      <${Liveness} stack=${stack} changes=${changes} />
      <button type="button" class="quiet-button keys-button" onClick=${onKeys} aria-label="Keyboard shortcuts" title="Keyboard shortcuts"><kbd>?</kbd></button>
    </header>
  `;
}

/** @param {{ stack: Stack | null, changes: Changes }} props */
function Liveness({ stack, changes }) {
  if (!stack) return null;
  if (!stack.is_live) return html`<p class="liveness">as of ${dateAndTime(stack.read_at)}</p>`;
  const isFine = changes.isConnected && !changes.reading?.problem;
  return html`<p class=${isFine ? "liveness is-live" : "liveness is-lost"}><span class="dot" />${isFine ? "live" : "not live"}</p>`;
}
