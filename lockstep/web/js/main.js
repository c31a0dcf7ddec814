import { App } from "lockstep/app.js";
import { html } from "lockstep/html.js";
import { NavigationProvider } from "lockstep/navigation.js";
import { isOneFile, source } from "lockstep/source.js";
import { render } from "preact";

render(
  html`<${NavigationProvider} inHash=${isOneFile}><${App} source=${source} /><//>`,
  /** @type {HTMLElement} */ (document.getElementById("app")),
);
