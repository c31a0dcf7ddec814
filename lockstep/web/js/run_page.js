/** @import { Row, Run, Source, Stack } from "lockstep/types" */
/** @import { Changes } from "lockstep/changes.js" */

import { EventTable } from "lockstep/event_table.js";
import { visible } from "lockstep/format.js";
import { Graph } from "lockstep/graph.js";
import { html } from "lockstep/html.js";
import { JsonPair } from "lockstep/json.js";
import { useLoaded } from "lockstep/loaded.js";
import { Skeleton, TroubleNote } from "lockstep/notices.js";
import { telling, unknownStates } from "lockstep/passage.js";
import { Plain } from "lockstep/plain.js";
import { BackLink, RunHeader } from "lockstep/run_header.js";
import { StateDetail } from "lockstep/state_detail.js";
import { TimeBars } from "lockstep/time_bars.js";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";

const WHILE_RUNNING_MS = 1000;

/** One execution: what came of it, its way through the machine, its time, its data. @param {{ source: Source, stack: Stack, changes: Changes, name: string }} props */
export function RunPage({ source, stack, changes, name }) {
  const { isConnected, entries } = changes;
  const { value, trouble, reload } = useLoaded(
    name,
    () => source.execution(name),
    [isConnected],
    (run) => (stack.is_live && isConnected && run.execution.stopped === null ? WHILE_RUNNING_MS : 0),
  );
  const row = entries.get(name)?.row;
  useEffect(() => {
    if (row && (trouble || (value && isNews(row, value.execution)))) reload();
  }, [row]);
  if (value) {
    return html`
      <article class="page run" aria-labelledby="run-title">
        ${trouble && isConnected && html`<${TroubleNote} trouble=${trouble} onRetry=${reload} />`}
        <${RunParts} run=${value} stack=${stack} source=${source} />
      </article>
    `;
  }
  return html`
    <div class="page">
      <${BackLink} />
      ${trouble ? html`<${TroubleNote} trouble=${trouble} onRetry=${reload} />` : html`<${Skeleton} lines=${8} label="Reading the execution" />`}
    </div>
  `;
}

/** Whether the list knows more than what was read: a row also comes when only the page had not heard of it. @param {Row} row @param {Row} read */
const isNews = (row, read) =>
  row.outcome !== null && (row.outcome !== read.outcome || row.stopped !== read.stopped || row.state !== read.state);

/** @param {{ run: Run, stack: Stack, source: Source }} props */
function RunParts({ run, stack, source }) {
  const [choice, setChoice] = useState(/** @type {string | null} */ (null));
  const chosen = choice ?? telling(run);
  const known = useMemo(() => new Set(stack.graph.states.map((state) => state.name)), [stack.graph]);
  const unknown = unknownStates(run, known);
  const detail = useRef(/** @type {HTMLElement | null} */ (null));
  /** @param {string} name */
  const choose = (name) => {
    setChoice(name);
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    detail.current?.scrollIntoView({ block: "nearest", behavior: isCalm ? "instant" : "smooth" });
  };

  return html`
    <${RunHeader} run=${run} stack=${stack} source=${source} />
    <${Announcer} run=${run} />
    <${Plain} run=${run} />
    <div class="run-columns">
      <div class="run-overview">
        <section class="card" aria-labelledby="way-title">
          <header class="card-head"><h3 id="way-title">Way through the machine</h3></header>
          <${Graph} graph=${stack.graph} run=${run} chosen=${chosen} onChoose=${choose} />
          ${
            unknown.length > 0 &&
            html`<p class="card-note">Also entered: ${unknown.join(", ")}. The machine as it is deployed now does not have ${unknown.length > 1 ? "these states" : "this state"}.</p>`
          }
        </section>
        <${TimeBars} run=${run} chosen=${chosen} onChoose=${choose} />
      </div>
      <div class="run-detail">
        <div class="detail-anchor" ref=${detail} />
        ${chosen && html`<${StateDetail} key=${chosen} run=${run} graph=${stack.graph} name=${chosen} />`}
      </div>
    </div>
    <details class="card">
      <summary class="card-head"><h3>Input and output of the execution</h3></summary>
      <${JsonPair} input=${run.input} output=${run.output} isEnded=${run.execution.stopped !== null} />
    </details>
    <${EventTable} run=${run} />
  `;
}

/** Tells those who do not see the page when the outcome changes. @param {{ run: Run }} props */
function Announcer({ run }) {
  const { outcome, key, name } = run.execution;
  const first = useRef(outcome);
  const [said, setSaid] = useState("");
  useEffect(() => {
    if (outcome !== first.current) setSaid(`${visible(key || name)}: ${outcome}`);
  }, [outcome, key, name]);
  return html`<p class="unseen" aria-live="polite">${said}</p>`;
}
