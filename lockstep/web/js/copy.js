import { html } from "lockstep/html.js";
import { Icon } from "lockstep/icons.js";
import { useEffect, useState } from "preact/hooks";

const SHOWN_MS = 1500;

/** Copies a text. @param {{ text: string, what: string, label?: string }} props what: for its name, as in "Copy the execution's name" */
export function Copy({ text, what, label = "" }) {
  const [result, setResult] = useState("");
  useEffect(() => {
    if (!result) return;
    const timer = setTimeout(() => setResult(""), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [result]);
  const copy = () =>
    copied(text).then(
      () => setResult("copied"),
      () => setResult("not copied"),
    );
  return html`
    <button type="button" class="quiet-button copy" aria-label=${`Copy ${what}`} title=${`Copy ${what}`} onClick=${copy}>
      <${Icon} name=${result === "copied" ? "check" : "copy"} />${label}
      <span class="copy-result" role="status">${result}</span>
    </button>
  `;
}

/** @param {string} text */
async function copied(text) {
  if (!navigator.clipboard) throw new Error("only in secure contexts");
  await navigator.clipboard.writeText(text);
}
