/** Where in a document: keys of objects and positions of lists, from its root. */
type Path = readonly (string | number)[];

/** What has changed at a place: it is gone, has another value, or some elements of a list were replaced by others. */
export type Edit =
  | readonly [path: Path]
  | readonly [path: Path, value: unknown]
  | readonly [path: Path, start: number, count: number, items: readonly unknown[]];

type Members = Readonly<Record<string, unknown>>;

/**
 * What makes of one document another. Cheap where they share most of their parts by reference: those are not looked at.
 * @param old As it was parsed from JSON.
 * @param next Whatever has a JSON form.
 * @returns Edits that make of `old` what would be parsed from the JSON of `next`, the order of members included.
 */
export function editsBetween(old: unknown, next: unknown): readonly Edit[] {
  const edits: Edit[] = [];
  compare(old, next, { path: [], edits });
  return edits;
}

/** A document with edits made; what they do not reach is shared with it. */
export function withEdits(value: unknown, edits: readonly Edit[]): unknown {
  return edits.reduce((made, edit) => editedAt(made, edit, 0), value);
}

interface Place {
  readonly path: Path;
  readonly edits: Edit[];
}

function compare(old: unknown, next: unknown, { path, edits }: Place): void {
  if (old === next) return;
  if (Array.isArray(old) && Array.isArray(next) && !hasForm(next)) compareLists(old, next, { path, edits });
  else if (isMembers(old) && isMembers(next) && isSameOrder(old, next))
    compareMembers(old, next, { path, edits });
  else edits.push([path, next]);
}

function compareLists(old: readonly unknown[], next: readonly unknown[], { path, edits }: Place): void {
  const shared = Math.min(old.length, next.length);
  let start = 0;
  while (start < shared && old[start] === next[start]) start++;
  let end = 0;
  while (end < shared - start && old[old.length - 1 - end] === next[next.length - 1 - end]) end++;
  let others = 0;
  for (let at = start; at < shared; at++) if (old[at] !== next[at]) others++;
  const moved = next.length - start - end;
  // Mostly one element has changed in its place, or some were taken out of the middle: whichever names fewer.
  if (old.length !== next.length && others + next.length - shared >= moved) {
    edits.push([path, start, old.length - start - end, next.slice(start, next.length - end)]);
    return;
  }
  for (let at = start; at < shared; at++) compare(old[at], next[at], { path: [...path, at], edits });
  if (old.length !== next.length) edits.push([path, shared, old.length - shared, next.slice(shared)]);
}

function compareMembers(old: Members, next: Members, { path, edits }: Place): void {
  for (const name of Object.keys(old)) if (next[name] === undefined) edits.push([[...path, name]]);
  for (const [name, value] of Object.entries(next)) {
    if (value === undefined) continue;
    const place = { path: [...path, name], edits };
    if (name in old) compare(old[name], value, place);
    else edits.push([place.path, value]);
  }
}

/** Whether edits leave the members of an object in the order in which `next` has them, and can name each. */
function isSameOrder(old: Members, next: Members): boolean {
  const names = Object.keys(next).filter((name) => next[name] !== undefined);
  if (names.some((name) => name in Object.prototype || hasForm(next[name]))) return false;
  const left = Object.keys(old).filter((name) => next[name] !== undefined);
  return left.every((name, at) => name === names[at]);
}

function isMembers(value: unknown): value is Members {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return (prototype === Object.prototype || prototype === null) && !hasForm(value);
}

/** Whether a value has a form of its own in JSON, or none: then it is written whole. */
function hasForm(value: unknown): boolean {
  if (typeof value === "function" || typeof value === "symbol") return true;
  return typeof value === "object" && value !== null && "toJSON" in value;
}

function editedAt(value: unknown, edit: Edit, depth: number): unknown {
  const [path] = edit;
  const name = path[depth];
  if (name === undefined) return edit.length === 4 ? splicedBy(value, edit) : edit[1];
  // The path was made from what is there.
  if (typeof name === "number") {
    const list = value as readonly unknown[];
    return list.with(name, editedAt(list[name], edit, depth + 1));
  }
  const members = { ...(value as Members) };
  if (edit.length === 1 && depth === path.length - 1) delete members[name];
  else members[name] = editedAt(members[name], edit, depth + 1);
  return members;
}

function splicedBy(value: unknown, [, start, count, items]: Extract<Edit, { readonly length: 4 }>): unknown {
  // As above.
  return (value as readonly unknown[]).toSpliced(start, count, ...items);
}
