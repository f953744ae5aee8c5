// What every store of state has in common; for the stores of this project and for one of your own.
export { suggest } from "../base/did-you-mean.ts";
export { calendarPeriod, type CalendarPeriod } from "./calendar.ts";
export { checkAmount, checkRequest, checkReservationId, checkTtl } from "./check-request.ts";
export {
  isOfCalls,
  type DocumentChange,
  type DocumentWrite,
  type GroupAnswer,
  type GroupedDocuments,
  type GroupSender,
  type Verdict,
  type WriteGroup,
} from "./group-sender.ts";
export { GroupedWrites, type GroupedWritesDeps } from "./grouped-writes.ts";
export { RecentDocuments, type StoredDocument } from "./recent-documents.ts";
