/** @import { Run, SpanKind } from "lockstep/types" */
/** @import { Bar, Lane } from "lockstep/timeline.js" */

import { useNow } from "lockstep/clock.js";
import { duration } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { timeline } from "lockstep/timeline.js";
import { useState } from "preact/hooks";

const RUNNING_MS = 250;

/** @type {{ kind: SpanKind, means: string }[]} */
const KINDS = [
  { kind: "working", means: "working" },
  { kind: "waiting", means: "waiting" },
  { kind: "failed", means: "failed attempts" },
  { kind: "machine", means: "Step Functions" },
];

/** Where the time went. @param {{ run: Run, chosen: string | null, onChoose: (name: string) => void }} props */
export function TimeBars({ run, chosen, onChoose }) {
  const now = useNow(run.execution.stopped === null, RUNNING_MS);
  const { from, to, lanes, totals, ticks } = timeline(run, now);
  const share = (/** @type {number} */ ms) => `${(ms / (to - from)) * 100}%`;
  if (lanes.length === 0) return null;
  return html`
    <section class="card" aria-labelledby="time-title">
      <header class="card-head">
        <h3 id="time-title">Where the time went</h3>
        <ul class="legend is-inline">
          ${KINDS.map(({ kind, means }) => ({ kind, means, ms: totals.get(kind) ?? 0 }))
            .filter(({ ms }) => ms > 0)
            .map(
              ({ kind, means, ms }) =>
                html`<li key=${kind}><span class="swatch span-${kind}" />${means} <strong>${duration(ms)}</strong></li>`,
            )}
        </ul>
      </header>
      <div class="lanes">
        <div class="axis" aria-hidden="true">
          <div class="axis-track">
            ${ticks.map((tick) => html`<span key=${tick} class="tick" style=${{ left: share(tick) }}>${tick === 0 ? "0" : tickLabel(tick)}</span>`)}
          </div>
        </div>
        ${lanes.map(
          (lane) =>
            html`<${LaneRow} key=${lane.name} lane=${lane} start=${from} share=${share} ticks=${ticks} isChosen=${lane.name === chosen} onChoose=${onChoose} />`,
        )}
      </div>
    </section>
  `;
}

/** Without decimals that say nothing: "2 s". @param {number} ms */
const tickLabel = (ms) => duration(ms).replace(/[.,]0(?=\s)/, "");

/**
 * One state's bars; the arrow keys go from one to the next.
 * @param {{ lane: Lane, start: number, share: (ms: number) => string, ticks: number[], isChosen: boolean, onChoose: (name: string) => void }} props
 */
function LaneRow({ lane, start, share, ticks, isChosen, onChoose }) {
  const [shown, setShown] = useState(/** @type {number | null} */ (null));
  const bar = shown === null ? undefined : lane.bars[shown];
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    setShown(Math.min(Math.max((shown ?? -1) + step, 0), lane.bars.length - 1));
  };
  return html`
    <button
      type="button" class="lane" aria-pressed=${isChosen}
      onClick=${() => onChoose(lane.name)} onKeyDown=${onKeyDown} onBlur=${() => setShown(null)} onPointerLeave=${() => setShown(null)}
    >
      <span class="lane-name">${lane.name}${lane.visits > 1 && html`<span class="lane-times">×${lane.visits}</span>`}</span>
      <span class="track">
        ${ticks.map((tick) => html`<span key=${tick} class="gridline" style=${{ left: share(tick) }} />`)}
        ${lane.bars.map(
          (each, index) => html`
            <span
              key=${index} class="span span-${each.kind} ${each.isOpen ? "is-open" : ""}"
              style=${{ left: share(each.from - start), width: share(each.to - each.from) }} onPointerEnter=${() => setShown(index)}
            />
          `,
        )}
        ${bar && html`<${Tip} lane=${lane} bar=${bar} start=${start} share=${share} />`}
      </span>
      <span class="lane-sums">${sums(lane)}</span>
    </button>
  `;
}

/** @param {{ lane: Lane, bar: Bar, start: number, share: (ms: number) => string }} props */
function Tip({ lane, bar, start, share }) {
  const at = share((bar.from + bar.to) / 2 - start);
  const visit = lane.visits > 1 ? `visit ${bar.visit} · ` : "";
  return html`
    <span class="tip" aria-hidden="true" style=${{ left: at, transform: `translateX(-${at})` }}>
      ${visit}${WORDS[bar.kind]} ${duration(bar.to - bar.from)}${bar.isOpen ? " so far" : ""} · from +${duration(bar.from - start)}
    </span>
  `;
}

/** @type {Record<SpanKind, string>} */
const WORDS = { working: "working", waiting: "waiting", failed: "failed after", machine: "Step Functions" };

/** @param {Lane} lane */
function sums({ totals }) {
  const parts = KINDS.filter(({ kind }) => kind !== "machine" && totals.get(kind)).map(
    ({ kind }) => `${duration(totals.get(kind) ?? 0)} ${kind}`,
  );
  return parts.join(" · ") || duration(totals.get("machine") ?? 0);
}
