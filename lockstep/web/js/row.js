/** @import { Row } from "lockstep/types" */
import { useNow } from "lockstep/clock.js";
import { dateAndTime, duration, headAndTail, running, shortTime } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { Link } from "lockstep/navigation.js";
import { Badge } from "lockstep/outcome.js";

/** One execution in the list. @param {{ row: Row, isChosen: boolean, isFresh: boolean, isTabStop: boolean, today: number }} props */
export function ListRow({ row, isChosen, isFresh, isTabStop, today }) {
  const now = useNow(row.stopped === null);
  return html`
    <li class=${isFresh ? "is-fresh" : ""}>
      <${Link} to=${{ page: "execution", name: row.name }} class="row" tabindex=${isTabStop ? 0 : -1} aria-current=${isChosen ? "page" : undefined}>
        <span class="row-key" title=${row.key || row.name}><${Key} text=${row.key || row.name} /></span>
        <${Badge} outcome=${row.outcome} />
        <span class="row-change">${row.change || (row.outcome === null ? "\u00a0" : "no S3 event")}</span>
        <span class="row-time"><time datetime=${new Date(row.started).toISOString()} title=${dateAndTime(row.started)}>${shortTime(row.started, today)}</time></span>
        <span class="row-duration">${row.stopped === null ? running(now - row.started) : duration(row.stopped - row.started)}</span>
      <//>
    </li>
  `;
}

/** A key that loses its middle, not its end, where there is no room. @param {{ text: string }} props */
function Key({ text }) {
  const [head, tail] = headAndTail(text);
  return html`<bdi class="key"><span class="key-head">${head}</span>${tail && html`<span class="key-tail">${tail}</span>`}</bdi>`;
}
