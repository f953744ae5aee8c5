/**
 * Writes a path as people read it: `policies[0].blocking[2].limit`, `tools["my tool"]`.
 * @param root What the path starts from; may be empty.
 * @param path Member names and positions from there.
 */
export function pathText(root: string, path: readonly PropertyKey[]): string {
  let text = root;
  for (const step of path) {
    const name = String(step);
    if (typeof step === "number") text += `[${name}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(name)) text += text === "" ? name : `.${name}`;
    else text += `[${JSON.stringify(name.slice(0, 64))}]`;
  }
  return text;
}
