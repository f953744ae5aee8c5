import { requireFunction, requireGiven, requireObject, requireText } from "../base/argument.ts";
import { canonicalJson } from "../base/canonical-json.ts";
import type { JsonValue } from "../base/json.ts";
import { andThen, type MaybePromise } from "../base/maybe-promise.ts";
import type { AbortSignalLike } from "../base/platform.ts";
import { tupleKey } from "../context/call-key.ts";
import type { DocumentStore } from "../store/state-store.ts";
import { bindingKey, type ApprovalBinding } from "./approval-binding.ts";
import { ApprovalIndex } from "./approval-index.ts";
import type { ApprovalsDeps } from "./approvals-deps.ts";
import {
  approvalAt,
  approved,
  createApproval,
  denied,
  edited,
  statusIn,
  timeoutMsOf,
  unknownApproval,
  type Approval,
  type ApprovalAct,
  type ApprovalRequest,
  type ApprovalStatus,
  type ApprovalUse,
} from "./approval-machine.ts";
import { giveBackUsed, useUp } from "./approval-use.ts";
import { followApprovals } from "./follow-approvals.ts";
import { waitForAnswer } from "./approval-wait.ts";
import { EditedInputs } from "./edited-inputs.ts";
import { SealedInputs } from "./sealed-inputs.ts";

export type * from "./approval-binding.ts";
export type * from "./approval-machine.ts";

/** How long a request is remembered after its last change. */
const KEPT = { ttlMs: 86_400_000 } as const;

/** Questions to humans, each bound to one action; answered, used at most once, or expired. */
export class Approvals {
  readonly #deps: ApprovalsDeps;
  readonly #documents: DocumentStore;
  readonly #prefix: string;
  readonly #all: string;
  readonly #index: ApprovalIndex;
  readonly #editedInputs = new EditedInputs();
  readonly #sealedInputs: SealedInputs;

  constructor(deps: ApprovalsDeps) {
    this.#deps = deps;
    this.#documents = deps.approvals;
    this.#prefix = tupleKey([deps.planeId]);
    this.#all = `${this.#prefix}approval:`;
    this.#sealedInputs = new SealedInputs(deps.seal);
    this.#index = new ApprovalIndex(deps.approvals, { prefix: this.#prefix, ...KEPT });
  }

