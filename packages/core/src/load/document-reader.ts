import { isJsonObject, type JsonObject, type JsonValue } from "../base/json.ts";
import { Pace, type SlicedWork } from "../base/sliced-work.ts";
import type { LoadedPolicy } from "../policy/loaded-policy.ts";
import type { IssueList } from "./issue-list.ts";
import { listOf } from "../base/list-of.ts";
import { isSameData } from "./same-data.ts";
import { NO_RULES, NOTHING, type PolicyPart, type RulePart } from "./rule-part.ts";
import { ValueReader } from "./value-reader.ts";

/** How a document is read. */
export interface ReadOptions {
  /** It was just parsed from a text and nobody else has it: it is frozen itself instead of a copy. Default false. */
  readonly isOwned?: boolean;
  /** Policies that passed every check before, by id: one that says the same is taken as it is. Default: none. */
  readonly known?: ReadonlyMap<string, KnownPolicy> | undefined;
}

/** A policy that passed every check before. */
export type KnownPolicy = Pick<LoadedPolicy, "policy">;

const NONE_KNOWN: ReadonlyMap<string, KnownPolicy> = new Map();

/** So many characters are read in about a tenth of a millisecond. */
const CHARS_PER_STEP = 4_096;

/** Reads a policy document, or one policy, into parts: equal rules once. */
export class DocumentReader extends ValueReader {
  readonly #known: ReadonlyMap<string, KnownPolicy>;
  readonly #parts = new Map<string, RulePart>();
  /** The depth at which a policy is being read. */
  #policyDepth = -1;
  #blocking: readonly RulePart[] = NO_RULES;
  #nonBlocking: readonly RulePart[] = NO_RULES;
  /** The rules of the policy before. */
  readonly #before = { blocking: NO_RULES, nonBlocking: NO_RULES };

  constructor(issues: IssueList, { isOwned, known }: ReadOptions = {}) {
    super(issues, isOwned ?? false);
    this.#known = known ?? NONE_KNOWN;
  }

  /** Reads a whole document, a policy per step. */
  *readDocument(
    value: unknown,
  ): SlicedWork<{ copy: JsonValue | undefined; policies: readonly PolicyPart[] }> {
    const policies: PolicyPart[] = [];
    if (!isJsonObject(value)) return { copy: this.read(value), policies };
    if (!this.enter(value)) return { copy: undefined, policies };
    const copy = this.copyOf(value);
    const shape = this.shapes.of(Object.keys(value));
    for (let at = 0; at < shape.keys.length; at++) {
      const key = shape.keys[at]!;
      const member = this.memberAt(value, shape, at);
      if (member === undefined) continue;
      this.path.push(key);
      const isList = key === "policies" && Array.isArray(member);
      const read = isList ? yield* this.#readPolicies(member, policies) : this.read(member);
      this.path.pop();
      if (read === undefined) continue;
      this.suspect(shape, at, read);
      copy[key] = read;
    }
    this.leave();
    return { copy: Object.freeze(copy), policies };
  }

  /** Reads one policy. */
  readPolicy(value: unknown): PolicyPart | undefined {
    const known = this.#knownPart(value);
    if (known !== undefined) return known;
    this.#blocking = this.#nonBlocking = NO_RULES;
    this.#policyDepth = this.path.length;
    const { copy, findings } = this.readApart(value);
    this.#policyDepth = -1;
    if (copy === undefined) return undefined;
    return {
      copy,
      blocking: this.#blocking,
      nonBlocking: this.#nonBlocking,
      findings,
    };
  }

  /** What has not changed needs no copy: a reload mostly changes a few of many. */
  #knownPart(value: unknown): PolicyPart | undefined {
    if (this.#known.size === 0 || !isJsonObject(value) || !("id" in value)) return undefined;
    const known = typeof value["id"] === "string" ? this.#known.get(value["id"]) : undefined;
    if (known === undefined) return undefined;
    const size = { chars: 0, members: 0 };
    // A policy that was read is JSON, which its type cannot say.
    const copy = known.policy as unknown as JsonObject;
    if (!isSameData(value, copy, size)) return undefined;
    const findings = { ...size, mayHoldSecret: false };
    this.take(findings, true);
    return { ...NOTHING, copy, findings };
  }

  protected override readMember(key: string, value: unknown): JsonValue | undefined {
    const isRules = (key === "blocking" || key === "nonBlocking") && Array.isArray(value);
    if (!isRules || this.path.length !== this.#policyDepth + 1) return this.read(value);
    if (!this.enter(value)) return undefined;
    const parts = this.#readRules(value, this.#before[key]);
    this.leave();
    this.#before[key] = parts;
    if (key === "blocking") this.#blocking = parts;
    else this.#nonBlocking = parts;
    return Object.freeze(parts.map(({ spec }) => spec));
  }

  #readRules(list: readonly unknown[], before: readonly RulePart[]): readonly RulePart[] {
    const parts = listOf<RulePart>(list.length);
    for (let index = 0; index < list.length; index++) {
      const value = list[index];
      // Policies of one kind mostly have the same rule at the same place: then nothing has to be copied.
      const guess = before[index];
      const isGuess = guess !== undefined && isSameData(value, guess.spec, { chars: 0, members: 0 });
      const part = isGuess ? guess : this.#readRule(value, index);
      this.take(part.findings, isGuess);
      parts[index] = part;
    }
    return parts;
  }

  #readRule(value: unknown, index: number): RulePart {
    this.path.push(index);
    const { copy, findings } = this.readApart(value);
    this.path.pop();
    const spec = copy ?? null;
    const text = JSON.stringify(spec);
    const known = this.#parts.get(text);
    if (known !== undefined) return known;
    const part: RulePart = { spec, findings };
    this.#parts.set(text, part);
    return part;
  }

  *#readPolicies(list: readonly unknown[], policies: PolicyPart[]): SlicedWork<JsonValue | undefined> {
    if (!this.enter(list)) return undefined;
    const items: JsonValue[] = [];
    const pace = new Pace(CHARS_PER_STEP);
    for (let index = 0; index < list.length; index++) {
      this.path.push(index);
      const part = this.readPolicy(list[index]) ?? NOTHING;
      this.path.pop();
      policies.push(part);
      items.push(part.copy);
      if (pace.isDue(part.findings.chars)) yield;
    }
    this.leave();
    return Object.freeze(items);
  }
}
