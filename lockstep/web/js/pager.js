/** @import { IconName } from "lockstep/icons.js" */
import { count } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { Icon } from "lockstep/icons.js";

/** @param {{ page: { page: number, pages: number, first: number, rows: unknown[] }, total: number, onPage: (page: number) => void }} props */
export function Pager({ page: { page, pages, first, rows }, total, onPage }) {
  /** @type {{ name: string, icon: IconName, to: number }[]} */
  const steps = [
    { name: "First page", icon: "first", to: 1 },
    { name: "Previous page", icon: "left", to: page - 1 },
    { name: "Next page", icon: "right", to: page + 1 },
    { name: "Last page", icon: "last", to: pages },
  ];
  const isPossible = (/** @type {number} */ to) => to >= 1 && to <= pages && to !== page;
  return html`
    <div class="pager">
      <p>${count(first + 1)}–${count(first + rows.length)} of ${count(total)}</p>
      ${
        pages > 1 &&
        html`<div class="pager-buttons">
          ${steps.map(
            ({ name, icon, to }) => html`
              <button key=${name} type="button" class="quiet-button" aria-label=${name} title=${name} disabled=${!isPossible(to)} onClick=${() => onPage(to)}>
                <${Icon} name=${icon} />
              </button>
            `,
          )}
        </div>`
      }
    </div>
  `;
}
