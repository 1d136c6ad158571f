"""Campaigns: every hazard at every step of every profile, and hours of healthy shots, on a pool of processes."""
