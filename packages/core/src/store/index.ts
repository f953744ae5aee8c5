// What every store of state has in common; for the stores of this project and for one of your own.
export { suggest } from "../base/did-you-mean.ts";
export { calendarPeriod, type CalendarPeriod } from "./calendar.ts";
export { checkAmount, checkRequest, checkReservationId, checkTtl } from "./check-request.ts";
export { RecentDocuments, type StoredDocument } from "./recent-documents.ts";
export { Turns } from "./turns.ts";
