import { Copy } from "lockstep/copy.js";
import { plural } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { useState } from "preact/hooks";

/** JSON to read: coloured, in parts that fold. */

const OPEN_DEPTH = 3;
const MANY = 50;

/** What went in, and what came out. @param {{ input: unknown, output: unknown, isEnded: boolean }} props */
export const JsonPair = ({ input, output, isEnded }) => html`
  <div class="json-pair">
    <${JsonPanel} title="Input" value=${input} />
    ${
      output === null || output === undefined
        ? html`<div class="json-panel"><h4>Output</h4><p class="faint json-none">${isEnded ? "None." : "None yet."}</p></div>`
        : html`<${JsonPanel} title="Output" value=${output} />`
    }
  </div>
`;

/** @param {{ title: string, value: unknown }} props */
const JsonPanel = ({ title, value }) => html`
  <div class="json-panel">
    <div class="json-head"><h4>${title}</h4><${Copy} text=${JSON.stringify(value, null, 2)} what=${`the ${title.toLowerCase()}`} /></div>
    <div class="json" tabindex="0" role="group" aria-label=${`${title}, as JSON`}><${Node} value=${value} depth=${0} /></div>
  </div>
`;

/** @param {{ name?: string, value: unknown, depth: number }} props name: in the object it is in */
function Node({ name, value, depth }) {
  const label = name === undefined ? "" : html`<span class="json-key">${JSON.stringify(name)}</span>: `;
  if (typeof value !== "object" || value === null) {
    return html`<div class="json-line">${label}<span class="json-${value === null ? "null" : typeof value}">${JSON.stringify(value)}</span></div>`;
  }
  const [open, close] = Array.isArray(value) ? ["[", "]"] : ["{", "}"];
  const size = Object.keys(value).length;
  if (size === 0) return html`<div class="json-line">${label}${open}${close}</div>`;
  return html`
    <details class="json-node" open=${depth < OPEN_DEPTH}>
      <summary>${label}${open}<span class="json-folded">${plural(size, Array.isArray(value) ? "item" : "field")} ${close}</span></summary>
      <div class="json-children"><${Children} value=${value} depth=${depth + 1} /></div>
      <div class="json-line">${close}</div>
    </details>
  `;
}

/** @param {{ value: object, depth: number }} props */
function Children({ value, depth }) {
  const [areAllShown, setAreAllShown] = useState(false);
  const entries = Object.entries(value);
  const shown = areAllShown ? entries : entries.slice(0, MANY);
  return html`
    ${shown.map(([name, each]) => html`<${Node} key=${name} name=${Array.isArray(value) ? undefined : name} value=${each} depth=${depth} />`)}
    ${shown.length < entries.length && html`<button type="button" class="button" onClick=${() => setAreAllShown(true)}>Show all ${entries.length}</button>`}
  `;
}
