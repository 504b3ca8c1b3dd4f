"""Engines: from here up the house acts. One folder per engine behind one port."""
