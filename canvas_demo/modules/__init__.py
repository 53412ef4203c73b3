"""The modules. Each owns its schema, events and services; of the others it knows only their contracts."""
