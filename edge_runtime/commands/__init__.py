"""The commands of the edge box, one module each; `edge_runtime.cli` loads them when they are called."""
