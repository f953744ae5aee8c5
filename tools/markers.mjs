// What a run must have shown: the markers of an example, in order, in what it printed.
import fs from "node:fs";
import { stripVTControlCharacters } from "node:util";

/**
 * Reads a list of markers.
 * @param {string} file a JSON file holding a non-empty array of strings
 * @returns {string[]} the markers, in the order in which they must appear
 */
export function readMarkers(file) {
  const markers = JSON.parse(fs.readFileSync(file, "utf8"));
  const isList = Array.isArray(markers) && markers.length > 0;
  if (!isList || !markers.every((marker) => typeof marker === "string" && marker.trim() !== "")) {
    throw new Error(`${file}: must be a non-empty array of non-empty strings`);
  }
  return markers;
}

/**
 * Names the markers that an output lacks. Each must stand on a line after the line of the one before it, as whole
 * words: "step-1" is not found in "step-10". Colours do not count.
 * @param {string} output what the program printed
 * @param {readonly string[]} markers in the order in which they must appear
 * @returns {string[]} the markers not found in their turn
 */
export function missingMarkers(output, markers) {
  const lines = stripVTControlCharacters(output).split(/\r?\n/);
  let next = 0;
  return markers.filter((marker) => {
    const found = lines.findIndex((line, index) => index >= next && hasWhole(line, marker));
    if (found === -1) return true;
    next = found + 1;
    return false;
  });
}

/** @param {string} line @param {string} marker @returns {boolean} whether the marker stands in the line as whole words */
function hasWhole(line, marker) {
  const at = line.indexOf(marker);
  if (at === -1) return false;
  const isOpen = !/[\w-]$/.test(line.slice(0, at));
  const isClosed = !/^[\w-]/.test(line.slice(at + marker.length));
  return (isOpen && isClosed) || hasWhole(line.slice(at + marker.length), marker);
}
