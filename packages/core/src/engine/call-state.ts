/** Where a call key stands, as far as this pass is concerned. */
export interface CallState {
  readonly callKey: string | undefined;
  readonly reservationId: string;
  readonly attempt: number;
  /** This very execution already carries the admission of this call: a second interception of one call. */
  readonly isJoined: boolean;
  /** Of a claim that was made before the decision: until then the call is surely this pass's. */
  readonly untilMs?: number | undefined;
  /** What an attempt inside the call's own admission is known by beside its key. */
  readonly alsoKnownAs?: readonly string[];
}
