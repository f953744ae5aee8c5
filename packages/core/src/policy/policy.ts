import type { DegradeSpec } from "./mode.ts";
import type { SelectorSpec } from "./selector.ts";
import type { ToolTraits } from "./traits.ts";

/** A rule inside a policy: its kind, an optional id, and the kind's own parameters. Open: kinds are registered. */
export interface RuleSpec {
  readonly rule: string;
  /** Default: the kind; required when a kind repeats in one policy. Triggers of the ladder name it. */
  readonly id?: string;
  readonly [parameter: string]: unknown;
}

/** One level of a policy's ladder: after this many breaches of the trigger within the window, act. */
export interface EscalationStep {
  /** A rule's id, or a kind for all rules of that kind. */
  readonly trigger: string;
  readonly after: number;
  /** A duration such as `"10m"`. */
  readonly within: string;
  readonly action: EscalationAction;
}

/** What a ladder's level does to the breaching call. */
export type EscalationAction =
  | { readonly alert: AlertTarget }
  | { readonly hitl: ApprovalTerms }
  | { readonly degrade: DegradeSpec }
  | { readonly block: { readonly for?: string; readonly reason?: string } };

/** A secret by reference: the name of an environment variable. Literal secrets are load errors. */
export interface SecretRef {
  readonly env: string;
}

/** Where an alert goes. */
export type AlertTarget =
  | { readonly channel: "log" }
  | { readonly channel: "webhook"; readonly url: string | SecretRef; readonly secret?: SecretRef }
  | { readonly channel: "slack"; readonly url: string | SecretRef };

/** How a human is asked. */
export interface ApprovalTerms {
  /** Default `"5m"`. */
  readonly timeout?: string;
  /** Only `deny`: silence is never consent. */
  readonly onTimeout?: "deny";
  /** How many different people must approve. Default 1. */
  readonly approvers?: number;
  /** Who may answer. Default `any`; more than one approver requires `operator`. */
  readonly by?: "operator" | "client" | "any";
  /**
   * Whether whoever may answer can read the whole input (`plane.approvals.showInput`), which is stored encrypted until
   * then. Default false: a redacted view.
   */
  readonly showInput?: boolean;
}

/** A policy as people write it: plain data, the same in TypeScript, JSON and YAML. */
export interface Policy {
  readonly id: string;
  readonly description?: string;
  readonly selector?: SelectorSpec;
  /** Higher is looked at first. Default 0. */
  readonly priority?: number;
  /** `shadow` decides and records, and changes nothing. Default `enforce`. */
  readonly mode?: "enforce" | "shadow";
  /** What happens when a rule throws, hangs or misses a value. Default `block`. */
  readonly onError?: "block" | "allow";
  readonly blocking?: readonly RuleSpec[];
  readonly nonBlocking?: readonly RuleSpec[];
  readonly escalation?: readonly EscalationStep[];
}

/** A policy file: `apiVersion`, policies, the operator's tool traits, and what happens when nothing matches. */
export interface PolicyDocument {
  readonly apiVersion: "agentplane/v1";
  readonly policies: readonly Policy[];
  readonly tools?: Readonly<Record<string, ToolTraits>>;
  readonly defaultEffect?: "allow" | "block";
}

/** Where a policy comes from; `replaceAll` swaps one source whole. */
export type PolicySource = "code" | "server" | `file:${string}`;
