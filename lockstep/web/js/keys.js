import { Dialog } from "lockstep/dialog.js";
import { html } from "lockstep/html.js";
import { read } from "lockstep/location.js";
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
      if (target.matches("select")) return null; // it has uses of its own for most keys
      const isTyping = target.matches("input, textarea");
      if (key === "Escape")
        return isTyping ? () => leave(target) : location.place.page === "list" ? null : () => back(location, go);
      if (isTyping) return key === "ArrowDown" ? () => focusRow(0) : null;
      if (key === "/") return () => search(go);
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

/** Where there is room for one column only, the list has to be shown first. @param {(place: import("lockstep/types").Place) => void} go */
function search(go) {
  const input = document.getElementById("search");
  if (input?.checkVisibility()) {
    input.focus();
    return;
  }
  go({ page: "list" });
  requestAnimationFrame(() => document.getElementById("search")?.focus());
}

/** @param {HTMLElement} input */
function leave(input) {
  input.blur();
}

/** The list again, and in it the row that was left. @param {import("lockstep/types").Location} location @param {(place: import("lockstep/types").Place) => void} go */
function back({ place }, go) {
  go({ page: "list" });
  requestAnimationFrame(() => {
    const rows = [.../** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll(".rows .row"))];
    rows.find((row) => isTo(row, place))?.focus();
  });
}

/** @param {HTMLElement} row @param {import("lockstep/types").Place} place */
function isTo(row, place) {
  const to = read(row.getAttribute("href")?.replace("#", "") ?? "").place; // in the one-file page it begins with "#"
  return to.page === "execution" && place.page === "execution" && to.name === place.name;
}
