"""The schemas, oldest first. A file here never changes once it is released."""
