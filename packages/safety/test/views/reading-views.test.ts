import * as fc from "fast-check";
import { expect, test } from "vitest";
import { foldView } from "../../src/views/fold-view.ts";
import { readingViews } from "../../src/views/reading-views.ts";
import { unescapeView } from "../../src/views/unescape-view.ts";
import { toOriginal, type View } from "../../src/views/view.ts";

const MARK = "needle";

/** Ways to write the mark so that one of the views shows it again. */
const DISGUISES: Readonly<Record<string, (text: string) => string>> = {
  plain: (text) => text,
  upper: (text) => text.toUpperCase(),
  zeroWidth: (text) => text.split("").join("\u200d"),
  fullWidth: (text) => text.replaceAll(/[a-z]/g, (char) => String.fromCodePoint(char.charCodeAt(0) + 0xfee0)),
  entities: (text) => text.replaceAll("e", "&#101;"),
  percent: (text) => text.replaceAll("e", "%65"),
  unicode: (text) => text.replaceAll("e", "\\u0065"),
  cyrillic: (text) => text.replaceAll("e", "\u0435"),
};

const surroundings = fc.array(
  fc.constantFrom(
    "a",
    " ",
    "\u00e9",
    "\u{1f600}",
    "\u200b",
    "&amp;",
    "%41",
    "\ufb01",
    "\\n",
    "\u4e2d",
    "Z",
    "\n",
    "0",
  ),
  { maxLength: 30 },
);

test("the mark maps back to exactly where it was written, from every view and under every disguise", () => {
  const disguise = fc.constantFrom(...Object.keys(DISGUISES));
  fc.assert(
    fc.property(surroundings, surroundings, disguise, (before, after, name) => {
      const written = DISGUISES[name]?.(MARK) ?? MARK;
      const prefix = `${before.join("")} `;
      const text = `${prefix}${written} ${after.join("")}`;
      const places = readingViews(text).flatMap((view) => {
        const at = view.text.indexOf(MARK);
        return at === -1 ? [] : [toOriginal(view, at, at + MARK.length)];
      });
      expect(places.length).toBeGreaterThan(0);
      for (const place of places) expect(text.slice(place.start, place.end)).toBe(written);
    }),
    { numRuns: 500 },
  );
});

test("the mark inside base64 maps back to within the encoded stretch, at both depths", () => {
  fc.assert(
    fc.property(fc.nat({ max: 40 }), fc.nat({ max: 40 }), fc.boolean(), (left, right, isTwice) => {
      const once = Buffer.from(`${"x".repeat(left)} ${MARK} and some padding ${"y".repeat(right)}`).toString(
        "base64",
      );
      const encoded = isTwice ? Buffer.from(once).toString("base64") : once;
      const text = `say: ${encoded} end`;
      const view = readingViews(text).find((candidate) => candidate.text.includes(MARK));
      const at = view?.text.indexOf(MARK) ?? 0;
      const place = view === undefined ? undefined : toOriginal(view, at, at + MARK.length);
      const from = text.indexOf(encoded);
      expect(place?.start).toBeGreaterThanOrEqual(from);
      expect(place?.end).toBeLessThanOrEqual(from + encoded.length);
      // Three bytes take four characters, and the edges of the mark may share a group of characters.
      const share = isTwice ? 16 / 9 : 4 / 3;
      expect((place?.end ?? 0) - (place?.start ?? 0)).toBeLessThanOrEqual(Math.ceil(MARK.length * share) + 6);
    }),
  );
});

test("offsets of every view lie within the original and never run backwards", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: "binary" }),
        surroundings.map((parts) => parts.join("")),
      ),
      (text) => {
        for (const view of readingViews(text)) {
          for (let index = 0; index < view.text.length; index += 1) {
            const { start, end } = toOriginal(view, index, index + 1);
            const following = toOriginal(view, Math.min(index + 1, view.text.length - 1), view.text.length);
            expect(start >= 0 && start < end && end <= text.length && following.start >= start).toBe(true);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("folding reads compatibility forms, look-alikes and accents as plain Latin letters", () => {
  const original: View = { name: "original", text: "\uff29gn\u043er\u00e9 \u2460 \ufb01\u200bx \u0130" };
  expect(foldView(original).text).toBe("ignore 1 fix i");
});

test("unescaping leaves malformed escapes as they are", () => {
  expect(unescapeView({ name: "original", text: "100% &unknown; \\uZZZZ &#0; &#99999999;" })).toBeUndefined();
  expect(unescapeView({ name: "original", text: "a&lt;b%3C&#x110000;" })?.text).toBe("a<b<&#x110000;");
});
