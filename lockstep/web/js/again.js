/** @import { Run, Source, Trouble } from "lockstep/types" */

import { Dialog } from "lockstep/dialog.js";
import { visible } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { useNavigation } from "lockstep/navigation.js";
import { TroubleNote } from "lockstep/notices.js";
import { asTrouble } from "lockstep/trouble.js";
import { useState } from "preact/hooks";

/** Asks before a failed execution is started again. @param {{ run: Run, newName: string, source: Source, isOpen: boolean, onClose: () => void }} props */
export function AgainDialog({ run, newName, source, isOpen, onClose }) {
  const { go } = useNavigation();
  const [trouble, setTrouble] = useState(/** @type {Trouble | null} */ (null));
  const [isStarting, setIsStarting] = useState(false);
  const { name, key } = run.execution;
  const close = () => {
    setTrouble(null);
    onClose();
  };
  const start = async () => {
    setIsStarting(true);
    setTrouble(null);
    try {
      const started = await source.startAgain(name);
      close();
      go({ page: "execution", name: started.name });
    } catch (error) {
      setTrouble(asTrouble(error));
    } finally {
      setIsStarting(false);
    }
  };
  return html`
    <${Dialog} isOpen=${isOpen} onClose=${close} title="Start this execution again?">
      <p>A new execution starts with the same input${key && html`, for <strong class="breakable">${visible(key)}</strong>`}:</p>
      <p class="command"><code>${newName}</code></p>
      <p>It looks at the object as it is now and makes the output match. This one stays in the list as it is.</p>
      ${trouble && html`<${TroubleNote} trouble=${trouble} />`}
      <footer>
        <button type="button" class="button" onClick=${close}>Cancel</button>
        <button type="button" class="button is-primary" autofocus disabled=${isStarting} onClick=${start}>
          ${isStarting ? "Starting…" : trouble ? "Try again" : "Start again"}
        </button>
      </footer>
    <//>
  `;
}
