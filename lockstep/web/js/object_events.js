/** @import { ObjectEvent, Reading } from "lockstep/types" */
import { count, dateAndTime } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { Link } from "lockstep/navigation.js";
import { Badge } from "lockstep/outcome.js";

/** @type {Record<ObjectEvent["fate"], string>} */
const TONES = { applied: "good", skipped: "quiet", failed: "bad", pending: "busy" };

/** Every event of an object, in the order of S3's sequencers, and what became of it. @param {{ events: ObjectEvent[], reading: Reading | null }} props */
export const ObjectEvents = ({ events, reading }) => html`
  <section class="card" aria-labelledby="events-title">
    <header class="card-head"><h3 id="events-title">Events, oldest first</h3><span class="faint">${count(events.length)}</span></header>
    ${
      events.length === 0
        ? html`<p class="card-note">No execution listed here is about this object.</p>`
        : html`
          <div class="table-scroll" tabindex="0" role="group" aria-label="Events of the object">
            <table class="object-events">
              <thead><tr><th scope="col">execution started</th><th scope="col">event</th><th scope="col">outcome</th><th scope="col">its effect</th></tr></thead>
              <tbody>${events.map((event) => html`<${EventRow} key=${event.execution.name} event=${event} />`)}</tbody>
            </table>
          </div>`
    }
    ${
      reading &&
      (reading.read < reading.known || reading.is_cut) &&
      html`<p class="card-note">There may be more: ${count(reading.read)} of ${reading.is_cut ? "more than " : ""}${count(reading.known)} executions have been read.</p>`
    }
  </section>
`;

/** @param {{ event: ObjectEvent }} props */
function EventRow({ event: { execution, fate, why, covered_by: coveredBy } }) {
  const isByAnother = coveredBy && coveredBy !== execution.name;
  return html`
    <tr>
      <td class="is-time"><${Link} to=${{ page: "execution", name: execution.name }} title=${execution.name}>${dateAndTime(execution.started)}<//></td>
      <td>${execution.change}</td>
      <td><${Badge} outcome=${execution.outcome} /></td>
      <td>
        <span class="fate tone-${TONES[fate]}">${fate}</span> ${why}
        ${isByAnother && html` <${Link} to=${{ page: "execution", name: coveredBy }} title=${coveredBy}>Covered by this execution.<//>`}
      </td>
    </tr>
  `;
}
