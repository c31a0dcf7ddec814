/** @import { Source } from "lockstep/types" */
/** @import { Changes } from "lockstep/changes.js" */
import { visible } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { Icon } from "lockstep/icons.js";
import { useLoaded, useSettled } from "lockstep/loaded.js";
import { LockBox } from "lockstep/lock_box.js";
import { Skeleton, TroubleNote } from "lockstep/notices.js";
import { ObjectEvents } from "lockstep/object_events.js";
import { PictureBox } from "lockstep/picture.js";
import { BackLink } from "lockstep/run_header.js";

const SETTLE_MS = 400;

/** One object: whether it is in step, its lock, its two pictures, and all that happened to it. @param {{ source: Source, changes: Changes, bucket: string, objectKey: string }} props */
export function ObjectPage({ source, changes, bucket, objectKey }) {
  const version = useSettled(latest(changes, bucket, objectKey), SETTLE_MS);
  const { value, trouble, reload } = useLoaded(`${bucket}/${objectKey}`, () => source.object(bucket, objectKey), [
    version,
    changes.isConnected,
  ]);
  return html`
    <article class="page object" aria-labelledby="object-title">
      <header class="run-head">
        <${BackLink} />
        <div class="run-title"><h2 id="object-title"><bdi>${visible(objectKey)}</bdi></h2></div>
        <p class="faint breakable">in ${bucket}</p>
      </header>
      ${trouble && (changes.isConnected || !value) && html`<${TroubleNote} trouble=${trouble} onRetry=${reload} />`}
      ${!value && !trouble && html`<${Skeleton} lines=${8} label="Reading the object" />`}
      ${
        value &&
        html`
          <${InStep} isInStep=${value.in_step} text=${value.in_step_text} />
          <div class="pictures">
            <${PictureBox} title="Input" of=${objectKey} picture=${value.input} missing="The input bucket has no such object." />
            <${PictureBox} title="Gray output" of=${objectKey} picture=${value.output} missing="The output bucket has no such object." />
          </div>
          <${LockBox} lock=${value.lock} trouble=${value.lock_problem} />
          <${ObjectEvents} events=${value.events} reading=${changes.reading} />
        `
      }
    </article>
  `;
}

/** Something that changes whenever a row of this object does. @param {Changes} changes @param {string} bucket @param {string} key */
function latest({ entries }, bucket, key) {
  const parts = [];
  for (const { row } of entries.values()) {
    if (row.key === key && row.bucket === bucket) parts.push(`${row.name} ${row.outcome} ${row.state} ${row.stopped}`);
  }
  return parts.join("\n");
}

/** @param {{ isInStep: boolean | null, text: string }} props */
const InStep = ({ isInStep, text }) => html`
  <p class="in-step tone-${isInStep === null ? "quiet" : isInStep ? "good" : "bad"}">
    <${Icon} name=${isInStep === null ? "dash" : isInStep ? "check" : "cross"} />
    <span><strong>${isInStep === null ? "Not known" : isInStep ? "In step" : "Not in step"}.</strong> ${text}</span>
  </p>
`;
