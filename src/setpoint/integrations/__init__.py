"""Outside systems, one file each: where passwords come from, for now."""
