// prints allocation tree from sampling profile
export function flat(profile, n, top = 40, min=150) {
  const self = new Map(), incl = new Map();
  const name = (cf) => `${cf.functionName || "(anon)"} ${cf.url.replace(/^.*node_modules\//, "").replace(/^file:\/\/\/tmp\/h-adapt\/packages\//, "")}:${cf.lineNumber + 1}`;
  const walk = (node, stack) => {
    const id = name(node.callFrame);
    const own = node.selfSize ?? 0;
    self.set(id, (self.get(id) ?? 0) + own);
    let total = own;
    const fresh = !stack.has(id);
    if (fresh) stack.add(id);
    for (const c of node.children) total += walk(c, stack);
    if (fresh) { stack.delete(id); incl.set(id, (incl.get(id) ?? 0) + total); }
    return total;
  };
  const total = walk(profile.head, new Set());
  console.log("total/call", Math.round(total / n));
  console.log("--- self");
  for (const [k, v] of [...self].sort((a, b) => b[1] - a[1]).slice(0, top)) console.log(String(Math.round(v / n)).padStart(7), k);
  console.log("--- inclusive");
  for (const [k, v] of [...incl].sort((a, b) => b[1] - a[1]).slice(0, top*1.6)) console.log(String(Math.round(v / n)).padStart(7), k);
}
