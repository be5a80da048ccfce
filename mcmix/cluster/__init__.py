"""Chains, and shards of rows, on the workers of a Dask cluster."""
