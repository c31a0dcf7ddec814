/** @import { Lock, Trouble } from "lockstep/types" */
import { useNow } from "lockstep/clock.js";
import { dateAndTime, running, timeOfDay } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { Icon } from "lockstep/icons.js";
import { TroubleNote } from "lockstep/notices.js";
import { Owner } from "lockstep/plain.js";

/** @param {{ lock: Lock | null, trouble: Trouble | null }} props */
export const LockBox = ({ lock, trouble }) => html`
  <section class="card" aria-labelledby="lock-title">
    <header class="card-head"><h3 id="lock-title">Lock</h3></header>
    ${
      trouble
        ? html`<${TroubleNote} trouble=${trouble} />`
        : lock
          ? html`<${LockState} lock=${lock} /><${Record} lock=${lock} />`
          : html`<p class="card-note">This object has never had a lock.</p>`
    }
  </section>
`;

/** @param {{ lock: Lock }} props */
function LockState({ lock }) {
  const now = useNow(lock.owner !== "");
  const left = (lock.lease_expires_at ?? now) - now;
  if (!lock.owner)
    return html`<p class="lock-state tone-good"><${Icon} name="unlock" /><span><strong>Free.</strong></span></p>`;
  if (left <= 0) {
    return html`
      <p class="lock-state tone-waiting"><${Icon} name="unlock" />
        <span><strong>Free to take.</strong> It was left behind by <${Owner} owner=${lock.owner} isExecution=${lock.is_execution} />, and its lease has ended.</span>
      </p>
    `;
  }
  return html`
    <p class="lock-state tone-busy"><${Icon} name="lock" />
      <span>
        <strong>Held</strong> by <${Owner} owner=${lock.owner} isExecution=${lock.is_execution} />, at most until
        ${" "}${timeOfDay(lock.lease_expires_at ?? now)} (<span class="countdown">${running(left)}</span> from now).
      </span>
    </p>
  `;
}

/** @param {{ lock: Lock }} props */
function Record({ lock }) {
  const entries = [
    {
      name: "applied up to",
      value: lock.applied_sequencer,
      about: "the newest event whose effect is in the output: its sequencer",
    },
    { name: "newest event seen", value: lock.newest_sequencer, about: "the newest event any execution has come with" },
    {
      name: "attempts so far",
      value: String(lock.fencing_token),
      about: "the fencing token: grows with every attempt at work",
    },
    {
      name: "worker until",
      value: lock.worker_until && dateAndTime(lock.worker_until),
      about: "until then an attempt may be running",
    },
    {
      name: "forgotten at",
      value: lock.expires_at && dateAndTime(lock.expires_at),
      about: "the object is gone, and its record goes then",
    },
  ];
  return html`
    <dl class="record">
      ${entries
        .filter(({ value }) => value)
        .map(
          ({ name, value, about }) =>
            html`<div key=${name}><dt>${name}</dt><dd><code>${value}</code><span class="faint">${about}</span></dd></div>`,
        )}
    </dl>
  `;
}
