/** @import { Graph, Run, Visit } from "lockstep/types" */

import { useNow } from "lockstep/clock.js";
import { duration, plural } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { JsonPair } from "lockstep/json.js";
import { useState } from "preact/hooks";

const BUTTONS = 8; // more visits than that are chosen from a menu

/** One state of a run: why, what went in, what came out. @param {{ run: Run, graph: Graph, name: string }} props */
export function StateDetail({ run, graph, name }) {
  const [choice, setChoice] = useState(/** @type {number | null} */ (null));
  const state = run.states.find((each) => each.name === name);
  const known = graph.states.find((each) => each.name === name);
  const index = Math.min(choice ?? Number.POSITIVE_INFINITY, (state?.visits.length ?? 0) - 1);
  const visit = state?.visits[index];
  return html`
    <section class="card state-detail" aria-labelledby="state-title">
      <header class="card-head">
        <h3 id="state-title">${name}</h3>
        <span class="faint">${state?.type ?? known?.type}</span>
        ${state && state.visits.length > 1 && html`<${VisitPicker} visits=${state.visits} index=${index} onPick=${setChoice} start=${run.execution.started} />`}
      </header>
      ${visit ? html`<${VisitDetail} visit=${visit} start=${run.execution.started} isOver=${run.execution.stopped !== null} />` : html`<p class="card-note">Not entered in this execution.</p>`}
      ${known?.comment && html`<details class="about" open=${!visit}><summary>What this state is for</summary><p>${known.comment}</p></details>`}
      ${visit && html`<${JsonPair} key=${index} input=${visit.input} output=${visit.output} isEnded=${visit.exited !== null || run.execution.stopped !== null} />`}
    </section>
  `;
}

/** @param {{ visits: Visit[], index: number, onPick: (index: number) => void, start: number }} props */
function VisitPicker({ visits, index, onPick, start }) {
  if (visits.length > BUTTONS) {
    return html`
      <label class="visits">visit
        <select value=${index} onChange=${(/** @type {Event & { currentTarget: HTMLSelectElement }} */ event) => onPick(Number(event.currentTarget.value))}>
          ${visits.map((visit, each) => html`<option key=${each} value=${each}>${each + 1} of ${visits.length} · +${duration(visit.entered - start)}${visit.error ? " · failed" : ""}</option>`)}
        </select>
      </label>
    `;
  }
  return html`
    <div class="visits" role="group" aria-label="Visit">
      <span aria-hidden="true">visit</span>
      ${visits.map(
        (visit, each) => html`
          <button
            key=${each} type="button" class=${visit.error ? "visit is-failed" : "visit"} aria-pressed=${each === index}
            aria-label=${`Visit ${each + 1}${visit.error ? ", failed" : ""}`} title=${`+${duration(visit.entered - start)}`} onClick=${() => onPick(each)}
          >${each + 1}</button>
        `,
      )}
    </div>
  `;
}

/** @param {{ visit: Visit, start: number, isOver: boolean }} props */
function VisitDetail({ visit, start, isOver }) {
  const isRunning = visit.exited === null && !isOver;
  const now = useNow(isRunning, 250);
  const { error, exited, entered, attempts, reason } = visit;
  return html`
    <div class="visit-detail">
      <p class="visit-facts">
        <span>entered at +${duration(entered - start)}</span>
        <span>${exited !== null ? `took ${duration(exited - entered)}` : isRunning ? `running for ${duration(now - entered)}` : "did not end"}</span>
        ${attempts > 1 && html`<span class="attempts">${plural(attempts, "attempt")}</span>`}
      </p>
      ${reason && !(error && reason.includes(error.cause)) && html`<p>${reason}</p>`}
      ${error && html`<p class="error-line tone-bad"><code class="error-name">${error.error}</code><span class="error-cause">${error.cause}</span></p>`}
    </div>
  `;
}
