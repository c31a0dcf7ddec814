/** @import { Run } from "lockstep/types" */
import { count, duration, timeOfDay } from "lockstep/format.js";
import { html } from "lockstep/html.js";

/** The history as Step Functions keeps it. @param {{ run: Run }} props */
export function EventTable({ run }) {
  const { started } = run.execution;
  return html`
    <details class="card">
      <summary class="card-head"><h3>Events</h3><span class="faint">${count(run.events.length)}</span></summary>
      <div class="table-scroll" tabindex="0" role="group" aria-label="Events of the history">
        <table>
          <thead><tr><th scope="col" class="is-number">id</th><th scope="col" class="is-number">after</th><th scope="col">type</th><th scope="col">state</th><th scope="col">detail</th></tr></thead>
          <tbody>
            ${run.events.map(
              ({ id, at, type, state, detail }) => html`
                <tr key=${id} class=${/Failed|TimedOut|Aborted/.test(type) ? "is-bad" : ""}>
                  <td class="is-number">${id}</td>
                  <td class="is-number" title=${timeOfDay(at)}>+${duration(at - started)}</td>
                  <td>${type}</td><td>${state}</td><td class="breakable">${detail}</td>
                </tr>
              `,
            )}
          </tbody>
        </table>
      </div>
    </details>
  `;
}
