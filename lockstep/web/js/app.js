/** @import { Location, Source, Stack } from "lockstep/types" */
/** @import { Changes } from "lockstep/changes.js" */

import { useChanges } from "lockstep/changes.js";
import { StandsStill } from "lockstep/clock.js";
import { timeOfDay, visible } from "lockstep/format.js";
import { Header } from "lockstep/header.js";
import { html } from "lockstep/html.js";
import { useKeys } from "lockstep/keys.js";
import { List } from "lockstep/list.js";
import { useLoaded } from "lockstep/loaded.js";
import { useNavigation } from "lockstep/navigation.js";
import { Banner, Code, Skeleton, TroubleNote } from "lockstep/notices.js";
import { ObjectPage } from "lockstep/object_page.js";
import { Outcomes } from "lockstep/outcome.js";
import { BackLink } from "lockstep/run_header.js";
import { RunPage } from "lockstep/run_page.js";
import { serverGone } from "lockstep/trouble.js";
import { Welcome } from "lockstep/welcome.js";
import { useEffect, useRef } from "preact/hooks";

/** @param {{ source: Source }} props */
export function App({ source }) {
  const changes = useChanges(source);
  const stack = useLoaded("stack", source.stack, [changes.isConnected]);
  const { location } = useNavigation();
  const keys = useKeys();

  useEffect(() => {
    document.title = title(location, changes);
  }, [location, changes]);

  return html`
    <${StandsStill.Provider} value=${stack.value && !stack.value.is_live ? stack.value.read_at : null}><${Outcomes.Provider} value=${stack.value?.outcomes ?? []}>
      <a class="skip" href="#main" onClick=${skip}>Skip to what is chosen</a>
      <${Header} stack=${stack.value} changes=${changes} onKeys=${keys.show} />
      ${notices(changes, stack.value)}
      <div class="columns" data-page=${location.place.page}>
        ${
          stack.value
            ? html`<${List} stack=${stack.value} changes=${changes} />`
            : html`<nav class="list" aria-label="Executions"><${Skeleton} lines=${12} label="Reading the executions" /></nav>`
        }
        <${Main}>
          ${
            stack.value
              ? html`<${Chosen} source=${source} stack=${stack.value} changes=${changes} />`
              : stack.trouble
                ? html`<div class="page"><${TroubleNote} trouble=${stack.trouble} onRetry=${stack.reload} /></div>`
                : html`<${Skeleton} lines=${6} label="Reading" />`
          }
        <//>
      </div>
      ${keys.dialog}
    <//><//>
  `;
}

/** Scrolls by itself; gets the focus when something else is shown in it and the list is not in sight. @param {{ children?: any }} props */
function Main({ children }) {
  const { location } = useNavigation();
  const element = useRef(/** @type {HTMLElement | null} */ (null));
  const shown = JSON.stringify(location.place);
  const before = useRef(shown);
  useEffect(() => {
    if (before.current === shown) return;
    before.current = shown;
    element.current?.scrollTo(0, 0);
    if (document.activeElement === document.body || !document.activeElement?.checkVisibility()) {
      element.current?.focus({ preventScroll: true });
    }
  }, [shown]);
  return html`<main id="main" ref=${element} tabindex="-1">${children}</main>`;
}

/** @param {{ source: Source, stack: Stack, changes: Changes }} props */
function Chosen({ source, stack, changes }) {
  const { place } = useNavigation().location;
  if (place.page === "execution") {
    return html`<${RunPage} key=${place.name} source=${source} stack=${stack} changes=${changes} name=${place.name} />`;
  }
  if (place.page === "object") {
    const { bucket, key } = place;
    return html`<${ObjectPage} key=${`${bucket}/${key}`} source=${source} changes=${changes} bucket=${bucket} objectKey=${key} />`;
  }
  if (place.page === "nowhere") {
    const trouble = {
      title: "There is no such page",
      advice: `Nothing is at ${place.path}. Choose an execution from the list.`,
    };
    return html`<div class="page"><${BackLink} /><${TroubleNote} trouble=${trouble} /></div>`;
  }
  return html`<${Welcome} stack=${stack} changes=${changes} />`;
}

/** @param {Changes} changes @param {Stack | null} stack */
function notices({ isConnected, heardAt, reading }, stack) {
  if (!isConnected) {
    const { title, advice } = serverGone(stack?.is_local ?? false);
    return html`<${Banner} tone="bad" title=${`${title}.`}>
      <${Code} text=${advice} /> This page then goes on by itself. What you see is of ${timeOfDay(heardAt)}.
    <//>`;
  }
  const problem = reading?.problem;
  return problem && html`<${Banner} title=${`${problem.title}.`}><${Code} text=${problem.advice} /><//>`;
}

/** @param {Location} location @param {Changes} changes */
function title({ place }, { entries }) {
  if (place.page === "object") return `${visible(place.key)} · Lockstep`;
  const row = place.page === "execution" ? entries.get(place.name)?.row : undefined;
  if (row) return `${visible(row.key || row.name)} ${row.outcome ?? ""} · Lockstep`;
  return place.page === "execution" ? `${place.name} · Lockstep` : "Executions · Lockstep";
}

/** Without a change of the address, which in the one-file page names what is seen. @param {Event} event */
function skip(event) {
  event.preventDefault();
  document.getElementById("main")?.focus();
}
