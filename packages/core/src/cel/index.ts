export { createCel } from "./create-cel.ts";
