/** @import { Stack } from "lockstep/types" */
/** @import { Changes } from "lockstep/changes.js" */

import { Graph } from "lockstep/graph.js";
import { html } from "lockstep/html.js";

/** What is seen while no execution is chosen: the machine, at rest. @param {{ stack: Stack, changes: Changes }} props */
export function Welcome({ stack, changes }) {
  return html`
    <div class="page welcome">
      <h2>${changes.entries.size > 0 ? "Choose an execution" : "The state machine"}</h2>
      <p class="faint">
        Each change in <code>${stack.input_bucket}</code> starts one. It shows the way it took through this machine, and where its time went.
      </p>
      <section class="card" aria-label="The state machine">
        <${Graph} graph=${stack.graph} />
      </section>
      <dl class="names">
        <dt>input bucket</dt><dd>${stack.input_bucket}</dd>
        <dt>output bucket</dt><dd>${stack.output_bucket}</dd>
        <dt>lock table</dt><dd>${stack.lock_table}</dd>
        <dt>state machine</dt><dd>${stack.state_machine}</dd>
      </dl>
    </div>
  `;
}
