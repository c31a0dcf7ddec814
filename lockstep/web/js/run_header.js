/** @import { Run, Source, Stack } from "lockstep/types" */

import { AgainDialog } from "lockstep/again.js";
import { useNow } from "lockstep/clock.js";
import { Copy } from "lockstep/copy.js";
import { dateAndTime, duration, running, visible } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { Icon } from "lockstep/icons.js";
import { Link } from "lockstep/navigation.js";
import { Badge } from "lockstep/outcome.js";
import { useState } from "preact/hooks";

export const BackLink = () =>
  html`<div class="back"><${Link} to=${{ page: "list" }}><${Icon} name="left" />All executions<//></div>`;

/** @param {{ run: Run, stack: Stack, source: Source }} props */
export function RunHeader({ run, stack, source }) {
  const { bucket, key, change, outcome, name, started, stopped } = run.execution;
  const now = useNow(stopped === null);
  const [isAsking, setIsAsking] = useState(false);
  const isOfObject = bucket !== "" && key !== "";
  return html`
    <header class="run-head">
      <${BackLink} />
      <div class="run-title">
        <h2 id="run-title">
          ${
            isOfObject
              ? html`<${Link} to=${{ page: "object", bucket, key }} title="The object, and all its events"><bdi>${visible(key)}</bdi><//>`
              : html`<bdi>${name}</bdi>`
          }
        </h2>
        <${Badge} outcome=${outcome} />
        ${
          run.again &&
          stack.is_live &&
          html`<button type="button" class="button" onClick=${() => setIsAsking(true)}><${Icon} name="again" />Start again</button>`
        }
        ${
          run.started_again &&
          html`<span class="breakable">Started again as <${Link} to=${{ page: "execution", name: run.started_again }}>${run.started_again}<//></span>`
        }
      </div>
      <dl class="facts">
        <div><dt>event</dt><dd>${change || "none of S3"}</dd></div>
        <div><dt>started</dt><dd><time datetime=${new Date(started).toISOString()}>${dateAndTime(started)}</time></dd></div>
        <div><dt>${stopped === null ? "running for" : "took"}</dt><dd>${stopped === null ? running(now - started) : duration(stopped - started)}</dd></div>
        <div class="fact-name"><dt>execution</dt><dd><code>${name}</code><${Copy} text=${name} what="the execution's name" /></dd></div>
      </dl>
      ${run.again && html`<${AgainDialog} run=${run} newName=${run.again.name} source=${source} isOpen=${isAsking} onClose=${() => setIsAsking(false)} />`}
    </header>
  `;
}
