import { Dialog } from "lockstep/dialog.js";
import { html } from "lockstep/html.js";
import { useNavigation } from "lockstep/navigation.js";
import { useEffect, useState } from "preact/hooks";

const KEYS = [
  { keys: ["/"], does: "search" },
  { keys: ["j", "k"], does: "next, previous execution" },
  { keys: ["↓", "↑"], does: "the same, in the list" },
  { keys: ["Enter"], does: "open the execution, or look at the state" },
  { keys: ["Esc"], does: "leave the search; back to the list" },
  { keys: ["?"], does: "this" },
];

/** Keys that work everywhere on the page, and the dialog that tells them. */
export function useKeys() {
  const [isShown, setIsShown] = useState(false);
  const { location, go } = useNavigation();

  useEffect(() => {
    /** @param {KeyboardEvent} event */
    const onKey = (event) => {
      if (event.metaKey || event.ctrlKey || event.altKey || event.defaultPrevented) return;
      const target = /** @type {HTMLElement} */ (event.target);
      if (target.closest("dialog")) return;
      const does = action(event.key, target);
      if (!does) return;
      event.preventDefault();
      does();
    };
    /** @param {string} key @param {HTMLElement} target @returns {(() => void) | null} */
    const action = (key, target) => {
      const isTyping = target.matches("input");
      if (key === "Escape")
        return isTyping ? () => leave(target) : location.place.page === "list" ? null : () => back(location, go);
      if (isTyping) return key === "ArrowDown" ? () => focusRow(0) : null;
      if (key === "/") return () => document.getElementById("search")?.focus();
      if (key === "?") return () => setIsShown(true);
      const isInList = target.closest(".rows") !== null;
      if (key === "j" || (key === "ArrowDown" && isInList)) return () => focusRow(1);
      if (key === "k" || (key === "ArrowUp" && isInList)) return () => focusRow(-1);
      return null;
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [location, go]);

  const dialog = html`
    <${Dialog} isOpen=${isShown} onClose=${() => setIsShown(false)} title="Keyboard shortcuts">
      <dl class="keys">
        ${KEYS.map(({ keys, does }) => html`<dt>${keys.map((key) => html`<kbd>${key}</kbd>`)}</dt><dd>${does}</dd>`)}
      </dl>
    <//>
  `;
  return { show: () => setIsShown(true), dialog };
}

/** @param {number} step from the row that has the focus, else from the chosen one */
function focusRow(step) {
  const rows = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".rows .row"));
  const all = [...rows];
  const focused = all.indexOf(/** @type {HTMLElement} */ (document.activeElement));
  const from = focused >= 0 ? focused : all.findIndex((row) => row.ariaCurrent);
  all[from < 0 ? 0 : Math.min(Math.max(from + step, 0), all.length - 1)]?.focus();
}

/** @param {HTMLElement} input */
function leave(input) {
  input.blur();
}

/** The list again, and in it the row that was left. @param {import("lockstep/types").Location} location @param {(place: import("lockstep/types").Place) => void} go */
function back({ place }, go) {
  go({ page: "list" });
  const href = place.page === "execution" ? `/execution/${encodeURIComponent(place.name)}` : null;
  requestAnimationFrame(() => {
    const rows = [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".rows .row"))];
    rows.find((row) => href && row.getAttribute("href")?.includes(href))?.focus();
  });
}