  /**
   * Opens a request, once per idempotency key and binding: asked again it is the same one, however it stands, until it
   * is used up.
   */
  request(request: ApprovalRequest): MaybePromise<Approval> {
    const fresh = createApproval(this.#deps.ports.ids.secret("apr"), request);
    return this.#request(request, fresh, undefined);
  }

  /** The approval that waives exactly this: approved, in time, and bound to the same action and asks. */
  find(binding: ApprovalBinding): MaybePromise<Approval | undefined> {
    return this.#index.findApproved(binding, (id) => this.get(id));
  }

  /** Uses an approval up; of many at once, exactly one gets true. @param usedBy Names this use, for `giveBack`. */
  consume(id: string, usedBy?: string): MaybePromise<boolean> {
    const how = { nowMs: this.#deps.nowMs(), usedBy, ...KEPT };
    return andThen(useUp(this.#documents, this.#idKey(id), how), (approval) => {
      if (approval === undefined) return false;
      this.#editedInputs.forget(approval);
      this.#record("approval_consumed", approval, "engine");
      return true;
    });
  }

  /** Gives back what was used up for a call that is refused after all; to what another use has nothing happens. */
  giveBack({ approval: { id, editedInput }, by }: ApprovalUse): MaybePromise<void> {
    return andThen(giveBackUsed(this.#documents, this.#idKey(id), { by, ...KEPT }), (approval) => {
      if (approval === undefined) return;
      if (editedInput !== undefined) this.#editedInputs.keep(approval, editedInput);
      this.#record("approval_given_back", approval, "engine");
    });
  }

  /** @throws AgentplaneError `approval_invalid` when this person may not answer, or it is answered already */
  approve(id: string, act: ApprovalAct): MaybePromise<Approval> {
    return this.#sayYes(id, { action: "approval_approved", act }, (old, nowMs) => approved(old, act, nowMs));
  }

  /** @throws AgentplaneError `approval_invalid` as `approve` */
  deny(id: string, act: ApprovalAct): MaybePromise<Approval> {
    return this.#answer(id, { action: "approval_denied", act }, (old, nowMs) => denied(old, act, nowMs));
  }

  /**
   * Approves another input; it is evaluated like any call, and a new ask is a new request.
   * @throws AgentplaneError `approval_invalid` as `approve`
   */
  edit(id: string, act: ApprovalAct & { readonly input: JsonValue }): MaybePromise<Approval> {
    requireObject("approvals.edit: act", act, '{ by: "olga", input: { … } }');
    requireGiven("approvals.edit: input", act.input);
    const how = { ...act, inputHmac: this.#deps.hmac(canonicalJson(act.input)) };
    const asked = { action: "approval_edited", act };
    return this.#sayYes(
      id,
      asked,
      (old, nowMs) => edited(old, how, nowMs),
      (preview) => this.#editedInputs.keep(preview, act.input),
    );
  }

  /**
   * The whole input of a pending request, for who may answer it; each look is recorded.
   * @throws AgentplaneError `approval_invalid` as `approve`, and where the policies that ask do not all `showInput`
   */
  showInput(id: string, act: ApprovalAct): MaybePromise<JsonValue> {
    return andThen(this.get(id), (approval) => {
      if (approval === undefined) throw unknownApproval(id);
      const input = this.#sealedInputs.open(approval, act, this.#deps.nowMs());
      this.#record("approval_input_shown", approval, act.by);
      return input;
    });
  }

  /** A request as it stands now; undefined when it is not, or no longer, remembered. */
  get(id: string): MaybePromise<Approval | undefined> {
    const nowMs = this.#deps.nowMs();
    let hasExpired = false;
    // Read by an update, so that an expiry is stored, recorded once and seen by who waits.
    const change = (old: Approval | undefined): Approval | undefined => {
      const next = old && approvalAt(old, nowMs);
      hasExpired = next !== old;
      return next;
    };
    return andThen(this.#documents.update<Approval>(this.#idKey(id), change, KEPT), (approval) => {
      if (hasExpired && approval !== undefined) {
        this.#editedInputs.forget(approval);
        this.#record("approval_expired", approval, "engine");
      }
      return approval && this.#editedInputs.addTo(approval);
    });
  }

  /** All requests that are remembered, the oldest first. */
  list(filter: { readonly status?: ApprovalStatus } = {}): MaybePromise<readonly Approval[]> {
    const status = statusIn(filter);
    return andThen(this.#documents.list<Approval>(this.#all), (found) => {
      const nowMs = this.#deps.nowMs();
      return found
        .map(([, approval]) => this.#editedInputs.addTo(approvalAt(approval, nowMs)))
        .filter((approval) => status === undefined || approval.status === status)
        .toSorted((a, b) => a.createdAtMs - b.createdAtMs);
    });
  }

  /**
   * Waits until a request is no longer pending: answered, or expired.
   * @throws AgentplaneError `approval_pending` when the signal fires first: giving up waiting is not an answer;
   *   `approval_invalid` for an unknown id
   */
  wait(id: string, signal?: AbortSignalLike): Promise<Approval> {
    return waitForAnswer(id, signal, {
      look: () => this.get(id),
      watch: (changed) => this.#documents.watch<Approval>(this.#idKey(id), { changed, missed: changed }),
      timers: this.#deps.ports.timers,
      nowMs: () => this.#deps.nowMs(),
    });
  }

  /** Called with every request that is opened, answered, used or expired. Returns the unsubscription. */
  subscribe(changed: (approval: Approval) => void): () => void {
    requireFunction("approvals.subscribe: listener", changed);
    const { logger } = this.#deps.ports;
    return followApprovals(this.#documents, this.#all, { changed, logger });
  }

  /** First the key is claimed with the whole request, then the request is made: no race leaves a second one behind. */
  #request(request: ApprovalRequest, fresh: Approval, usedUpId: string | undefined): MaybePromise<Approval> {
    const key = bindingKey(request.binding);
    const isSame = (old: Approval | undefined): old is Approval =>
      old !== undefined && old.id !== usedUpId && bindingKey(old.binding) === key;
    const claimed = this.#documents.update<Approval>(
      `${this.#prefix}request:${request.idempotencyKey}`,
      (old) => (isSame(old) ? old : fresh),
      { ttlMs: KEPT.ttlMs + timeoutMsOf(request.terms) },
    );
    return andThen(claimed, (claim = fresh) => {
      // Not in the claim, which outlives the answer.
      const shown = this.#sealedInputs.addTo(claim, request.shownInput);
      return andThen(
        this.#documents.update<Approval>(this.#idKey(claim.id), (old) => old ?? shown, KEPT),
        () => {
          if (claim.id === fresh.id)
            this.#record("approval_requested", fresh, fresh.requestedBy ?? fresh.binding.agent);
          return andThen(this.get(claim.id), (current = claim) =>
            current.status === "consumed" ? this.#request(request, fresh, current.id) : current,
          );
        },
      );
    });
  }

  /** Findable, and an edited input at hand, before anyone is woken by the answer. */
  #sayYes(
    id: string,
    asked: { readonly action: string; readonly act: ApprovalAct },
    answer: (old: Approval, nowMs: number) => Approval,
    keep?: (preview: Approval) => void,
  ): MaybePromise<Approval> {
    return andThen(this.get(id), (current) => {
      if (current === undefined) throw unknownApproval(id);
      const preview = answer(current, this.#deps.nowMs());
      keep?.(preview);
      return andThen(this.#index.add(preview), () => this.#answer(id, asked, answer));
    });
  }

  #answer(
    id: string,
    { action, act }: { readonly action: string; readonly act: ApprovalAct },
    answer: (old: Approval, nowMs: number) => Approval,
  ): MaybePromise<Approval> {
    const nowMs = this.#deps.nowMs();
    const change = (old: Approval | undefined): Approval => {
      if (old === undefined) throw unknownApproval(id);
      return answer(old, nowMs);
    };
    return andThen(this.#documents.update<Approval>(this.#idKey(id), change, KEPT), (approval) => {
      if (approval === undefined) throw unknownApproval(id);
      this.#record(action, approval, act.by);
      return this.#editedInputs.addTo(approval);
    });
  }

  #idKey(id: string): string {
    requireText("approval: id", id);
    return this.#all + id;
  }

  #record(action: string, { id, status, binding, reason }: Approval, by: string): void {
    const data = { approvalId: id, status, tenant: binding.tenant ?? null, tool: binding.tool?.name ?? null };
    this.#deps.record({ action, by, subject: binding.agent, ...(reason !== undefined && { reason }), data });
  }
}
