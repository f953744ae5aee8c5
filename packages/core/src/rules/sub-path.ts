/**
 * Writes a path inside a rule as load errors show it: `where.any[0].tool`.
 * @param path Member names and positions, from the rule.
 */
export function subPath(path: readonly (string | number)[]): string {
  let text = "";
  for (const step of path) {
    if (typeof step === "number") text += `[${step}]`;
    else text += text === "" ? step : `.${step}`;
  }
  return text;
}
