/** @import { Graph as Machine, Run } from "lockstep/types" */
/** @import { Wire } from "lockstep/layout.js" */
/** @import { Mark } from "lockstep/passage.js" */

import { StateBox } from "lockstep/graph_box.js";
import { html } from "lockstep/html.js";
import { layout } from "lockstep/layout.js";
import { edgeMarks, stateMarks, telling } from "lockstep/passage.js";
import { useEffect, useMemo, useRef } from "preact/hooks";

const SMALLEST = 0.86; // below that the text is no longer legible, and the graph is scrolled instead

/** @type {{ mark: Mark, means: string }[]} */
const LEGEND = [
  { mark: "passed", means: "passed" },
  { mark: "current", means: "at work now" },
  { mark: "waiting", means: "waiting now" },
  { mark: "recovered", means: "error caught, went on" },
  { mark: "failed", means: "failed" },
];

/**
 * The machine, and the way a run took through it.
 * @param {{ graph: Machine, run?: Run, chosen?: string | null, onChoose?: (name: string) => void }} props
 */
export function Graph({ graph, run, chosen = null, onChoose }) {
  const { width, height, boxes, wires } = useMemo(() => layout(graph), [graph]);
  const states = run ? stateMarks(run) : new Map();
  const edges = run ? edgeMarks(run) : new Map();
  const visits = new Map(run?.states.map((state) => [state.name, state.visits.length]));
  const focus = run ? telling(run) : null;
  const marks = new Set(states.values());

  const scroller = useRef(/** @type {HTMLElement | null} */ (null));
  useEffect(() => {
    const box = boxes.find((each) => each.id === focus);
    const view = scroller.current;
    if (box && view) view.scrollLeft = (box.x / width) * view.scrollWidth - view.clientWidth / 2;
  }, [focus, boxes, width]);

  return html`
    <div class="graph" ref=${scroller} tabindex="0" role="group" aria-label=${onChoose ? "States of the machine: choose one to see its data" : "The machine"}>
      <svg viewBox=${`0 0 ${width} ${height}`} style=${{ minWidth: `${width * SMALLEST}px`, maxWidth: `${width}px` }}>
        <defs>
          ${["idle", ...LEGEND.map((each) => each.mark)].map(
            (mark) => html`
              <marker id=${`arrow-${mark}`} class="arrow is-${mark}" viewBox="0 0 8 8" refX="4" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" orient="auto">
                <path d="M0.5 0.8L7 4L0.5 7.2z" />
              </marker>
            `,
          )}
        </defs>
        ${[...wires].sort((a, b) => rank(edges.get(a.id)) - rank(edges.get(b.id))).map((wire) => html`<${Edge} key=${wire.id} wire=${wire} mark=${edges.get(wire.id)?.mark} />`)}
        ${boxes.map(
          (box) => html`
            <${StateBox}
              key=${box.id} box=${box} mark=${states.get(box.id)} visits=${visits.get(box.id) ?? 0}
              isChosen=${box.id === chosen} isEndPassed=${isDotPassed(wires, box.id, edges)} onChoose=${onChoose}
            />
          `,
        )}
      </svg>
    </div>
    <ul class="legend">
      ${LEGEND.filter(({ mark }) => marks.has(mark)).map(
        ({ mark, means }) => html`<li key=${mark}><span class="swatch is-${mark}" />${means}</li>`,
      )}
      ${run && html`<li><span class="swatch is-idle" />not entered</li>`}
      <li><span class="swatch is-catch" />taken on an error</li>
    </ul>
  `;
}

/** What is passed is drawn over what is not. @param {{ mark: Mark } | undefined} passed */
const rank = (passed) => (passed ? (passed.mark === "failed" ? 2 : 1) : 0);

/** @param {Wire[]} wires @param {string} id @param {Map<string, unknown>} edges */
const isDotPassed = (wires, id, edges) =>
  wires.some((wire) => (wire.from.id === id || wire.to.id === id) && edges.has(wire.id));

/** @param {{ wire: Wire, mark: Mark | undefined }} props */
function Edge({ wire: { edge, path, label }, mark }) {
  return html`
    <g class="wire is-${edge.kind} is-${mark ?? "idle"}">
      <title>${edge.title}</title>
      <path class="wire-hit" d=${path} />
      <path class="wire-line" d=${path} marker-end=${`url(#arrow-${mark ?? "idle"})`} />
      ${label && html`<text class="wire-label" x=${label.x} y=${label.y + 4}>${edge.label}</text>`}
    </g>
  `;
}
