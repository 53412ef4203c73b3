// Generated from canvas_demo/frontend by `npm run build`; do not edit.

// src/widgets/selection.ts
var selection_default = {};
export {
  selection_default as default
};
