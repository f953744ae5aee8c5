import { base64Views } from "./base64-view.ts";
import { foldView } from "./fold-view.ts";
import { tagView } from "./tag-view.ts";
import { unescapeView } from "./unescape-view.ts";
import type { View } from "./view.ts";

/** How often encodings may be nested: base64 of base64 is read, a third layer is not. */
const MAX_DEPTH = 2;
/** How many bytes all base64 stretches of one text may decode to. */
const MAX_DECODED_BYTES = 65_536;

/**
 * Lists the readings of a text in which patterns are looked for: as it stands, with escapes undone, with base64
 * decoded, and what tag characters hide; encodings are undone up to two layers deep. All of them are folded
 * (see `foldView`) and map back to the original. Bounded work: O(n) plus 64 KiB of decoded bytes.
 * @param text The original text.
 */
export function readingViews(text: string): readonly View[] {
  let bytesLeft = MAX_DECODED_BYTES;
  const readings: View[] = [];
  let layer: View[] = [{ name: "original", text }];
  for (let depth = 0; layer.length > 0; depth += 1) {
    readings.push(...layer);
    if (depth === MAX_DEPTH) break;
    const next: View[] = [];
    for (const view of layer) {
      const { views, usedBytes } = base64Views(view, bytesLeft);
      bytesLeft -= usedBytes;
      next.push(...views, ...[unescapeView(view), tagView(view)].filter((decoded) => decoded !== undefined));
    }
    layer = next;
  }
  return readings.map(foldView);
}
