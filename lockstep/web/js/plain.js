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
  const now = useNow(true);
  const left = holder.until - now;
  return html`
    <p>
      ${holder.is_live ? "The lock is held by " : "The lock was held by "}<${Owner} owner=${holder.owner} isExecution=${holder.is_execution} />${
        holder.is_live && left > 0
          ? html`, at most until ${timeOfDay(holder.until)} (<span class="countdown">${running(left)}</span> from now).`
          : ". Its lease has ended: the next who asks gets the lock."
      }
    </p>
  `;
}

/** @param {{ owner: string, isExecution: boolean }} props */
export const Owner = ({ owner, isExecution }) =>
  isExecution
    ? html`<${Link} to=${{ page: "execution", name: owner }} class="breakable">${owner}<//>`
    : html`<span class="breakable">${owner}</span>`;
