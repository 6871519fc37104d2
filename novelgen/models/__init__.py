"""The models: `start`, `step` and `unroll` over one memory and one moving state. `build` puts a variant together."""
