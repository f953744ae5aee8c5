import { foldConfusable } from "./confusables.ts";
import { ViewBuilder } from "./view-builder.ts";
import type { View } from "./view.ts";

/** Characters that are not drawn: format controls (zero width, bidi, soft hyphen, tags), variation selectors, joiners. */
const INVISIBLE = /^[\p{Cf}\p{Mn}\p{Me}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0]$/u;

/**
 * Reads a text as a person would see it: invisible characters gone, compatibility forms (NFKC), accents and look-alike
 * letters folded to plain Latin, all in lower case. O(n).
 * @param view The view to fold.
 */
export function foldView(view: View): View {
  // Lower-casing ASCII never changes its length, so the maps stay valid.
  if (asciiRunEnd(view.text, 0) === view.text.length)
    return { ...view, name: `${view.name}+folded`, text: view.text.toLowerCase() };
  const builder = new ViewBuilder(view);
  let index = 0;
  while (index < view.text.length) {
    const asciiEnd = asciiRunEnd(view.text, index);
    if (asciiEnd > index) {
      builder.appendUnits(view.text.slice(index, asciiEnd).toLowerCase(), index);
      index = asciiEnd;
      continue;
    }
    const char = String.fromCodePoint(view.text.codePointAt(index) ?? 0);
    builder.append(foldCharacter(char), index, index + char.length);
    index += char.length;
  }
  return builder.build(`${view.name}+folded`);
}

function asciiRunEnd(text: string, from: number): number {
  let end = from;
  while (end < text.length && text.charCodeAt(end) < 128) end += 1;
  return end;
}

/** NFKD splits accents off, so that they can be dropped; what has no decomposition stays as it is. */
function foldCharacter(char: string): string {
  if (INVISIBLE.test(char)) return "";
  let folded = "";
  for (const part of char.normalize("NFKD").toLowerCase()) {
    if (!INVISIBLE.test(part)) folded += foldConfusable(part);
  }
  return folded;
}
