/**
 * One reading of a text: what it says once an obfuscation is undone. Every UTF-16 unit of `text` knows which part of
 * the original it came from: unit `i` covers the original from `starts[i]` to `ends[i]`.
 * Without maps the view is the original itself, unit for unit.
 */
export interface View {
  /** How it was made, such as `folded` or `base64`. */
  readonly name: string;
  readonly text: string;
  readonly starts?: Int32Array;
  readonly ends?: Int32Array;
}

/**
 * Maps a part of a view back to the original text.
 * @param view The view.
 * @param start First unit in the view.
 * @param end One past the last unit in the view; greater than `start`.
 * @returns Offsets in the original text, in UTF-16 units.
 */
export function toOriginal(
  view: View,
  start: number,
  end: number,
): { readonly start: number; readonly end: number } {
  return {
    start: view.starts?.[start] ?? start,
    end: view.ends?.[end - 1] ?? end,
  };
}
