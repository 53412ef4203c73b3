// Makes the notebooks' widgets, one ECMAScript module a view, and their style, into the folder named first (else
// lab/static), and the script of the course's pages into the one named second (else course/static).
import { readdirSync } from "node:fs";
import { build } from "esbuild";

const here = new URL(".", import.meta.url).pathname;
const views = `${here}src/widgets/`;
const parts = new Set(["dom.ts", "model.ts", "states.ts"]); // what views share; each view has it in itself
const common = {
  bundle: true,
  format: "esm",
  target: "es2023",
  charset: "utf8",
  banner: {
    js: "// Generated from canvas_demo/frontend by `npm run build`; do not edit.",
    css: "/* Generated from canvas_demo/frontend by `npm run build`; do not edit. */",
  },
  logLevel: "warning",
};
await build({
  ...common,
  entryPoints: readdirSync(views)
    .filter((file) => !parts.has(file) && !file.endsWith(".test.ts"))
    .map((file) => views + file),
  outdir: process.argv[2] ?? `${here}../lab/static`,
});
await build({
  ...common,
  entryPoints: [`${here}src/course/course.ts`],
  outdir: process.argv[3] ?? `${here}../course/static`,
});
