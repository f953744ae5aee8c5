/**
 * Where a call stands. `entering` is the claim of a binding decision that is being made: of two at once, one makes it.
 */
export interface CallRecord {
  readonly state: "entering" | "asked" | "admitted" | "suspended" | "failed" | "done";
  readonly attempt: number;
  /** With `asked` and `entering`: a human was asked; else it was refused before. */
  readonly isQuestion?: true;
  /** With `entering`: what it becomes again if the deciding process crashes. */
  readonly from?: "nothing" | "asked" | "suspended";
  /** With `admitted`: the decision in force; only its own end moves it. */
  readonly decisionId?: string;
  /** With `entering` and `admitted`: until then it is surely alive. */
  readonly untilMs?: number;
  /** What its holds are under, where that is not derived from the call: it was admitted in one step. */
  readonly heldAs?: string;
}

/** Known from the call, so that a resumed one finds its holds and a crashed one's are found again. */
export function reservationIdOf(
  callKey: string,
  { attempt, heldAs }: { readonly attempt: number; readonly heldAs?: string | undefined },
): string {
  return heldAs ?? `${callKey}#${attempt}`;
}

/** That a human was asked about it, to be kept with what comes next. */
export function questionOf(record: CallRecord | undefined): { readonly isQuestion?: true } {
  return record?.isQuestion === true ? { isQuestion: true } : {};
}

/** What its holds are under, to be kept with what comes next. */
export function heldAsOf(record: CallRecord | undefined): Pick<CallRecord, "heldAs"> {
  return record?.heldAs === undefined ? {} : { heldAs: record.heldAs };
}
