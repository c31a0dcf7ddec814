/** @import { ComponentChildren } from "preact" */

import { html } from "lockstep/html.js";
import { Icon } from "lockstep/icons.js";
import { useEffect, useId, useRef } from "preact/hooks";

/** A modal dialog: the browser keeps the focus in it, and gives it back. @param {{ isOpen: boolean, onClose: () => void, title: string, children?: ComponentChildren }} props */
export function Dialog({ isOpen, onClose, title, children }) {
  const element = useRef(/** @type {HTMLDialogElement | null} */ (null));
  const id = useId();
  useEffect(() => {
    if (isOpen) element.current?.showModal();
    else element.current?.close();
  }, [isOpen]);
  /** @param {MouseEvent} event a click on the backdrop is one on the dialog itself */
  const onClick = (event) => event.target === element.current && onClose();
  return html`
    <dialog ref=${element} aria-labelledby=${id} onClose=${onClose} onClick=${onClick}>
      ${
        isOpen &&
        html`<div class="dialog">
          <header>
            <h2 id=${id}>${title}</h2>
            <button type="button" class="quiet-button" aria-label="Close" onClick=${onClose}><${Icon} name="cross" /></button>
          </header>
          ${children}
        </div>`
      }
    </dialog>
  `;
}
