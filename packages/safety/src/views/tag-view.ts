import { ViewBuilder } from "./view-builder.ts";
import type { View } from "./view.ts";

const TAG_BASE = 0xe0000;
/** Both halves of every tag character: U+E0000 to U+E007F are written with this one high surrogate. */
const HIGH_SURROGATE = "\udb40";

/**
 * Reads what is written in Unicode tag characters, which no font draws: each hides one ASCII character. O(n).
 * @param view The view to read.
 * @returns The hidden text alone, or `undefined` when there is none.
 */
export function tagView(view: View): View | undefined {
  const builder = new ViewBuilder(view);
  let isEmpty = true;
  for (
    let at = view.text.indexOf(HIGH_SURROGATE);
    at !== -1;
    at = view.text.indexOf(HIGH_SURROGATE, at + 1)
  ) {
    const hidden = (view.text.codePointAt(at) ?? 0) - TAG_BASE;
    if (hidden < 32 || hidden > 126) continue;
    builder.append(String.fromCharCode(hidden), at, at + 2);
    isEmpty = false;
  }
  return isEmpty ? undefined : builder.build(`${view.name}+tags`);
}
