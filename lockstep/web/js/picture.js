/** @import { Picture } from "lockstep/types" */

import { Copy } from "lockstep/copy.js";
import { dateAndTime, size, visible } from "lockstep/format.js";
import { html } from "lockstep/html.js";
import { TroubleNote } from "lockstep/notices.js";
import { useState } from "preact/hooks";

/** @param {{ title: string, of: string, picture: Picture, missing: string }} props of: the object's key */
export const PictureBox = ({ title, of, picture, missing }) => html`
  <section class="card picture" aria-label=${title}>
    <header class="card-head"><h3>${title}</h3></header>
    <div class="picture-frame"><${Inside} title=${title} of=${of} picture=${picture} missing=${missing} /></div>
    ${
      picture.exists &&
      html`<dl class="facts">
        <div><dt>size</dt><dd>${size(picture.size)}</dd></div>
        ${picture.modified !== null && html`<div><dt>written</dt><dd>${dateAndTime(picture.modified)}</dd></div>`}
        ${picture.etag && html`<div class="fact-name"><dt>ETag</dt><dd><code>${picture.etag}</code><${Copy} text=${picture.etag} what="the ETag" /></dd></div>`}
      </dl>`
    }
  </section>
`;

/** @param {{ title: string, of: string, picture: Picture, missing: string }} props */
function Inside({ title, of, picture, missing }) {
  const { exists, url, problem, etag } = picture;
  const [broken, setBroken] = useState(/** @type {string | null} */ (null));
  if (problem) return html`<${TroubleNote} trouble=${problem} />`;
  if (exists === null) return html`<p class="faint">Not known.</p>`;
  if (!exists) return html`<p class="faint">${missing}</p>`;
  if (!url || broken === etag) return html`<p class="faint">This cannot be shown as an image.</p>`;
  return html`<img key=${etag} src=${url} onError=${() => setBroken(etag)} alt=${`${title} ${visible(of)}`} />`;
}
