/** Above, the oldest are forgotten. */
const MAX_NAMES = 10_000;
/** What many readers drop: marks that nobody sees, and characters of control. */
const UNSEEN = /[\p{Default_Ignorable_Code_Point}\p{Cf}\p{Cc}]/gu;
/** Nothing of it can be read as another name, but in another case. */
const PLAIN = /^[\w./-]*$/;

/**
 * The names under which a server may read one: normalised, without what is not seen, and up to a null character, where
 * some end. @returns None that is the name itself.
 */
export function readingsOf(name: string): readonly string[] {
  if (PLAIN.test(name)) return NONE;
  const [head = ""] = name.split("\0", 1);
  const readings = new Set([readingOf(head), readingOf(name)]);
  readings.delete(name);
  readings.delete("");
  return [...readings];
}

const NONE: readonly string[] = Object.freeze([]);

function readingOf(name: string): string {
  // Once more: what was between two characters may have kept them from being one.
  return name.normalize("NFKC").replace(UNSEEN, "").normalize("NFKC").trim();
}

/** The names under which a server has listed its tools, hidden ones too. */
export class ToolNames {
  readonly #names = new Set<string>();
  /** The names of each that differ in case alone, or in what readers drop. */
  readonly #byReading = new Map<string, Set<string>>();

  add(name: string): void {
    if (this.#names.has(name)) return;
    const [oldest] = this.#names;
    if (this.#names.size >= MAX_NAMES && oldest !== undefined) this.#remove(oldest);
    this.#names.add(name);
    const key = foldOf(name);
    const alike = this.#byReading.get(key);
    if (alike === undefined) this.#byReading.set(key, new Set([name]));
    else alike.add(name);
  }

  /** The tools that a call under this name may reach beside one of just this name; none where the server lists that. */
  readingsOf(name: string): readonly string[] {
    if (this.#names.has(name)) return NONE;
    const listed = this.#byReading.get(foldOf(name));
    const readings = readingsOf(name);
    return listed === undefined ? readings : [...new Set([...listed, ...readings])];
  }

  all(): readonly string[] {
    return [...this.#names];
  }

  #remove(name: string): void {
    this.#names.delete(name);
    const alike = this.#byReading.get(foldOf(name));
    alike?.delete(name);
    if (alike?.size === 0) this.#byReading.delete(foldOf(name));
  }
}

/** The same for all names that some reader takes for one: to Java, `ı` and `İ` are an `i` in another case. */
export function foldOf(name: string): string {
  if (PLAIN.test(name)) return name.toLowerCase();
  return readingOf(name).toUpperCase().toLowerCase().replaceAll("i\u0307", "i");
}
