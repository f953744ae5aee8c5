import { RunTree } from "/tmp/h-adapt/node_modules/.pnpm/@langchain+core@1.4.0_@opentelemetry+api@1.10.0_openai@7.59.0_undici@7.30.2_ws@8.23.0_zod@4.6.7__ws@8.23.0/node_modules/@langchain/core/../../langsmith/run_trees.mjs";
const K = Symbol("vars");
const mk = () => { const r = new RunTree({name:"x", tracingEnabled:false}); r.extra = {...r.extra, a:1}; return r; };
const ways = {
  assign: (b) => Object.assign(Object.create(Object.getPrototypeOf(b)), b, {[K]: {h:1}}),
  assignSet: (b) => { const c = Object.assign(Object.create(Object.getPrototypeOf(b)), b); c[K] = {h:1}; return c; },
  spreadSet: (b) => { const c = Object.setPrototypeOf({...b}, Object.getPrototypeOf(b)); c[K]={h:1}; return c; },
  spreadSet2: (b) => Object.setPrototypeOf({...b, [K]: {h:1}}, Object.getPrototypeOf(b)),
  proto: (b) => ({__proto__: Object.getPrototypeOf(b), ...b, [K]: {h:1}}),
  inherit: (b) => { const c = Object.create(b); c[K]={h:1}; return c; },
};
const N = 20000, trees = Array.from({length: 200}, mk);
let sink;
for (let r=0;r<3;r++) for (const [n, f] of Object.entries(ways)) {
  let best = Infinity, bytes = 0;
  for (let k=0;k<10;k++){ globalThis.gc(); const m=process.memoryUsage().heapUsed; const c=process.cpuUsage(); for (let i=0;i<N;i++) sink=f(trees[i%200]); const d=process.cpuUsage(c); bytes=(process.memoryUsage().heapUsed-m)/N; best=Math.min(best,(d.user+d.system)/N);} 
  if (r===2) console.log(n, best.toFixed(3),"µs", Math.round(bytes));
}
