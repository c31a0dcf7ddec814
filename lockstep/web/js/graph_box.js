/** @import { Box } from "lockstep/layout.js" */
/** @import { Mark } from "lockstep/passage.js" */
/** @import { IconName } from "lockstep/icons.js" */
import { html } from "lockstep/html.js";
import { IconMark } from "lockstep/icons.js";
import { TEXT } from "lockstep/layout.js";

/** @type {Record<Mark, { sign: IconName, words: string }>} */
const MARKS = {
  passed: { sign: "check", words: "passed" },
  current: { sign: "play", words: "at work now" },
  waiting: { sign: "clock", words: "waiting now" },
  failed: { sign: "cross", words: "failed" },
  recovered: { sign: "bang", words: "an error was caught" },
};
const ROUND = new Set(["Wait", "Succeed", "Fail"]);
const CORNER = 9;
const SLANT = 12;

/**
 * A state, or a dot for the start and the ends.
 * @param {{ box: Box, mark: Mark | undefined, visits: number, isChosen: boolean, isEndPassed: boolean, onChoose?: (name: string) => void }} props
 */
export function StateBox({ box, mark, visits, isChosen, isEndPassed, onChoose }) {
  const { x, y, width, height, state } = box;
  if (!state)
    return html`<circle class=${isEndPassed ? "terminal is-passed" : "terminal"} cx=${x} cy=${y} r=${width / 2 - 1} />`;
  const shape = outline(box, 0);
  const shift = mark ? 10 : 0;
  return html`
    <g class="state is-${mark ?? "idle"} ${isChosen ? "is-chosen" : ""}" ...${onChoose && button(state.name, mark, visits, isChosen, onChoose)}>
      ${!onChoose && state.comment && html`<title>${state.comment}</title>`}
      <path class="state-ring" d=${outline(box, 3)} />
      ${(mark === "current" || mark === "waiting") && html`<path class="state-pulse" d=${outline(box, 2)} />`}
      <path class="state-shape" d=${shape} />
      ${mark && html`<${IconMark} name=${MARKS[mark].sign} x=${x - (state.name.length * TEXT) / 2 - 13} y=${y - 8} />`}
      <text class="state-name" x=${x + shift} y=${y + 4.5}>${state.name}</text>
    </g>
    ${visits > 1 && html`<${Times} x=${x + width / 2 - 6} y=${y - height / 2} times=${visits} mark=${mark} />`}
  `;
}

/** @param {{ x: number, y: number, times: number, mark: Mark | undefined }} props the state's name says so too */
function Times({ x, y, times, mark }) {
  const text = `×${times}`;
  const width = 12 + text.length * 7;
  return html`
    <g class="times is-${mark}" aria-hidden="true">
      <rect x=${x - width / 2} y=${y - 9} width=${width} height="18" rx="9" />
      <text x=${x} y=${y + 4}>${text}</text>
    </g>
  `;
}

/** @param {string} name @param {Mark | undefined} mark @param {number} visits @param {boolean} isChosen @param {(name: string) => void} onChoose */
function button(name, mark, visits, isChosen, onChoose) {
  const entered = visits === 0 ? "not entered" : `entered ${visits === 1 ? "once" : `${visits} times`}`;
  return {
    role: "button",
    tabindex: 0,
    "aria-pressed": isChosen,
    "aria-label": [name, entered, ...(mark ? [MARKS[mark].words] : [])].join(", "),
    onClick: () => onChoose(name),
    onKeyDown(/** @type {KeyboardEvent} */ event) {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      onChoose(name);
    },
  };
}

/** The outline for the state's type, `by` larger on each side. @param {Box} box @param {number} by */
function outline({ x, y, width, height, state }, by) {
  const [w, h] = [width / 2 + by, height / 2 + by];
  if (state?.type === "Choice") {
    return `M${x - w + SLANT},${y - h}H${x + w - SLANT}L${x + w},${y}L${x + w - SLANT},${y + h}H${x - w + SLANT}L${x - w},${y}z`;
  }
  const r = ROUND.has(state?.type ?? "") ? h : CORNER + by;
  const arc = (/** @type {number} */ dx, /** @type {number} */ dy) => `a${r},${r} 0 0 1 ${dx},${dy}`;
  return `M${x - w + r},${y - h}H${x + w - r}${arc(r, r)}V${y + h - r}${arc(-r, r)}H${x - w + r}${arc(-r, -r)}V${y - h + r}${arc(r, -r)}z`;
}
