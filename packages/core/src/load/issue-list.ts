import { ConfigError, type ConfigIssue } from "../base/errors.ts";
import { pathText } from "../base/path-text.ts";

/** Where an issue is: member names and positions, from the value that is being read. */
export type IssuePath = readonly PropertyKey[];

/** More than this many issues help nobody; the rest is counted. */
const MAX_ISSUES = 100;

/** Gathers everything wrong with a configuration, so that one load reports it all. */
export class IssueList {
  readonly #root: string;
  readonly #issues: ConfigIssue[] = [];
  #dropped = 0;

  /** @param root JSON path of the value being read, such as `policies[0]`; empty for a whole document. */
  constructor(root = "") {
    this.#root = root;
  }

  get isEmpty(): boolean {
    return this.#issues.length === 0;
  }

  /** How many were noted so far, those included that are only counted. */
  get count(): number {
    return this.#issues.length + this.#dropped;
  }

  /** Notes one issue; what to write instead goes into `suggestion`. */
  add(path: IssuePath, message: string, suggestion?: string): void {
    if (this.#issues.length >= MAX_ISSUES) {
      this.#dropped++;
      return;
    }
    const where = pathText(this.#root, path);
    this.#issues.push({ path: where, message, ...(suggestion !== undefined && { suggestion }) });
  }

  /**
   * Ends reading when anything was noted.
   * @param source What was read, for the message: `file:policy.yaml`, `code`.
   * @throws ConfigError with every issue
   */
  throwIfAny(source: string): void {
    if (this.isEmpty) return;
    const rest: ConfigIssue[] =
      this.#dropped === 0 ? [] : [{ path: this.#root, message: `and ${this.#dropped} more errors` }];
    throw new ConfigError(source, [...this.#issues, ...rest]);
  }
}
