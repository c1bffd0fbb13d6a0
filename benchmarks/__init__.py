"""Measurements that anyone can repeat; each script prints its table and writes it to results/."""
