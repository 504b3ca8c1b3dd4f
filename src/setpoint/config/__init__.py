"""What is set: instances, facts, layers, revisions, drift; all of it pure."""
