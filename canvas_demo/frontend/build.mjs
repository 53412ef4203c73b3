// Makes the notebooks' widgets: one ECMAScript module each, and their style, into the folder named (else lab/static).
import { build } from "esbuild";

const here = new URL(".", import.meta.url).pathname;
await build({
  entryPoints: ["system_map.ts", "waterfall.ts", "widgets.css"].map((file) => `${here}src/widgets/${file}`),
  outdir: process.argv[2] ?? `${here}../lab/static`,
  bundle: true,
  format: "esm",
  target: "es2022",
  charset: "utf8",
  banner: {
    js: "// Generated from canvas_demo/frontend by `npm run build`; do not edit.",
    css: "/* Generated from canvas_demo/frontend by `npm run build`; do not edit. */",
  },
  logLevel: "warning",
});
