import { canonicalJson } from "../base/canonical-json.ts";
import type { ApiCall } from "../context/context.ts";

/** What an approval is good for, and nothing else. */
export interface ApprovalBinding {
  readonly tenant: string | undefined;
  readonly agent: string;
  readonly session: string | undefined;
  readonly user: string | undefined;
  readonly hookpoint: string;
  /** Of a call whose approval is good for no other. */
  readonly callId?: string;
  readonly tool:
    | {
        readonly name: string;
        readonly server: string | undefined;
        readonly originalName: string | undefined;
        readonly pin: string | undefined;
      }
    | undefined;
  /** What else the call is about; absent where it is about a tool alone. */
  readonly target?: { readonly name: string; readonly server: string | undefined };
  readonly model?: { readonly name: string; readonly provider: string | undefined };
  /** Which HTTP call it makes, where the caller says so. */
  readonly api?: ApiCall;
  /** HMAC over the canonical JSON of the input as it will be executed. */
  readonly inputHmac: string;
  /** Exactly the asks that are waived; a changed policy has another hash. */
  readonly asks: readonly {
    readonly policyId: string;
    readonly contentHash: string;
    readonly ruleId: string;
  }[];
}

/** A binding as one text: equal bindings have equal texts. */
export function bindingKey(binding: ApprovalBinding): string {
  return canonicalJson(binding);
}
