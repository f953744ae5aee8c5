import { canonicalJson } from "../base/canonical-json.ts";
import type { JsonObject, JsonValue } from "../base/json.ts";
import type { Hash } from "../base/ports.ts";
import type { ScanChannel, Scanner } from "../base/scanner.ts";
import { digitsOf } from "./content.ts";
import { editJsonParts } from "./json-parts.ts";
import { editJsonText, startsLikeJson, type JsonTextEdit } from "./json-text.ts";
import { isOpaque } from "./opaque.ts";
import { DROPPED, rebuildItems, rebuildMembers, type ItemChange, type MemberChange } from "./rebuild.ts";
import { FIELD_MASK, FIELD_TYPE, isFieldMarker, MarkerWriter } from "./redact-marker.ts";
import { planOf, strongerOf, type RedactDuty, type RedactPlan, type Treatment } from "./redact-plan.ts";
import { redactSpans } from "./redact-spans.ts";

/** What a redaction needs beside its duties. */
export interface RedactDeps {
  /** Needed by duties that detect. */
  readonly scanner: Scanner | undefined;
  readonly hash: Hash;
  /** Where the content came from. */
  readonly channel: ScanChannel;
}

/**
 * Replaces what duties name: the whole value of a member whose name matches `fields`, at any depth, and what detectors
 * find in any text, in member names, in large whole numbers, and inside texts that are JSON themselves; members are also
 * found in JSON among the words of a text. The strongest treatment wins. `drop` leaves a member out, or the found text; `mask` writes `[REDACTED]` or `[EMAIL]`; `hash`
 * `[EMAIL:1a2b3c4d]`; `tokenise` `[EMAIL_1]`, numbered by first appearance. Redacting twice is redacting once. Opaque
 * values stay.
 * @param value A snapshot; never changed. Linear in its size.
 * @returns New frozen objects where something changed; the same value when nothing did.
 * @throws AgentplaneError `usage_invalid` when a duty detects and there is no scanner.
 */
export function redact(value: JsonValue, duties: readonly RedactDuty[], deps: RedactDeps): JsonValue {
  return duties.length === 0 ? value : redactBy(planOf(duties), value, deps);
}

/** The same by a plan that is at hand. */
export function redactBy(plan: RedactPlan, value: JsonValue, deps: RedactDeps): JsonValue {
  return new Redaction(plan, deps).content(value);
}

/** Redacts one text, as `redact` does it. */
export function redactText(text: string, duties: readonly RedactDuty[], deps: RedactDeps): string {
  return duties.length === 0 ? text : new Redaction(planOf(duties), deps).text(text);
}

const WHOLE_NUMBER = /^-?\d{9,}$/;

/** Each round needs a finding around JSON that the last one took away; more than this is an attack. */
const MAX_ROUNDS = 8;

/**
 * One redaction of one content: its numbering is shared by everything in it. It is its own change of items and members: a
 * redaction is made for every result, mostly for one member.
 */
class Redaction implements ItemChange, MemberChange {
  readonly #plan: RedactPlan;
  readonly #deps: RedactDeps;
  #marker: MarkerWriter | undefined = undefined;
  #edit: JsonTextEdit | undefined = undefined;

  constructor(plan: RedactPlan, deps: RedactDeps) {
    this.#plan = plan;
    this.#deps = deps;
  }

  content(value: JsonValue): JsonValue {
    if (typeof value === "string") return this.text(value);
    const digits = digitsOf(value);
    if (digits !== undefined) {
      const scanned = this.#scan(digits);
      return scanned === digits ? value : scanned;
    }
    if (typeof value !== "object" || value === null || isOpaque(value)) return value;
    if (Array.isArray(value)) return rebuildItems(value, this);
    return rebuildMembers(value as JsonObject, this);
  }

  item(value: JsonValue): JsonValue {
    return this.content(value);
  }

  name(name: string): string {
    return this.#scan(name);
  }

  value(value: JsonValue, key: string, name: string): JsonValue | typeof DROPPED {
    const treatment = this.#fieldTreatment(key, name);
    if (treatment === undefined) return this.content(value);
    return treatment === "drop"
      ? DROPPED
      : this.#field(typeof value === "string" ? value : canonicalJson(value), treatment);
  }

  text(text: string): string {
    let current = text;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      // Fields stand among words too. Their text alone is found without: it is scanned as it is.
      const edited = this.#plan.hasFields
        ? editJsonParts(current, this.#textEdit())
        : (editJsonText(current, this.#textEdit()) ?? current);
      // JSON is scanned as text too: for what stands across its parts.
      const scanned = this.#scan(edited, startsLikeJson(edited) === true);
      if (scanned === edited) return scanned;
      // What is left of a text whose finding was dropped may be JSON.
      current = scanned;
    }
    return FIELD_MASK;
  }

  /** Made when something is found: in most inputs nothing is. */
  #writer(): MarkerWriter {
    return (this.#marker ??= new MarkerWriter(this.#deps.hash));
  }

  #textEdit(): JsonTextEdit {
    return (this.#edit ??= {
      name: (name) => this.#scan(name),
      text: (text) => this.text(text),
      number: (digits) => (WHOLE_NUMBER.test(digits) ? this.#scan(digits) : digits),
      member: (key, value) => {
        const treatment = this.#plan.hasFields ? this.#fieldTreatment(key, this.#scan(key)) : undefined;
        if (treatment === undefined) return undefined;
        return treatment === "drop" ? "drop" : { text: this.#field(value(), treatment) };
      },
    });
  }

  /** What detection makes of a name may be the name of a field as well. */
  #fieldTreatment(key: string, name: string): Treatment | undefined {
    const treatment = this.#plan.fieldTreatment(key);
    return name === key ? treatment : strongerOf(treatment, this.#plan.fieldTreatment(name));
  }

  #field(text: string, treatment: Exclude<Treatment, "drop">): string {
    if (treatment === "mask") return FIELD_MASK;
    // A marker made by a stronger or equal treatment must not be hashed or numbered once more.
    if (isFieldMarker(text)) return text;
    return this.#writer().write(FIELD_TYPE, text, treatment);
  }

  #scan(text: string, isJson = false): string {
    const { scans } = this.#plan;
    if (scans.length === 0 || text === "") return text;
    return redactSpans(text, {
      scans,
      scanner: this.#deps.scanner,
      channel: this.#deps.channel,
      writer: this.#writer(),
      isJson,
    });
  }
}
