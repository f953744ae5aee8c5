import type { ScanChannel } from "../channel.ts";

// Control tokens of chat templates (ChatML, Llama 2 and 3, Mistral), which ordinary text has no reason to contain.
const TEMPLATE_TOKEN =
  /<\|(?:im_start|im_end|system|endoftext|eot_id|start_header_id|end_header_id|begin_of_text)\|>|<<sys>>|<<\/sys>>|\[\/?inst\]/g;
// A line that poses as the system's or operator's voice.
const ROLE_LINE =
  /(?<=^|\n)[ \t]{0,8}(?:#{1,4} ?|\[|<|\*\*)?(?:system|developer)(?: prompt| message| instruction| note)?(?:\]|>|\*\*)?:[ \t]{0,4}\S/g;

/** A way to pose as another speaker; `channels` limits where it proves anything. */
export interface RoleMarker {
  readonly pattern: RegExp;
  readonly score: number;
  readonly channels?: readonly ScanChannel[];
}

/** Marks that fake a turn of the conversation; they are looked for in folded text. */
export const ROLE_MARKERS: readonly RoleMarker[] = [
  {
    pattern: TEMPLATE_TOKEN,
    score: 0.7,
    channels: ["user", "tool_result", "tool_description", "tool_input"],
  },
  { pattern: ROLE_LINE, score: 0.5, channels: ["user", "tool_result", "tool_description"] },
];
