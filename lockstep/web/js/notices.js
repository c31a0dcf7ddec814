/** @import { Stack, Trouble } from "lockstep/types" */
/** @import { ComponentChildren } from "preact" */
import { Copy } from "lockstep/copy.js";
import { html } from "lockstep/html.js";
import { Icon } from "lockstep/icons.js";

/** What the page says when there is nothing else to show, or not all of it. */

/** @param {{ tone?: "waiting" | "bad" | "quiet", title: ComponentChildren, children?: ComponentChildren }} props */
export const Banner = ({ tone = "waiting", title, children }) => html`
  <div class="banner tone-${tone}" role="status">
    <${Icon} name="alert" />
    <p><strong>${title}</strong> ${children}</p>
  </div>
`;

/** @param {{ trouble: Trouble, onRetry?: () => void }} props */
export const TroubleNote = ({ trouble, onRetry }) => html`
  <div class="trouble" role="alert">
    <${Icon} name="alert" />
    <div>
      <p class="trouble-title">${trouble.title}</p>
      <p><${Code} text=${trouble.advice} /></p>
      ${onRetry && html`<button type="button" class="button" onClick=${onRetry}><${Icon} name="again" />Try again</button>`}
    </div>
  </div>
`;

/** Text in which \`backticks\` mark what one types. @param {{ text: string }} props */
export const Code = ({ text }) =>
  html`${text.split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part))}`;

/** @param {{ stack: Stack }} props */
export function NothingYet({ stack }) {
  if (!stack.is_live) {
    return html`
      <div class="nothing">
        <p class="nothing-title">No executions</p>
        <p>No execution was saved in this page.</p>
      </div>
    `;
  }
  const command = `.venv/bin/lockstep put samples/rocket.jpg${stack.is_local ? "" : ` --stack-name ${stack.name}`}`;
  return html`
    <div class="nothing">
      <p class="nothing-title">No executions yet</p>
      <p>Put an image into the input bucket:</p>
      <p class="command"><code>${command}</code><${Copy} text=${command} what="the command" /></p>
      <p>The bucket is called</p>
      <p class="command"><code>${stack.input_bucket}</code><${Copy} text=${stack.input_bucket} what="the bucket's name" /></p>
      <p class="faint">What comes of it appears here by itself.</p>
    </div>
  `;
}

/** Gray bars where text will be. @param {{ lines: number, label: string }} props */
export const Skeleton = ({ lines, label }) => html`
  <div class="skeleton" role="status" aria-label=${label}>
    ${Array.from({ length: lines }, (_, index) => html`<div key=${index} class="skeleton-line" />`)}
  </div>
`;
