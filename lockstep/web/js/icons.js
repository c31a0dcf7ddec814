import { html } from "lockstep/html.js";

/** Small signs, drawn with strokes in the colour of the text beside them. All are decoration: words say the same. */

const PATHS = {
  check: "M3.5 8.5l3 3 6-7",
  cross: "M4.5 4.5l7 7m0-7l-7 7",
  clock: "M8 4.5V8l2.3 1.6M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8z",
  play: "M5.5 3.8v8.4l6.6-4.2z",
  dash: "M4.5 8h7",
  alert: "M8 4.6v4.2m0 2.3v.3M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8z",
  bang: "M8 3v6.5m0 2.6v.4",
  copy: "M5.5 5.5v-2a1 1 0 0 1 1-1h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-2m-7-5h6a1 1 0 0 1 1 1v6a1 1 0 0 1-1 1h-6a1 1 0 0 1-1-1v-6a1 1 0 0 1 1-1z",
  search: "M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zm3.3 7.8l3.2 3.2",
  left: "M10 3L5 8l5 5",
  right: "M6 3l5 5-5 5",
  first: "M11.5 3l-5 5 5 5M4.5 3v10",
  last: "M4.5 3l5 5-5 5m7-10v10",
  again: "M13 8a5 5 0 1 1-1.6-3.7M13 2.5v3h-3",
  lock: "M4 7.5h8v6H4zm1.8 0V5.2a2.2 2.2 0 0 1 4.4 0v2.3",
  unlock: "M4 7.5h8v6H4zm1.8 0V5.2a2.2 2.2 0 0 1 4.2-.9",
};

/** @typedef {keyof typeof PATHS} IconName */

/** @param {{ name: IconName }} props */
export const Icon = ({ name }) => html`
  <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
    <path d=${PATHS[name]} fill="none" stroke="currentColor" stroke-width="1.6" stroke-linecap="round" stroke-linejoin="round" />
  </svg>
`;

/** The same within another SVG. @param {{ name: IconName, x: number, y: number }} props */
export const IconMark = ({ name, x, y }) => html`
  <path
    class="icon-mark" d=${PATHS[name]} transform=${`translate(${x} ${y})`}
    fill="none" stroke="currentColor" stroke-width="1.8" stroke-linecap="round" stroke-linejoin="round"
  />
`;
