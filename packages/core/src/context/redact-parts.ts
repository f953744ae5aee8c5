import type { JsonObject, JsonValue } from "../base/json.ts";
import { rebuildItems, rebuildMember } from "./rebuild.ts";
import {
  findSpans,
  joinSpans,
  replaceSpans,
  shifted,
  type Found,
  type SpanRedaction,
} from "./redact-spans.ts";

/**
 * Replaces what stands across the text parts of one message: a reader sees one text, so what a detector finds in all of
 * it must not be hidden by where it was cut. A replacement stands where the finding began; what stands within one part is
 * left, to be redacted there.
 * @param items Any list: a text part is an item with a `type` and a `text`, as all APIs write it.
 * @returns The same list where nothing stands across.
 */
export function redactAcross(items: readonly JsonValue[], redaction: SpanRedaction): readonly JsonValue[] {
  // Long lists of something else are common.
  if (items.filter(textOf).length < 2) return items;
  let whole = "";
  const found: Found[] = [];
  const starts = items.map((item) => {
    const from = whole.length;
    const text = textOf(item);
    whole += text;
    // What one part shows alone may reach further than what all of them show.
    found.push(...findSpans(text, redaction).map((span) => shifted(span, from)));
    return from;
  });
  const spans = joinSpans([...found, ...findSpans(whole, redaction)]).filter(({ start, end }) =>
    starts.some((at) => start < at && at < end),
  );
  return rebuildItems(items, {
    item(item, at) {
      if (textOf(item) === "") return item;
      const how = { ...redaction, from: starts[at]!, to: starts[at + 1] };
      // Only an object has a text.
      return rebuildMember(item as JsonObject, "text", replaceSpans(whole, spans, how));
    },
  });
}

function textOf(item: JsonValue): string {
  // Other values have no members of these names.
  const { type, text } = Object(item) as JsonObject;
  return typeof type === "string" && typeof text === "string" ? text : "";
}
