"""How a store gets from one schema to the next: one file per schema, run by `setpoint init`."""
