"""The network: backbone, hypercolumns, head."""
