/** @import { Holder, Run } from "lockstep/types" */
import { useNow } from "lockstep/clock.js";
import { running, timeOfDay } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { Link } from "lockstep/navigation.js";
import { Code } from "lockstep/notices.js";
import { useOutcome } from "lockstep/outcome.js";

/** What came of it, in plain words, with the error as the machine gave it. @param {{ run: Run }} props */
export function Plain({ run }) {
  const { tone } = useOutcome(run.execution.outcome);
  const { plain, error, cause, holder } = run;
  if (!plain && !error && !cause && !holder) return null;
  return html`
    <section class="plain tone-${tone}" aria-label="In plain words">
      ${
        plain &&
        html`<h3>${plain.title}</h3>
          ${plain.text && html`<p><${Code} text=${plain.text} /></p>`}
          ${plain.advice && html`<p><strong>What to do:</strong> <${Code} text=${plain.advice} /></p>`}`
      }
      ${holder && html`<${HolderLine} holder=${holder} />`}
      ${
        (error || cause) &&
        html`<p class="error-line">${error && html`<code class="error-name">${error}</code>`}<span class="error-cause">${cause}</span></p>`
      }
    </section>
  `;
}

/** Who holds the lock that is waited for, and until when. @param {{ holder: Holder }} props */
function HolderLine({ holder }) {
  const { until } = holder;
  const now = useNow(until !== null);
  const owner = html`<${Owner} owner=${holder.owner} isExecution=${holder.is_execution} />`;
  if (until === null)
    return html`<p>It was told that the lock is held by ${owner}; who holds it now cannot be seen.</p>`;
  const left = until - now;
  if (left <= 0)
    return html`<p>The lock was held by ${owner}. Its lease has ended: the next who asks gets the lock.</p>`;
  return html`
    <p>
      The lock is held by ${owner}, at most until ${timeOfDay(until)}
      ${" "}(<span class="countdown">${running(left)}</span> from now).
    </p>
  `;
}

/** @param {{ owner: string, isExecution: boolean }} props */
export const Owner = ({ owner, isExecution }) =>
  isExecution
    ? html`<${Link} to=${{ page: "execution", name: owner }} class="breakable">${owner}<//>`
    : html`<span class="breakable">${owner}</span>`;
