import type { SharedJson } from "../base/json-target.ts";
import { Given } from "../context/snapshot-mark.ts";
import type { Decision } from "./decision.ts";

/** Everything in a decision but what every call has of its own. */
export type SharedDecision = Required<Omit<Decision, "id" | "durationMs">>;

/** Where a decision stands in its record: what is always written around it. */
export interface DecisionPlace {
  readonly before: string;
  readonly after: string;
}

/** The canonical JSON of a decision around its duration and its id. */
export interface DecisionTexts {
  /** The place they were written for, whose texts they contain: each piece less is one object less in every record. */
  readonly around: DecisionPlace;
  readonly beforeDuration: SharedJson;
  readonly beforeId: SharedJson;
  readonly afterId: SharedJson;
}

/**
 * What all decisions of one kind share: calls that meet the same rules and get the same answers differ in id and
 * duration alone. Immutable all the way down, so that its text can be kept. One flat object: of thousands of templates
 * few are in the processor's cache, and each object more is one more to wait for.
 */
export interface DecisionTemplate extends SharedDecision {
  /** Other decisions are made from it too, so that its text is worth keeping. */
  readonly isKept: boolean;
  /** Filled in by whoever writes such a decision first. */
  texts: DecisionTexts | undefined;
}

/**
 * Tells from which template a decision was made: a private field, which a changed copy of the decision does not carry.
 */
export class TemplateMark extends Given {
  readonly #template: DecisionTemplate;

  private constructor(decision: object, template: DecisionTemplate) {
    super(decision);
    this.#template = template;
  }

  /** Notes the template on a decision that is not frozen yet. */
  static put(decision: object, template: DecisionTemplate): void {
    // oxlint-disable-next-line no-new -- the object itself is what is constructed
    new TemplateMark(decision, template);
  }

  /** The template of a decision; undefined for one that was put together otherwise. */
  static of(decision: object): DecisionTemplate | undefined {
    return #template in decision ? decision.#template : undefined;
  }
}
